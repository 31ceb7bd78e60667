"""Choose what may leave a room: plain files that match, within the caps.

Beside `room.py`, once every foreign process is dead: nothing moves any more, so looking at a
path and then opening it cannot be raced. Links are never followed, and nothing that could block
is opened.
"""

from __future__ import annotations

import os
import re
import stat

TYPE_CHECKING = False  # see room.py
if TYPE_CHECKING:
    from io import BufferedReader
    from typing import Any

MOST_ENTRIES = 500_000
MOST_REFUSALS = 100


def pattern_to_regex(pattern: str) -> re.Pattern[str]:
    """Translate an absolute glob; `**` spans folders, the rest stays within one name."""
    out = []
    position = 0
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**/"):
            out.append("(?:[^/]+/)*")
            position += 3
        elif rest.startswith("**"):
            out.append(".*")
            position += 2
        elif rest[0] == "*":
            out.append("[^/]*")
            position += 1
        elif rest[0] == "?":
            out.append("[^/]")
            position += 1
        elif rest[0] == "[" and "]" in rest[2:]:
            end = rest.index("]", 2)
            inner = rest[1:end].replace("\\", "\\\\")
            out.append("[^/%s]" % inner[1:] if inner[0] == "!" else "[%s]" % inner)
            position += end + 1
        else:
            out.append(re.escape(rest[0]))
            position += 1
    return re.compile("".join(out), re.DOTALL)


def fixed_part(pattern: str) -> str:
    """The folder up to the first wildcard."""
    names = pattern.split("/")[:-1]
    fixed = []
    for name in names:
        if any(sign in name for sign in "*?["):
            break
        fixed.append(name)
    return "/".join(fixed) or "/"


class Collection:
    """The regular files that match, within the caps, and why others were left."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.files: dict[str, int] = {}
        self.refused: list[str] = []
        self.refused_more = 0
        self.bytes = 0
        self.over = False
        self.seen = 0

    def refuse(self, path: str, why: str) -> None:
        """Remember why a match stays in the room."""
        if len(self.refused) < MOST_REFUSALS:
            shown = path.encode("utf-8", "replace").decode("utf-8")[:300]
            self.refused.append("%s: %s" % (shown, why))
        else:
            self.refused_more += 1

    def gather(self) -> None:
        """Look for every pattern."""
        for pattern in self.order["collect"]:
            regex = pattern_to_regex(pattern)
            start = fixed_part(pattern)
            if self.linked(start):
                self.refuse(start, "symbolic link")
                continue
            self.walk(start, regex, deep="**" in pattern or start != parent(pattern))
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

    def walk(self, start: str, regex: re.Pattern[str], *, deep: bool) -> None:
        """Visit a folder without ever going through a link."""
        todo = [start]
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
                    if deep:
                        todo.append(entry.path)
                elif regex.fullmatch(entry.path):
                    self.consider(entry.path)

    def consider(self, path: str) -> None:
        """Take one match in, or say why not."""
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
        if source is None or not path.startswith(tree + "/"):
            return False
        original = source + path[len(tree) :]
        try:
            before = os.lstat(original)
            if stat.S_IFMT(before.st_mode) != stat.S_IFMT(now.st_mode):
                return False
            if stat.S_ISLNK(now.st_mode):
                return bool(os.readlink(path) == os.readlink(original))
            if not stat.S_ISREG(now.st_mode) or before.st_size != now.st_size:
                return False
            return same_content(path, original)
        except OSError:
            return False


def objection(path: str, state: os.stat_result) -> str | None:
    """Say why a match may not leave the room, whatever its size."""
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


def same_content(path: str, original: str) -> bool:
    """Compare two files piece by piece."""
    with open_plain(path) as one, open_plain(original) as two:
        while True:
            here, there = one.read(1 << 20), two.read(1 << 20)
            if here != there:
                return False
            if not here:
                return True


def parent(pattern: str) -> str:
    """The folder part of a pattern."""
    return pattern.rpartition("/")[0] or "/"


def open_plain(path: str) -> BufferedReader:
    """Open a file for reading that can neither redirect nor block us."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags), "rb")
