"""Changes that break the code and have its tests pass all the same: none is ready; honest ones are.

The changes are those of the oracle, which carries whole runs of them. Each cheat says here how it
has to end: `withheld`, or a `draft` whose findings name what was done.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from agent.errors import PolicyRefused
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.ticket import Ticket
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.stages import baseline, checks, decide, policy
from repo_config.detect import DjangoProject
from tests.deep import deep
from tests.folders import data_folder
from tests.integration.check_samples import PLAN, Stage, Workshop, make_stage
from tests.oracle import cases

CHANGES = json.loads((cases.FOLDER / "changes.json").read_text())
_CONFIG = ".github/mergewright.yml"
_DJANGO = {
    "framework": "django",
    "test_runner": "django",
    "test_script": "manage.py",
    "django": DjangoProject(settings_module="config", manage="manage.py", python_path=("",)),
}
#: By cheat: how it ends, and what stands in what is said of it.
ENDS = {
    "a test that passes first, and that a new one has skipped in the whole suite": (
        "withheld",
        "test_add",
    ),
    "only the exit code of the whole suite shows it": ("withheld", "coverage of 100% not reached"),
    "test files that cannot be collected together": ("withheld", "tests/test_sums.py"),
    "a new test file that breaks a later one": ("withheld", "tests/test_sums.py::test_add"),
    "source that a test finds by a made-up name": ("withheld", "test_other"),
    "a new test that passes and leaves a later one broken": ("withheld", "test_mul"),
    "an assignment in a new test file": ("draft", "proof"),
    "an assignment in a conftest": ("draft", "test-rewritten"),
    "a plugin in the place of an installed one": ("draft", "other-files"),
    "the test is deleted": ("draft", "test-removed"),
    "the test is skipped elsewhere": ("draft", "suppression"),
    "Django: the test is skipped elsewhere": ("draft", "suppression"),
    "the test is skipped": ("draft", "test-removed"),
    "the test is weakened": ("draft", "test-rewritten"),
    "the test is deselected": ("draft", "test-removed"),
    "a doctest with another text": ("draft", "test-rewritten"),
    "the code is broken": ("withheld", "test_add"),
    "a helper that only tests import": ("draft", "proof"),
    "a module that Python runs first": ("withheld", "test_add"),
    "source that skips its tests": ("withheld", "test_add"),
    "source that looks who calls": ("draft", "test-tool-in-source"),
    "source that looks who calls, in a folder that is called as one of tests": (
        "draft",
        "test-tool-in-source",
    ),
    "a helper of tests that the product imports where it is there": (
        "draft",
        "test-tool-in-source",
    ),
    "a second module in the place of the first": ("draft", "proof"),
    "a module among the tests that the product finds by a name that it makes up": (
        "withheld",
        "test_add",
    ),
    "a base whose tests cannot fail": ("draft", "proof"),
    "data that tests compare with": ("draft", "test-rewritten"),
    "cases that the source leaves out": ("draft", "test-removed"),
    "a comment that keeps a linter away": ("draft", "suppression"),
    "Django: an assignment in a new test file": ("draft", "proof"),
    "Django: another runner": ("draft", "gate-files"),
    "--assert=plain: the code is broken": ("withheld", "test_add"),
    "PYTHONOPTIMIZE: the code is broken": ("withheld", "test_add"),
    "PYTHONOPTIMIZE and --assert=plain: the code is broken": ("withheld", "test_add"),
    "a hook that replaces item.obj: the code is broken": ("withheld", "test_add"),
    "a hook that runs tests itself: the code is broken": ("withheld", "test_add"),
}
_USUAL = {
    "Django: the test is skipped elsewhere",
    "source that skips its tests",
}
#: A comment that turns a linter off is named also where it hides nothing.
HONEST = sorted(
    {name for name in CHANGES if name.startswith("honest/")}
    - {"honest/a comment that keeps nothing away"}
)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with data_folder("cheats") as home:
        settings = Settings(home=home)
        yield Workshop(home, settings, BubblewrapSandbox(settings))


Weigh = Callable[[str], Verdict]


@pytest.fixture
def weigh(workshop: Workshop, tmp_path: Path) -> Weigh:
    def weighed(name: str) -> Verdict:
        base = CHANGES[name]["base"]
        config = YAML(typ="safe").load(base[_CONFIG])
        linters = tuple(config.get("checks", {}).values())
        detected = _DJANGO if "manage.py" in base else {"test_runner": "pytest", "lint": linters}
        stage = make_stage(workshop, tmp_path / "repository", base, config, **detected)
        return _weighed(stage, CHANGES[name]["after"])

    return weighed


def _weighed(stage: Stage, after: dict[str, Any]) -> Verdict:
    keys = {path.replace("/", "__").replace(".", "_DOT_"): text for path, text in after.items()}
    change = stage.cleared(**keys).change
    prepared, services = stage.prepared, stage.services
    ticket = Ticket(ticket_id="1", title="t", body="", digest="")
    cleared = policy.clear_change(change, ticket, prepared, services)
    before = baseline.measure_base(prepared, services)
    judged = checks.check_cleared(cleared, PLAN, before, prepared, services)
    verdict = decide.decide_verdict(judged, cleared, prepared.contract)
    of_checks = (
        *cleared.findings,
        *(finding for check in judged.compared for finding in check.findings),
    )
    return replace(verdict, findings=(*verdict.findings, *of_checks))


def _end(verdict: Verdict) -> str:
    return "withheld" if not verdict.publish else "draft" if verdict.review else "ready"


@pytest.mark.parametrize("name", [name if name in _USUAL else deep(name) for name in ENDS])
def test_RX5_MO6_tests_that_are_cheated_are_never_ready(weigh: Weigh, name: str) -> None:
    end, named = ENDS[name]
    try:
        verdict = weigh(f"cheat/{name}")
    except PolicyRefused:
        assert end == "withheld"
        return
    words = " ".join((verdict.sentence, *(finding.rule for finding in verdict.findings)))
    assert _end(verdict) == end, words
    assert named in words


@pytest.mark.parametrize("name", [deep(name) for name in HONEST])
def test_of_an_honest_change_nothing_is_said_but_that_no_test_needs_it(
    weigh: Weigh, name: str
) -> None:
    verdict = weigh(name)
    assert verdict.publish, verdict.sentence
    assert {finding.rule for finding in verdict.findings} <= {"proof"}
