"""A sandbox whose sandboxes are also taken down when the run they belong to is stopped."""

from __future__ import annotations

from agent.models.sandbox import Flag, Hear, Root, Sandbox, SandboxRequest, SandboxResult


class Stoppable:
    """Sandboxes of one run."""

    def __init__(self, sandbox: Sandbox, stopped: Flag) -> None:
        self._sandbox = sandbox
        self._stopped = stopped

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        """Run one command in a fresh sandbox, unless and until one of the two is set."""
        either = _Either(self._stopped, cancelled) if cancelled else self._stopped
        return self._sandbox.run(order, either, hear)

    def roots(self) -> tuple[Root, ...]:
        """List the root file systems that sandboxes can have."""
        return self._sandbox.roots()


class _Either:
    def __init__(self, *flags: Flag) -> None:
        self._flags = flags

    def is_set(self) -> bool:
        return any(flag.is_set() for flag in self._flags)
