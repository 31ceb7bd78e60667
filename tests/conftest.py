"""What every test may use."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a data folder that the rooms' own user can reach, unlike pytest's tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="mergewright-test-", dir="/tmp"))
    folder.chmod(0o711)
    os.umask(0o022)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
