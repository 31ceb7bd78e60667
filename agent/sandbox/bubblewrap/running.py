"""One open sandbox, seen from the host: started, listened to, and taken down.

Everything that comes out of the sandbox is read here as it comes, so that a sandbox can neither
block us nor fill our memory; what it means is decided in `runtime.attendance`.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import select
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from typing import Any

from agent.errors import SandboxMissing
from agent.models.sandbox import Flag, Hear, SandboxRequest, SandboxResult
from agent.sandbox.bubblewrap import availability, bwrap_arguments
from agent.sandbox.bubblewrap.bulk import Bulk, make_user_command
from agent.sandbox.bubblewrap.cgroup import Cgroup
from agent.sandbox.runtime import layout, request_format
from agent.sandbox.runtime.supervision import TICK_SECONDS, Supervisor

_DRAIN_SECONDS = 2.0
_PIPE_BYTES = 1024**2
Arguments = Callable[[SandboxRequest, bwrap_arguments.Lend], list[str]]


class RunningSandbox(Supervisor):
    """A sandbox of bubblewrap; what is left of it at its end is killed."""

    def __init__(
        self,
        order: SandboxRequest,
        uid: int,
        group: Cgroup,
        hear: Hear | None = None,
        bulk: Bulk | None = None,
    ) -> None:
        super().__init__(order, secrets.token_bytes(16), hear)
        self._bulk = bulk
        self._uid = uid
        self._group = group
        self._status = bytearray()
        self._runner: int | None = None
        self._readers: dict[int, Callable[[bytes], None]] = {}
        self._files: dict[str, FileIO] = {}

    def open(self, arguments: Arguments, python: str) -> None:
        """Start bubblewrap; the runner in it waits for our word before it does anything."""
        lent: list[int] = []

        def lend(content: bytes) -> int:
            file = self._own_descriptor(os.memfd_create("sheet"))
            view = memoryview(content)
            while view:
                view = view[file.write(view) :]
            file.seek(0)
            lent.append(file.fileno())
            return file.fileno()

        args = arguments(self._order, lend)
        bounded = {"memory", "pids"} <= self._group.folders.keys()
        told = self._hand_over(bounded, lend)
        ends = {name: self._pipe(name) for name in ("output", "channel", "complaints", "status")}
        waiting, go = os.pipe()
        ends["waiting"], self._files["go"] = self._own_descriptor(waiting), self._own_descriptor(go)
        status, channel = ends["status"].fileno(), ends["channel"].fileno()
        runner = [python, "-I", "-S", layout.RUNNER, str(channel), *told]
        root = os.geteuid() == 0
        try:
            process = self._start(
                ["bwrap", "--info-fd", str(status), *args, "--", *runner],
                stdin=ends["waiting"],
                stdout=ends["output"],
                stderr=ends["complaints"],
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                pass_fds=(*lent, channel, status),
                start_new_session=True,
                umask=0o022,
                user=self._uid if root else None,
                group=self._uid if root else None,
                extra_groups=[] if root else None,
            )
        except (OSError, subprocess.SubprocessError) as problem:
            raise SandboxMissing(
                f"bwrap cannot be started as user {self._uid}: {problem}"
            ) from problem
        self._stack.callback(self._take_down, process)
        for end in ends.values():
            end.close()
        self.begin()
        self._readers = {
            self._files["output"].fileno(): self.take_output,
            self._files["channel"].fileno(): self.take_frames,
            self._files["complaints"].fileno(): self.take_complaint,
            self._files["status"].fileno(): self._learn_pid,
        }

    def attend(self, cancelled: Flag | None = None) -> SandboxResult:
        """Read until the sandbox has said all, reached a limit, or died; then judge."""
        channel = self._files["channel"].fileno()
        while channel in self._readers and not self.is_over(cancelled):
            self._read(TICK_SECONDS)
        seconds = self.seconds
        if not self.frames.complete:
            self._kill()
        give_up = time.monotonic() + _DRAIN_SECONDS
        while self._readers and time.monotonic() < give_up:
            self._read(TICK_SECONDS)
        return self.judge(self.find_counted_limit(), seconds)

    def find_counted_limit(self) -> str | None:
        """Name the limit that the control group has counted."""
        return self._group.find_reached_limit()

    def explain_complaint(self, why: str) -> SandboxMissing | None:
        """Say what keeps bubblewrap from making sandboxes here."""
        cause = availability.explain_failure(why)
        return SandboxMissing(f"{cause} (bubblewrap says: {why})") if cause is not None else None

    # --- opening ---

    def _hand_over(self, bounded: bool, lend: bwrap_arguments.Lend) -> list[str]:  # noqa: FBT001
        """Have the order where the runner finds it; return the arguments that say so."""
        more = {"bulk_is_laid": self._bulk is not None}
        return [str(lend(request_format.encode_request(self._order, bounded=bounded, more=more)))]

    def _start(self, argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
        if self._bulk is not None:
            argv = [
                *self._bulk.prefix(self._order, self._uid),
                *make_user_command(self._uid),
                *argv,
            ]
            options |= {"user": None, "group": None, "extra_groups": None}
        return subprocess.Popen(argv, **options)

    def _let_begin(self) -> None:
        self._files["go"].write(self._nonce)
        self._files["go"].close()

    def _own_descriptor(self, descriptor: int) -> FileIO:
        return self._stack.enter_context(FileIO(descriptor, "r+b", closefd=True))

    def _pipe(self, name: str) -> FileIO:
        """Make a pipe, keep its reading end under the name, and return the writing end."""
        reading, writing = os.pipe()
        self._files[name] = self._own_descriptor(reading)
        with suppress(OSError):  # bounded per user; the default size only costs speed
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return self._own_descriptor(writing)

    # --- listening ---

    def _read(self, seconds: float) -> None:
        """Take in what has come, waiting no longer than this."""
        poll = select.poll()
        for descriptor in self._readers:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(seconds * 1000):
            content = os.read(descriptor, _PIPE_BYTES)
            if content:
                self._readers[descriptor](content)
            else:
                del self._readers[descriptor]

    def _learn_pid(self, content: bytes) -> None:
        """Put the runner under the limits, and only then let it begin."""
        self._status += content
        try:
            pid = json.loads(self._status)["child-pid"]
        except ValueError:
            return  # there is more to come
        with suppress(ProcessLookupError):  # it died at once; its complaint says why
            self._runner = os.pidfd_open(pid)
            self._group.add([pid])
            self._let_begin()

    # --- the end ---

    def _kill(self) -> None:
        """End everything in the sandbox: when process 1 of a pid namespace dies, all in it does."""
        if self._runner is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._runner, signal.SIGKILL)
        self._group.kill()

    def _take_down(self, process: subprocess.Popen[bytes]) -> None:
        self._kill()
        # The group also has bubblewrap's child as long as that is not yet bound to its parent.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if self._runner is not None:
            os.close(self._runner)
