"""Say what differs between the base of a tree and the tree, and which files a command left behind.

Part of `runner.py`; only while nothing else runs: nothing moves, so looking at a path and then
opening it cannot be raced. Links are never followed, and nothing that could block is opened.
Content decides, never a time: a page that was written through a mapping leaves the times alone.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

TYPE_CHECKING = False  # see commands.py
if TYPE_CHECKING:
    from io import BufferedReader
    from typing import Any

    Entries = dict[str, os.DirEntry[str]]

MOST_REFUSALS = 100
MOST_NEW = 500
MOST_ENTRIES = 200_000
MOST_CHARACTERS = 8 * 1024**2
MOST_DEPTH = 200
PIECE_BYTES = 1 << 20
#: What a path has become.
FILE, GONE, MODE, LINK, SPECIAL, REPOSITORY, CLOSED = range(7)


def open_plain(path: str) -> BufferedReader:
    """Open a file for reading that can neither redirect nor block us."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags), "rb")


def has_same_content(path: str, other: str) -> bool:
    with open_plain(path) as one, open_plain(other) as two:
        if os.fstat(one.fileno()).st_size != os.fstat(two.fileno()).st_size:
            return False
        while True:
            piece = one.read(PIECE_BYTES)
            if piece != two.read(PIECE_BYTES):
                return False
            if not piece:
                return True


def is_same_link(path: str, other: str) -> bool:
    try:
        return os.readlink(path) == os.readlink(other)
    except OSError:
        return False


# --- what a command hands back ---------------------------------------------------------------


class Collection:
    """The regular files that are asked for, within the caps, and why others were left."""

    def __init__(self, order: dict[str, Any], request: dict[str, Any]) -> None:
        self.tree = order["tree"]
        #: What the tree was made from, the uppermost first.
        self.sources = [layer + "/tree" for layer in order["layers"]]
        self.sources = [*filter(None, [order["source"]]), *reversed(self.sources)]
        #: Large folders of the set-up, of which nothing is returned.
        self.bulk = {folder["to"] for folder in order["bulk"]}
        self.most_bytes, self.most_files = request["returned_bytes"], request["returned_files"]
        self.files: dict[str, int] = {}
        self.refused: list[str] = []
        self.bytes = 0
        self.over = False
        #: Paths of the tree that were not there before the command.
        self.new: list[str] = []
        if request.get("lists_new"):
            laid = {file["path"] for file in order["files"]}
            self.list_new(self.tree, laid | self.bulk)
        for wanted in request["collect"]:
            self.collect(*os.path.split(wanted))

    def collect(self, folder: str, name: str) -> None:
        """Consider a file of a folder; `*` means all of them."""
        if os.path.realpath(folder) != folder:
            self.refuse(folder, "symbolic link")
            return
        try:
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                if name in ("*", entry.name) and not entry.is_dir(follow_symlinks=False):
                    self.consider(entry.path, os.lstat(entry.path))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as problem:  # such as a path that is too long
            self.refuse(folder, str(problem.strerror))

    def refuse(self, path: str, why: str) -> None:
        if len(self.refused) < MOST_REFUSALS:
            shown = path.encode("utf-8", "replace").decode("utf-8")[:300]
            self.refused.append("%s: %s" % (shown, why))

    def list_new(self, folder: str, known: set[str]) -> None:
        """Note files that neither the tree that was given has nor what was laid over it."""
        with suppress(OSError):
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                path = entry.path[len(self.tree) :]
                if entry.path in known or len(self.new) >= MOST_NEW:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != ".git" and path.count("/") < MOST_DEPTH:
                        self.list_new(entry.path, known)
                elif not any(os.path.lexists(source + path) for source in self.sources):
                    self.new.append(path[1:].encode("utf-8", "replace").decode())

    def consider(self, path: str, state: os.stat_result) -> None:
        if path in self.files or self.is_as_given(path, state):
            return
        why = find_objection(path, state)
        if why is None and self.bytes + state.st_size > self.most_bytes:
            self.over, why = True, "too large (%d bytes)" % state.st_size
        if why is None and len(self.files) >= self.most_files:
            self.over, why = True, "too many files"
        if why is None:
            self.files[path] = state.st_size
            self.bytes += state.st_size
        else:
            self.refuse(path, why)

    def is_as_given(self, path: str, state: os.stat_result) -> bool:
        """Whether the tree was given with this very file or link."""
        if not path.startswith(self.tree + "/"):
            return False
        compare = is_same_link if stat.S_ISLNK(state.st_mode) else has_same_content
        if compare is has_same_content and not stat.S_ISREG(state.st_mode):
            return False
        for source in self.sources:
            with suppress(OSError):
                if compare(path, source + path[len(self.tree) :]):
                    return True
        return False


