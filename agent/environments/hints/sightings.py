"""What was seen, and where; collected by the readers of this package, judged by `advice`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "python", "extra", "group", "file", "constraint", "package", "service", "system package",
    "variable", "index", "tests",
]  # fmt: skip

_MOST = 400


@dataclass
class Sightings:
    """Values by kind, in the order in which they were seen, each with its places."""

    seen: dict[tuple[Kind, str], list[str]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    """Files that could not be read, with the reason."""

    def note(self, kind: Kind, value: str, where: str) -> None:
        """Remember a value; what is not of one printable line is nobody's setting."""
        value = value.strip()
        if not value or not value.isprintable() or len(value) > _MOST or len(self.seen) > _MOST:
            return
        places = self.seen.setdefault((kind, value), [])
        if where not in places:
            places.append(where)

    def of(self, kind: Kind) -> dict[str, list[str]]:
        """Values of one kind, with their places."""
        return {value: places for (one, value), places in self.seen.items() if one == kind}

    def take(self, other: Sightings) -> None:
        """All that another has seen, too."""
        for (kind, value), places in other.seen.items():
            for where in places:
                self.note(kind, value, where)
