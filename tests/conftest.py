"""What every test may use."""

import os
import signal
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests import folders
from tests import postgresql as postgresql_server
from tests.deep import deep
from tests.folders import data_folder
from tests.postgresql import Server

#: A project with tests of its own.
collect_ignore = ["demo/sample_project"]

# A test run in the background of a shell ignores Ctrl-C, and so would every program that the
# tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Sandboxes of tests are bubblewrap's unless a test says otherwise, also where there is an engine.
_ENGINE = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
os.environ.setdefault("ENGINE_OF_TESTS", _ENGINE)
os.environ["DOCKER_HOST"] = "unix:///no/engine/for/tests"

# A git hook or bisect would have the git of tests act on the repository it runs for.
for _name in [variable for variable in os.environ if variable.startswith("GIT_")]:
    del os.environ[_name]


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """A command that is called within a test sets up logging, for that test alone."""
    yield
    structlog.reset_defaults()


def pytest_configure(config: pytest.Config) -> None:
    """Name the cache of environments, once for all processes of this run."""
    if not hasattr(config, "workerinput"):
        os.environ[folders.BUILT] = str(folders.kept_environments())


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a data folder that the sandboxes' own user can reach, unlike pytest's tmp_path."""
    with data_folder() as folder:
        yield folder


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], Path]]:
    """Make file systems of so many megabytes, in memory; they go with the test."""
    with ExitStack() as stack:

        def make(megabytes: int) -> Path:
            folder = stack.enter_context(data_folder())
            options = f"size={megabytes}m,mode=0711"
            mount = ("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
            subprocess.run(mount, check=True)
            stack.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
            return folder

        yield make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with postgresql_server.serving() as server:
        yield server


@pytest.fixture(params=["sqlite", deep("postgresql")])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Return the address of an empty database; None: SQLite in the data folder."""
    if request.param == "sqlite":
        return None
    server: Server = request.getfixturevalue("postgresql")
    return server.create_database()


#: Of several processes the first begins with what takes longest.
_LONGEST_FIRST = ("tests/thirdparty/", "tests/flow/", "tests/integration/")
#: Folders whose tests are all of the deep suite.
_DEEP_FOLDERS = ("tests/thirdparty/", "tests/false_positives/", "tests/fuzz/")
#: A test of the deep suite may be a whole campaign.
_DEEP_SECONDS = 1800


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what takes one of several equal parts of the suite."""
    parser.addoption("--part", metavar="N/M", help="the Nth of M parts, file by file")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what belongs to the deep suite by its place; open the way to the package index."""
    for item in items:
        if item.nodeid.startswith(_DEEP_FOLDERS) or item.get_closest_marker("engine"):
            item.add_marker(pytest.mark.deep)
        if item.get_closest_marker("index") or item.get_closest_marker("thirdparty"):
            item.add_marker(pytest.mark.enable_socket)
        if item.get_closest_marker("deep"):
            item.add_marker(pytest.mark.timeout(_DEEP_SECONDS))
    if os.environ.get("ENGINE") == "no":
        _select(config, items, lambda item: not item.get_closest_marker("engine"))
    if part := config.getoption("part"):
        number, count = _part(part)
        _select(config, items, lambda item: _file_number(item) % count == number % count)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(item.nodeid))


def _select(
    config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], bool]
) -> None:
    left_out = [item for item in items if not wanted(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if wanted(item)]


def _part(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise pytest.UsageError(f"--part {text}: give the Nth of M parts, as 2/4")
    return int(number), int(count)


def _file_number(item: pytest.Item) -> int:
    return zlib.crc32(item.nodeid.partition("::")[0].encode())


def _rank(nodeid: str) -> int:
    places = (n for n, folder in enumerate(_LONGEST_FIRST) if nodeid.startswith(folder))
    return next(places, len(_LONGEST_FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return a schedule of whole files, so that what a module's tests share is made once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0]

    config.option.loadscopereorder = False
    return ByFile(config, log)