def find_objection(path: str, state: os.stat_result) -> str | None:
    """Say why a file may not leave the sandbox, whatever its size."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if stat.S_ISLNK(state.st_mode):
        return "symbolic link"
    if not stat.S_ISREG(state.st_mode):
        return "pipe, socket or device"
    if state.st_nlink != 1:
        return "has a second name (hard link)"
    return None if os.access(path, os.R_OK) else "not readable"


# --- what differs from the base --------------------------------------------------------------


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
        """Length of all paths together."""
        self.is_cut = False

    def add(self, path: str, kind: int, state: os.stat_result | None = None) -> None:
        self.characters += len(path)
        if len(self.entries) >= MOST_ENTRIES or self.characters > MOST_CHARACTERS:
            self.is_cut = True
            return
        size, mode = (state.st_size, state.st_mode) if state is not None else (0, 0)
        self.entries.append((path[1:], kind, size, bool(mode & stat.S_IXUSR)))

    def walk(self) -> None:
        todo = [""]
        while todo and not self.is_cut:
            folder = todo.pop()
            try:
                now = list_folder(self.tree + folder)
                guide = now if self.guide is None else list_folder(self.guide + folder)
            except OSError:
                self.add(folder, CLOSED)
                continue
            before = list_base(self.base + folder)
            for name in before.keys() - now.keys():
                self.note_missing(folder + "/" + name, before[name])
            for name in guide.keys() & now.keys():
                path = folder + "/" + name
                try:
                    if path == "/.git" or (name not in before and self.is_laid(path)):
                        continue
                    if self.compare(path, now[name], before.get(name)):
                        todo.append(path)
                except OSError:  # such as a path that is too long
                    self.add(path, CLOSED)

    def compare(self, path: str, now: os.DirEntry[str], before: os.DirEntry[str] | None) -> bool:
        """Remember what one name has become; say whether it is a folder to look into."""
        state = now.stat(follow_symlinks=False)
        was_folder = before is not None and before.is_dir(follow_symlinks=False)
        if stat.S_ISDIR(state.st_mode):
            if now.name.casefold() == ".git":
                self.add(path, REPOSITORY)
                return False
            if before is not None and not was_folder:
                self.note_missing(path, before)
            if path.count("/") > MOST_DEPTH:
                self.add(path, CLOSED)
                return False
            return True
        if was_folder and stat.S_ISREG(state.st_mode):
            self.note_missing(path, before)
            before = None
        if stat.S_ISLNK(state.st_mode) or (before is not None and before.is_symlink()):
            if not is_same_link(self.tree + path, self.base + path):
                self.add(path, LINK)
        elif not stat.S_ISREG(state.st_mode):
            self.add(path, SPECIAL)
        else:
            if not state.st_mode & stat.S_IRUSR:
                os.chmod(self.tree + path, 0o600)
            if before is None or not has_same_content(self.tree + path, self.base + path):
                self.add(path, FILE, state)
            elif (before.stat(follow_symlinks=False).st_mode ^ state.st_mode) & stat.S_IXUSR:
                self.add(path, MODE, state)
        return False

    def is_laid(self, path: str) -> bool:
        """Whether the set-up made this, so that it is in no change."""
        if self.tree + path in self.bulk:
            return True
        for layer in self.layers:
            with suppress(OSError):
                if not stat.S_ISDIR(os.lstat(layer + path).st_mode):
                    return True
        return False

    def note_missing(self, path: str, before: os.DirEntry[str]) -> None:
        """Remember that what the base has is not there any more, with all that was in it."""
        if before.is_dir(follow_symlinks=False):
            for name, entry in list_base(self.base + path).items():
                self.note_missing(path + "/" + name, entry)
        else:
            self.add(path, LINK if before.is_symlink() else GONE)


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
