"""Open sandboxes with bubblewrap: the kind that needs no daemon.

`bwrap_arguments` lists what a sandbox shows, `running` reads what comes out of it,
`sandbox_scripts/runner.py` is the program inside.
"""

import fcntl
import json
import os
import select
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cache
from io import FileIO
from threading import Lock
from typing import Any

from agent.errors import SandboxMissing
from agent.models.sandbox import Hear, Root, SandboxRequest
from agent.sandbox import bwrap_arguments, cgroup, layout, overlays, preparing
from agent.sandbox.running import RunningSandbox, SandboxMaker
from agent.settings import Settings

_PIPE_BYTES = 1024**2


@cache
def _starter() -> ThreadPoolExecutor:
    """Return the thread that starts all sessions.

    bubblewrap ends with the thread that started it: this one lives as long as the process.
    """
    return ThreadPoolExecutor(1, thread_name_prefix="sandboxes")


class BubblewrapSandbox(SandboxMaker):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._swept = False
        self._sweeping = Lock()

    def roots(self) -> tuple[Root, ...]:
        """Describe the root file system that all sandboxes have: this machine's."""
        can_lay = overlays.is_possible(self._settings.home)
        return (Root(folder="/", more="apt-get install", can_lay=can_lay),)

    def start(
        self,
        order: SandboxRequest,
        stack: ExitStack,
        hear: Hear | None = None,
    ) -> RunningSandbox:
        bwrap_arguments.require_bubblewrap()
        home = self._settings.home
        with self._sweeping:
            if not self._swept:
                cgroup.remove_orphans(home)
                self._swept = True
        if order.root:
            raise SandboxMissing(
                f"The run has begun in the docker image of Python {order.root}, and sandboxes are"
                " bubblewrap's now. Set MERGEWRIGHT_SANDBOX=docker, or start the run again."
            )
        order, slot = stack.enter_context(preparing.prepare_request(order, self._settings))
        planned = overlays.plan_overlays(order, home, slot.number)
        tasks = order.limits.processes + layout.count_own_tasks(order)
        group = cgroup.create_cgroup(slot.name, order.limits.memory_bytes, tasks)
        stack.callback(group.remove)
        sandbox = BubblewrapProcess(order, stack, slot.uid, group, planned, hear)
        sandbox.start()
        return sandbox


