"""An open sandbox as the host attends to it: what it says, and which limit it has reached.

How a sandbox is made, spoken to and taken down is left to the kinds of sandbox. What comes out of
it is handed in piece by piece; nothing in it is believed but the frames of its runner.
"""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from typing import Any, NamedTuple, Self

from pydantic import ValidationError

from agent.errors import Cancelled, SandboxLost, SandboxMissing
from agent.models.record import Record
from agent.models.sandbox import Flag, Hear, SandboxLimits, SandboxRequest, SandboxResult
from agent.sandbox import layout, lending
from agent.sandbox.frames import Frames, Printed

TICK_SECONDS = 0.1
_OPENING_SECONDS = 180.0
"""For making the sandbox, and for copying the tree."""
_GRACE_SECONDS = 3.0
"""The runner ends the command in time; this much later the host ends the runner."""
_HANDING_BACK_SECONDS = 60.0
_DRAIN_SECONDS = 5.0
_MOST_COMPLAINTS = 16 * 1024
_SESSION_LIMITS = SandboxLimits(returned_bytes=96 * 1024**2, returned_files=1000)
"""Of one answer in a session."""
_SESSION_OUTPUT_BYTES = 32 * 1024


class _MissingCompanion(Record):
    name: str
    words: str


class _CommandEnded(Record):
    """How a command ended, and what is handed back."""

    exit_code: int | None
    limit: str | None
    touched: tuple[str, ...] = ()
    gone: tuple[_MissingCompanion, ...] = ()
    files: tuple[str, ...]
    refused: tuple[str, ...]


class Answer(NamedTuple):
    facts: dict[str, Any]
    contents: list[bytes]
    output: str
    """Of a command."""


