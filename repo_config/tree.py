"""A repository's files as everything here sees them: paths and bytes, nothing that runs."""

from __future__ import annotations

from typing import Protocol


class Tree(Protocol):
    """A work tree to read: tracked regular files only."""

    def paths(self) -> tuple[str, ...]:
        """All paths, relative, with forward slashes, sorted."""
        ...

    def read(self, path: str) -> bytes:
        """Content of one of these paths."""
        ...
