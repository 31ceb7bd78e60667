"""Hold two runs of one suite against each other, and the list of known differences against both.

Pure. A difference that nobody has given a reason for is wrong, and so is an entry of the list for
which there is no difference any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: Stands for the outcome of a test that a run does not have.
ABSENT = "absent"

Outcomes = Mapping[str, str]
"""By test: module, classes and name, with dots between them."""


@dataclass(frozen=True)
class Difference:
    """One test that does not end alike."""

    test: str
    bare: str
    room: str

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.test}: bare {self.bare}, room {self.room}"


@dataclass(frozen=True)
class Known:
    """Differences that a project is known to have, all for one reason."""

    project: str
    tests: tuple[str, ...]
    bare: str
    room: str
    reason: str

    def explains(self, difference: Difference) -> bool:
        """Whether this is the reason of a difference."""
        seen = (difference.bare, difference.room)
        return difference.test in self.tests and seen == (self.bare, self.room)


@dataclass(frozen=True)
class Comparison:
    """What came out of one project."""

    outcomes: Mapping[str, tuple[str, str]]
    """Of every test, bare and in the room."""
    known: tuple[tuple[Difference, str], ...]
    """Differences with the reason that the list has for them."""
    unknown: tuple[Difference, ...]
    stale: tuple[str, ...]
    """Entries of the list that do not hold any more, in words."""

    @property
    def tests(self) -> int:
        """How many either side has."""
        return len(self.outcomes)

    @property
    def alike(self) -> int:
        """How many of them end in the same way."""
        return self.tests - len(self.known) - len(self.unknown)

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return not self.unknown and not self.stale


def differences(bare: Outcomes, room: Outcomes) -> tuple[Difference, ...]:
    """Name every test that does not end alike, in the order of their names."""
    return tuple(
        Difference(test, bare.get(test, ABSENT), room.get(test, ABSENT))
        for test in sorted(bare.keys() | room.keys())
        if bare.get(test) != room.get(test)
    )


def compare(bare: Outcomes, room: Outcomes, listed: Iterable[Known]) -> Comparison:
    """Tell known differences from unknown ones, and find what the list has too much.

    Args:
        listed: What is known of this project.
    """
    entries = tuple(listed)
    found = differences(bare, room)
    reasons = {one: entry.reason for one in found for entry in entries if entry.explains(one)}
    wanted = (Difference(test, entry.bare, entry.room) for entry in entries for test in entry.tests)
    return Comparison(
        outcomes={
            test: (bare.get(test, ABSENT), room.get(test, ABSENT))
            for test in sorted(bare.keys() | room.keys())
        },
        known=tuple(reasons.items()),
        unknown=tuple(one for one in found if one not in reasons),
        stale=tuple(
            f"{one} is on the list, but now it is bare {bare.get(one.test, ABSENT)},"
            f" room {room.get(one.test, ABSENT)}"
            for one in wanted
            if one not in found
        ),
    )
