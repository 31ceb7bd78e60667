"""What every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.folders import data_folder

# A test run in the background of a shell ignores Ctrl-C, and so would every program that the
# tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Rooms of tests are bubblewrap's unless a test says otherwise, whatever engine there may be.
_ENGINE = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
os.environ.setdefault("ENGINE_OF_TESTS", _ENGINE)
os.environ["DOCKER_HOST"] = "unix:///no/engine/for/tests"


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """A command that is called within a test sets up logging, for that test alone."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a data folder that the rooms' own user can reach, unlike pytest's tmp_path."""
    with data_folder() as folder:
        yield folder


#: Of several processes the first begins with what takes longest.
_LONGEST_FIRST = ("tests/thirdparty/", "tests/flow/", "tests/integration/")
#: Folders whose tests share what is costly to make, so one process runs them all.
_IN_ONE_PROCESS = ("tests/thirdparty/",)
_SECTIONS = pytest.StashKey[dict[str, list[str]]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Open the way to the package index for the tests that are about installing."""
    if os.environ.get("ENGINE") == "no":
        left_out = [item for item in items if item.get_closest_marker("engine")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(item.nodeid))
    for item in items:
        if item.get_closest_marker("index") or item.get_closest_marker("thirdparty"):
            item.add_marker(pytest.mark.enable_socket)


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
