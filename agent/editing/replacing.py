"""Replace one piece of a text by another, exactly. Pure.

An edit that could mean several places, or none, is not guessed at.
"""

from __future__ import annotations

_MOST_PLACES = 10
_MOST_SHOWN = 12
_MOST_SHOWN_LINE = 160


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
    """Show where the first line of a piece stands that is not there as a whole."""
    wanted = old.strip("\n").split("\n")
    bare = [line.strip() for line in words.split("\n")]
    first = wanted[0].strip()
    if not first or bare.count(first) != 1:
        return "; read it again"
    start = bare.index(first)
    there = words.split("\n")[start : start + min(len(wanted), _MOST_SHOWN)]
    shown = "\n".join(line[:_MOST_SHOWN_LINE] for line in there)
    return f"; from line {start + 1} on there is:\n{shown}"
