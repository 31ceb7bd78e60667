"""Open sandboxes with bubblewrap: the sandbox that needs no daemon.

Owns the life of a sandbox from its slot to its removal. What a sandbox shows is in
`bubblewrap.walls`, what comes out of it in `runtime.channel`, what happens inside in
`sandbox_scripts/runner.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from agent.models.sandbox import Flag, Hear, Root, SandboxRequest, SandboxResult
from agent.sandbox.bubblewrap import (
    availability,
    bulk,
    bwrap_arguments,
    cgroup,
    orphans,
    roots,
    running,
)
from agent.sandbox.runtime import request_format, request_preparation, slots
from agent.settings import Settings


class BubblewrapSandbox:
    """Sandboxes on this machine; one process tree each, gone when `run` returns."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._swept = False
        self._sweeping = Lock()

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        """Run one command in a fresh sandbox; see `Sandbox.run`."""
        availability.require_bubblewrap()
        with self._sweeping:
            if not self._swept:
                orphans.remove_orphans(self._settings.home)
                self._swept = True
        root = roots.folder(order.root, self._settings)
        with (
            request_preparation.prepare_request(order, root, self._settings) as (
                bounded,
                slot,
                uid,
            ),
            self._cgroup(bounded, slot) as group,
        ):
            laid = bulk.make_bulk(bounded, root, self._settings.home, slot.number)
            more = laid.arguments() if laid is not None else ()

            def arguments(order: SandboxRequest, lend: bwrap_arguments.Lend) -> list[str]:
                return self._arguments(order, lend, more)

            with running.RunningSandbox(bounded, uid, group, hear, laid) as sandbox:
                sandbox.open(arguments, bwrap_arguments.interpreter(bounded, root))
                return sandbox.attend(cancelled)

    def roots(self) -> tuple[Root, ...]:
        """List the root file systems that sandboxes can have: ours, and those below `roots/`."""
        return roots.list_roots(self._settings)

    def _arguments(
        self, order: SandboxRequest, lend: bwrap_arguments.Lend, more: Sequence[str]
    ) -> list[str]:
        return bwrap_arguments.build_arguments(
            order, roots.folder(order.root, self._settings), lend, more=more
        )

    def _cgroup(self, order: SandboxRequest, slot: slots.Slot) -> cgroup.Cgroup:
        tasks = order.limits.processes + request_format.own_tasks(order)
        return cgroup.create_cgroup(slot.name, order.limits.memory_bytes, tasks)
