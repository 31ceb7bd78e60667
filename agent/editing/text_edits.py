"""Replace text in a file, and show the result. Pure."""

import re

from agent.editing.forms import flatten_text
from agent.errors import EditFailed

_LONGEST_LINE = 400
#: Context lines before and after the new ones, and maximum new lines that are shown.
_LINES_AROUND, _MOST_NEW_LINES = 3, 60


def replace_once(words: str, old: str, new: str) -> tuple[str, int, int]:
    """Replace `old` by `new`; it must occur exactly once.

    Returns:
        The new text, and the 1-based first and last line of `new`; the last is before the first if
        the lines are removed.

    Raises:
        EditFailed: `old` does not occur once, or nothing would change.
    """
    if not old:
        raise EditFailed("old is empty; give the lines next to which the new ones go")
    if old == new:
        raise EditFailed("old and new are the same, so nothing was changed")
    # Occurrences may overlap.
    starts = [match.start() for match in re.finditer(f"(?={re.escape(old)})", words)]
    if not starts:
        start = flatten_text(old)
        raise EditFailed(f"old is not in the file; read it again: {start}")
    lines = [words.count("\n", 0, start) + 1 for start in starts[:10]]
    if len(starts) > 1:
        places = ", ".join(map(str, lines)) + ", …" * (len(starts) > len(lines))
        raise EditFailed(
            f"old occurs {len(starts):,} times (lines {places}); include more of the lines around"
            " it"
        )
    shown = new.removesuffix("\n")
    last = lines[0] + shown.count("\n") if shown else lines[0] - 1
    return words[: starts[0]] + new + words[starts[0] + len(old) :], lines[0], last


def show_lines(text: str, first: int, last: int) -> str:
    """Return the changed lines with numbers and a few lines of context."""
    lines = text.split("\n")
    start, end = max(0, first - 1 - _LINES_AROUND), min(len(lines), last + _LINES_AROUND)
    shown = [f"{at + 1:>6}\t{lines[at][:_LONGEST_LINE]}" for at in range(start, end)]
    half = _MOST_NEW_LINES // 2 + _LINES_AROUND
    if len(shown) > 2 * half:
        shown[half:-half] = [f"[{len(shown) - 2 * half:,} lines]"]
    head = f"lines {first} to {last}" if last >= first else f"removed before line {first}"
    return "\n".join((f"{head}; the file now has:", *shown))
