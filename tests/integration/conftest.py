"""Both kinds of sandbox, told in `tests/sandboxes.py`, and what is costly to make for tests of checks."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.models.sandbox import Sandbox
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.sandbox.session import Session
from agent.settings import Settings
from agent.store.sql_run_store import SqlRunStore
from tests import sandboxes as kinds
from tests.folders import data_folder
from tests.integration import git_samples, github_samples
from tests.integration.check_samples import Files, Stage, Workshop, make_stage
from tests.integration.environment_building import with_our_tools
from tests.integration.session_samples import LIMITS, Workplace
from tests.simulator.world import World


@pytest.fixture(params=kinds.BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandboxes(backend: str, home: Path) -> Callable[..., Any]:
    """Make a sandbox of the kind with further settings."""
    return partial(kinds.open_sandbox, backend, home)


@pytest.fixture
def sandbox(sandboxes: Callable[..., Sandbox]) -> Sandbox:
    return sandboxes()


@pytest.fixture
def place(backend: str, home: Path) -> Workplace:
    """Where sessions can be opened, with limits that are reached within a moment."""
    return Workplace(kinds.settings_for(backend, home, **LIMITS))


@pytest.fixture
def session(place: Workplace) -> Iterator[Session]:
    session = place.open()
    yield session
    session.close()


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A data folder that has our own tools and nothing else built."""
    with with_our_tools() as made:
        yield made


@pytest.fixture
def folder(home: Path) -> Path:
    place = home / "tree"
    place.mkdir()
    return place


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with github_samples.serving_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def scene(world: World, tmp_path: Path) -> github_samples.Scene:
    return github_samples.scene(world, tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlRunStore]:
    with closing(SqlRunStore(tmp_path)) as made:
        yield made


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return git_samples.make(tmp_path / "project")


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    return tmp_path / "home" / "mirrors"


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    with data_folder("checks") as home:
        settings = Settings(home=home)
        yield Workshop(home, settings, BubblewrapSandbox(settings))


@pytest.fixture
def stage(workshop: Workshop, tmp_path: Path) -> Callable[..., Stage]:
    def make(files: Files, **more: object) -> Stage:
        return make_stage(workshop, tmp_path / "repository", files, **more)

    return make


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A program that leaves a file with the name it was started for."""
    (tmp_path / "hits").mkdir()
    program = tmp_path / "canary"
    program.write_text(f'#!/bin/sh\ntouch "{tmp_path}/hits/${{0##*/}}-$1"\nexit 0\n')
    program.chmod(0o755)
    return program
