"""The checks in sandboxes of every kind against the same commands bare, on 50 and on 2,000 tests.

Ours is everything from the order to the judged result: the sandbox, the copy of the tree, the
sentinels, the sealed report and its reading. Bare is the command alone, in a copy that is there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.checks import check
from agent.checks.check import Check, Site
from agent.checks.django_state import Makemigrations
from agent.checks.mypy_types import MypyTypes
from agent.checks.runners import PytestSuite
from agent.checks.sealed import Secret
from agent.environments import build
from agent.environments.package_index import SimpleIndex
from agent.environments.sandbox_requests import PYTHON, make_request
from agent.errors import SandboxLost, SandboxMissing
from agent.git.tree import WorkTree
from agent.models.checks import TESTS, CheckResult, Status
from agent.models.sandbox import Sandbox, SandboxRequest
from agent.sandbox import sandboxes
from agent.settings import Settings, load_settings
from repo_config import detect
from repo_config.schema import RepoConfig
from tests.bench import bare, sample_suites, timing

BARS = {"bubblewrap": 1.05, "docker": 1.15}
MANY, FEW = 2_000, 50
_NOTE = """\
Both sides: the same packages, compiled; no bytecode and no pytest cache of the project. Ours
includes the sandbox, the copy of the tree, and the reading of the report. mypy has no cache on
either side."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Case:
    """One check on one project."""

    what: str
    check: Check
    argv: tuple[str, ...]
    """The same, bare."""
    tests: int


_PYTEST, _MYPY = ("python", "-m", "pytest"), ("mypy",)
_CASES = (
    _Case(f"pytest, {MANY:,} tests", PytestSuite(), _PYTEST, MANY),
    _Case(f"pytest, {FEW} tests", PytestSuite(), _PYTEST, FEW),
    _Case("mypy", MypyTypes(), _MYPY, FEW),
    _Case(
        "makemigrations",
        Makemigrations(),
        ("python", "manage.py", "makemigrations", "--check", "--dry-run"),
        FEW,
    ),
)


