"""The files of a repository as paths and bytes."""

from collections.abc import Mapping
from typing import Protocol


class Tree(Protocol):
    """A readable work tree: tracked regular files only."""

    def paths(self) -> tuple[str, ...]:
        """Return all relative paths, with forward slashes, sorted."""
        ...

    def read(self, path: str) -> bytes:
        """Return the content of one of these paths."""
        ...


class FolderTree:
    """A folder of a tree as a tree: paths are relative to the folder."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree = tree
        self._start = f"{folder}/" if folder else ""

    def paths(self) -> tuple[str, ...]:
        """Return all paths in the folder, relative to it, sorted."""
        start = self._start
        return tuple(
            path.removeprefix(start) for path in self._tree.paths() if path.startswith(start)
        )

    def read(self, path: str) -> bytes:
        """Return the content of one of these paths."""
        return self._tree.read(self._start + path)


class FolderFilter(FolderTree):
    """The files in a folder of a tree; paths are relative to the root of the tree."""

    def paths(self) -> tuple[str, ...]:
        """Return all paths in the folder, relative to the root of the tree, sorted."""
        return tuple(path for path in self._tree.paths() if path.startswith(self._start))

    def read(self, path: str) -> bytes:
        """Return the content of one of these paths."""
        return self._tree.read(path)


class ChangedTree:
    def __init__(self, tree: Tree, contents: Mapping[str, bytes | None]) -> None:
        """Replace contents of a tree, by path; None: the file is deleted."""
        self._tree = tree
        self._contents = contents

    def paths(self) -> tuple[str, ...]:
        every = {*self._tree.paths(), *self._contents}
        return tuple(sorted(path for path in every if self._contents.get(path, b"") is not None))

    def read(self, path: str) -> bytes:
        """Return the content of one of these paths."""
        content = self._contents.get(path)
        return self._tree.read(path) if content is None else content
