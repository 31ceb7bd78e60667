"""Read the few files of a work tree that declare its environment. Pure but for reading."""

from __future__ import annotations

import hashlib
import os
import stat
from functools import cached_property
from hashlib import file_digest
from pathlib import Path

from agent.errors import EnvironmentFailed
from repo_config.project_files import ProjectFiles

#: No declaration is larger; a bigger file is not one.
_LARGEST = 8 * 1024**2
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class WorkTreeFiles:
    """The files of one tree; nothing outside it is ever read, whatever links say."""

    def __init__(self, root: Path, base: str = "") -> None:
        """Take the root of the tree; paths are relative to `base`, a folder in it."""
        self.root = Path(os.path.realpath(root))
        self.base = base

    def from_root_folder(self) -> WorkTreeFiles:
        """The same with paths relative to the root."""
        return WorkTreeFiles(self.root)

    @cached_property
    def detection_files(self) -> ProjectFiles:
        """The regular files below the base, as detection reads them."""
        return ProjectFiles(_ListedFiles(self))

    def read(self, path: str) -> bytes | None:
        """Content of a regular file of the tree; None where there is none, or one far too large."""
        place = Path(os.path.realpath(self.root / self.base / path))
        is_inside = place.is_relative_to(self.root) and place.is_file()
        return place.read_bytes() if is_inside and place.stat().st_size <= _LARGEST else None

    def digest(self) -> bytes:
        """Sum up all of the tree that a build can see: a setup.py may import whatever is in it.

        Raises:
            EnvironmentFailed: It cannot be read.
        """
        total = hashlib.sha256()
        try:
            for folder, folders, names in os.walk(self.root, onerror=_raise):
                folders.sort()
                for name in sorted((*folders, *names)):
                    place = Path(folder, name)
                    said = f"{place.relative_to(self.root)}\0".encode(errors="surrogateescape")
                    total.update(said + _digest_entry(place))
        except OSError as problem:
            raise EnvironmentFailed(f"The tree cannot be read: {problem}.") from problem
        return total.digest()

    def digest_entry(self, path: str) -> str:
        """Sum up what stands at a path from the root; of a folder, which names it has."""
        place = self.root / path
        try:
            is_folder = place.is_dir() and not place.is_symlink()
            names = (
                sorted(os.fsencode(below.name) for below in place.iterdir()) if is_folder else ()
            )
            return hashlib.sha256(_digest_entry(place) + b"\0".join(names)).hexdigest()
        except OSError:
            return ""


def _raise(problem: OSError) -> None:
    raise problem


def _digest_entry(place: Path) -> bytes:
    """Sum up what a file, folder or link is, and what it holds."""
    state = place.lstat()
    kind = f"{stat.S_IFMT(state.st_mode)} {state.st_mode & stat.S_IXUSR}".encode()
    content = b""
    if stat.S_ISLNK(state.st_mode):
        content = os.fsencode(place.readlink())
    elif stat.S_ISREG(state.st_mode):
        with os.fdopen(os.open(place, _READ), "rb", buffering=0) as file:
            content = file_digest(file, "sha256").digest()
    return hashlib.sha256(kind + content).digest()


class _ListedFiles:
    """Regular files, never by a link; implements `repo_config.tree.Tree`."""

    def __init__(self, files: WorkTreeFiles) -> None:
        self._files = files
        self._root = files.root / files.base

    def paths(self) -> tuple[str, ...]:
        found = (Path(folder, name) for folder, _, names in os.walk(self._root) for name in names)
        regular = (path for path in found if not path.is_symlink() and path.is_file())
        return tuple(sorted(str(path.relative_to(self._root)) for path in regular))

    def read(self, path: str) -> bytes:
        return self._files.read(path) or b""
