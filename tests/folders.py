"""Data folders of tests, which the users of rooms can enter, unlike pytest's own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def data_folder(name: str = "test") -> Iterator[Path]:
    """Make one below /tmp, and remove it."""
    os.umask(0o022)
    folder = Path(tempfile.mkdtemp(prefix=f"mergewright-{name}-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
