"""Data folders of tests, which the users of rooms can enter, unlike pytest's own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Of the process environment: where all processes of one test run keep what they have built.
BUILT = "ENVIRONMENTS_OF_TESTS"


@contextmanager
def data_folder(name: str = "test", *, built: bool = False) -> Iterator[Path]:
    """Make one below /tmp, and remove it.

    Args:
        built: It has the environments that other tests of this run have built, for tests that are
            not about building.
    """
    os.umask(0o022)
    folder = Path(tempfile.mkdtemp(prefix=f"mergewright-{name}-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        if built:
            (folder / "environments").symlink_to(os.environ[BUILT])
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
