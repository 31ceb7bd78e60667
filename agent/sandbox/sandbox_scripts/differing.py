"""Say what differs between the base of a session and its tree.

Beside `runner.py`, and only while nothing else runs: nothing moves, so a path that was found to go
through no link still does not when it is opened. Content decides, never a time: a page that was
written through a mapping leaves the times as they were.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

import collection

TYPE_CHECKING = False  # see runner.py
if TYPE_CHECKING:
    Entries = dict[str, os.DirEntry[str]]

MOST_ENTRIES = 200_000
MOST_CHARACTERS = 8 * 1024**2
MOST_DEPTH = 200
PIECE_BYTES = 1 << 20
#: What an entry says of its path.
FILE, GONE, MODE, LINK, SPECIAL, REPOSITORY, CLOSED = range(7)


class Difference:
    """A walk over the tree; where there is an upper layer of an overlay, over what that has."""

    def __init__(self, base: str, tree: str, guide: str | None) -> None:
        self.base = base
        self.tree = tree
        self.guide = guide
        #: What the set-up made, of which nothing is in a change: folders like the tree, places.
        self.layers: list[str] = []
        self.bulk: set[str] = set()
        self.entries: list[tuple[str, int, int, bool]] = []
        """Path, what it is, size, whether its owner may execute it."""
        self.characters = 0
        """Of all paths."""
        self.is_cut = False

    def add(self, path: str, kind: int, state: os.stat_result | None = None) -> None:
        self.characters += len(path)
        if len(self.entries) >= MOST_ENTRIES or self.characters > MOST_CHARACTERS:
            self.is_cut = True
            return
        size, mode = (state.st_size, state.st_mode) if state is not None else (0, 0)
        self.entries.append((path, kind, size, bool(mode & stat.S_IXUSR)))

    def walk(self) -> None:
        todo = [""]
        while todo and not self.is_cut:
            folder = todo.pop()
            try:
                now = list_folder(self.tree + folder)
                guide = now if self.guide is None else list_folder(self.guide + folder)
            except OSError:
                self.add(folder[1:], CLOSED)
                continue
            before = list_base(self.base + folder)
            for name in before.keys() - now.keys():
                self.miss(folder + "/" + name, before[name])
            for name in guide.keys() & now.keys():
                path = folder + "/" + name
                try:
                    if name not in before and self.is_laid(path):
                        continue
                    if path != "/.git" and self.compare(path, now[name], before.get(name)):
                        todo.append(path)
                except OSError:  # such as a path that is too long
                    self.add(path[1:], CLOSED)

    def compare(self, path: str, now: os.DirEntry[str], before: os.DirEntry[str] | None) -> bool:
        """Remember what one name has become; say whether it is a folder to look into."""
        state = now.stat(follow_symlinks=False)
        was_folder = before is not None and before.is_dir(follow_symlinks=False)
        was_link = before is not None and before.is_symlink()
        if stat.S_ISDIR(state.st_mode):
            if now.name.casefold() == ".git":
                self.add(path[1:], REPOSITORY)
                return False
            if before is not None and not was_folder:
                self.miss(path, before)
            if path.count("/") > MOST_DEPTH:
                self.add(path[1:], CLOSED)
                return False
            return True
        if was_folder and before is not None and stat.S_ISREG(state.st_mode):
            self.miss(path, before)
            before = None
        if stat.S_ISLNK(state.st_mode) or was_link:
            if not self.is_same_link(path):
                self.add(path[1:], LINK)
        elif not stat.S_ISREG(state.st_mode):
            self.add(path[1:], SPECIAL)
        else:
            self.compare_file(path, state, before)
        return False

    def compare_file(
        self, path: str, state: os.stat_result, before: os.DirEntry[str] | None
    ) -> None:
        """Compare a regular file by its content, then by its mode."""
        try:
            if not state.st_mode & stat.S_IRUSR:
                os.chmod(self.tree + path, 0o600)
            if before is None or not has_same_content(self.tree + path, self.base + path):
                self.add(path[1:], FILE, state)
            elif (before.stat(follow_symlinks=False).st_mode ^ state.st_mode) & stat.S_IXUSR:
                self.add(path[1:], MODE, state)
        except OSError:
            self.add(path[1:], CLOSED)

    def is_laid(self, path: str) -> bool:
        """Whether the set-up made this, so that it is in no change."""
        if self.tree + path in self.bulk:
            return True
        for layer in self.layers:
            with suppress(OSError):
                if not stat.S_ISDIR(os.lstat(layer + path).st_mode):
                    return True
        return False

    def miss(self, path: str, before: os.DirEntry[str]) -> None:
        """Remember that what the base has is not there any more, with all that was in it."""
        if before.is_dir(follow_symlinks=False):
            for name, entry in list_base(self.base + path).items():
                self.miss(path + "/" + name, entry)
        else:
            self.add(path[1:], LINK if before.is_symlink() else GONE)

    def is_same_link(self, path: str) -> bool:
        """Whether the base has the same link in this place."""
        try:
            return os.readlink(self.tree + path) == os.readlink(self.base + path)
        except OSError:
            return False


def list_folder(folder: str) -> Entries:
    """List a folder; one that is closed to its owner is opened again."""
    try:
        return {entry.name: entry for entry in os.scandir(folder)}
    except PermissionError:
        os.chmod(folder, 0o755)  # noqa: S103 - of a copy that ends with the sandbox
        return {entry.name: entry for entry in os.scandir(folder)}


def list_base(folder: str) -> Entries:
    """List a folder of the base; empty where it has none."""
    try:
        return {entry.name: entry for entry in os.scandir(folder)}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def has_same_content(path: str, other: str) -> bool:
    with collection.open_plain(path) as one, collection.open_plain(other) as two:
        if os.fstat(one.fileno()).st_size != os.fstat(two.fileno()).st_size:
            return False
        while True:
            piece = one.read(PIECE_BYTES)
            if piece != two.read(PIECE_BYTES):
                return False
            if not piece:
                return True
