"""Run an open sandbox from the host: send requests, read answers, enforce limits.

A subclass for each kind of sandbox creates it, transfers bytes and kills it. The output arrives in
pieces; the host trusts nothing in it but the frames of its runner.
"""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from agent.errors import Cancelled, SandboxLost, SandboxMissing
from agent.models.record import replace
from agent.models.sandbox import CommandResult, Flag, Hear, Root, SandboxRequest, SandboxResult
from agent.sandbox import layout, preparing
from agent.sandbox.frames import Answer, Frames, OutputExcerpt

TICK_SECONDS = 0.1
_OPENING_SECONDS = 180.0
"""Time limit to create the sandbox and to copy the tree."""
_GRACE_SECONDS = 60.0
"""Added to a command's time limit: the runner ends it and returns files, or the host kills it."""
_ANSWER_SECONDS = 120.0
"""Time limit for requests that run no command."""
_DRAIN_SECONDS = 5.0
_MOST_COMPLAINTS = 16 * 1024
_ANSWER_LIMITS: dict[str, Any] = {
    "output_bytes": 128 * 1024,
    "returned_bytes": 96 * 1024**2,
    "returned_files": 1,
}
"""Limits of one request of a session."""
_LATE, _LOST = "time", "lost"
OPEN: set[object] = set()
"""The open sandboxes of this process."""


