"""What every test may use."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# A test run in the background of a shell ignores Ctrl-C, and so would every program that the
# tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a data folder that the rooms' own user can reach, unlike pytest's tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="mergewright-test-", dir="/tmp"))
    folder.chmod(0o711)
    os.umask(0o022)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open the way to the package index for the tests that are about installing."""
    for item in items:
        if item.get_closest_marker("index") or item.get_closest_marker("thirdparty"):
            item.add_marker(pytest.mark.enable_socket)
