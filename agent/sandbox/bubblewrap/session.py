"""Keep a sandbox of bubblewrap open."""

from __future__ import annotations

import os
import select
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from agent.git import worktree
from agent.models.environment import Checkout
from agent.models.sandbox import Flag, Mount, SandboxRequest
from agent.sandbox import overlay
from agent.sandbox.bubblewrap import availability, bulk, bwrap_arguments, cgroup, roots, running
from agent.sandbox.runner_client import RunnerClient
from agent.sandbox.runtime import layout, request_format, request_preparation, shared_folders
from agent.sandbox.runtime.supervision import TICK_SECONDS
from agent.settings import Settings

_PIECE_BYTES = 1024**2
_DRAIN_SECONDS = 2.0


@cache
def _starter() -> ThreadPoolExecutor:
    """Give the one thread that starts all sessions.

    bubblewrap ends with the thread that started it: this one lives as long as the process.
    """
    return ThreadPoolExecutor(1, thread_name_prefix="sandboxes")


class BubblewrapRunnerClient(RunnerClient, running.RunningSandbox):
    """A session's sandbox; the pipe by which it is let begin carries its requests as well."""

    def __init__(
        self,
        order: SandboxRequest,
        uid: int,
        group: cgroup.Cgroup,
        layers: overlay.Overlay | None,
        laid: bulk.Bulk | None,
    ) -> None:
        super().__init__(order, uid, group, bulk=laid)
        self._layers = layers
        self._told = b""
        self._to_send = memoryview(b"")

    def listen(self, seconds: float) -> bool:
        """Read and write what can be, waiting no longer than this."""
        go, channel = self._files["go"].fileno(), self._files["channel"].fileno()
        poll = select.poll()
        for descriptor in self._readers:
            poll.register(descriptor, select.POLLIN)
        if self._to_send:
            poll.register(go, select.POLLOUT)
        for descriptor, _ in poll.poll(seconds * 1000):
            if descriptor == go:
                self._write(go)
            elif content := os.read(descriptor, _PIECE_BYTES):
                self._readers[descriptor](content)
            else:
                del self._readers[descriptor]
        return channel in self._readers

    def hear_last_words(self) -> None:
        """Read what bubblewrap says of a sandbox that did not open."""
        self._kill()
        give_up = time.monotonic() + _DRAIN_SECONDS
        while self._readers and time.monotonic() < give_up:
            self._read(TICK_SECONDS)

    def count_memory_kills(self) -> int:
        """Ask the control group."""
        return self._group.count("memory")

    def _write(self, descriptor: int) -> None:
        try:
            written = os.write(descriptor, self._to_send[:_PIECE_BYTES])
            self._to_send = self._to_send[written:]
        except BrokenPipeError:
            self._to_send = memoryview(b"")  # that it has ended is seen where it is listened to

    def _hand_over(self, bounded: bool, lend: bwrap_arguments.Lend) -> list[str]:  # noqa: FBT001
        more: dict[str, Any] = {"base": layout.SOURCE, "guide": None}
        more["bulk_is_laid"] = self._bulk is not None
        if self._layers is not None:
            more |= {"source": None, "guide": overlay.GUIDE}
        self._told = request_format.encode_request(self._order, bounded=bounded, more=more)
        return ["0", "session"]

    def _start(self, argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
        if self._layers is None:
            return _starter().submit(super()._start, argv, **options).result()
        argv = [*self._layers.prefix(self._order.limits), *argv]
        if self._bulk is not None:
            argv = [*self._bulk.prefix(self._order, self._uid), *argv]
        options |= {"user": None, "group": None, "extra_groups": None}
        return _starter().submit(lambda: subprocess.Popen(argv, **options)).result()

    def _let_begin(self) -> None:
        os.set_blocking(self._files["go"].fileno(), False)
        self._to_send = memoryview(self._nonce + self._told)


def open_conversation(
    order: SandboxRequest,
    checkout: Checkout,
    settings: Settings,
    stack: ExitStack,
    stopped: Flag | None,
) -> BubblewrapRunnerClient:
    """Open the sandbox that the order describes; the stack takes it down.

    Raises:
        SandboxMissing: No sandbox can be opened here.
        SandboxLost: It did not open.
    """
    availability.require_bubblewrap()
    root = roots.folder(order.root, settings)
    bounded, slot, uid = stack.enter_context(
        request_preparation.prepare_request(order, root, settings)
    )
    layers = None
    if order.tree is not None and overlay.is_possible(Path(order.tree)):
        base = Path(order.tree).with_name(f"session-{slot.number}")
        worktree.open_tree(checkout, base)
        owned = Mount(source=str(base), target=layout.SOURCE, writable=True)
        stack.enter_context(shared_folders.handed_over((owned,), uid))
        bounded = bounded.model_copy(update={"tree": str(base)})
        layers = overlay.make_overlay(base, uid)
    limits = bounded.limits
    tasks = limits.processes + request_format.own_tasks(bounded)
    group = stack.enter_context(cgroup.create_cgroup(slot.name, limits.memory_bytes, tasks))
    laid = bulk.make_bulk(bounded, root, settings.home, slot.number)
    talk = stack.enter_context(BubblewrapRunnerClient(bounded, uid, group, layers, laid))
    more = [*(layers.arguments() if layers else ()), *(laid.arguments() if laid else ())]

    def arguments(order: SandboxRequest, lend: bwrap_arguments.Lend) -> list[str]:
        return bwrap_arguments.build_arguments(order, root, lend, lasting=True, more=more)

    talk.open(arguments, bwrap_arguments.interpreter(bounded, root))
    talk.await_start(stopped)
    return talk
