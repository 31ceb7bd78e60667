"""Replace one piece of a text by another, exactly. Pure.

An edit that could mean several places, or none, is not guessed at.
"""

from __future__ import annotations

import re

from agent.errors import EditFailed

_MOST_PLACES = 10
_MOST_SHOWN = 12
_MOST_SHOWN_LINE = 160


def replace_once(words: str, old: str, new: str) -> tuple[str, int, int]:
    """Put `new` in the place of `old`.

    Returns:
        The text, and the first and last line of what is new in it; the last is before the first
        where nothing stands there any more.

    Raises:
        EditFailed: There is no such place, or more than one, or nothing would change.
    """
    if not old:
        raise EditFailed("old is empty; name the lines that the new ones stand beside")
    if old == new:
        raise EditFailed("old and new are the same, so nothing was changed")
    # A place may begin within another one.
    starts = [found.start() for found in re.finditer(f"(?={re.escape(old)})", words)]
    if not starts:
        raise EditFailed(f"old is not in the file{_show_nearest_line(words, old)}")
    lines = [words.count("\n", 0, start) + 1 for start in starts[:_MOST_PLACES]]
    if len(starts) > 1:
        places = ", ".join(map(str, lines)) + ", …" * (len(starts) > len(lines))
        raise EditFailed(
            f"old is there {len(starts):,} times (lines {places}); take in more of the lines"
            " around it"
        )
    shown = new.removesuffix("\n")
    last = lines[0] + shown.count("\n") if shown else lines[0] - 1
    return words[: starts[0]] + new + words[starts[0] + len(old) :], lines[0], last


def _show_nearest_line(words: str, old: str) -> str:
    """Show where the first line of a piece stands that is not there as a whole."""
    wanted, lines = old.strip("\n").split("\n"), words.split("\n")
    bare, first = [line.strip() for line in lines], wanted[0].strip()
    if not first or bare.count(first) != 1:
        return "; read it again"
    start = bare.index(first)
    there = lines[start : start + min(len(wanted), _MOST_SHOWN)]
    shown = "\n".join(line[:_MOST_SHOWN_LINE] for line in there)
    return f"; from line {start + 1} on there is:\n{shown}"
