"""Whole runs on released projects: one data folder, so that all is built and measured once."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.adapters.package_index import SimpleIndex
from agent.settings import Settings
from tests.thirdparty import carried, summary
from tests.thirdparty.carried import Bench, Project
from tests.thirdparty.fields import WISHES
from tests.thirdparty.projects import DJANGO, KnownDjango


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Where everything lies, within reach of the rooms' own user."""
    place = Path(tempfile.mkdtemp(prefix="mergewright-thirdparty-", dir="/tmp"))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def index(folder: Path) -> SimpleIndex:
    """The package index that this machine is set up for."""
    return SimpleIndex(Settings(home=folder / "home"))


@pytest.fixture(scope="session")
def bench(folder: Path, index: SimpleIndex) -> Bench:
    """The command line with a data folder of its own."""
    return Bench(folder / "home", index.access())


@pytest.fixture(scope="session")
def projects(
    request: pytest.FixtureRequest, folder: Path, index: SimpleIndex, bench: Bench
) -> Iterator[dict[str, Future[Project]]]:
    """All projects that are asked for, under way at the same time."""
    asked = set()
    for item in request.session.items:
        if isinstance(item, pytest.Function) and "project" in item.fixturenames:
            known = item.callspec.params["project"]
            assert isinstance(known, KnownDjango)
            asked.add(known.source.name)
    begun: dict[str, Future[Project]] = {}
    wishes = itertools.cycle(WISHES)
    with ThreadPoolExecutor(len(DJANGO)) as pool:
        for known in DJANGO:
            # Another field and another form of ticket each time, over all projects.
            mine = list(itertools.islice(wishes, known.models))
            name = known.source.name
            if name in asked:
                begun[name] = pool.submit(carried.project, known, folder / name, index, bench, mine)
        yield begun


@pytest.fixture(scope="session", params=DJANGO, ids=lambda known: known.source.name)
def project(request: pytest.FixtureRequest, projects: dict[str, Future[Project]]) -> Project:
    """One Django project with a ticket carried out for each of its models."""
    known: KnownDjango = request.param
    done = projects[known.source.name].result()
    summary.note(request.config, known, len(done.carried), len(done.outcomes), done.seconds)
    return done


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what was worked on."""
    if lines := summary.lines(config):
        terminalreporter.section("released projects")
        for line in lines:
            terminalreporter.write_line(line)
