"""Open sealed rooms with bubblewrap: the sandbox that needs no daemon.

Owns the life of a room from its slot to its removal. What a room shows is in `bubblewrap.walls`,
what comes out of it in `rooms.channel`, what happens inside in `inside/room.py`.
"""

from __future__ import annotations

from threading import Lock

from agent.adapters.bubblewrap import cgroup, opened, presence, roots, strays, walls
from agent.adapters.rooms import bounds, lending, reach, sheet, slots
from agent.ports import Flag, Hear, RoomOrder, RoomResult, Root
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
        """Run one command in a fresh room and take the room down, whatever happens.

        Raises:
            SandboxMissing: No room can be opened here; the message says what to install.
            SandboxLost: The room ended without proof that the command started, or was cancelled.
        """
        presence.check()
        with self._sweeping:
            self._sweep()
        order = bounds.hold(order, self._settings)
        with slots.claim(self._settings.home) as slot:
            uid = slots.user(slot, order)
            root = roots.folder(order.root, self._settings)
            reach.check(order, root, uid)
            python = walls.interpreter(order, root)
            with (
                lending.handed_over(order.mounts, uid),
                self._cgroup(order, slot) as group,
                opened.OpenedRoom(order, uid, group, hear) as room,
            ):
                room.open(self._arguments, python)
                return room.attend(cancelled)

    def roots(self) -> tuple[Root, ...]:
        """List the root file systems that rooms can have: ours, and those below `roots/`."""
        return roots.every(self._settings)

    def _arguments(self, order: RoomOrder, lend: walls.Lend) -> list[str]:
        return walls.arguments(order, roots.folder(order.root, self._settings), lend)

    def _cgroup(self, order: RoomOrder, slot: slots.Slot) -> cgroup.Cgroup:
        tasks = order.limits.processes + sheet.own_tasks(order)
        return cgroup.create(slot.name, order.limits.memory_bytes, tasks)

    def _sweep(self) -> None:
        """Remove what killed processes left behind, once per process."""
        if self._swept:
            return
        strays.remove(self._settings.home)
        self._swept = True
