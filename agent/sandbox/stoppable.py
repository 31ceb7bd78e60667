"""A sandbox whose rooms are also taken down when the run they belong to is stopped."""

from __future__ import annotations

from agent.models.sandbox import Flag, Hear, RoomOrder, RoomResult, Root, Sandbox


class Stoppable:
    """Rooms of one run."""

    def __init__(self, sandbox: Sandbox, stopped: Flag) -> None:
        self._sandbox = sandbox
        self._stopped = stopped

    def run(
        self, order: RoomOrder, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> RoomResult:
        """Run one command in a fresh room, unless and until one of the two is set."""
        either = _Either(self._stopped, cancelled) if cancelled else self._stopped
        return self._sandbox.run(order, either, hear)

    def roots(self) -> tuple[Root, ...]:
        """List the root file systems that rooms can have."""
        return self._sandbox.roots()


class _Either:
    def __init__(self, *flags: Flag) -> None:
        self._flags = flags

    def is_set(self) -> bool:
        return any(flag.is_set() for flag in self._flags)
