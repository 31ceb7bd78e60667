"""One project carried as a run carries it up to its baseline, and by hand.

Nothing is configured: the repository is what its people have released, with a tag on it.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from agent.checks import check, measuring
from agent.checks.check import Site
from agent.errors import AgentError
from agent.models.checks import CheckResult, Status
from agent.models.environment import Environment
from agent.models.run import Run
from agent.services import Services
from agent.stages import checkout, environment
from tests.live import by_hand, comparison
from tests.live.by_hand import Bare
from tests.live.comparison import Comparison
from tests.live.projects import DIFFERENCES, Project
from tests.thirdparty import sources

Say = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """What became of one project."""

    project: Project
    python: str = ""
    runner: str = ""
    environment_seconds: float = 0.0
    sandbox_seconds: float = 0.0
    bare_seconds: float = 0.0
    comparison: Comparison | None = None
    problems: tuple[str, ...] = ()
    """Whatever else is not as it must be; with one of them nothing counts as shown."""

    @property
    def holds(self) -> bool:
        """Whether the sandbox tells of this project what a developer sees."""
        compared = self.comparison
        return not self.problems and compared is not None and compared.holds


def measure(project: Project, folder: Path, svc: Services, say: Say) -> Measured:
    """Build the environment, run the suite in the sandbox and bare, and compare."""
    try:
        repository = sources.repository(
            project.source, svc.index, folder, project.config, tag=project.tag
        )
        run = Run(
            run_id=f"live-{project.name}-{time.time_ns()}",
            repository=str(repository.path),
            ticket="",
            started=int(time.time()),
        )
        try:
            return _measured(project, run, folder, svc, say)
        finally:
            shutil.rmtree(svc.base_folder(run).parent, ignore_errors=True)
    except (AgentError, AssertionError, by_hand.NotRun) as problem:
        return Measured(project, problems=(str(problem),))


def _measured(project: Project, run: Run, folder: Path, svc: Services, say: Say) -> Measured:
    base = checkout.prepare_checkout(run, svc)
    contract = checkout.read_contract(run, base, svc)
    begun = time.monotonic()
    made = environment.build_environment(run, base, contract, svc)
    environment_seconds = time.monotonic() - begun
    site = Site(
        tree=svc.base_folder(run),
        environment=made,
        config=contract.config,
        project=contract.project,
        limits=check.get_granted_limits(svc.settings),
    )
    begun = time.monotonic()
    (result,) = measuring.run_all_checks(site, svc.sandbox, say, tests=True)
    sandbox_seconds = time.monotonic() - begun
    sandbox = by_hand.in_sandbox(result)
    copy = folder / "bare" / "tree"
    copy.parent.mkdir()
    shutil.copytree(run.repository, copy, symlinks=True)
    say("the same packages in a plain virtual environment")
    bare = by_hand.build(project, copy, made, svc.index.list_accesses()[-1])
    say(f"by hand: python {' '.join(project.suite)}")
    known = [one for one in DIFFERENCES if one.project == project.name]
    outcomes, bare_seconds = by_hand.run_suite(bare)
    return Measured(
        project=project,
        python=made.python,
        runner=contract.project.test_runner or "",
        environment_seconds=environment_seconds,
        sandbox_seconds=sandbox_seconds,
        bare_seconds=bare_seconds,
        comparison=comparison.compare(outcomes, sandbox, known),
        problems=(
            *problems_of(result),
            *_undeclared(project, made, site.tree),
            *_version(made, bare),
        ),
    )


def problems_of(result: CheckResult) -> list[str]:
    """Say what keeps the sandbox's run from being one that comparisons can be made with."""
    # A red suite needs none; one that a limit ended has one.
    if result.reason or result.status is Status.UNVERIFIED or not result.items:
        return [f"the sandbox's run of the tests is {result.status.value}: {result.reason}"]
    return []


def _undeclared(project: Project, made: Environment, tree: Path) -> list[str]:
    """Whether the environment was made of the declaration that the project is here for."""
    taken = set(made.sources)
    # PDM exports no lock of before its `inherit_metadata`; the versions in it are kept.
    if made.refused_lock:
        pins = _pins(tree / made.refused_lock)
        named = [one for one in made.packages if one.partition("==")[0] in pins]
        if named and all(one.partition("==")[2] == pins[one.partition("==")[0]] for one in named):
            taken.add(made.refused_lock)
    return [
        f"{name} was not taken; taken: {', '.join(sorted(taken))}"
        for name in project.declared
        if name not in taken
    ]


def _pins(lock: Path) -> dict[str, str]:
    rows = tomllib.loads(lock.read_text(encoding="utf-8")).get("package", [])
    return {canonicalize_name(row["name"]): row["version"] for row in rows if "version" in row}


def _version(made: Environment, bare: Bare) -> list[str]:
    """Whether the project's own version is the one that its backend makes of the tag itself."""
    own = canonicalize_name(bare.project.name)
    given = next((one for one in made.packages if one.partition("==")[0] == own), None)
    if given is None:
        return []
    with tempfile.TemporaryDirectory(dir=bare.venv.parent) as place:
        script = Path(place, "version.py")
        script.write_text(f"import importlib.metadata as m\nprint(m.version({own!r}))\n")
        seen = bare.run("-I", str(script)).strip()
    if given != f"{own}=={seen}":
        return [f"the environment has {given}, an editable installation in the clone has {seen}"]
    return []
