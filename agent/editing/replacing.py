"""Replace one piece of a text by another, exactly. Pure.

An edit that could mean several places, or none, is not guessed at: what comes nearest is said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from difflib import get_close_matches

_MOST_PLACES = 10
_MOST_SHOWN = 12
_MOST_SHOWN_LINE = 160
_MOST_COMPARED = 3_000
#: A line that stands in more places than these says little about where a piece was meant.
_COMMON = 50


class NotThere(Exception):
    """The piece is not in the text exactly once; the message says so, and what is there."""


def once(words: str, old: str, new: str) -> tuple[str, int, int]:
    """Put `new` in the place of `old`.

    Returns:
        The text, and the first and last line of what is new in it; the last is before the first
        where nothing stands there any more.

    Raises:
        NotThere: There is no such place, or more than one, or nothing would change.
    """
    if not old:
        raise NotThere("old is empty; name the lines that the new ones stand beside")
    if old == new:
        raise NotThere("old and new are the same, so nothing was changed")
    at = words.find(old)
    if at < 0:
        raise NotThere(f"old is not in the file{_nearest(words, old)}")
    if words.find(old, at + 1) >= 0:
        raise NotThere(f"old is there {_places(words, old)}; take in more of the lines around it")
    first = words.count("\n", 0, at) + 1
    shown = new.removesuffix("\n")
    last = first + shown.count("\n") if shown else first - 1
    return words[:at] + new + words[at + len(old) :], first, last


def _places(words: str, old: str) -> str:
    """Say how often a piece occurs, and where."""
    lines: list[int] = []
    at, line, count, before = words.find(old), 1, 0, 0
    while at >= 0:
        count += 1
        line += words.count("\n", before, at)
        before = at
        if len(lines) < _MOST_PLACES:
            lines.append(line)
        at = words.find(old, at + 1)
    more = ", …" if count > len(lines) else ""
    return f"{count:,} times (lines {', '.join(map(str, lines))}{more})"


def _nearest(words: str, old: str) -> str:
    """Show the lines that come nearest to a piece which is not there."""
    lines = words.split("\n")
    wanted = old.strip("\n").split("\n")
    start = _best_start(lines, wanted)
    if start is None:
        return "; read it again"
    there = lines[start : start + len(wanted)]
    same = [line.split() for line in there] == [line.split() for line in wanted]
    why = ", which differ in white space only" if same else ""
    numbered = [
        f"{number}\t{line[:_MOST_SHOWN_LINE]}"
        for number, line in enumerate(there[:_MOST_SHOWN], start + 1)
    ]
    if len(there) > _MOST_SHOWN:
        numbered.append("…")
    return f"; nearest are these lines{why}:\n" + "\n".join(numbered)


def _best_start(lines: list[str], wanted: list[str]) -> int | None:
    """Return the index of the line where most of the wanted ones stand as they should."""
    places: dict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(lines):
        if stripped := line.strip():
            places[stripped].append(number)
    votes: Counter[int] = Counter()
    for offset, line in enumerate(wanted):
        found = places.get(line.strip(), [])
        if len(found) <= _COMMON:
            votes.update(number - offset for number in found if number >= offset)
    if votes:
        return max(votes, key=lambda start: (votes[start], -start))
    longest = max(wanted, key=lambda line: len(line.strip()))
    among = list(places)[:_MOST_COMPARED]
    close = get_close_matches(
        longest.strip()[:_MOST_SHOWN_LINE], [line[:_MOST_SHOWN_LINE] for line in among], n=1
    )
    if not close:
        return None
    line = next(line for line in among if line[:_MOST_SHOWN_LINE] == close[0])
    return max(0, places[line][0] - wanted.index(longest))
