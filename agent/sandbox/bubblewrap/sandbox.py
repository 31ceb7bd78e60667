"""Open sealed rooms with bubblewrap: the sandbox that needs no daemon.

Owns the life of a room from its slot to its removal. What a room shows is in `bubblewrap.walls`,
what comes out of it in `rooms.channel`, what happens inside in `inside/room.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from agent.models.sandbox import Flag, Hear, RoomOrder, RoomResult, Root
from agent.sandbox.bubblewrap import bulk, cgroup, opened, presence, roots, strays, walls
from agent.sandbox.rooms import reach, sheet, slots
from agent.settings import Settings


class BubblewrapSandbox:
    """Sealed rooms on this machine; one process tree each, gone when `run` returns."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._swept = False
        self._sweeping = Lock()

    def run(
        self, order: RoomOrder, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> RoomResult:
        """Run one command in a fresh room; see `Sandbox.run`."""
        presence.check()
        with self._sweeping:
            if not self._swept:
                strays.remove(self._settings.home)
                self._swept = True
        root = roots.folder(order.root, self._settings)
        with (
            reach.prepare(order, root, self._settings) as (bounded, slot, uid),
            self._cgroup(bounded, slot) as group,
        ):
            laid = bulk.lay(bounded, root, self._settings.home, slot.number)
            more = laid.arguments() if laid is not None else ()

            def arguments(order: RoomOrder, lend: walls.Lend) -> list[str]:
                return self._arguments(order, lend, more)

            with opened.OpenedRoom(bounded, uid, group, hear, laid) as room:
                room.open(arguments, walls.interpreter(bounded, root))
                return room.attend(cancelled)

    def roots(self) -> tuple[Root, ...]:
        """List the root file systems that rooms can have: ours, and those below `roots/`."""
        return roots.every(self._settings)

    def _arguments(self, order: RoomOrder, lend: walls.Lend, more: Sequence[str]) -> list[str]:
        return walls.arguments(order, roots.folder(order.root, self._settings), lend, more=more)

    def _cgroup(self, order: RoomOrder, slot: slots.Slot) -> cgroup.Cgroup:
        tasks = order.limits.processes + sheet.own_tasks(order)
        return cgroup.create(slot.name, order.limits.memory_bytes, tasks)
