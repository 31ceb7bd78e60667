"""Whole runs on released projects: one data folder, so that all is built and measured once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.environments.package_index import SimpleIndex
from agent.settings import Settings
from tests.folders import data_folder
from tests.thirdparty import carried
from tests.thirdparty.carried import Bench, Project
from tests.thirdparty.fields import WISHES
from tests.thirdparty.projects import DJANGO, Known

UnderWay = dict[str, Future[Project]]
"""What is worked on in the background, by name."""


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Where everything lies, within reach of the sandboxes' own user."""
    with data_folder("thirdparty") as place:
        yield place


@pytest.fixture(scope="session")
def index(folder: Path) -> SimpleIndex:
    """The package index that this machine is set up for."""
    return SimpleIndex(Settings(home=folder / "home"))


@pytest.fixture(scope="session")
def build_context(folder: Path, index: SimpleIndex) -> Bench:
    """The command line with a data folder of its own."""
    return Bench(folder / "home", index.list_accesses()[-1])


@pytest.fixture(scope="session")
def under_way(
    request: pytest.FixtureRequest, folder: Path, index: SimpleIndex, build_context: Bench
) -> Iterator[UnderWay]:
    """All that is asked for, under way at the same time."""
    begun, asked = UnderWay(), _asked(request)
    wishes = iter(WISHES)
    # Sandbox for all of them: one may wait for another, and what is costly takes turns.
    with ThreadPoolExecutor(2 * len(DJANGO)) as pool:
        for known in DJANGO:
            # Another field and another form of ticket each time, over all projects.
            mine = list(itertools.islice(wishes, known.tickets))
            name = known.source.name
            if name in asked:
                begun[name] = pool.submit(
                    carried.project, known, folder / name, index, build_context, mine
                )
        yield begun


def _asked(request: pytest.FixtureRequest) -> set[str]:
    """Name the projects that the tests of this session want."""
    asked = set()
    for item in request.session.items:
        if isinstance(item, pytest.Function) and "project" in item.fixturenames:
            known = item.callspec.params["project"]
            assert isinstance(known, Known)
            asked.add(known.source.name)
    return asked


def _name(known: Known) -> str:
    return known.source.name


@pytest.fixture(scope="session", params=DJANGO, ids=_name)
def project(request: pytest.FixtureRequest, under_way: UnderWay) -> Project:
    """One Django project with tickets carried out for some of its models."""
    return under_way[_name(request.param)].result()
