"""An open sandbox as the host attends to it: what it says, and which limit it has reached.

How a sandbox is made, spoken to and taken down is left to the kinds of sandbox. What comes out of
it arrives piece by piece; nothing in it is believed but the frames of its runner.
"""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ValidationError

from agent.errors import Cancelled, SandboxLost, SandboxMissing
from agent.models.environment import Checkout
from agent.models.sandbox import Flag, Hear, Root, SandboxLimits, SandboxRequest, SandboxResult
from agent.sandbox import layout, preparing
from agent.sandbox.frames import Frames, OutputExcerpt

TICK_SECONDS = 0.1
_OPENING_SECONDS = 180.0
"""For making the sandbox, and for copying the tree."""
_GRACE_SECONDS = 3.0
"""The runner ends the command in time; this much later the host ends the runner."""
_HANDING_BACK_SECONDS = 60.0
_DRAIN_SECONDS = 5.0
_MOST_COMPLAINTS = 16 * 1024
_SESSION_LIMITS = SandboxLimits(returned_bytes=96 * 1024**2, returned_files=1)
"""Limits of one answer in a session."""
_SESSION_OUTPUT_BYTES = 128 * 1024
_LATE, _LOST = "time", "lost"
OPEN: set[object] = set()
"""The open sandboxes of this process."""


class _EndReport(BaseModel):
    exit_code: int | None
    limit: str | None
    gone: tuple[str, ...] = ()
    files: tuple[str, ...]
    refused: tuple[str, ...]
    new: tuple[str, ...] = ()


class Answer(NamedTuple):
    facts: dict[str, Any]
    contents: list[bytes]
    output: str
    """Output of a command."""
    omitted_bytes: int
    """Of the output, between head and tail."""


