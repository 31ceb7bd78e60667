"""A work tree that is read and written without ever following a link; originals are remembered."""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from agent.errors import AgentError, EditFailed, StorageFull
from agent.git import by_descriptor, names
from agent.models.change import Change, ChangedFile

#: Folders of tools, which are not part of a project.
_FOREIGN = frozenset(
    {".git", ".hg", ".svn", ".tox", ".nox", ".venv", "node_modules", "__pycache__", ".eggs"}
)


class _File(NamedTuple):
    content: bytes
    executable: bool


class WorkTree:
    """The files of a folder; implements `repo_config.tree.Tree` and adds writing."""

    def __init__(self, folder: Path, paths: Iterable[str]) -> None:
        """Open a folder; `paths` are its tracked regular files."""
        self.folder = folder
        self._paths = set(paths)
        self._originals: dict[str, _File | None] = {}

    def paths(self) -> tuple[str, ...]:
        """List the sorted relative paths of regular files, not links, with forward slashes."""
        return tuple(sorted(self._paths))

    def has_path(self, path: str) -> bool:
        return path in self._paths

    def is_executable(self, path: str) -> bool:
        """Whether one of these paths can be started; fails as `read` does."""
        return self._load(path).executable

    def read(self, path: str) -> bytes:
        """Return the content of one of these paths; EditFailed: it is no plain file."""
        return self._load(path).content

    def write(self, path: str, content: bytes, *, executable: bool | None = None) -> None:
        """Create or replace a file as a whole, and the folders it needs.

        `executable` None keeps the mode; a new file is not executable.
        """
        before = self._remember(path)
        if executable is None:
            executable = before.executable if before else False
        try:
            by_descriptor.replace_file(str(self.folder), path, content, executable=executable)
        except OSError as problem:
            raise _explain_refusal(path, problem) from problem
        self._paths.add(path)

    def delete(self, path: str) -> None:
        if self._remember(path) is None:
            raise EditFailed(f"`{path}` cannot be deleted: there is no such file")
        try:
            by_descriptor.delete_file(str(self.folder), path)
        except OSError as problem:
            raise _explain_refusal(path, problem) from problem
        self._paths.discard(path)

    def changes(self) -> tuple[ChangedFile, ...]:
        changed = []
        for path, before in sorted(self._originals.items()):
            after = self._load(path) if path in self._paths else None
            if after != before:
                changed.append(
                    ChangedFile(
                        path=path,
                        before=before.content if before else None,
                        after=after.content if after else None,
                        executable=after.executable if after else False,
                    )
                )
        return tuple(changed)

    def replay(self, change: Change) -> None:
        """Restore the files of an earlier Change on the same base commit."""
        for file in change.files:
            present = self.read(file.path) if file.path in self._paths else None
            if present != file.before:
                raise EditFailed(f"`{file.path}` has changed since the change was made")
        # Deletions first: a file may be where a folder is needed.
        for file in sorted(change.files, key=lambda file: file.after is not None):
            if file.after is None:
                self.delete(file.path)
            else:
                self.write(file.path, file.after, executable=file.executable)

    def _remember(self, path: str) -> _File | None:
        """Remember the original once; return the present file."""
        _require_plain(path)
        present = self._load(path) if path in self._paths else None
        self._originals.setdefault(path, present)
        return present

    def _load(self, path: str) -> _File:
        """Read one of the paths; EditFailed: it is not a regular file."""
        _require_plain(path)
        if path not in self._paths:
            raise EditFailed(f"`{path}` is not a tracked file of the repository")
        try:
            with by_descriptor.open_parent(str(self.folder), path) as (parent, name):
                file = os.fdopen(os.open(name, by_descriptor.READ, dir_fd=parent), "rb")
        except OSError as refusal:
            raise _explain_refusal(path, refusal) from refusal
        with file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise EditFailed(f"`{path}` is not a regular file")
            if state.st_nlink != 1:
                raise EditFailed(f"`{path}` is a hard link; its other name may be anywhere")
            return _File(file.read(), bool(state.st_mode & stat.S_IXUSR))


def open_folder(folder: Path) -> WorkTree:
    """Open a folder with its regular files, except those in folders of tools."""
    paths: list[str] = []
    for above, below, files in os.walk(folder):
        below[:] = (
            name
            for name in below
            if name not in _FOREIGN and not Path(above, name, "pyvenv.cfg").exists()
        )
        places = (Path(above, name) for name in files)
        regular = (place for place in places if stat.S_ISREG(place.lstat().st_mode))
        paths += (place.relative_to(folder).as_posix() for place in regular)
    return WorkTree(folder, (path for path in paths if names.name_problem(path) is None))


def _require_plain(path: str) -> None:
    if problem := names.name_problem(path):
        shown = path.encode("unicode_escape", "replace").decode()[:200]
        raise EditFailed(f"`{shown}` cannot be read or edited: {problem}")


def _explain_refusal(path: str, problem: OSError) -> AgentError:
    if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"No space left to write `{path}` in the work tree; nothing was changed")
    if by_descriptor.is_link(problem):
        return EditFailed(
            f"`{path}` goes through a symbolic link or a file; links are not followed"
        )
    return EditFailed(f"`{path}` cannot be read or edited: {problem.strerror}")
