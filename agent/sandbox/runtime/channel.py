"""What comes out of a sandbox: signed frames and printed output, both taken as hostile.

Owns the limits on what is held in memory. Knows nothing of processes.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from pydantic import ValidationError

from agent.errors import SandboxLost
from agent.models.record import Record
from agent.models.sandbox import SandboxLimits

#: Must equal the frame of `agent/sandbox/sandbox_scripts/runner.py`.
_FRAME = struct.Struct("!16sBQ")
_LONGEST_MESSAGE = 4 * 1024**2


class Kind(IntEnum):
    """Kinds of frame; must equal those of `agent/sandbox/sandbox_scripts/runner.py`."""

    STARTED = 1
    ENDED = 2
    CONTENT = 3
    FAILED = 4


class ListedFile(Record):
    """A file whose bytes follow."""

    path: str
    size: int


class MissingCompanion(Record):
    """A process that the command relied on, and the end of what it had printed."""

    name: str
    words: str


class CommandEnded(Record):
    """How the command ended, and what is handed back."""

    exit_code: int | None
    limit: str | None
    touched: tuple[str, ...] = ()
    gone: tuple[MissingCompanion, ...] = ()
    files: tuple[ListedFile, ...]
    refused: tuple[str, ...]


class CommandFailed(Record):
    """Why the command was never started."""

    limit: str | None
    message: str


class Frames:
    """Read the sandbox's frames in the one order in which they may come."""

    def __init__(self, nonce: bytes, limits: SandboxLimits) -> None:
        self._nonce = nonce
        self._limits = limits
        self._buffer = bytearray()
        self.started = False
        self.failed: CommandFailed | None = None
        self.ended: CommandEnded | None = None
        self.files: dict[str, bytes] = {}

    @property
    def complete(self) -> bool:
        """Whether everything that was announced has arrived."""
        if self.failed is not None:
            return True
        return self.ended is not None and len(self.files) == len(self.ended.files)

    def feed(self, content: bytes) -> None:
        """Take in what was read from the pipe."""
        self._buffer += content
        while len(self._buffer) >= _FRAME.size and not self.complete:
            nonce, kind, length = _FRAME.unpack_from(self._buffer)
            if nonce != self._nonce:
                raise SandboxLost("The sandbox's answer is not signed by its runner.")
            if length > self._get_maximum(kind):
                raise SandboxLost("The sandbox's answer is longer than it may be.")
            if len(self._buffer) < _FRAME.size + length:
                return
            body = bytes(memoryview(self._buffer)[_FRAME.size : _FRAME.size + length])
            del self._buffer[: _FRAME.size + length]
            self._accept(kind, body)

    def _get_maximum(self, kind: int) -> int:
        return self._limits.returned_bytes if kind == Kind.CONTENT else _LONGEST_MESSAGE

    def _accept(self, kind: int, body: bytes) -> None:
        try:
            if kind == Kind.STARTED and not self.started:
                self.started = True
            elif kind == Kind.FAILED and not self.started:
                self.failed = CommandFailed.model_validate_json(body)
            elif kind == Kind.ENDED and self.started and self.ended is None:
                self.ended = self._within_limits(CommandEnded.model_validate_json(body))
            elif kind == Kind.CONTENT and self.ended is not None:
                expected = self.ended.files[len(self.files)]
                if len(body) != expected.size:
                    raise SandboxLost(f"The sandbox announced another size for {expected.path}.")
                self.files[expected.path] = body
            else:
                raise SandboxLost("The sandbox's answer is out of order.")
        except ValidationError as problem:
            raise SandboxLost(f"The sandbox's answer cannot be read: {problem}") from problem

    def _within_limits(self, ended: CommandEnded) -> CommandEnded:
        paths = {file.path for file in ended.files}
        if (
            len(ended.files) > self._limits.returned_files
            or len(paths) != len(ended.files)
            or any(file.size < 0 for file in ended.files)
            or sum(file.size for file in ended.files) > self._limits.returned_bytes
        ):
            raise SandboxLost("The sandbox hands back more than it may.")
        return ended


class Printed:
    """The first and the last part of what was printed, and how much it was."""

    def __init__(self, keep: int) -> None:
        self._head_size = keep // 2
        self._tail_size = keep - self._head_size
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, content: bytes) -> None:
        """Take in a piece; memory stays bounded."""
        self.total += len(content)
        free = self._head_size - len(self._head)
        if free > 0:
            self._head += content[:free]
            content = content[free:]
        self._tail += content
        if len(self._tail) > 2 * self._tail_size + 65536:
            del self._tail[: -self._tail_size or None]

    @property
    def text(self) -> str:
        """Head and tail, with a line between them that says how much is left out."""
        tail = self._tail[-self._tail_size :] if self._tail_size else bytearray()
        left_out = self.total - len(self._head) - len(tail)
        if left_out <= 0:
            return bytes(self._head + tail).decode("utf-8", "replace")
        head = bytes(self._head).decode("utf-8", "replace")
        return f"{head}\n[... {left_out} bytes left out ...]\n" + bytes(tail).decode(
            "utf-8", "replace"
        )
