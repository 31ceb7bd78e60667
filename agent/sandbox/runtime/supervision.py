"""Attend to one open sandbox: what it says, which limit it has reached, and what that comes to.

How a sandbox is made and taken down is left to the kinds of sandbox. What comes out of it is handed
in piece by piece; nothing in it is believed but the frames of its runner.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Self

from agent.errors import SandboxLost, SandboxMissing
from agent.models.sandbox import Flag, Hear, SandboxRequest, SandboxResult
from agent.sandbox.runtime import shared_folders
from agent.sandbox.runtime.channel import Frames, Printed

TICK_SECONDS = 0.1
_OPENING_SECONDS = 180.0
"""For the walls, and for copying the tree."""
_GRACE_SECONDS = 3.0
"""The runner ends the command in time; this much later the host ends the runner."""
_HANDING_BACK_SECONDS = 60.0
_MOST_COMPLAINTS = 16 * 1024


class Supervisor:
    """What is known of a sandbox from its opening to its end; leaving the block takes it down."""

    def __init__(self, order: SandboxRequest, nonce: bytes, listener: Hear | None = None) -> None:
        self._order = order
        self._nonce = nonce
        self._watch = shared_folders.SizeWatch(order.mounts, order.limits.disk_bytes)
        self._listener = listener
        self._complaints = bytearray()
        self._phase_began = time.monotonic()
        self._started: float | None = None
        self._ended: float | None = None
        self._look = 0.0
        self._limit: str | None = None
        self.frames = Frames(nonce, order.limits)
        self._printed = Printed(order.limits.output_bytes)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self) -> None:
        """Count the time for opening from now on."""
        self._phase_began = time.monotonic()

    def take_frames(self, content: bytes) -> None:
        """Take in what the runner says."""
        before = (self.frames.started, self.frames.ended)
        self.frames.feed(content)
        if (self.frames.started, self.frames.ended) != before:
            self._phase_began = time.monotonic()
            if self.frames.ended is None:
                self._started = self._phase_began
            else:
                self._ended = self._phase_began

    def take_output(self, content: bytes) -> None:
        """Take in what the command prints."""
        self._printed.add(content)
        if self._listener is not None:
            self._listener(content)

    def take_complaint(self, content: bytes) -> None:
        """Take in what whoever makes the sandbox says of it, in words."""
        self._complaints = (self._complaints + content)[-_MOST_COMPLAINTS:]

    def find_counted_limit(self) -> str | None:
        """Name the limit that the kernel has counted outside, where there is such a count."""
        return None

    def explain_complaint(self, why: str) -> SandboxMissing | None:
        """Make an error for the operator of words of complaint, where the cause is known."""
        return None

    def is_over(self, cancelled: Flag | None) -> bool:
        """Say whether there is nothing more to wait for; looks ten times a second at most."""
        if self.frames.complete:
            return True
        if time.monotonic() < self._look:
            return False
        self._look = time.monotonic() + TICK_SECONDS
        if cancelled is not None and cancelled.is_set():
            raise SandboxLost("The sandbox was taken down before its command had ended.")
        self._limit = self._limit or self.find_counted_limit() or self._host_limit()
        return self._limit is not None and self.frames.ended is None

    def _host_limit(self) -> str | None:
        """Name the limit that only the host can see."""
        passed = time.monotonic() - self._phase_began
        if not self.frames.started:
            if passed > _OPENING_SECONDS:
                raise SandboxLost(
                    f"The sandbox did not open within {_OPENING_SECONDS:.0f} seconds."
                )
        elif self.frames.ended is None:
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

        Raises:
            SandboxMissing: No such sandbox can be had on this machine.
            SandboxLost: The sandbox ended without proof that the command started or ended.
        """
        frames, limit = self.frames, hit or self._limit
        if limit == "time" and frames.ended is not None and frames.complete:
            # It was over by then, and only the word of it came late.
            limit = None
        if frames.failed is not None:
            if frames.failed.limit is None and limit is None:
                raise self._not_laid_out()
            limit = limit or frames.failed.limit
        elif limit is None and frames.ended is not None and frames.complete:
            limit = frames.ended.limit
        elif limit is None:
            raise self._make_lost_error()
        ended = frames.ended if frames.complete else None
        own_end = ended is not None and limit in (None, "returned")
        return SandboxResult(
            exit_code=ended.exit_code if ended is not None and own_end else None,
            output=self._printed.text,
            output_bytes=self._printed.total,
            seconds=seconds,
            limit=limit,
            files=frames.files if ended is not None else {},
            refused=ended.refused if ended is not None else (),
            touched=ended.touched if ended is not None else (),
            gone={one.name: one.words for one in ended.gone} if ended is not None else {},
        )

    def _not_laid_out(self) -> SandboxLost | SandboxMissing:
        tree, why = self._order.tree, self._explain_loss()
        if tree is not None and "could not be copied" in why and "Permission denied" in why:
            return SandboxMissing(
                f"The sandbox's user cannot read all of {tree}: {why}. chmod -R o+rX {tree}"
            )
        return SandboxLost(f"The sandbox could not be laid out: {why}")

    def _explain_loss(self) -> str:
        told = self.frames.failed.message if self.frames.failed is not None else ""
        words = bytes(self._complaints).decode("utf-8", "replace").strip()
        return "; ".join(part for part in (told, words) if part) or "it gave no reason"

    def _make_lost_error(self) -> SandboxLost | SandboxMissing:
        why = self._explain_loss()
        if self.frames.started:
            return SandboxLost(
                f"The sandbox ended without proof of how the command in it ended: {why}"
            )
        return self.explain_complaint(why) or SandboxLost(f"The sandbox did not open: {why}")
