"""A tree that needs no folder; the inbox and the store of a data folder, and one of commands."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from tests.folders import data_folder
from tests.unit.trees import DictTree


@pytest.fixture
def tree() -> Callable[[Mapping[str, str | bytes]], DictTree]:
    """Make a tree of path and content."""
    return DictTree


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with closing(Inbox(tmp_path)) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlRunStore]:
    with closing(SqlRunStore(tmp_path)) as made:
        yield made


@pytest.fixture(scope="session")
def _commands_home() -> Iterator[Path]:
    with data_folder("commands") as folder:
        yield folder


@pytest.fixture
def commands_home(_commands_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of commands that open sandboxes; what they learn of interpreters is shared."""
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(_commands_home))
    return _commands_home