class RunningSandbox:
    """What is known of a sandbox from its opening to its end; leaving the block takes it down."""

    def __init__(
        self, order: SandboxRequest, listener: Hear | None = None, *, lasting: bool = False
    ) -> None:
        """Take the order within its limits.

        Args:
            lasting: It stays open for several commands; else its order has the one command.
        """
        self._order = order
        self._lasting = lasting
        self._nonce = secrets.token_bytes(16)
        self._listener = listener
        self._watch = lending.SizeWatch(order.mounts, order.limits.disk_bytes)
        self._complaints = bytearray()
        self._phase_began = time.monotonic()
        self._started: float | None = None
        self._ended: float | None = None
        self._look = 0.0
        self._limit: str | None = None
        limits = _SESSION_LIMITS if lasting else order.limits
        self.frames = Frames(self._nonce, limits, self._take_output)
        self._printed = Printed(order.limits.output_bytes)
        self._to_send = memoryview(b"")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # --- what the kinds of sandbox say -----------------------------------------------------------

    def transfer(self, seconds: float) -> bool:
        """Move bytes in and out, waiting no longer than this; False: the runner has ended."""
        raise NotImplementedError

    def kill(self) -> str | None:
        """End everything in the sandbox; name the limit by which the kernel did so before us."""
        raise NotImplementedError

    def find_counted_limit(self) -> str | None:
        """Name the limit that the kernel has counted outside, where there is such a count."""
        return None

    def count_memory_kills(self) -> int:
        """Say how often the kernel has ended something for want of memory, where it tells us."""
        return 0

    def explain_complaint(self, why: str) -> SandboxMissing | None:
        """Make an error for the operator of words of complaint, where the cause is known."""
        return None

    # --- what they hand in -----------------------------------------------------------------------

    def send_order(self, *, bounded: bool, **more: Any) -> None:
        """Have the order on its way to the runner, with its one command where it has one."""
        order, limits = self._order, self._order.limits
        self.send(self._nonce + layout.encode_order(order, bounded=bounded, more=more))
        if not self._lasting:
            self._request(
                "run",
                once=True,
                arguments=(),
                seconds=limits.seconds,
                watched=order.watched,
                company=[companion.model_dump() for companion in order.company],
                collect=order.collect,
                returned_bytes=limits.returned_bytes,
                returned_files=limits.returned_files,
            )
        self._phase_began = time.monotonic()

    def send(self, content: bytes) -> None:
        """Have bytes on their way to the runner."""
        self._to_send = memoryview(bytes(self._to_send) + content)

    def take_frames(self, content: bytes) -> None:
        before = (self.frames.started, self.frames.facts is None)
        self.frames.feed(content)
        if (self.frames.started, self.frames.facts is None) != before:
            self._phase_began = time.monotonic()
            if self.frames.facts is None:
                self._started = self._phase_began
            else:
                self._ended = self._phase_began

    def take_complaint(self, content: bytes) -> None:
        """Take in what the maker of the sandbox says of it, in words."""
        self._complaints = (self._complaints + content)[-_MOST_COMPLAINTS:]

    def _take_output(self, content: bytes) -> None:
        self._printed.add(content)
        if self._listener is not None:
            self._listener(content)

    # --- one command -----------------------------------------------------------------------------

    def attend(self, cancelled: Flag | None = None) -> SandboxResult:
        """Attend to the ordered command until all is said, a limit is reached, or it has died.

        Raises:
            SandboxMissing: No such sandbox can be had on this machine.
            SandboxLost: It ended without proof that the command started or ended.
        """
        while not self.is_over(cancelled) and self.transfer(TICK_SECONDS):
            pass
        seconds = self.seconds
        return self.judge(self._finish(), seconds)

    def _finish(self) -> str | None:
        """End what has not ended by itself; name the limit that the kernel has counted."""
        hit = None
        if not self.frames.complete:
            hit = self.kill()
            give_up = time.monotonic() + _DRAIN_SECONDS
            while time.monotonic() < give_up and self.transfer(TICK_SECONDS):
                pass
        return hit or self.find_counted_limit()

    def is_over(self, cancelled: Flag | None) -> bool:
        """Say whether there is nothing more to wait for; looks ten times a second at most."""
        if self.frames.complete:
            return True
        if time.monotonic() < self._look:
            return False
        self._look = time.monotonic() + TICK_SECONDS
        if cancelled is not None and cancelled.is_set():
            raise SandboxLost("The sandbox was taken down before its command had ended.")
        self._limit = self._limit or self.find_counted_limit() or self._find_host_limit()
        return self._limit is not None and self.frames.facts is None

    def _find_host_limit(self) -> str | None:
        """Name the limit that only the host can see."""
        passed = time.monotonic() - self._phase_began
        if not self.frames.started:
            if passed > _OPENING_SECONDS:
                raise SandboxLost(
                    f"The sandbox did not open within {_OPENING_SECONDS:.0f} seconds."
                )
        elif self.frames.facts is None:
            if passed > self._order.limits.seconds + _GRACE_SECONDS:
                return "time"
        elif passed > _HANDING_BACK_SECONDS:
            raise SandboxLost("The sandbox did not hand its files back in time.")
        return "disk" if self._watch.is_exceeded() else None

    @property
    def seconds(self) -> float:
        """How long the command ran; until now where it has not ended by itself."""
        over = self._ended or time.monotonic()
        return over - (self._started or over)

    def judge(self, hit: str | None, seconds: float) -> SandboxResult:
        """Say what came of the command, by the limit that the kernel has counted and the time.

        Fails as `attend` does.
        """
        frames, limit = self.frames, hit or self._limit
        ended = self._read_end() if frames.failed is None and frames.complete else None
        if limit == "time" and ended is not None:
            # It was over by then, and only the word of it came late.
            limit = None
        if frames.failed is not None:
            if frames.failed.limit is None and limit is None:
                raise self._not_laid_out()
            limit = limit or frames.failed.limit
        elif limit is None and ended is not None:
            limit = ended.limit
        elif limit is None:
            raise self._make_lost_error()
        own_end = ended is not None and limit in (None, "returned")
        files = dict(zip(ended.files, frames.contents, strict=True)) if ended is not None else {}
        return SandboxResult(
            exit_code=ended.exit_code if ended is not None and own_end else None,
            output=self._printed.text,
            output_bytes=self._printed.total,
            seconds=seconds,
            limit=limit,
            files=files,
            refused=ended.refused if ended is not None else (),
            touched=ended.touched if ended is not None else (),
            gone={lost.name: lost.words for lost in ended.gone} if ended is not None else {},
        )

    def _read_end(self) -> _CommandEnded:
        try:
            ended = _CommandEnded.model_validate(self.frames.facts)
        except ValidationError as problem:
            raise SandboxLost(f"The sandbox's answer cannot be read: {problem}") from problem
        if len(set(ended.files)) != len(self.frames.contents):
            raise SandboxLost("The sandbox hands back other files than it names.")
        return ended

    def _not_laid_out(self) -> SandboxLost | SandboxMissing:
        tree, why = self._order.tree, self._explain_loss()
        if tree is not None and "could not be copied" in why and "Permission denied" in why:
            return SandboxMissing(
                f"The sandbox's user cannot read all of {tree}: {why}. chmod -R o+rX {tree}"
            )
        return SandboxLost(f"The sandbox could not be laid out: {why}")

    def _explain_loss(self) -> str:
        message = self.frames.failed.message if self.frames.failed is not None else ""
        words = bytes(self._complaints).decode("utf-8", "replace").strip()
        return "; ".join(part for part in (message, words) if part) or "it gave no reason"

    def _make_lost_error(self) -> SandboxLost | SandboxMissing:
        why = self._explain_loss()
        if self.frames.started:
            return SandboxLost(
                f"The sandbox ended without proof of how the command in it ended: {why}"
            )
        return self.explain_complaint(why) or SandboxLost(f"The sandbox did not open: {why}")

    # --- request after request -------------------------------------------------------------------

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
            is_alive = self.transfer(TICK_SECONDS)
        if not self.frames.started:
            result = self.judge(self._finish(), 0.0)
            raise SandboxLost(f"The sandbox reached the limit on {result.limit} as it was opened.")

    def ask(
        self,
        operation: str,
        content: bytes = b"",
        *,
        patience: float,
        stopped: Flag | None = None,
        **fields: object,
    ) -> Answer:
        """Send a request and wait for its answer, so many seconds.

        Raises:
            SandboxLost: The runner has ended, or did not answer in time or in the right form.
            Cancelled: The flag was set.
        """
        self.frames.expect_next()
        self._printed = Printed(_SESSION_OUTPUT_BYTES)
        self._request(operation, content, **fields)
        until = time.monotonic() + patience
        is_alive = True
        while not self.frames.complete:
            if not is_alive:
                raise SandboxLost("its first program ended")
            if time.monotonic() > until:
                raise SandboxLost("it did not answer in time")
            _require_going(stopped)
            is_alive = self.transfer(TICK_SECONDS)
        return Answer(self.frames.facts or {}, self.frames.contents, self._printed.text)

    def _request(self, operation: str, content: bytes = b"", **fields: object) -> None:
        request = {"op": operation, "size": len(content), **fields}
        self.send(layout.encode_message(request) + content)


def _require_going(stopped: Flag | None) -> None:
    if stopped is not None and stopped.is_set():
        raise Cancelled("The run was stopped while its sandbox was at work.")
