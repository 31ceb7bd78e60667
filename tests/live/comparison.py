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
    sandbox: str

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.test}: bare {self.bare}, sandbox {self.sandbox}"


@dataclass(frozen=True)
class Known:
    """Differences that a project is known to have, all for one reason."""

    project: str
    tests: tuple[str, ...]
    bare: str
    sandbox: str
    reason: str

    def explains(self, difference: Difference) -> bool:
        """Whether this is the reason of a difference."""
        seen = (difference.bare, difference.sandbox)
        return difference.test in self.tests and seen == (self.bare, self.sandbox)


@dataclass(frozen=True)
class Comparison:
    """What came out of one project."""

    outcomes: Mapping[str, tuple[str, str]]
    """Of every test, bare and in the sandbox."""
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
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return not self.unknown and not self.stale


def differences(bare: Outcomes, sandbox: Outcomes) -> tuple[Difference, ...]:
    """Name every test that does not end alike, in the order of their names."""
    return tuple(
        Difference(test, bare.get(test, ABSENT), sandbox.get(test, ABSENT))
        for test in sorted(bare.keys() | sandbox.keys())
        if bare.get(test) != sandbox.get(test)
    )


def compare(bare: Outcomes, sandbox: Outcomes, listed: Iterable[Known]) -> Comparison:
    """Tell known differences from unknown ones, and find what the list has too much."""
    entries = tuple(listed)
    found = differences(bare, sandbox)
    reasons = {one: entry.reason for one in found for entry in entries if entry.explains(one)}
    wanted = (
        Difference(test, entry.bare, entry.sandbox) for entry in entries for test in entry.tests
    )
    return Comparison(
        outcomes={
            test: (bare.get(test, ABSENT), sandbox.get(test, ABSENT))
            for test in sorted(bare.keys() | sandbox.keys())
        },
        known=tuple(reasons.items()),
        unknown=tuple(one for one in found if one not in reasons),
        stale=tuple(
            f"{one} is on the list, but now it is bare {bare.get(one.test, ABSENT)},"
            f" sandbox {sandbox.get(one.test, ABSENT)}"
            for one in wanted
            if one not in found
        ),
    )