class BubblewrapProcess(RunningSandbox):
    """A sandbox of bubblewrap; its remaining processes are killed at its end."""

    def __init__(
        self,
        order: SandboxRequest,
        stack: ExitStack,
        uid: int,
        group: cgroup.Cgroup,
        planned: overlays.Overlays | None,
        hear: Hear | None,
    ) -> None:
        super().__init__(order, stack, hear)
        self._uid = uid
        self._group = group
        self._overlays = planned
        self._status = bytearray()
        self._runner: int | None = None
        self._readers: dict[int, Callable[[bytes], None]] = {}
        self._input = -1
        self._channel = -1

    def start(self) -> None:
        """Start bubblewrap; the runner in it waits for the order before it does anything."""
        passed: list[int] = []

        def pass_content(content: bytes) -> int:
            file = self._own_descriptor(os.memfd_create("data"))
            view = memoryview(content)
            while view:
                view = view[file.write(view) :]
            file.seek(0)
            passed.append(file.fileno())
            return file.fileno()

        more = self._overlays.arguments() if self._overlays is not None else ()
        args = bwrap_arguments.build_arguments(self._order, pass_content, more)
        channel, status, complaints = (self._make_pipe(reading=True) for _ in range(3))
        input_pipe = self._make_pipe(reading=False)
        self._channel, self._input = channel[0], input_pipe[0]
        python = bwrap_arguments.find_interpreter()
        runner = [python, "-I", "-S", layout.RUNNER, str(channel[1].fileno())]
        argv = ["bwrap", "--info-fd", str(status[1].fileno()), *args, "--", *runner]
        options: dict[str, Any] = {}
        if self._overlays is not None:
            argv = [*self._overlays.prefix(self._order.limits.disk_bytes, self._uid), *argv]
        elif os.geteuid() == 0:
            options = {"user": self._uid, "group": self._uid, "extra_groups": []}
        options |= {"stdin": input_pipe[1], "stdout": complaints[1], "stderr": complaints[1]}
        options["pass_fds"] = (*passed, channel[1].fileno(), status[1].fileno())
        try:
            process = self._popen(argv, options)
        except (OSError, subprocess.SubprocessError) as problem:
            raise SandboxMissing(f"bwrap cannot start as user {self._uid}: {problem}") from problem
        self._stack.callback(self._take_down, process)
        for end in (channel[1], status[1], complaints[1], input_pipe[1]):
            end.close()
        self._readers = {
            channel[0]: self.frames.feed,
            complaints[0]: self.record_complaint,
            status[0]: self._read_status,
        }

    def transfer(self, seconds: float) -> bool:
        poll = select.poll()
        for descriptor in self._readers:
            poll.register(descriptor, select.POLLIN)
        if self._to_send:
            poll.register(self._input, select.POLLOUT)
        for descriptor, _ in poll.poll(seconds * 1000):
            if descriptor == self._input:
                self._write()
            elif content := os.read(descriptor, _PIPE_BYTES):
                self._readers[descriptor](content)
            else:
                del self._readers[descriptor]
        return self._channel in self._readers

    def kill(self) -> str | None:
        """End everything in the sandbox: when process 1 of a pid namespace dies, all others do."""
        if self._runner is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._runner, signal.SIGKILL)
        self._group.kill()
        return None

    def find_counted_limit(self) -> str | None:
        return self._group.find_reached_limit()

    def count_memory_kills(self) -> int:
        return self._group.count("memory")

    def explain_complaint(self, why: str) -> SandboxMissing | None:
        cause = bwrap_arguments.explain_failure(why)
        return SandboxMissing(f"{cause} (bubblewrap says: {why})") if cause is not None else None

    def _popen(self, argv: list[str], options: dict[str, Any]) -> subprocess.Popen[bytes]:
        options["env"] = {"PATH": os.environ.get("PATH", os.defpath)}

        def make() -> subprocess.Popen[bytes]:
            return subprocess.Popen(argv, cwd="/", start_new_session=True, umask=0o022, **options)

        return make() if self._order.checkout is None else _starter().submit(make).result()

    def _own_descriptor(self, descriptor: int) -> FileIO:
        return self._stack.enter_context(FileIO(descriptor, "r+b", closefd=True))

    def _make_pipe(self, *, reading: bool) -> tuple[int, FileIO]:
        ends = os.pipe()
        ours, theirs = ends if reading else ends[::-1]
        with suppress(OSError):  # the size of a user's pipes is bounded; small ones only cost speed
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(ours, False)
        return self._own_descriptor(ours).fileno(), self._own_descriptor(theirs)

    def _write(self) -> None:
        try:
            written = os.write(self._input, self._to_send[:_PIPE_BYTES])
            self._to_send = self._to_send[written:]
        except BrokenPipeError:
            self._to_send = memoryview(b"")  # `transfer` notices the end by the other pipes

    def _read_status(self, content: bytes) -> None:
        """Read the runner's pid, put it under the limits, and only then send the order."""
        self._status += content
        try:
            pid = json.loads(self._status)["child-pid"]
        except ValueError:
            return  # the message is not complete yet
        with suppress(ProcessLookupError):  # it ended at once; its complaint has the reason
            self._runner = os.pidfd_open(pid)
            self._group.add(pid)
            bounded = {"memory", "pids"} <= self._group.folders.keys()
            self.send_order(bounded=bounded, bulk_is_mounted=self._overlays is not None)

    def _take_down(self, process: subprocess.Popen[bytes]) -> None:
        self.kill()
        # Until bubblewrap's child is set to end with its parent, it is in this process group.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if self._runner is not None:
            os.close(self._runner)
