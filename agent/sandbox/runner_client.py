"""Ask the runner of an open sandbox, and take its answers as hostile as those of every other.

Adds to an opened sandbox that its frames come again and again, one row of them for each request.
"""

from __future__ import annotations

import json
import struct
import time
from typing import Any, NamedTuple

from agent.errors import Cancelled, SandboxLost
from agent.models.sandbox import Flag, SandboxLimits
from agent.sandbox.runtime.channel import Frames
from agent.sandbox.runtime.supervision import TICK_SECONDS, Supervisor

#: Of one answer.
_MOST = SandboxLimits(returned_bytes=96 * 1024**2, returned_files=1000)


class Answer(NamedTuple):
    """What the runner said to a request."""

    facts: dict[str, Any]
    contents: tuple[bytes, ...]


class RunnerClient(Supervisor):
    """An opened sandbox; the kinds of it say how bytes go in and come out."""

    _to_send: memoryview

    def send(self, content: bytes) -> None:
        """Have bytes on their way to the runner."""
        self._to_send = memoryview(bytes(self._to_send) + content)

    def listen(self, seconds: float) -> bool:
        """Move what can be moved, waiting no longer than this; False: the runner has ended."""
        raise NotImplementedError

    def hear_last_words(self) -> None:
        """Take in what is still to be had from a sandbox that did not open."""
        raise NotImplementedError

    def count_memory_kills(self) -> int:
        """Say how often the kernel has ended something for want of memory, where it tells us."""
        return 0

    def await_start(self, stopped: Flag | None) -> None:
        """Wait until the sandbox is laid out.

        Raises:
            SandboxMissing: No such sandbox can be had on this machine.
            SandboxLost: It did not open; the message says why.
            Cancelled: The flag was set.
        """
        is_alive = True
        while is_alive and not self.frames.started and not self.is_over(None):
            _require_going(stopped)
            is_alive = self.listen(TICK_SECONDS)
        if not self.frames.started:
            self.hear_last_words()
            result = self.judge(self.find_counted_limit(), 0.0)
            raise SandboxLost(f"The sandbox reached the limit on {result.limit} as it was opened.")

    def ask(
        self,
        operation: str,
        content: bytes = b"",
        *,
        seconds: float,
        stopped: Flag | None = None,
        **told: object,
    ) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            SandboxLost: The runner has ended, or did not answer in time or in the right form.
            Cancelled: The flag was set.
        """
        self.frames = Frames(self._nonce, _MOST)
        self.frames.started = True
        head = json.dumps({"op": operation, "size": len(content), **told}).encode("ascii")
        self.send(struct.pack("!Q", len(head)) + head + content)
        until = time.monotonic() + seconds
        is_alive = True
        while not self.frames.complete:
            if not is_alive:
                raise SandboxLost("its first program ended")
            if time.monotonic() > until:
                raise SandboxLost("it did not answer in time")
            _require_going(stopped)
            is_alive = self.listen(TICK_SECONDS)
        parts = list(self.frames.files.values())
        try:
            facts = json.loads(parts[0])
        except (IndexError, RecursionError, ValueError) as problem:
            raise SandboxLost("its answer cannot be read") from problem
        return Answer(facts, tuple(parts[1:]))


def _require_going(stopped: Flag | None) -> None:
    if stopped is not None and stopped.is_set():
        raise Cancelled("The run was stopped while its sandbox was at work.")