@dataclass(frozen=True)
class _Stand:
    """What one kind of sandbox is measured with."""

    sandbox: Sandbox
    sites: dict[int, Site]
    scratch: Path
    shell: dict[str, str]


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Time each check in a sandbox and bare, in turn, for every kind of sandbox that there is here."""
    sections = []
    for kind in sandboxes.KINDS[::-1]:
        home = scratch / f"home-{kind}"
        # Where an engine is, and what it runs with, is for the environment to say.
        here = {"MERGEWRIGHT_HOME": str(home), "MERGEWRIGHT_SANDBOX": kind}
        settings = load_settings(os.environ | here)
        sandbox = sandboxes.make_sandbox(kind, settings)
        home.mkdir(mode=0o711, exist_ok=True)
        try:
            sandbox.run(SandboxRequest(argv=("true",)))
        except (SandboxMissing, SandboxLost) as problem:
            say(f"contained: no sandboxes of {kind} here: {problem.message}")
            continue
        stand = _stand(scratch, kind, settings, sandbox, say)
        rows = [*_rows(stand, rounds, BARS[kind], kind, say), _opened(stand, rounds)]
        title = f"Checks contained and bare: {kind}"
        sections.append(timing.Section(f"contained-{kind}", title, "bare", rows, _NOTE))
    return sections


def _stand(scratch: Path, kind: str, settings: Settings, sandbox: Sandbox, say: Say) -> _Stand:
    sites = {count: _site(scratch, kind, count, sandbox, settings, say) for count in (FEW, MANY)}
    environment = sites[FEW].environment
    if not Path(environment.interpreter).exists():
        # That of a container's own root; bare is a Python of this machine, of the same version.
        own = shutil.which(f"python{'.'.join(environment.python.split('.')[:2])}")
        environment = environment.model_copy(update={"interpreter": own or sys.executable})
    venv = bare.make_venv(environment, scratch, settings)
    # Neither side writes bytecode, and both begin without that of the project.
    shell = bare.environ(scratch, settings) | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "VIRTUAL_ENV": str(venv),
    }
    shell["PATH"] = f"{venv}/bin:{shell['PATH']}"
    return _Stand(sandbox, sites, scratch, shell)


def _rows(stand: _Stand, rounds: int, bar: float, kind: str, say: Say) -> Iterator[timing.Row]:
    """Time each check by itself."""
    for case in _CASES:
        say(f"contained, {kind}: {case.what}, {rounds} rounds")
        row = timing.Row(case.what, [], [], bar if case.tests == MANY else None)
        for number in range(-1, rounds):
            ours, other = _in_sandbox(case, stand), _bare(case, stand)
            if number >= 0:  # the first one warms the machine's caches
                row.ours.append(ours)
                row.bare.append(other)
        yield row


def _in_sandbox(case: _Case, stand: _Stand) -> float:
    site = stand.sites[case.tests]

    def work() -> CheckResult:
        secret = Secret()
        result = stand.sandbox.run(case.check.make_request(site, secret))
        return case.check.judge(site, secret, result)

    seconds, judged = timing.taken(work)
    _hold(case.what, judged, case.tests if judged.name == TESTS else 0)
    return seconds


def _hold(what: str, judged: CheckResult, expected: int) -> None:
    if judged.status is not Status.PASSED or len(judged.items) != expected:
        raise bare.BareFailed(
            f"{what}: {judged.status}, {len(judged.items)} items: {judged.reason}\n{judged.output}"
        )


def _bare(case: _Case, stand: _Stand) -> float:
    kept = ("--cache-dir", os.devnull) if case.argv == _MYPY else ()
    with _copied(stand, case.tests) as folder:
        argv = [*case.argv, *kept]
        seconds, printed = timing.taken(lambda: bare.run(argv, folder, stand.shell))
    if case.check.name == TESTS and f"{case.tests} passed" not in printed:
        raise bare.BareFailed(f"{case.what}: not all tests passed\n{printed[-2000:]}")
    return seconds


@contextmanager
def _copied(stand: _Stand, tests: int) -> Iterator[Path]:
    folder = stand.scratch / "bare-tree"
    # With its times, by which mypy sees that nothing has changed.
    shutil.copytree(stand.sites[tests].tree, folder, copy_function=shutil.copy2)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _opened(stand: _Stand, rounds: int) -> timing.Row:
    """Time a sandbox in which next to nothing is done, with a tree and an environment in it."""
    site = stand.sites[FEW]
    nothing = (PYTHON, "-I", "-S", "-c", "")
    asked = make_request(site.environment, site.tree, nothing, environ={}, limits=site.limits)
    row = timing.Row("a space for an empty program", [])
    for number in range(-1, max(rounds, 10)):
        seconds, result = timing.taken(lambda: stand.sandbox.run(asked))
        if result.exit_code != 0:
            raise bare.BareFailed(f"`{shlex.join(nothing)}` ended with {result.exit_code}")
        if number >= 0:
            row.ours.append(seconds)
    return row


def _site(
    scratch: Path, kind: str, tests: int, sandbox: Sandbox, settings: Settings, say: Say
) -> Site:
    folder, config = scratch / f"project-{tests}", RepoConfig()
    if not folder.exists():
        sample_suites.make(folder, tests)
    say(f"contained, {kind}: the environment of the project with {tests:,} tests")
    request = build.EnvironmentRequest(tree=str(folder))
    files = (path for path in folder.rglob("*") if path.is_file())
    paths = [path.relative_to(folder).as_posix() for path in files]
    return Site(
        tree=folder,
        environment=build.ensure_environment(
            request, sandbox, SimpleIndex(settings), settings, lambda _: None
        ),
        config=config,
        project=detect.detect_project(WorkTree(folder, paths), config),
        limits=check.get_granted_limits(settings),
    )
