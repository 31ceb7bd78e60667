"""Disks of a few megabytes, to be filled up."""

import subprocess
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def small_disk():
    """Make file systems of so many megabytes, in memory; they go with the test."""
    made: list[Path] = []

    def make(megabytes: int) -> Path:
        # Sandboxes pass through, as with the fixture `home`.
        folder = Path(tempfile.mkdtemp(prefix="mergewright-test-", dir="/tmp"))
        options = f"size={megabytes}m,mode=0711"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
        made.append(folder)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path, *, but: int = 0) -> Path:
    """Leave no byte free, or so many; returns the file that frees the disk when it is removed."""
    place = disk / "filling"
    with place.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65_536)
        except OSError:
            pass
        size = file.tell()
        file.truncate(max(0, size - but))
    return place
