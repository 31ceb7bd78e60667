"""A work tree that is read and written without ever following a link; originals are remembered."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent.errors import AgentError, EditFailed, StorageFull
from agent.git import by_descriptor, names
from agent.models.change import Change, ChangedFile


@dataclass(frozen=True)
class _File:
    content: bytes
    executable: bool


class WorkTree:
    """The files of a folder; implements `repo_config.tree.Tree` and adds writing."""

    def __init__(self, folder: Path, paths: Iterable[str]) -> None:
        """Take the folder as it is; `paths` are its tracked regular files."""
        self.folder = folder
        self._paths = set(paths)
        self._originals: dict[str, _File | None] = {}

    def paths(self) -> tuple[str, ...]:
        """All regular files, relative, with forward slashes, sorted; links are not among them."""
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
        """Create or replace a file, and the folders it needs; whole or not at all.

        `executable` None keeps what the file has; a new one is then not executable.
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
        """Delete a file, and the folders that are empty without it."""
        if self._remember(path) is None:
            raise EditFailed(f"`{path}` cannot be deleted: there is no such file")
        try:
            by_descriptor.delete_file(str(self.folder), path)
        except OSError as problem:
            raise _explain_refusal(path, problem) from problem
        self._paths.discard(path)

    def changes(self) -> tuple[ChangedFile, ...]:
        """Everything that now differs from the original, sorted by path."""
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
        """Make the files what they were after an earlier Change on the same base commit."""
        for file in change.files:
            present = self.read(file.path) if file.path in self._paths else None
            if present != file.before:
                raise EditFailed(f"`{file.path}` is not the file that the change was made from")
        # Deletions first: a file may stand where a folder is needed.
        for file in sorted(change.files, key=lambda file: file.after is not None):
            if file.after is None:
                self.delete(file.path)
            else:
                self.write(file.path, file.after, executable=file.executable)

    # --- by descriptor -----------------------------------------------------------------------

    def _remember(self, path: str) -> _File | None:
        """Keep the original the first time; return what is there now."""
        if problem := names.name_problem(path):
            raise EditFailed(f"`{_format_path(path)}` cannot be edited: {problem}")
        present = self._load(path) if path in self._paths else None
        self._originals.setdefault(path, present)
        return present

    def _load(self, path: str) -> _File:
        with self._open_file(path) as file:
            executable = bool(os.fstat(file.fileno()).st_mode & stat.S_IXUSR)
            return _File(file.read(), executable)

    @contextmanager
    def _open_file(self, path: str) -> Iterator[BinaryIO]:
        """Open one of the paths for reading; a regular file and nothing else."""
        if problem := names.name_problem(path):
            raise EditFailed(f"`{_format_path(path)}` cannot be read: {problem}")
        if path not in self._paths:
            raise EditFailed(f"`{path}` is not a tracked file of the repository")
        try:
            with by_descriptor.open_parent(str(self.folder), path) as (parent, name):
                descriptor = os.open(name, by_descriptor.READ, dir_fd=parent)
        except OSError as refusal:
            raise _explain_refusal(path, refusal) from refusal
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise EditFailed(f"`{path}` is not a regular file")
            if state.st_nlink != 1:
                raise EditFailed(f"`{path}` is a hard link; its other name may lie anywhere")
            yield file


def _explain_refusal(path: str, problem: OSError) -> AgentError:
    if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"No space left to write `{path}` in the work tree; nothing was changed")
    if by_descriptor.is_link(problem):
        return EditFailed(
            f"`{path}` leads through a symbolic link or a file; links are not followed"
        )
    return EditFailed(f"`{path}` cannot be read or edited: {problem.strerror}")


def _format_path(path: str) -> str:
    return path.encode("unicode_escape", "replace").decode()[:200]
