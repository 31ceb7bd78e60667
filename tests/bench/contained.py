"""2,000 tests in sandboxes of every kind against the same command bare.

Ours is everything from the request to the judged result: the sandbox, the copy of the tree, the
sentinel, the report and its reading. Bare is the command alone, in a copy that is there.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from agent.checks import check
from agent.checks.check import Site
from agent.checks.runners import Suite
from agent.errors import SandboxLost, SandboxMissing
from agent.git.tree import WorkTree
from agent.models.checks import Status, TestRun
from agent.models.sandbox import Sandbox, SandboxRequest
from agent.sandbox import sandboxes
from agent.settings import Settings, load_settings
from agent.setup import build
from agent.setup.package_index import PackageIndex
from agent.setup.request import EnvironmentRequest
from repo_config import detect
from repo_config.schema import RepoConfig
from tests.bench import bare, sample_suites
from tests.bench.timing import BareFailed, Row, Say, Section, measure_time

BARS = {"bubblewrap": 1.05, "docker": 1.15}
TESTS = 2_000
_NOTE = """\
Both sides: the same packages, compiled; no bytecode and no pytest cache of the project. Ours
includes the sandbox, the copy of the tree, and the reading of the report."""


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    """Time both sides in turn, for every kind of sandbox that there is here."""
    sections = []
    for kind in ("bubblewrap", "docker"):
        home = scratch / f"home-{kind}"
        # Where an engine is, and what it runs with, is for the environment to say.
        here = {"MERGEWRIGHT_HOME": str(home), "MERGEWRIGHT_SANDBOX": kind}
        settings = load_settings(os.environ | here)
        sandbox = sandboxes.make_sandbox(settings)
        home.mkdir(mode=0o711, exist_ok=True)
        try:
            sandbox.run(SandboxRequest(argv=("true",)))
        except (SandboxMissing, SandboxLost) as problem:
            say(f"contained: no sandboxes of {kind} here: {problem.message}")
            continue
        site = _make_site(scratch, kind, sandbox, settings, say)
        row = Row(f"pytest, {TESTS:,} tests", [], [], BARS[kind])
        run_bare = _prepare_bare(site, scratch, settings)
        for number in range(-1, rounds):
            say(f"contained, {kind}: round {number + 1} of {rounds}")
            ours, other = _run_in_sandbox(site, sandbox), run_bare()
            if number >= 0:  # the first one warms the machine's caches
                row.ours.append(ours)
                row.bare.append(other)
        title = f"Tests contained and bare: {kind}"
        sections.append(Section(f"contained-{kind}", title, "bare", [row], _NOTE))
    return sections


def _run_in_sandbox(site: Site, sandbox: Sandbox) -> float:
    suite = Suite()

    def work() -> TestRun:
        return suite.read_result(site, sandbox.run(suite.make_request(site)))

    seconds, judged = measure_time(work)
    if judged.status is not Status.PASSED or len(judged.items) != TESTS:
        raise BareFailed(f"{judged.status}, {len(judged.items)} tests: {judged.reason}")
    return seconds


def _prepare_bare(site: Site, scratch: Path, settings: Settings) -> Callable[[], float]:
    venv = bare.make_venv(Path(site.environment.path), scratch, settings)
    shell = bare.make_environ(scratch, settings)
    # Neither side writes bytecode, and both begin without that of the project.
    more = {"PYTHONDONTWRITEBYTECODE": "1", "VIRTUAL_ENV": str(venv)}
    shell |= {**more, "PATH": f"{venv}/bin:{shell['PATH']}"}
    folder = scratch / "bare-tree"

    def run() -> float:
        shutil.copytree(site.tree, folder)
        argv = ["python", "-m", "pytest"]
        seconds, printed = measure_time(lambda: bare.run(argv, folder, shell))
        shutil.rmtree(folder)
        if f"{TESTS} passed" not in printed:
            raise BareFailed(f"not all tests passed\n{printed[-2000:]}")
        return seconds

    return run


def _make_site(scratch: Path, kind: str, sandbox: Sandbox, settings: Settings, say: Say) -> Site:
    folder, config = scratch / "project", RepoConfig()
    if not folder.exists():
        sample_suites.make(folder, TESTS)
    say(f"contained, {kind}: the environment of the project")
    environment = build.ensure_environment(
        EnvironmentRequest(repository="r", tree=str(folder)),
        sandbox,
        PackageIndex(),
        settings,
        lambda _: None,
    )
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return Site(
        tree=folder,
        environment=environment,
        config=config,
        project=detect.detect_project(WorkTree(folder, paths), config),
        limits=check.get_granted_limits(settings),
    )
