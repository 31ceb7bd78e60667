"""See from process 1 that a command touches files that it is only to read.

The kernel tells it, by whatever name a file is opened, and also where it is put back afterwards.
"""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import suppress

TYPE_CHECKING = False  # see runner.py
if TYPE_CHECKING:
    from collections.abc import Sequence

MODIFY, ATTRIB, CLOSE_WRITE, MOVED_TO, CREATE = 0x2, 0x4, 0x8, 0x80, 0x100
DELETE_SELF, MOVE_SELF, OVERFLOW = 0x400, 0x800, 0x4000
OF_FILES = MODIFY | ATTRIB | CLOSE_WRITE | DELETE_SELF | MOVE_SELF
OF_FOLDERS = MOVED_TO | CREATE | DELETE_SELF | MOVE_SELF
#: What Python and pytest read beside a file, in its place or before it.
BESIDE = (b"__pycache__", b"conftest.py")
EVENT = struct.Struct("iIII")
MOST_BYTES = 1 << 20


class Watch:
    """Which of the watched files were touched."""

    def __init__(self, paths: Sequence[str], tree: str) -> None:
        """Begin, before anything foreign runs."""
        self.touched: dict[str, None] = {}
        self.paths: dict[int, str] = {}
        self.descriptor = -1
        if not paths:
            return
        library = ctypes.CDLL(None, use_errno=True)
        self.descriptor = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        masks = {path: OF_FILES for path in paths if os.path.isfile(path)}
        for path in list(masks):
            folder = os.path.dirname(path)
            while folder not in masks and (folder + "/").startswith(tree + "/"):
                masks[folder] = OF_FOLDERS
                folder = os.path.dirname(folder)
        for path, mask in masks.items():
            number = library.inotify_add_watch(self.descriptor, os.fsencode(path), mask)
            if number < 0:
                raise OSError(ctypes.get_errno(), "%s cannot be watched" % path)
            self.paths[number] = path

    def look(self) -> None:
        """Take in what the kernel tells."""
        if self.descriptor < 0:
            return
        with suppress(BlockingIOError):
            while content := os.read(self.descriptor, MOST_BYTES):
                self.take(content)

    def take(self, content: bytes) -> None:
        """Read events; more of them than the kernel keeps hide what they were about."""
        at = 0
        while at < len(content):
            number, mask, _, length = EVENT.unpack_from(content, at)
            at += EVENT.size + length
            name = content[at - length : at].rstrip(b"\0")
            path = self.paths.get(number, "")
            if mask & OVERFLOW:
                self.touched["too many files"] = None
            elif name in BESIDE:
                self.touched[os.path.join(path, os.fsdecode(name))] = None
            elif mask & (OF_FILES if not name else 0):
                self.touched[path] = None
