"""A tree that needs no folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from repo_config.tree import Tree


class MemoryTree:
    """Files by path; counts what is read."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self._files = {
            path: text.encode() if isinstance(text, str) else text for path, text in files.items()
        }
        self._paths = tuple(sorted(self._files))
        self.read_paths: list[str] = []

    def paths(self) -> tuple[str, ...]:
        return self._paths

    def read(self, path: str) -> bytes:
        self.read_paths.append(path)
        return self._files[path]


@pytest.fixture
def tree() -> Callable[[Mapping[str, str | bytes]], Tree]:
    """Make a tree of path and content."""
    return MemoryTree
