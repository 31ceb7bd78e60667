"""One open sandbox, seen from the host: made, listened to, and taken down.

Order and answers go by the streams that the engine hands over: standard input is the way in and,
as it ends with us, how the runner knows that we are there; output is what is printed; errors are
the runner's frames, which only its process can write to. What comes is read as it comes, and what
it means is decided in `runtime.attendance`.
"""

from __future__ import annotations

import secrets
import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import docker
import requests
import structlog
from docker import errors

from agent.errors import SandboxLost, SandboxMissing
from agent.models.sandbox import Flag, Hear, SandboxRequest, SandboxResult
from agent.sandbox.runtime.supervision import TICK_SECONDS, Supervisor

_DRAIN_SECONDS = 60.0
"""The engine may be far behind with what was printed."""
_PIECE_BYTES = 1024**2
_MOST_KEPT = 16 * 1024
_CONFLICT = 409
#: The engine puts this before every piece: which stream it is of, and how long it is.
_HEAD = struct.Struct("!B3xI")
_OUTPUT, _ERRORS = 1, 2
_log = structlog.get_logger()


class Pieces:
    """Take the engine's one stream apart again."""

    def __init__(self, takers: dict[int, Callable[[bytes], None]]) -> None:
        self._takers = takers
        self._head = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, content: bytes) -> None:
        """Hand each part to the taker of its stream; nothing is kept but an unfinished head."""
        view = memoryview(content)
        while view:
            if self._left == 0:
                missing = _HEAD.size - len(self._head)
                self._head += view[:missing]
                view = view[missing:]
                if len(self._head) == _HEAD.size:
                    self._stream, self._left = _HEAD.unpack(self._head)
                    self._head.clear()
                continue
            part = view[: self._left]
            if (taker := self._takers.get(self._stream)) is None:
                raise SandboxLost(f"The container engine speaks on a stream {self._stream}.")
            taker(bytes(part))
            self._left -= len(part)
            view = view[len(part) :]


class RunningSandbox(Supervisor):
    """A sandbox in a container, which is killed and removed at its end."""

    def __init__(
        self, order: SandboxRequest, client: docker.APIClient, hear: Hear | None = None
    ) -> None:
        super().__init__(order, secrets.token_bytes(16), hear)
        self._client = client
        self._pieces = Pieces({_OUTPUT: self._take_output, _ERRORS: self._take_errors})
        self._container = ""
        self._line: socket.socket | None = None
        self._to_send = memoryview(b"")
        self._not_signed = bytearray()

    def open(self, container: dict[str, Any], host_config: dict[str, Any], told: bytes) -> None:
        """Make and start the container that `walls` describes, and hand it its order."""
        self._container = self._make(container, host_config)
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        attached = self._client.attach_socket(self._container, params=streams)
        self._stack.callback(attached.close)
        # The client's own object reads only; the socket below it takes both ways.
        self._line = attached._sock  # noqa: SLF001
        self._stack.callback(self._line.close)
        self._line.settimeout(0)
        self._to_send = memoryview(self._nonce + told)
        try:
            self._client.start(self._container)
        except errors.APIError as problem:
            raise _not_started(problem, container["image"]) from problem
        self.begin()

    def attend(self, cancelled: Flag | None = None) -> SandboxResult:
        """Listen until the sandbox has said all, reached a limit, or died; then judge."""
        while self._line is not None and not self.is_over(cancelled):
            self._exchange(TICK_SECONDS)
        seconds, hit = self.seconds, None
        if not self.frames.complete:
            hit = self._kill()
        give_up = time.monotonic() + _DRAIN_SECONDS
        while self._line is not None:
            self._exchange(TICK_SECONDS)
            if time.monotonic() > give_up:
                raise SandboxLost("The container engine does not hand over what was printed.")
        if self.frames.failed is None:
            self.take_complaint(bytes(self._not_signed))
        return self.judge(hit, seconds)

    def _make(self, container: dict[str, Any], host_config: dict[str, Any]) -> str:
        """Create the container, in place of what a killed process may have left in this slot."""
        config = self._client.create_host_config(**host_config)
        try:
            made = self._client.create_container(**container, host_config=config)
        except errors.APIError as problem:
            if problem.status_code != _CONFLICT:
                raise
            remove_container(self._client, container["name"])
            made = self._client.create_container(**container, host_config=config)
        self._stack.callback(remove_container, self._client, made["Id"])
        return str(made["Id"])

    # --- listening ---

    def _exchange(self, seconds: float) -> None:
        """Send and take in what can be, waiting no longer than this."""
        assert self._line is not None  # noqa: S101 - for mypy; the callers have looked
        poll = select.poll()
        poll.register(self._line, select.POLLIN | (select.POLLOUT if self._to_send else 0))
        for _, event in poll.poll(seconds * 1000):
            try:
                if event & select.POLLOUT:
                    sent = self._line.send(self._to_send[:_PIECE_BYTES])
                    self._to_send = self._to_send[sent:]
                if event & ~select.POLLOUT:
                    self._take_in(self._line.recv(_PIECE_BYTES))
            except BlockingIOError:
                continue
            except OSError:  # the engine is gone, or the sandbox is, before it has read all
                self._take_in(b"")

    def _take_in(self, content: bytes) -> None:
        if content:
            self._pieces.feed(content)
        else:
            self._line = None

    def _take_output(self, content: bytes) -> None:
        self.take_output(content)
        if not self.frames.started:
            self.take_complaint(content)

    def _take_errors(self, content: bytes) -> None:
        if not self.frames.started:
            self._not_signed = (self._not_signed + content)[-_MOST_KEPT:]
        try:
            self.take_frames(content)
        except SandboxLost:
            # Before the runner is at work, it is Python or the engine that says something here.
            if self.frames.started:
                raise
        if self.frames.started:
            self._not_signed.clear()

    # --- the end ---

    def _kill(self) -> str | None:
        """End everything in the sandbox; return the limit by which the kernel did so before us."""
        with suppress(errors.APIError):  # it has ended
            self._client.kill(self._container)
        state = self._client.inspect_container(self._container)["State"]
        if state["OOMKilled"]:
            return "memory"
        self.take_complaint(f"its first program ended with {state['ExitCode']}. ".encode())
        return None


def remove_container(client: docker.APIClient, container: str) -> None:
    """End and remove a container; what cannot be removed now goes when its slot is taken again."""
    try:
        client.remove_container(container, v=True, force=True)
    except errors.NotFound:
        return
    except (errors.DockerException, requests.RequestException) as problem:
        _log.warning("sandbox not removed", container=container, problem=str(problem))


def _not_started(problem: errors.APIError, image: str) -> SandboxLost | SandboxMissing:
    words = str(problem.explanation or problem)
    if "executable file not found" in words and "python3" in words:
        return SandboxMissing(
            f"The image {image} has no python3, which a sandbox needs. Build one that has:"
            " mergewright images build 3.11"
        )
    return SandboxLost(f"The sandbox did not open: {words}")
