"""Follow the dependencies that a lock writes down, for locks whose packages do not name groups.

Every version is fixed already. What is found out here is only which of the locked packages the
chosen groups and extras lead to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Wish:
    """One dependency, of the project or of a locked package, that holds here."""

    name: str
    """Normalised."""
    allowed: Callable[[str], bool]
    """Whether a version will do."""
    by: str
    """Who asks, in words."""
    extras: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reached:
    """What the wishes lead to."""

    packages: tuple[tuple[int, frozenset[str]], ...]
    """Places in the list of locked packages, in order, each with the extras asked of it."""
    missing: tuple[Wish, ...]
    """Asked for, but not in the lock."""


def follow(
    wishes: Iterable[Wish],
    places: Mapping[str, Sequence[int]],
    version: Callable[[int], str],
    needs: Callable[[int, frozenset[str]], Iterable[Wish]],
) -> Reached:
    """Follow wishes through a list of locked packages.

    Args:
        wishes: Of the project itself.
        places: For a name, where its locked versions are in the list, the preferred one first.
        version: Of the package at a place.
        needs: What the package at a place asks for, with some of its extras.
    """
    first = tuple(wishes)
    walk = _Walk(places, version, needs)
    # Of a project that is locked in several versions, a later wish may forbid the one that was
    # taken; then that one is out, and the way is gone anew.
    while walk.goes_astray(first):
        pass
    return Reached(packages=tuple(sorted(walk.extras.items())), missing=tuple(walk.missing))


class _Walk:
    def __init__(
        self,
        places: Mapping[str, Sequence[int]],
        version: Callable[[int], str],
        needs: Callable[[int, frozenset[str]], Iterable[Wish]],
    ) -> None:
        self._places = places
        self._version = version
        self._needs = needs
        self._out: set[int] = set()
        self.extras: dict[int, frozenset[str]] = {}
        self.missing: list[Wish] = []

    def goes_astray(self, wishes: Iterable[Wish]) -> bool:
        """Go all the way; say whether that has ruled out a version that was taken."""
        chosen: dict[str, int] = {}
        self.extras, self.missing = {}, []
        waiting = deque(wishes)
        while waiting:
            wish = waiting.popleft()
            place = chosen.get(wish.name, self._best(wish))
            if place is None:
                self.missing.append(wish)
                continue
            if not wish.allowed(self._version(place)) and self._others(wish, place):
                self._out.add(place)
                return True
            chosen[wish.name] = place
            known = self.extras.get(place)
            together = wish.extras | (known or frozenset())
            if together != known:
                self.extras[place] = together
                waiting.extend(self._needs(place, together))
        return False

    def _best(self, wish: Wish) -> int | None:
        candidates = [p for p in self._places.get(wish.name, ()) if p not in self._out]
        fitting = [place for place in candidates if wish.allowed(self._version(place))]
        # What is locked once has been found to fit by the tool that made the lock.
        return next(iter(fitting or candidates), None)

    def _others(self, wish: Wish, place: int) -> bool:
        """Whether another version is left that this wish allows."""
        return any(
            other != place and other not in self._out and wish.allowed(self._version(other))
            for other in self._places[wish.name]
        )
