"""The runs that judge a change, and their names."""

import dataclasses
import math
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent.checks import django_state, judging, packages
from agent.checks.change_split import split_change
from agent.checks.check import Site
from agent.checks.running import Bench, Job
from agent.checks.test_verdicts import NEAR
from agent.models.change import Plan
from agent.models.checks import TestRun
from agent.models.environment import Contract
from agent.models.record import replace
from agent.models.sandbox import SandboxLimits
from agent.policy import ruff_contract
from repo_config import command_lines
from repo_config.schema import ExtraCheck, RepoConfig
from tests.unit.checks.samples import report, suite_of
from tests.unit.policy.cases import change, list_hunks
from tests.unit.trees import make_environment, make_project

FILE = "tests/test_shop.py"
OLD, NEW, FAR = f"{FILE}::test_old", f"{FILE}::test_new", "far.py::test_far"
BASE: dict[str, str | bytes] = {"shop.py": "A = 1\n\n\nB = 2\n", FILE: "def test_old(): f()\n"}
AFTER: dict[str, str | bytes | None] = {
    "shop.py": "A = 3\n\n\nB = 4\n",
    FILE: "def test_old(): f(1)\ndef test_new(): f(2)\n",
}
#: One test is flaky; of two parts, only a test that is not near needs one.
RUNS = {
    NEAR: suite_of(f"{OLD}=failed", NEW),
    "tests on the base branch": suite_of(f"{OLD}=failed", FAR),
    "tests without what no test near the change needs": suite_of(OLD, NEW, f"{FAR}=failed"),
}


class Jobs(nullcontext[Any]):
    """Runs nothing: a run ends as `RUNS` says, or all its tests pass."""

    def __init__(self) -> None:
        super().__init__(self)
        self.names: list[str] = []

    def start(self, jobs: Iterable[Job]) -> None:
        self.names += [job.check.name for job in jobs]

    def wait(self, jobs: Iterable[Job] | None = None) -> dict[str, TestRun]:
        names = self.names if jobs is None else [job.check.name for job in jobs]
        whole = suite_of(OLD, NEW, FAR, seconds=90.0)
        return {name: replace(RUNS.get(name, whole), name=name) for name in names}


def test_no_configured_check_has_the_name_of_one_of_ours(tmp_path: Path) -> None:
    made, tree = change(AFTER, BASE)
    base, project = suite_of(OLD, FAR, seconds=90.0), make_project(test_runner="pytest")
    contract = Contract(config=RepoConfig(), project=project, source=None)
    limits = SandboxLimits(seconds=9, memory_bytes=9, processes=9, disk_bytes=9)
    site = Site(tmp_path, make_environment(), contract.config, project, limits, until=math.inf)
    plan = Plan(recipe="", title="t", parameters="", steps=())
    jobs: Any = Jobs()
    bench = Bench(
        base=site, head=dataclasses.replace(site), tree=tree, contract=contract, plan=plan, jobs=jobs,
        hunks={path: tuple(hunks) for path, hunks in list_hunks(made).items()},
        lay_out=lambda *_: site, say=lambda _: None,
    )  # fmt: skip
    split = split_change(made, base, tree, project)
    judging.judge_change(split, report("base", base), bench, ())
    others = (django_state.DJANGO_CHECK.name, django_state.MAKEMIGRATIONS.name)
    ours = {*jobs.names, *others, packages.NAME, ruff_contract.CHECK}
    assert ours > command_lines.TAKEN
    for name in ours:
        with pytest.raises(ValidationError):
            ExtraCheck(name=name, run="make x")
