"""Cache what gateways download, by address, if the server calls it immutable (RFC 8246)."""

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

#: Request headers by which a server chooses one of several answers for the same address.
_VARYING = ("accept", "accept-encoding")
_STORED = ("content-type", "content-encoding", "cache-control")


@dataclass(frozen=True)
class CachedDownload:
    place: Path
    headers: Mapping[str, str]
    size: int

    def open(self) -> BinaryIO:
        return self.place.open("rb")


class Downloads:
    """Downloads in a folder; the least recently used are deleted first."""

    def __init__(self, folder: Path, most_bytes: int = 8 * 1024**3) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, url: str, request_headers: Mapping[str, str]) -> CachedDownload | None:
        place = self._locate(url, request_headers)
        try:
            headers = json.loads(place.with_suffix(".json").read_bytes())
            os.utime(place)
            return CachedDownload(place, headers, place.stat().st_size)
        except (OSError, ValueError):
            return None

    @contextmanager
    def open(
        self, url: str, request_headers: Mapping[str, str], status: int, headers: Mapping[str, str]
    ) -> Iterator[IO[bytes] | None]:
        """Yield a file for an answer, stored if the block succeeds; None: it may not be stored."""
        control = headers.get("cache-control", "").lower()
        is_fit = status == 200 and not {"set-cookie", "content-range"}.intersection(headers)
        is_fit &= "immutable" in control and "no-store" not in control and "private" not in control
        is_fit &= {*headers.get("vary", "").lower().replace(" ", "").split(",")} <= {"", *_VARYING}
        stored = {name: headers[name] for name in _STORED if name in headers}
        place = self._locate(url, request_headers)
        if not is_fit:
            yield None
            return
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            part = Path(file.name)
            try:
                yield file
                file.flush()
                part.replace(place)
                write_private_file(place.with_suffix(".json"), json.dumps(stored))
            finally:
                part.unlink(missing_ok=True)

    def trim(self) -> None:
        """Remove the least recently used files, until the rest is small enough."""
        entries = []
        for place in self._folder.iterdir():
            with suppress(FileNotFoundError):
                state = place.stat()
                entries.append((state.st_mtime, state.st_size, place))
        total = sum(size for _, size, _ in entries)
        for _, size, place in sorted(entries):
            if total <= self._most_bytes:
                return
            place.unlink(missing_ok=True)
            total -= size

    def _locate(self, url: str, request_headers: Mapping[str, str]) -> Path:
        key = "\0".join((url, *(request_headers.get(name, "") for name in _VARYING)))
        return self._folder / hashlib.sha256(key.encode()).hexdigest()
