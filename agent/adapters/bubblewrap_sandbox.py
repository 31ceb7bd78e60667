"""Open sealed rooms with bubblewrap: the sandbox that needs no daemon.

Owns the life of a room from its slot to its removal. What a room shows is in `bubblewrap.walls`,
what comes out of it in `bubblewrap.channel`, what happens inside in `inside/room.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from threading import Lock

from agent.adapters.bubblewrap import cgroup, opened, presence, shared, slots, strays, walls
from agent.environments import bytecode
from agent.ports import Flag, Hear, Measure, RoomLimits, RoomOrder, RoomResult
from agent.settings import Settings

_START = "start.py"
_MODULES = ("room.py", "collection.py", "relay.py")


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
        order = order.model_copy(update={"limits": self._bounded(order.limits)})
        with slots.claim(self._settings.home) as slot:
            keeps = any(mount.kept for mount in order.mounts)
            uid = slots.keeper() if keeps else slot.uid
            walls.check_reachable(order, self._settings.room_root, uid)
            python = walls.interpreter(order, self._settings.room_root)
            with (
                shared.handed_over(order.mounts, uid),
                self._cgroup(order, slot) as group,
                opened.OpenedRoom(order, uid, group, hear) as room,
            ):
                room.open(self._arguments, python)
                return room.attend(cancelled)

    def measure(self) -> tuple[Measure, ...]:
        """Try every limit by an attempt to break it."""
        from agent.adapters.bubblewrap import attempts

        return attempts.measure(self, self._settings)

    def _arguments(self, order: RoomOrder, sheet: walls.Sheet) -> list[str]:
        return walls.arguments(order, self._settings.room_root, sheet, _runner())

    def _cgroup(self, order: RoomOrder, slot: slots.Slot) -> cgroup.Cgroup:
        tasks = order.limits.processes + opened.own_tasks(order)
        return cgroup.create(slot.name, order.limits.memory_bytes, tasks)

    def _bounded(self, limits: RoomLimits) -> RoomLimits:
        """Hold what is asked for against what the operator allows."""
        given = self._settings
        return limits.model_copy(
            update={
                "memory_bytes": min(limits.memory_bytes, given.room_memory_mb * 1024**2),
                "processes": min(limits.processes, given.room_processes),
                "disk_bytes": min(limits.disk_bytes, given.room_disk_mb * 1024**2),
            }
        )

    def _sweep(self) -> None:
        """Remove what killed processes left behind, once per process."""
        if self._swept:
            return
        strays.remove(self._settings.home)
        self._swept = True


@cache
def _runner() -> Mapping[str, bytes]:
    """Read the program that runs first in every room, its modules with their bytecode."""
    inside = resources.files("agent.adapters").joinpath("inside")
    files = {_START: inside.joinpath(_START).read_bytes()}
    for name in _MODULES:
        source = inside.joinpath(name).read_bytes()
        compiled, content = bytecode.of(name, source)
        files |= {name: source, compiled: content}
    return files
