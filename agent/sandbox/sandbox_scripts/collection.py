"""Say what a command leaves behind: files that match, within the caps, and who is gone.

Beside `runner.py`. Files are gathered once every foreign process is dead: nothing moves any more,
so looking at a path and then opening it cannot be raced. Links are never followed, and nothing that
could block is opened.
"""

from __future__ import annotations

import filecmp
import os
import stat
from fnmatch import fnmatchcase

TYPE_CHECKING = False  # see runner.py
if TYPE_CHECKING:
    from io import BufferedReader
    from typing import Any

MOST_ENTRIES = 500_000
MOST_REFUSALS = 100
MOST_WORDS = 4000
LONGEST_NUMBER = 10


def matches(path: str, pattern: str) -> bool:
    """Hold a path against a glob, name by name; `**` at the end is all that is below."""
    names, wanted = path.split("/"), pattern.split("/")
    if wanted[-1] == "**":
        wanted[-1:] = ["*"] * max(1, len(names) - len(wanted) + 1)
    return len(names) == len(wanted) and all(map(fnmatchcase, names, wanted))


def find_start(pattern: str) -> str:
    """Return the folder up to the first wildcard."""
    names = pattern.split("/")[:-1]
    fixed = [number for number, name in enumerate(names) if any(sign in name for sign in "*?[")]
    return "/".join(names[: fixed[0]] if fixed else names) or "/"


class Collection:
    """The regular files that match, within the caps, and why others were left."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        #: Large folders of the set-up, of which nothing is handed back.
        self.bulk = {folder["to"] for folder in order["bulk"]}
        self.files: dict[str, int] = {}
        self.refused: list[str] = []
        self.refused_more = 0
        self.bytes = 0
        self.over = False
        self.seen = 0

    def refuse(self, path: str, why: str) -> None:
        """Remember why a match stays in the sandbox."""
        if len(self.refused) < MOST_REFUSALS:
            shown = path.encode("utf-8", "replace").decode("utf-8")[:300]
            self.refused.append("%s: %s" % (shown, why))
        else:
            self.refused_more += 1

    def gather(self) -> None:
        for pattern in self.order["collect"]:
            start = find_start(pattern)
            if self.linked(start):
                self.refuse(start, "symbolic link")
            else:
                self.walk(start, pattern)
        if self.refused_more:
            self.refused.append("and %d more" % self.refused_more)

    def linked(self, folder: str) -> bool:
        """Whether any part of this path is a symbolic link."""
        here = ""
        for name in folder.strip("/").split("/"):
            here += "/" + name
            if os.path.islink(here):
                return True
        return False

    def walk(self, start: str, pattern: str) -> None:
        """Visit a folder without ever going through a link."""
        todo = [start]
        deepest = None if pattern.endswith("/**") else pattern.count("/")
        while todo:
            folder = todo.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as problem:
                self.refuse(folder, str(problem.strerror))
                continue
            for entry in entries:
                self.seen += 1
                if self.seen > MOST_ENTRIES:
                    self.over = True
                    self.refuse(start, "too many entries to look through")
                    return
                if entry.is_dir(follow_symlinks=False):
                    if entry.path in self.bulk:
                        continue
                    if deepest is None or entry.path.count("/") < deepest:
                        todo.append(entry.path)
                elif matches(entry.path, pattern):
                    self.consider(entry.path)

    def consider(self, path: str) -> None:
        state = os.lstat(path)
        if path in self.files or self.unchanged(path, state):
            return
        why = objection(path, state)
        if why is None and self.bytes + state.st_size > self.order["returned_bytes"]:
            self.over, why = True, "too large (%d bytes)" % state.st_size
        if why is None and len(self.files) >= self.order["returned_files"]:
            self.over, why = True, "too many files"
        if why is None:
            self.files[path] = state.st_size
            self.bytes += state.st_size
        else:
            self.refuse(path, why)

    def unchanged(self, path: str, now: os.stat_result) -> bool:
        """Whether the tree was handed in with this very file or link."""
        tree, source = self.order["tree"], self.order["source"]
        if not path.startswith(tree + "/"):
            return False
        given = [] if source is None else [source]
        given += [layer + "/tree" for layer in reversed(self.order["layers"])]
        return any(self.same(path, now, folder + path[len(tree) :]) for folder in given)

    def same(self, path: str, now: os.stat_result, original: str) -> bool:
        """Whether a file or link is still what was handed in."""
        try:
            before = os.lstat(original)
            if stat.S_IFMT(before.st_mode) != stat.S_IFMT(now.st_mode):
                return False
            if stat.S_ISLNK(now.st_mode):
                return bool(os.readlink(path) == os.readlink(original))
            return stat.S_ISREG(now.st_mode) and filecmp.cmp(path, original, shallow=False)
        except OSError:
            return False


def objection(path: str, state: os.stat_result) -> str | None:
    """Say why a match may not leave the sandbox, whatever its size."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    for test, kind in (
        (stat.S_ISLNK, "symbolic link"),
        (stat.S_ISFIFO, "named pipe"),
        (stat.S_ISSOCK, "socket"),
    ):
        if test(state.st_mode):
            return kind
    if not stat.S_ISREG(state.st_mode):
        return "device"
    if state.st_nlink != 1:
        return "has a second name (hard link)"
    return None if os.access(path, os.R_OK) else "not readable"


def open_plain(path: str) -> BufferedReader:
    """Open a file for reading that can neither redirect nor block us."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags), "rb")


def gone(order: dict[str, Any]) -> list[dict[str, str]]:
    """Name those of the company that are not there any more, with the end of what they printed.

    Before anything is killed: the numbers are those that were left in files, which foreign code may
    have changed by now. So "gone" takes away from what the command has shown, and "still there"
    adds nothing to it.
    """
    return [
        {"name": one["name"], "words": end_of(one["log"])}
        for one in order["company"]
        if not lives(one["number"])
    ]


def lives(path: str) -> bool:
    """Whether the process whose number is in a file is there."""
    try:
        with open_plain(path) as file:
            number = file.read(LONGEST_NUMBER)
        if not number.isdigit() or int(number) <= 1:
            return False
        os.kill(int(number), 0)
    except (OSError, OverflowError):
        return False
    return True


def end_of(path: str) -> str:
    """Return the last part of a log, as far as it can be read."""
    try:
        with open_plain(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST_WORDS))
            return file.read(MOST_WORDS).decode("utf-8", "replace")
    except OSError:
        return ""
