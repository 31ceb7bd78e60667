"""What every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.folders import BUILT, data_folder

# A test run in the background of a shell ignores Ctrl-C, and so would every program that the
# tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Rooms of tests are bubblewrap's unless a test says otherwise, whatever engine there may be.
_ENGINE = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
os.environ.setdefault("ENGINE_OF_TESTS", _ENGINE)
os.environ["DOCKER_HOST"] = "unix:///no/engine/for/tests"


_FOLDERS = pytest.StashKey[ExitStack]()


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """A command that is called within a test sets up logging, for that test alone."""
    yield
    structlog.reset_defaults()


def pytest_configure(config: pytest.Config) -> None:
    """Make one place for the environments of all processes of this run."""
    if not hasattr(config, "workerinput"):
        folder = config.stash[_FOLDERS] = ExitStack()
        os.environ[BUILT] = str(folder.enter_context(data_folder("environments")))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it."""
    if _FOLDERS in config.stash:
        config.stash[_FOLDERS].close()


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a data folder that the rooms' own user can reach, unlike pytest's tmp_path."""
    with data_folder() as folder:
        yield folder


@pytest.fixture
def built_home() -> Iterator[Path]:
    """Give one that has what other tests of this run have built."""
    with data_folder(built=True) as folder:
        yield folder


#: Of several processes the first begins with what takes longest.
_LONGEST_FIRST = ("tests/thirdparty/", "tests/flow/", "tests/integration/")
#: Folders whose tests share what is costly to make, so one process runs them all.
_IN_ONE_PROCESS = ("tests/thirdparty/",)
_SECTIONS = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what decides how much of the suite is run."""
    parser.addoption(
        "--deep",
        action="store_true",
        help="run also what only repeats a story with another project, Python or moment",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not asked for; open the way to the package index where it is needed."""
    if os.environ.get("ENGINE") == "no":
        _leave_out("engine", config, items)
    if not config.getoption("deep"):
        _leave_out("deep", config, items)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(item.nodeid))
    for item in items:
        if item.get_closest_marker("index") or item.get_closest_marker("thirdparty"):
            item.add_marker(pytest.mark.enable_socket)


def _leave_out(marker: str, config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.get_closest_marker(marker)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker(marker)]


def _rank(nodeid: str) -> int:
    found = (n for n, folder in enumerate(_LONGEST_FIRST) if nodeid.startswith(folder))
    return next(found, len(_LONGEST_FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files, so that what a module's tests share is made once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((one for one in _IN_ONE_PROCESS if file.startswith(one)), file)

    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over what one of several processes wants to be shown at the end."""
    told = getattr(node, "workeroutput", {}).get("sections", {})
    node.config.stash.setdefault(_SECTIONS, {}).update(told)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what the processes handed over."""
    for title, lines in config.stash.get(_SECTIONS, {}).items():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)
