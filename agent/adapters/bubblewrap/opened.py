"""One open room, seen from the host: started, watched, listened to, and taken down.

Everything that comes out of the room is read here as it comes, so that a room can neither block
us nor fill our memory; what it means is decided in `channel`.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import select
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from io import FileIO
from typing import Self

from agent.adapters.bubblewrap import presence, shared, walls
from agent.adapters.bubblewrap.cgroup import Cgroup
from agent.adapters.bubblewrap.channel import Frames, Printed
from agent.errors import SandboxLost, SandboxMissing
from agent.ports import ROOM_TREE, Flag, Hear, RoomOrder, RoomResult

_TICK_SECONDS = 0.1
_OPENING_SECONDS = 180.0
"""For the walls, and for copying the tree."""
_GRACE_SECONDS = 3.0
"""The runner ends the command in time; this much later the host ends the runner."""
_HANDING_BACK_SECONDS = 60.0
_DRAIN_SECONDS = 2.0
_MOST_COMPLAINTS = 16 * 1024
_PIPE_BYTES = 1024**2
_OPEN_FILES = 4096
Arguments = Callable[[RoomOrder, walls.Sheet], list[str]]


def own_tasks(order: RoomOrder) -> int:
    """How many tasks in the room are ours: the runner, and its relay to the proxy."""
    return 1 if order.proxy_socket is None else 2


class OpenedRoom:
    """A room from its opening to its end; leaving the `with` block kills what is left of it."""

    def __init__(self, order: RoomOrder, uid: int, group: Cgroup, hear: Hear | None = None) -> None:
        self._order = order
        self._uid = uid
        self._group = group
        self._stack = ExitStack()
        self._nonce = secrets.token_bytes(16)
        self._frames = Frames(self._nonce, order.limits)
        self._printed = Printed(order.limits.output_bytes)
        self._listener = hear
        self._complaints = bytearray()
        self._status = bytearray()
        self._runner: int | None = None
        self._limit: str | None = None
        self._watch = shared.Watch(order.mounts, order.limits.disk_bytes)
        self._readers: dict[int, Callable[[bytes], None]] = {}
        self._files: dict[str, FileIO] = {}
        self._phase_began = time.monotonic()
        self._started: float | None = None
        self._ended: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, arguments: Arguments, python: str) -> None:
        """Start bubblewrap; the runner in it waits for our word before it does anything."""
        lent: list[int] = []

        def sheet(content: bytes) -> int:
            file = self._own(os.memfd_create("sheet"))
            view = memoryview(content)
            while view:
                view = view[file.write(view) :]
            file.seek(0)
            lent.append(file.fileno())
            return file.fileno()

        args = arguments(self._order, sheet)
        told = sheet(self._told())
        ends = {name: self._pipe(name) for name in ("output", "channel", "complaints", "status")}
        waiting, go = os.pipe()
        ends["waiting"], self._files["go"] = self._own(waiting), self._own(go)
        status, channel = ends["status"].fileno(), ends["channel"].fileno()
        runner = [python, "-I", "-S", walls.RUNNER, str(channel), str(told)]
        root = os.geteuid() == 0
        try:
            process = subprocess.Popen(
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
        self._phase_began = time.monotonic()
        self._readers = {
            self._files["output"].fileno(): self._listen,
            self._files["channel"].fileno(): self._hear,
            self._files["complaints"].fileno(): self._keep_complaint,
            self._files["status"].fileno(): self._learn_pid,
        }

    def attend(self, cancelled: Flag | None = None) -> RoomResult:
        """Read until the room has said all, reached a limit, or died; then judge.

        Raises:
            SandboxMissing: bubblewrap could not make the room on this machine.
            SandboxLost: The room ended without proof that the command started or ended, or
                nobody wants to know any more.
        """
        channel = self._files["channel"].fileno()
        look = 0.0
        while not self._frames.complete and channel in self._readers:
            self._read(_TICK_SECONDS)
            if time.monotonic() < look:
                continue
            look = time.monotonic() + _TICK_SECONDS
            if cancelled is not None and cancelled.is_set():
                raise SandboxLost("The room was taken down before its command had ended.")
            self._limit = self._limit or self._group.hit() or self._host_limit()
            if self._limit is not None and self._frames.ended is None:
                break
        over = self._ended or time.monotonic()
        seconds = over - (self._started or over)
        if not self._frames.complete:
            self._kill()
        give_up = time.monotonic() + _DRAIN_SECONDS
        while self._readers and time.monotonic() < give_up:
            self._read(_TICK_SECONDS)
        limit = self._group.hit() or self._limit
        return self._judge(limit, seconds)

    # --- opening ---

    def _own(self, descriptor: int) -> FileIO:
        return self._stack.enter_context(FileIO(descriptor, "r+b", closefd=True))

    def _pipe(self, name: str) -> FileIO:
        """Make a pipe, keep its reading end under the name, and return the writing end."""
        reading, writing = os.pipe()
        self._files[name] = self._own(reading)
        with suppress(OSError):  # bounded per user; the default size only costs speed
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return self._own(writing)

    def _told(self) -> bytes:
        """Write down the order in the way the runner reads it."""
        order, limits = self._order, self._order.limits
        bounded = {"memory", "pids"} <= self._group.folders.keys()
        rlimits = {
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": _OPEN_FILES,
            "RLIMIT_FSIZE": limits.disk_bytes,
            # Behind the group's own bound, which is the one that is counted and named.
            "RLIMIT_NPROC": limits.processes + own_tasks(order) + (16 if bounded else 0),
        }
        if not bounded:
            rlimits["RLIMIT_AS"] = limits.memory_bytes
        environ = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": walls.HOME,
            "LANG": "C.UTF-8",
            "TMPDIR": walls.TEMPORARY,
        }
        if order.proxy_socket is not None and walls.certificates() is not None:
            names = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
            environ |= dict.fromkeys(names, walls.CERTIFICATES)
        told = {
            "argv": order.argv,
            "environ": environ | order.environ,
            "directory": order.directory,
            "home": walls.HOME,
            "source": walls.SOURCE if order.tree is not None else None,
            "tree": ROOM_TREE,
            "files": [{"path": file.path, "size": len(file.content)} for file in order.files],
            "seconds": limits.seconds,
            "rlimits": rlimits,
            "sampled_memory": None if bounded else limits.memory_bytes,
            "sampled_tasks": limits.processes,
            "places": walls.WRITABLE,
            "inodes": shared.entries_for(limits.disk_bytes),
            "proxy": walls.PROXY if order.proxy_socket is not None else None,
            "collect": order.collect,
            "returned_bytes": limits.returned_bytes,
            "returned_files": limits.returned_files,
        }
        head = json.dumps(told).encode("ascii")
        return struct.pack("!Q", len(head)) + head + b"".join(f.content for f in order.files)

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

    def _listen(self, content: bytes) -> None:
        self._printed.add(content)
        if self._listener is not None:
            self._listener(content)

    def _hear(self, content: bytes) -> None:
        before = (self._frames.started, self._frames.ended)
        self._frames.feed(content)
        if (self._frames.started, self._frames.ended) != before:
            self._phase_began = time.monotonic()
            if self._frames.ended is None:
                self._started = self._phase_began
            else:
                self._ended = self._phase_began

    def _keep_complaint(self, content: bytes) -> None:
        self._complaints = (self._complaints + content)[-_MOST_COMPLAINTS:]

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
            self._files["go"].write(self._nonce)
        self._files["go"].close()

    # --- limits and the end ---

    def _host_limit(self) -> str | None:
        """Name the limit that only the host can see."""
        passed = time.monotonic() - self._phase_began
        if not self._frames.started:
            if passed > _OPENING_SECONDS:
                raise SandboxLost(f"The room did not open within {_OPENING_SECONDS:.0f} seconds.")
        elif self._frames.ended is None:
            if passed > self._order.limits.seconds + _GRACE_SECONDS:
                return "time"
        elif passed > _HANDING_BACK_SECONDS:
            raise SandboxLost("The room did not hand its files back in time.")
        return "disk" if self._watch.exceeded() else None

    def _kill(self) -> None:
        """End everything in the room: when process 1 of a pid namespace dies, all in it does."""
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

    def _judge(self, limit: str | None, seconds: float) -> RoomResult:
        frames = self._frames
        if frames.failed is not None:
            if frames.failed.limit is None and limit is None:
                raise self._not_laid_out()
            limit = limit or frames.failed.limit
        elif limit is None and frames.ended is not None and frames.complete:
            limit = frames.ended.limit
        elif limit is None:
            raise self._lost()
        ended = frames.ended if frames.complete else None
        own_end = ended is not None and limit in (None, "returned")
        return RoomResult(
            exit_code=ended.exit_code if ended is not None and own_end else None,
            output=self._printed.text,
            output_bytes=self._printed.total,
            seconds=seconds,
            limit=limit,
            files=frames.files if ended is not None else {},
            refused=ended.refused if ended is not None else (),
        )

    def _not_laid_out(self) -> SandboxLost | SandboxMissing:
        tree, why = self._order.tree, self._why()
        if tree is not None and "Permission denied" in why:
            return SandboxMissing(
                f"The room's user cannot read all of {tree}: {why}. chmod -R o+rX {tree}"
            )
        return SandboxLost(f"The room could not be laid out: {why}")

    def _why(self) -> str:
        told = self._frames.failed.message if self._frames.failed is not None else ""
        words = bytes(self._complaints).decode("utf-8", "replace").strip()
        return "; ".join(part for part in (told, words) if part) or "it gave no reason"

    def _lost(self) -> SandboxLost | SandboxMissing:
        if self._frames.started:
            return SandboxLost(
                f"The room ended without proof of how the command in it ended: {self._why()}"
            )
        cause = presence.explain(self._why())
        if cause is not None:
            return SandboxMissing(f"{cause} (bubblewrap says: {self._why()})")
        return SandboxLost(f"The room did not open: {self._why()}")