class RunningSandbox:
    """An open sandbox; it ends when its stack is closed."""

    def __init__(
        self, order: SandboxRequest, stack: ExitStack, listener: Hear | None = None
    ) -> None:
        self._order = order
        self._nonce = secrets.token_bytes(16)
        self._listener = listener
        self._watch = preparing.SizeWatch(order.mounts, order.limits.disk_bytes)
        self._complaints = bytearray()
        self.frames = Frames(self._nonce, order.limits, self._record_output)
        self._printed = OutputExcerpt(order.limits.output_bytes)
        self._to_send = memoryview(b"")
        self._stack = stack
        OPEN.add(self)
        stack.callback(OPEN.discard, self)

    # --- methods of the kinds of sandbox ---------------------------------------------------------

    def transfer(self, seconds: float) -> bool:
        """Read and write available bytes, for `seconds` at most; False: the runner has ended."""
        raise NotImplementedError

    def kill(self) -> str | None:
        """End all processes in the sandbox; return the limit by which the kernel ended them."""
        raise NotImplementedError

    def find_counted_limit(self) -> str | None:
        """Return the limit that the kernel has enforced, where it has a counter on the host."""
        return None

    def count_memory_kills(self) -> int:
        return 0

    def explain_complaint(self, why: str) -> SandboxMissing | None:
        """Return an error for the operator; None: the cause is not this machine."""
        return None

    # --- methods for subclasses to call ----------------------------------------------------------

    def send_order(self, *, bounded: bool, **more: Any) -> None:
        self.send(self._nonce + layout.encode_request(self._order, bounded=bounded, more=more))

    def send(self, content: bytes) -> None:
        self._to_send = memoryview(bytes(self._to_send) + content)

    def record_complaint(self, content: bytes) -> None:
        """Record a message of bubblewrap, the engine or Python."""
        self._complaints = (self._complaints + content)[-_MOST_COMPLAINTS:]

    def _record_output(self, content: bytes) -> None:
        self._printed.add(content)
        if self._listener is not None:
            self._listener(content)

    # --- waiting ---------------------------------------------------------------------------------

    def _wait(self, is_done: Callable[[], bool], seconds: float, stopped: Flag | None) -> str:
        """Transfer until `is_done`; return the reached limit, or `lost`: the runner has ended."""
        until, look = time.monotonic() + seconds, 0.0
        while not is_done():
            now = time.monotonic()
            if now >= look:
                look = now + TICK_SECONDS
                if stopped is not None and stopped.is_set():
                    raise Cancelled("The run was stopped while its sandbox was running.")
                # In a session, a limit is the command's own failure.
                if self._order.checkout is None and (limit := self._find_limit()):
                    return limit
            if now > until:
                return _LATE
            if not self.transfer(TICK_SECONDS):
                return "" if is_done() else _LOST
        return ""

    def _find_limit(self) -> str | None:
        return self.find_counted_limit() or ("disk" if self._watch.is_exceeded() else None)

    def _await_start(self, stopped: Flag | None) -> str:
        """Wait until the sandbox has its files, or has failed; return why it did not start."""
        frames = self.frames
        end = self._wait(lambda: frames.started or frames.complete, _OPENING_SECONDS, stopped)
        if end == _LATE:
            raise SandboxLost(f"The sandbox did not start within {_OPENING_SECONDS:.0f} seconds.")
        return end

    def _request(
        self,
        operation: str,
        fields: Mapping[str, object],
        content: bytes = b"",
        *,
        stopped: Flag | None,
        patience: float = _ANSWER_SECONDS,
    ) -> str:
        """Send a request and wait for its answer; return why there is none."""
        self.frames.answer = None
        self._printed = OutputExcerpt(self._order.limits.output_bytes)
        request = {"op": operation, "size": len(content), **fields}
        self.send(layout.encode_message(request) + content)
        return self._wait(lambda: self.frames.complete, patience, stopped)

    # --- one command -----------------------------------------------------------------------------

    def run(self, stopped: Flag | None = None) -> SandboxResult:
        """Run the ordered command until it has ended, reached a limit, or its sandbox is lost.

        SandboxMissing: this machine cannot open a sandbox. SandboxLost: there is no proof that the
        command started or ended.
        """
        limit_seconds = self._order.limits.seconds
        try:
            end, began = self._await_start(stopped), time.monotonic()
            if not end and self.frames.started:
                patience = limit_seconds + _GRACE_SECONDS
                fields = {"arguments": (), "seconds": limit_seconds}
                end = self._request("run", fields, stopped=stopped, patience=patience)
        except Cancelled as problem:
            words = "The sandbox was removed before its command finished."
            raise SandboxLost(words) from problem
        seconds = time.monotonic() - began
        return self._judge(self._end() or (None if end == _LOST else end or None), seconds)

    def _end(self) -> str | None:
        """Kill the sandbox unless it has answered; return the limit that the kernel enforced."""
        hit = None
        if not self.frames.complete:
            hit = self.kill()
            give_up = time.monotonic() + _DRAIN_SECONDS
            while time.monotonic() < give_up and self.transfer(TICK_SECONDS):
                pass
        return hit or self.find_counted_limit()

    def _judge(self, limit: str | None, seconds: float) -> SandboxResult:
        """Compose the result, from the limit that ended the command and the runner's answer."""
        frames = self.frames
        facts: dict[str, Any] = {"exit_code": None}
        if frames.failure:
            limit = limit or frames.failure["limit"]
            if limit is None:
                raise self._explain_failure()
        elif frames.answer is not None and frames.complete:
            facts = dict(frames.answer.facts)
            # A late answer of the runner counts, even if the host has stopped waiting for it.
            own_limit = facts.pop("limit")
            limit = own_limit if limit in (None, _LATE) else limit
            facts["files"] = dict(zip(facts["files"], frames.answer.contents, strict=True))
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
        message = self.frames.failure.get("message")
        words = bytes(self._complaints).decode("utf-8", "replace").strip()
        return "; ".join(part for part in (message, words) if part) or "it gave no reason"

    # --- a session: several requests -------------------------------------------------------------

    def open(self, stopped: Flag | None) -> None:
        """Wait until the sandbox has started; else SandboxMissing, SandboxLost or Cancelled."""
        if self._await_start(stopped) or not self.frames.started:
            limit = self._judge(self._end(), 0.0).limit
            raise SandboxLost(f"The sandbox reached the {limit} limit while starting.")

    def ask(
        self, operation: str, content: bytes = b"", *, stopped: Flag | None, **fields: object
    ) -> Answer:
        """Send a request of a session and wait for its answer.

        SandboxLost: the runner has ended, or did not answer in time or in the right form.
        """
        end = self._request(operation, fields, content, stopped=stopped)
        if end or self.frames.answer is None:
            late = "it did not respond in time"
            raise SandboxLost(late if end == _LATE else "its first process exited")
        return self.frames.answer

    def run_command(self, command: str, seconds: float, stopped: Flag | None) -> CommandResult:
        """Run the ordered program of a session with the command as its last argument."""
        kills, patience = self.count_memory_kills(), seconds + _GRACE_SECONDS
        answer = self.ask(
            "run", stopped=stopped, patience=patience, arguments=(command,), seconds=seconds
        )
        limit, output = answer.facts["limit"], self._printed.text
        if limit is None and self.count_memory_kills() > kills:
            limit = "memory"
        if limit not in (None, "time"):
            output = f"{output.rstrip()}\n[The {limit} limit was reached.]"
        return CommandResult(
            output=output,
            exit_code=answer.facts["exit_code"],
            timed_out=limit == "time",
            omitted_bytes=self._printed.omitted_bytes,
        )


class SandboxMaker(ABC):
    """Opens sandboxes, for one command or for a session; implements `Sandbox`."""

    @abstractmethod
    def roots(self) -> tuple[Root, ...]:
        """List the root file systems that sandboxes can have, the default first."""

    @abstractmethod
    def start(
        self, order: SandboxRequest, stack: ExitStack, hear: Hear | None = None
    ) -> RunningSandbox:
        """Start a sandbox, which the stack takes down."""

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        with ExitStack() as stack:
            return self.start(order, stack, hear).run(cancelled)

    def open_session(
        self, order: SandboxRequest, stack: ExitStack, stopped: Flag | None
    ) -> RunningSandbox:
        """Open a sandbox that answers request after request; the stack takes it down."""
        order = replace(order, limits=replace(order.limits, **_ANSWER_LIMITS))
        sandbox = self.start(order, stack)
        sandbox.open(stopped)
        return sandbox
