"""Whole runs through the command line's own code: real git, real sandboxes, real Django."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests import faulty_github
from tests.demo.play import Stage
from tests.flow import github_stories
from tests.flow.github_stories import Story
from tests.flow.stories import SAMPLE, Ended, Repository, carry_out
from tests.folders import data_folder_with_tools
from tests.processes import of_home
from tests.simulator.world import APP_EVENTS


@pytest.fixture(scope="session")
def store() -> Iterator[Path]:
    """One data folder for all whole runs."""
    with data_folder_with_tools("flow") as folder:
        yield folder


@pytest.fixture
def sample(tmp_path: Path) -> Repository:
    """The sample project as a repository of two commits."""
    shutil.copytree(SAMPLE, tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    repository = Repository(tmp_path / "shop")
    repository.git("init", "-q", "-b", "main")
    repository.commit("Add customers and orders")
    return repository


Runner = Callable[..., Ended]


@pytest.fixture
def run(store: Path, tmp_path: Path) -> Runner:
    """Run `mergewright run --json` as a process of its own."""

    def runner(
        repository: Path,
        ticket: str | bytes,
        *args: str,
        home: Path = store,
        environ: Mapping[str, str] | None = None,
    ) -> Ended:
        path = tmp_path / "ticket.md"
        path.write_bytes(ticket.encode() if isinstance(ticket, str) else ticket)
        return carry_out(repository, path, *args, environ=of_home(home, **(environ or {})))

    return runner


@pytest.fixture(scope="session")
def stage(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A simulated GitHub with the real service beside it: listener and worker, each a process."""
    # No person in a story corrects a comment later than this.
    soon = {"MERGEWRIGHT_QUIET_SECONDS": "1", "MERGEWRIGHT_RECONCILE_MINUTES": "0.02"}
    with faulty_github.staging(store, tmp_path_factory.mktemp("github"), **soon) as made:
        # The App may have been made with more events than we use.
        made.app.hook.events = APP_EVENTS
        yield made


Teller = Callable[..., Story]


@pytest.fixture
def begin_story(stage: Stage, tmp_path: Path) -> Iterator[Teller]:
    """Begin a story about a labelled issue; what it did to GitHub is undone afterwards."""

    def begin(**facts: object) -> Story:
        return github_stories.make_story(stage, tmp_path, **facts)  # type: ignore[arg-type]

    yield begin
    stage.world.faults.remove()
    stage.world.hooks.lost.clear()
