"""Read the output of a sandbox: signed frames and printed text, both untrusted.

Bounds how much of it is in memory. Knows nothing of processes.
"""

import json
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from pydantic import BaseModel, ValidationError

from agent.errors import SandboxLost
from agent.models.sandbox import SandboxLimits

#: Must equal the frame of `agent/sandbox/sandbox_scripts/runner.py`.
_FRAME = struct.Struct("!16sBQ")
_LONGEST_MESSAGE = 4 * 1024**2
_LONGEST_PIECE = 1024**2


class FrameKind(IntEnum):
    """Kinds of frame; must equal those of `agent/sandbox/sandbox_scripts/runner.py`."""

    STARTED = 1
    ENDED = 2
    CONTENT = 3
    OUTPUT = 5


class Answer(BaseModel):
    """The answer to one request; it is complete once it has a content for each size."""

    facts: dict[str, Any]
    sizes: tuple[int, ...]
    contents: list[bytes] = []


class Frames:
    """Read the sandbox's frames; SandboxLost: one is forged, too long or out of order."""

    def __init__(
        self, nonce: bytes, limits: SandboxLimits, take_output: Callable[[bytes], None]
    ) -> None:
        """Read frames that are signed with the nonce.

        Args:
            limits: Limits of one answer.
            take_output: Called with each piece of output.
        """
        self._nonce = nonce
        self._limits = limits
        self._take_output = take_output
        self._buffer = bytearray()
        self.started = False
        self.failure: dict[str, Any] = {}
        """Limit and message, if the sandbox's files could not be prepared; else empty."""
        self.answer: Answer | None = None

    @property
    def complete(self) -> bool:
        if self.failure:
            return True
        return self.answer is not None and len(self.answer.contents) == len(self.answer.sizes)

    def feed(self, content: bytes) -> None:
        self._buffer += content
        while len(self._buffer) >= _FRAME.size and not self.complete:
            nonce, kind, length = _FRAME.unpack_from(self._buffer)
            if nonce != self._nonce:
                raise SandboxLost("The sandbox's response is not signed by its runner.")
            longest = _LONGEST_PIECE if kind == FrameKind.OUTPUT else _LONGEST_MESSAGE
            if length > (self._limits.returned_bytes if kind == FrameKind.CONTENT else longest):
                raise SandboxLost("The sandbox's response is too long.")
            end = _FRAME.size + length
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[_FRAME.size : end])
            del self._buffer[:end]
            try:
                self._accept(kind, body)
            except (RecursionError, ValidationError, ValueError) as problem:
                raise SandboxLost(f"The sandbox's response cannot be read: {problem}") from problem

    def _accept(self, kind: int, body: bytes) -> None:
        if kind == FrameKind.STARTED and not self.started:
            self.failure = json.loads(body)
            self.started = not self.failure
        elif kind == FrameKind.OUTPUT and self.started and self.answer is None:
            self._take_output(body)
        elif kind == FrameKind.ENDED and self.started and self.answer is None:
            answer = Answer.model_validate_json(body)
            few = len(answer.sizes) <= self._limits.returned_files
            small = sum(answer.sizes) <= self._limits.returned_bytes
            if not few or not small or min(answer.sizes, default=0) < 0:
                raise SandboxLost("The sandbox returned more files or bytes than allowed.")
            self.answer = answer
        elif kind == FrameKind.CONTENT and self.answer is not None:
            if len(body) != self.answer.sizes[len(self.answer.contents)]:
                raise SandboxLost("The sandbox's response has the wrong size.")
            self.answer.contents.append(body)
        else:
            raise SandboxLost("The sandbox's response is out of order.")


class OutputExcerpt:
    """The first and the last part of printed output, and its length."""

    def __init__(self, keep: int) -> None:
        self._half = keep // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, content: bytes) -> None:
        self.total += len(content)
        free = self._half - len(self._head)
        self._head += content[:free]
        self._tail += content[free:]
        if len(self._tail) > 2 * self._half + 65536:
            del self._tail[: -self._half or None]

    @property
    def omitted_bytes(self) -> int:
        """Bytes between head and tail."""
        return max(0, self.total - len(self._head) - min(len(self._tail), self._half))

    @property
    def text(self) -> str:
        """Head and tail, with a line between them that has the number of omitted bytes."""
        tail = self._tail[-self._half :] if self._half else bytearray()
        if not self.omitted_bytes:
            return bytes(self._head + tail).decode("utf-8", "replace")
        head = bytes(self._head).decode("utf-8", "replace")
        shown = bytes(tail).decode("utf-8", "replace")
        return f"{head}\n[... {self.omitted_bytes} bytes omitted ...]\n{shown}"
