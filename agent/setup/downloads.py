"""What gateways have read and its server calls immutable (RFC 8246), by its address."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from agent.telemetry.private_files import write_private_file

#: Headers by which one address has several answers.
_VARYING = ("accept", "accept-encoding")
_KEPT = ("content-type", "content-encoding", "cache-control")


@dataclass(frozen=True)
class CachedDownload:
    place: Path
    headers: Mapping[str, str]
    size: int

    def open(self) -> BinaryIO:
        return self.place.open("rb")


class Downloads:
    """Files below a folder; the least recently used are deleted first."""

    def __init__(self, folder: Path, most_bytes: int = 8 * 1024**3) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, url: str, asked: Mapping[str, str]) -> CachedDownload | None:
        place = self._locate(url, asked)
        try:
            headers = json.loads(place.with_suffix(".json").read_bytes())
            os.utime(place)
            return CachedDownload(place, headers, place.stat().st_size)
        except (OSError, ValueError):
            return None

    @contextmanager
    def open(
        self, url: str, asked: Mapping[str, str], status: int, headers: Mapping[str, str]
    ) -> Iterator[IO[bytes] | None]:
        """Give a file for an answer that may be kept, and keep it when the block ends well."""
        control = headers.get("cache-control", "").lower()
        is_fit = status == 200 and not {"set-cookie", "content-range"}.intersection(headers)
        is_fit &= "immutable" in control and "no-store" not in control and "private" not in control
        is_fit &= {*headers.get("vary", "").lower().replace(" ", "").split(",")} <= {"", *_VARYING}
        kept = {name: headers[name] for name in _KEPT if name in headers}
        place = self._locate(url, asked)
        if not is_fit:
            yield None
            return
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            part = Path(file.name)
            try:
                yield file
                file.flush()
                part.replace(place)
                write_private_file(place.with_suffix(".json"), json.dumps(kept))
            finally:
                part.unlink(missing_ok=True)

    def trim(self) -> None:
        """Remove what was of no use for longest, until the rest is small enough."""
        found = []
        for place in self._folder.iterdir():
            with suppress(FileNotFoundError):
                state = place.stat()
                found.append((state.st_mtime, state.st_size, place))
        size = sum(entry[1] for entry in found)
        for _, each, place in sorted(found):
            if size <= self._most_bytes:
                return
            place.unlink(missing_ok=True)
            size -= each

    def _locate(self, url: str, asked: Mapping[str, str]) -> Path:
        asked_for = "\0".join((url, *(asked.get(name, "") for name in _VARYING)))
        return self._folder / hashlib.sha256(asked_for.encode()).hexdigest()
