"""Read wheels and source archives that strangers have made, within bounds. Pure but for reading.

A few kilobytes can claim, or unpack to, gigabytes: by their content, by their headers, by the
number of their entries. Whoever reads an archive on the host does it through here.
"""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_CHUNK = 64 * 1024
#: The list of entries that a zip file ends with.
_MOST_LIST = 8 * 1024**2
#: How far into the unpacked archive is looked.
_MOST_UNPACKED = 512 * 1024**2
#: Headers and the files that are read; each header has 512 bytes, so this bounds their number.
_MOST_READ = 32 * 1024**2
_LIST_END, _LIST_END_BYTES, _LIST_END_64 = b"PK\5\6", 22, b"PK\6\7"
_LIST_END_64_BYTES = 20

#: What reading an archive raises where it is damaged, hostile or none.
PROBLEMS = (
    OSError, EOFError, ValueError, NotImplementedError, RuntimeError,
    tarfile.TarError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file whose list of entries is of a sensible size.

    Raises:
        BadZipFile: It is no zip file, or a list is hidden or far too long.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 65_536 - _LIST_END_BYTES - _LIST_END_64_BYTES))
        tail = file.read()
    # Found as zipfile finds it: the record is the last one, and it is whole.
    at = tail.rfind(_LIST_END)
    if at < 0 or len(tail) - at < _LIST_END_BYTES:
        raise zipfile.BadZipFile("it does not end as a zip file does")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if length > _MOST_LIST or tail[max(0, at - _LIST_END_64_BYTES) :].startswith(_LIST_END_64):
        raise zipfile.BadZipFile("its list of entries is far too long")
    with zipfile.ZipFile(path) as packed:
        yield packed


def read_entry(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """Read one entry of a zip file, whatever size it claims.

    Raises:
        BadZipFile: It has more than `most` bytes, or is packed in an uncommon way.
    """
    # The other methods unpack any amount from a small piece at once.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile(f"{entry.filename} is packed in an uncommon way")
    if entry.file_size > most:
        raise zipfile.BadZipFile(f"{entry.filename} has more than {most} bytes")
    with packed.open(entry) as file:
        return _read(file, most, entry.filename)


def files_of(archive: Path, name: str, most: int) -> Iterator[tuple[str, bytes]]:
    """Give the files of that name in a source archive, by their paths; larger ones are left out.

    Raises:
        One of PROBLEMS: It cannot be read, or not within bounds.
    """
    if archive.suffix == ".zip":
        with open_zip(archive) as packed:
            for entry in packed.infolist():
                if entry.filename.endswith(f"/{name}") and entry.file_size <= most:
                    yield entry.filename, read_entry(packed, entry, most)
        return
    # Both unpack no more than they are asked for; xz may ask for gigabytes of its own.
    unpack = bz2.BZ2File if archive.suffix == ".bz2" else gzip.GzipFile
    with unpack(archive) as stream, tarfile.TarFile(fileobj=_Bounded(stream)) as unpacked:
        for member in unpacked:
            wanted = member.isreg() and member.size <= most and member.name.endswith(f"/{name}")
            file = unpacked.extractfile(member) if wanted else None
            if file is not None:
                yield member.name.removeprefix("./"), _read(file, most, member.name)


class _Bounded(io.RawIOBase):
    """An unpacked stream that tires: of long headers, of many, of an end that does not come.

    tarfile reads a header of any claimed length at once, and skips content by `seek`.
    """

    def __init__(self, stream: gzip.GzipFile | bz2.BZ2File) -> None:
        super().__init__()
        self._stream = stream
        self._read = 0

    def read(self, size: int = -1, /) -> bytes:
        self._read += size
        if not 0 <= size <= _CHUNK:
            raise tarfile.ReadError(f"it has a header of {size} bytes")
        if self._read > _MOST_READ or self._stream.tell() > _MOST_UNPACKED:
            raise tarfile.ReadError("it has far too many entries, or unpacks to far too much")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or offset > _MOST_UNPACKED:
            raise tarfile.ReadError(f"it unpacks to more than {_MOST_UNPACKED} bytes")
        return self._stream.seek(offset)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _read(file: IO[bytes], most: int, name: str) -> bytes:
    """Read in small pieces: asked for all, zipfile unpacks first and counts afterwards."""
    content = bytearray()
    while piece := file.read(_CHUNK):
        content += piece
        if len(content) > most:
            raise zipfile.BadZipFile(f"{name} has more than {most} bytes")
    return bytes(content)
