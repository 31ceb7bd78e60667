"""Files in memory, as trees of repositories."""

from __future__ import annotations

from collections.abc import Mapping


class DictTree:
    """A tree of files; remembers what is read."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self._files = {
            path: content.encode() if isinstance(content, str) else content
            for path, content in files.items()
        }
        self.reads: list[str] = []

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        return self._files[path]
