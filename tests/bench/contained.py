"""The checks in their rooms against the same commands bare, on projects of 50 and 2,000 tests.

Ours is everything from the order to the judged result: the room, the copy of the tree, the
sentinels, the sealed report and its reading. Bare is the command alone, in a copy that is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent import wiring
from agent.checks import check
from agent.checks.check import Check, Site
from agent.checks.django_state import Makemigrations
from agent.checks.mypy_types import MypyTypes
from agent.checks.pytest_suite import PytestSuite
from agent.checks.sealed import Secret
from agent.domain import CheckResult, Status
from agent.editing.tree import WorkTree
from agent.environments import build
from agent.ports import Sandbox
from agent.services import Services
from agent.settings import Settings
from repo_config import detect
from repo_config.schema import RepoConfig
from tests.bench import bare, sample_suites, timing

BAR = 1.05
MANY, FEW = 2_000, 50
_NOTE = """\
Both sides: the same Python and packages, compiled; no bytecode, mypy or pytest cache of the
project. Ours includes the room, the copy of the tree, and the reading of the report."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Case:
    """One check on one project."""

    what: str
    check: Check
    argv: tuple[str, ...]
    """The same, bare."""
    tests: int
    bar: float | None = None


_CASES = (
    _Case(f"pytest, {MANY:,} tests", PytestSuite(), ("python", "-m", "pytest"), MANY, BAR),
    _Case(f"pytest, {FEW} tests", PytestSuite(), ("python", "-m", "pytest"), FEW),
    _Case("mypy", MypyTypes(), ("mypy",), FEW),
    _Case(
        "makemigrations",
        Makemigrations(),
        ("python", "manage.py", "makemigrations", "--check", "--dry-run"),
        FEW,
    ),
)


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Time each check in a room and bare, in turn."""
    settings = Settings(home=scratch / "home")  # also that of `ticket`, and the same packages
    services = wiring.local(settings, lambda _: None)
    sites = {count: _site(scratch, count, services, say) for count in (FEW, MANY)}
    venv = bare.make_venv(sites[FEW].environment, scratch, settings)
    # Neither side writes bytecode, and both begin without that of the project.
    shell = bare.environ(scratch, settings) | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "VIRTUAL_ENV": str(venv),
    }
    shell["PATH"] = f"{venv}/bin:{shell['PATH']}"
    rows = []
    for case in _CASES:
        say(f"contained: {case.what}, {rounds} rounds")
        row = timing.Row(case.what, [], [], case.bar)
        for number in range(-1, rounds):
            ours = _in_room(case, sites[case.tests], services.sandbox)
            other = _bare(case, sites[case.tests], scratch, shell)
            if number >= 0:  # the first one warms the machine's file cache
                row.ours.append(ours)
                row.bare.append(other)
        rows.append(row)
    return [timing.Section("contained", "Checks contained and bare", "bare", rows, _NOTE)]


def _in_room(case: _Case, site: Site, sandbox: Sandbox) -> float:
    def work() -> CheckResult:
        secret = Secret()
        return case.check.judge(site, secret, sandbox.run(case.check.order(site, secret)))

    seconds, judged = timing.taken(work)
    expected = case.tests if judged.name == check.TESTS else 0
    if judged.status is not Status.PASSED or len(judged.items) != expected:
        raise bare.BareFailed(
            f"{case.what}: {judged.status}, {len(judged.items)} items: {judged.reason}\n{judged.output}"
        )
    return seconds


def _bare(case: _Case, site: Site, scratch: Path, shell: dict[str, str]) -> float:
    folder = scratch / "bare-tree"
    shutil.copytree(site.tree, folder)
    try:
        seconds, printed = timing.taken(lambda: bare.run(list(case.argv), folder, shell))
    finally:
        shutil.rmtree(folder)
    if case.check.name == check.TESTS and f"{case.tests} passed" not in printed:
        raise bare.BareFailed(f"{case.what}: not all tests passed\n{printed[-2000:]}")
    return seconds


def _site(scratch: Path, tests: int, services: Services, say: Say) -> Site:
    folder, config = scratch / f"project-{tests}", RepoConfig()
    sample_suites.make(folder, tests)
    say(f"contained: the environment of the project with {tests:,} tests")
    request = build.EnvironmentRequest(tree=str(folder))
    settings = services.settings
    files = (path for path in folder.rglob("*") if path.is_file())
    paths = [path.relative_to(folder).as_posix() for path in files]
    return Site(
        tree=folder,
        environment=build.ensure(request, services.sandbox, services.index, settings, services.say),
        config=config,
        project=detect.project(WorkTree(folder, paths), config),
        limits=check.granted(settings),
    )