class RunningSandbox:
    """What is known of a sandbox from its opening to its end; leaving the block takes it down."""

    def __init__(
        self, order: SandboxRequest, listener: Hear | None = None, *, lasting: bool = False
    ) -> None:
        """Take the order within its limits.

        Args:
            lasting: It stays open for several commands, and a limit is the command's own failure.
        """
        self._order = order
        self._lasting = lasting
        self._nonce = secrets.token_bytes(16)
        self._listener = listener
        self._watch = preparing.SizeWatch(order.mounts, order.limits.disk_bytes)
        self._complaints = bytearray()
        limits = _SESSION_LIMITS if lasting else order.limits
        self.frames = Frames(self._nonce, limits, self._record_output)
        self._printed = OutputExcerpt(order.limits.output_bytes)
        self._to_send = memoryview(b"")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        OPEN.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        OPEN.discard(self)
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
        return 0

    def explain_complaint(self, why: str) -> SandboxMissing | None:
        """Make an error for the operator of words of complaint, where the cause is known."""
        return None

    # --- what they hand in -----------------------------------------------------------------------

    def send_order(self, *, bounded: bool, **more: Any) -> None:
        self.send(self._nonce + layout.encode_request(self._order, bounded=bounded, more=more))

    def send(self, content: bytes) -> None:
        self._to_send = memoryview(bytes(self._to_send) + content)

    def record_complaint(self, content: bytes) -> None:
        """Read a message of the sandbox's maker."""
        self._complaints = (self._complaints + content)[-_MOST_COMPLAINTS:]

    def _record_output(self, content: bytes) -> None:
        self._printed.add(content)
        if self._listener is not None:
            self._listener(content)

    # --- waiting ---------------------------------------------------------------------------------

    def _wait(self, is_done: Callable[[], bool], seconds: float, stopped: Flag | None) -> str:
        """Transfer until that is so; else name the limit, or that the runner has ended."""
        until, look = time.monotonic() + seconds, 0.0
        while not is_done():
            now = time.monotonic()
            if now >= look:
                look = now + TICK_SECONDS
                if stopped is not None and stopped.is_set():
                    raise Cancelled("The run was stopped while its sandbox was running.")
                if not self._lasting and (limit := self._find_limit()):
                    return limit
            if now > until:
                return _LATE
            if not self.transfer(TICK_SECONDS):
                return "" if is_done() else _LOST
        return ""

    def _find_limit(self) -> str | None:
        return self.find_counted_limit() or ("disk" if self._watch.is_exceeded() else None)

    def _await_start(self, stopped: Flag | None) -> str:
        """Wait until it is laid out, or has failed; name what keeps it from that."""
        frames = self.frames
        end = self._wait(lambda: frames.started or frames.complete, _OPENING_SECONDS, stopped)
        if end == _LATE:
            raise SandboxLost(f"The sandbox did not start within {_OPENING_SECONDS:.0f} seconds.")
        return end

    def _request(self, operation: str, content: bytes = b"", **fields: object) -> None:
        request = {"op": operation, "size": len(content), **fields}
        self.send(layout.encode_message(request) + content)

    # --- one command -----------------------------------------------------------------------------

    def run(self, cancelled: Flag | None = None) -> SandboxResult:
        """Attend to the ordered command until all is said, a limit is reached, or it has died.

        SandboxMissing: none can be had here. SandboxLost: no proof that it started or ended.
        """
        try:
            end, seconds = self._attend(cancelled)
        except Cancelled as problem:
            words = "The sandbox was removed before its command finished."
            raise SandboxLost(words) from problem
        hit = self._end()
        return self._judge(hit or (None if end == _LOST else end or None), seconds)

    def _attend(self, cancelled: Flag | None) -> tuple[str, float]:
        """Return what ended the wait, and how long the command ran."""
        frames, order, limits = self.frames, self._order, self._order.limits
        end = self._await_start(cancelled)
        if end or not frames.started:
            return end, 0.0
        began = time.monotonic()
        self._request(
            "run",
            once=True,
            arguments=(),
            seconds=limits.seconds,
            company=order.company,
            collect=order.collect,
            lists_new=order.lists_new,
            returned_bytes=limits.returned_bytes,
            returned_files=limits.returned_files,
        )
        late = limits.seconds + _GRACE_SECONDS
        end = self._wait(lambda: frames.facts is not None, late, cancelled)
        seconds = time.monotonic() - began
        if not end:
            end = self._wait(lambda: frames.complete, _HANDING_BACK_SECONDS, cancelled)
            if end == _LATE:
                raise SandboxLost("The sandbox did not return its files in time.")
        return end, seconds

    def _end(self) -> str | None:
        """End what has not ended by itself; name the limit that the kernel has counted."""
        hit = None
        if not self.frames.complete:
            hit = self.kill()
            give_up = time.monotonic() + _DRAIN_SECONDS
            while time.monotonic() < give_up and self.transfer(TICK_SECONDS):
                pass
        return hit or self.find_counted_limit()

    def _judge(self, limit: str | None, seconds: float) -> SandboxResult:
        """Say what came of the command, by the limit that ended it and by its own word."""
        frames = self.frames
        facts: dict[str, Any] = {"exit_code": None}
        if frames.failed is not None:
            limit = limit or frames.failed.limit
            if limit is None:
                raise self._explain_failure()
        elif frames.complete:
            ended = self._read_end()
            # If the host saw its time pass, it was over by then, and only the word came late.
            limit = ended.limit if limit in (None, _LATE) else limit
            facts = ended.model_dump(exclude={"limit"})
            facts["files"] = dict(zip(ended.files, frames.contents, strict=True))
            if limit not in (None, "returned"):
                facts["exit_code"] = None
        elif limit is None:
            raise self._explain_loss()
        return SandboxResult(
            output=self._printed.text,
            output_bytes=self._printed.total,
            seconds=seconds,
            limit=limit,
            **facts,
        )

    def _read_end(self) -> _EndReport:
        try:
            ended = _EndReport.model_validate(self.frames.facts)
        except ValidationError as problem:
            raise SandboxLost(f"The sandbox's response cannot be read: {problem}") from problem
        if len(set(ended.files)) != len(self.frames.contents):
            raise SandboxLost("The sandbox returned files that do not match its list.")
        return ended

    def _explain_failure(self) -> SandboxLost | SandboxMissing:
        tree, why = self._order.tree, self._find_reason()
        if tree is not None and "could not be copied" in why and "Permission denied" in why:
            return SandboxMissing(
                f"The sandbox's user cannot read all of {tree}: {why}. Run: chmod -R o+rX {tree}"
            )
        return SandboxLost(f"The sandbox could not be prepared: {why}")

    def _explain_loss(self) -> SandboxLost | SandboxMissing:
        why = self._find_reason()
        if self.frames.started:
            return SandboxLost(f"The sandbox ended without a verified result of its command: {why}")
        return self.explain_complaint(why) or SandboxLost(f"The sandbox did not start: {why}")

    def _find_reason(self) -> str:
        message = self.frames.failed.message if self.frames.failed is not None else ""
        words = bytes(self._complaints).decode("utf-8", "replace").strip()
        return "; ".join(part for part in (message, words) if part) or "it gave no reason"

    # --- request after request -------------------------------------------------------------------

    def open(self, stopped: Flag | None) -> None:
        """Wait until it is laid out; SandboxMissing, SandboxLost or Cancelled otherwise."""
        if self._await_start(stopped) or not self.frames.started:
            limit = self._judge(self._end(), 0.0).limit
            raise SandboxLost(f"The sandbox reached the {limit} limit while starting.")

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

        SandboxLost where the runner has ended, or did not answer in time or in the right form.
        """
        frames = self.frames
        frames.expect_next()
        self._printed = OutputExcerpt(_SESSION_OUTPUT_BYTES)
        self._request(operation, content, **fields)
        if end := self._wait(lambda: frames.complete, patience, stopped):
            late = "it did not respond in time"
            raise SandboxLost(late if end == _LATE else "its first process exited")
        printed = self._printed
        return Answer(frames.facts or {}, frames.contents, printed.text, printed.omitted_bytes)


class SandboxMaker(ABC):
    """A way to open sandboxes: for one command, or for a session; implements `Sandbox`."""

    @abstractmethod
    def roots(self) -> tuple[Root, ...]:
        """List the root file systems that sandboxes can have, the usual one first."""

    @abstractmethod
    def start(
        self,
        order: SandboxRequest,
        stack: ExitStack,
        hear: Hear | None = None,
        checkout: Checkout | None = None,
    ) -> RunningSandbox:
        """Start what the stack takes down.

        Args:
            checkout: For a session, the commit that its tree is laid over.
        """

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        with ExitStack() as stack:
            return self.start(order, stack, hear).run(cancelled)

    def open_session(
        self, order: SandboxRequest, checkout: Checkout, stack: ExitStack, stopped: Flag | None
    ) -> RunningSandbox:
        """Open a sandbox that answers request after request; the stack takes it down."""
        sandbox = self.start(order, stack, checkout=checkout)
        sandbox.open(stopped)
        return sandbox
