"""The tests of released projects in the sandbox, each held against the same suite run by hand.

A project is carried as a run carries it up to its baseline. The repository is what its people have
released, with a tag on it, and the lines of configuration where a template does not set it up.
`make live` names this file, since it takes longer than any other test; `ARGS="-k flask"` runs one.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from agent import settings, wiring
from agent.checks import check, running
from agent.checks.check import Site
from agent.desk import Desk
from agent.models.checks import Status, TestRun
from agent.models.environment import Environment
from agent.models.run import Run
from agent.stages import checkout, environment
from tests.folders import data_folder
from tests.live import by_hand
from tests.live.by_hand import Bare, Outcomes
from tests.live.projects import DIFFERENCES, PROJECTS, Project
from tests.thirdparty import sources

pytestmark = [pytest.mark.deep, pytest.mark.index]


@pytest.fixture(scope="module")
def services() -> Iterator[Desk]:
    with data_folder("live") as home:
        yield wiring.make_local_desk(settings.load_settings({"MERGEWRIGHT_HOME": str(home)}), print)


@pytest.fixture
def folder(services: Desk, project: Project) -> Iterator[Path]:
    place = services.settings.home / "projects" / project.name
    place.mkdir(parents=True)
    yield place
    shutil.rmtree(place)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_tests_end_in_the_sandbox_as_they_do_by_hand(
    project: Project, services: Desk, folder: Path
) -> None:
    repository = sources.repository(
        project.source, services.index, folder, project.config, tag=project.tag
    )
    run = Run(
        run_id=f"live-{project.name}-{time.time_ns()}",
        repository=str(repository.path),
        ticket="",
        started=int(time.time()),
    )
    base = checkout.prepare_checkout(run, services)
    contract = checkout.read_contract(run, base, services)
    made = environment.build_environment(run, base, contract, services)
    site = Site(
        tree=services.base_folder(run),
        environment=made,
        config=contract.config,
        project=contract.project,
        limits=check.get_granted_limits(services.settings),
    )
    begun = time.monotonic()
    (result,) = running.run_checks(running.list_tests(site), services.sandbox, print)
    assert isinstance(result, TestRun)
    seconds = time.monotonic() - begun
    # A red suite needs no reason; one that a limit ended has one.
    assert result.items
    assert (result.reason, result.status is Status.UNVERIFIED) == ("", False)

    copy = folder / "bare" / "tree"
    copy.parent.mkdir()
    shutil.copytree(run.repository, copy, symlinks=True)
    bare = by_hand.build(project, copy, made, services.index.list_accesses()[-1])
    outcomes, bare_seconds = by_hand.run_suite(bare)
    count = f"{project.name}: {len(outcomes)} tests on Python {made.interpreter.version}"
    print(f"{count}, by hand {bare_seconds:.1f} s, in the sandbox {seconds:.1f} s")
    assert find_differences(outcomes, by_hand.in_sandbox(result)) == DIFFERENCES.get(
        project.name, {}
    )
    assert_same_version(made, bare)


def find_differences(bare: Outcomes, sandbox: Outcomes) -> dict[str, tuple[str, str]]:
    """Name every test that does not end alike, with both ends."""
    both = {
        test: (bare.get(test, "absent"), sandbox.get(test, "absent"))
        for test in bare.keys() | sandbox.keys()
    }
    return {test: ends for test, ends in both.items() if len(set(ends)) == 2}


def assert_same_version(made: Environment, bare: Bare) -> None:
    """Check the project's own version against the one that its backend makes of the tag itself."""
    own_name = canonicalize_name(bare.project.name)
    package_made = next(
        (package for package in made.packages if package.partition("==")[0] == own_name), None
    )
    if package_made is None:
        return
    with tempfile.TemporaryDirectory(dir=bare.venv.parent) as place:
        script = Path(place, "version.py")
        script.write_text(f"import importlib.metadata as m\nprint(m.version({own_name!r}))\n")
        assert package_made == f"{own_name}=={bare.run('-I', str(script)).strip()}"
