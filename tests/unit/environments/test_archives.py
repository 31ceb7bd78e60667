from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile

import pytest

from agent.environments import archives, wheel_files
from agent.errors import EnvironmentFailed

#: Runs a call that must fail, and prints how many MiB the process had at most.
MEASURE = """
import resource, sys
from pathlib import Path
from agent.environments import pointing, wheel_files
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    if sys.argv[1].endswith(".whl"):
        pointing.point_at_tree(Path(sys.argv[1]), TreeFiles(Path("/nonexistent")), "")
    else:
        wheel_files.pyproject_of(Path(sys.argv[1]))
except EnvironmentFailed:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def growth(path) -> int:
    """MiB that reading a bomb costs; it must be refused."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return int(done.stdout)


def pax_bomb(path, size: int) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, size
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(size // 1024**2):
            file.write(bytes(1024**2))


def test_a_long_header_of_an_archive_is_not_read(tmp_path):
    pax_bomb(tmp_path / "a-1.tar.gz", 150 * 1024**2)
    assert (tmp_path / "a-1.tar.gz").stat().st_size < 3 * 1024**2
    assert growth(tmp_path / "a-1.tar.gz") < 60


def test_a_wheel_that_unpacks_to_far_too_much_is_not_read(tmp_path):
    path = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        with packed.open("a/zeros", "w", force_zip64=False) as file:
            for _ in range(150):
                file.write(bytes(1024**2))
        packed.writestr("a-1.dist-info/METADATA", "Name: a\nVersion: 1\n")
    assert growth(path) < 60
    # One that claims to be small is no better.
    content = path.read_bytes().replace(
        (150 * 1024**2).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    )
    path.write_bytes(content)
    assert growth(path) < 60


def test_an_entry_larger_than_asked_for_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("a", b"x" * 11)
        packed.writestr("b", b"x" * 11, zipfile.ZIP_LZMA)
    with archives.open_zip(tmp_path / "a.zip") as packed:
        first, second = packed.infolist()
        assert archives.read_entry(packed, first, 11) == b"x" * 11
        with pytest.raises(zipfile.BadZipFile, match="more than 10"):
            archives.read_entry(packed, first, 10)
        with pytest.raises(zipfile.BadZipFile, match="uncommon"):
            archives.read_entry(packed, second, 100)


def test_a_list_of_too_many_entries_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_LIST", 100)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for number in range(20):
            packed.writestr(f"file{number}", "")
    with (
        pytest.raises(zipfile.BadZipFile, match="too long"),
        archives.open_zip(tmp_path / "a.zip"),
    ):
        pass


def test_a_file_is_found_behind_others_of_every_size(tmp_path):
    path = tmp_path / "a-1.tar.gz"
    files = {
        f"a-1/{'long' * 60}": b"x" * 513, "a-1/large": bytes(3 * 1024**2),
        "a-1/pyproject.toml": b"x = 1\n",
    }  # fmt: skip
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    assert wheel_files.pyproject_of(path) == {"x": 1}


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b broken"])
@pytest.mark.parametrize("name", ["a-1.tar.gz", "a-1.tar.bz2"])
def test_what_is_no_archive_is_said_so_or_empty(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EnvironmentFailed, match="cannot be read"):
        wheel_files.pyproject_of(tmp_path / name)
