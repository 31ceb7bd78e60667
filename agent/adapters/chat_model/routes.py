"""Who is asked: the chain of models for each role, by the ticket's category where that is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.chat import Role
from agent.settings import Settings


@dataclass(frozen=True)
class Routes:
    """Chains by role, and by role and category as in `editor/docs`."""

    chains: Mapping[str, tuple[str, ...]]
    otherwise: tuple[str, ...] = ()

    def chain(self, role: Role, category: str = "") -> tuple[str, ...]:
        """List who is asked as this, the first first."""
        for name in (f"{role}/{category}", role):
            if name in self.chains:
                return self.chains[name]
        return self.otherwise

    @property
    def any(self) -> bool:
        """Whether anybody is set at all."""
        return bool(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody who is in some chain."""
        return tuple(dict.fromkeys(name for chain in self._all for name in chain))

    @property
    def first_in_line(self) -> tuple[str, ...]:
        """Everybody who is asked before others of a chain."""
        return tuple(dict.fromkeys(chain[0] for chain in self._all if chain))

    @property
    def _all(self) -> tuple[tuple[str, ...], ...]:
        return (self.otherwise, *self.chains.values())


def routes(settings: Settings) -> Routes:
    """Take the chains from the operator's settings."""
    by_role = {
        "planner": settings.model_planner,
        "editor": settings.model_editor,
        "reviewer": settings.model_reviewer,
        "judge": settings.model_judge,
    }
    chains = {role: chain for role, chain in by_role.items() if chain}
    for entry in settings.model_routes:
        name, _, model = entry.partition("=")
        chains[name] = (*chains.get(name, ()), model)
    return Routes(chains, settings.model)
