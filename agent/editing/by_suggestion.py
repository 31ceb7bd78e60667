"""Put what people suggest for lines of a pull request in their place, as it is. Pure.

A suggestion is a whole edit: it takes neither a recipe nor a model, as long as it is certain which
lines it is for and nothing else is asked beside it. All others are left.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from agent.agenda import Suggestion
from agent.pulls import Thread

#: Whoever writes more has more to say than lines for lines.
_LONGEST = 5_000
_SUGGESTION = re.compile(
    r"(?ms)^ {0,3}(?P<mark>`{3,}|~{3,})suggestion[ \t]*\r?\n(?P<text>.*?)^ {0,3}(?P=mark)[ \t]*\r?$"
)


def read(thread: Thread, content: bytes | None, *, counted: bool) -> Suggestion | None:
    """Read a thread as one suggestion; None: it is none, has words beside it, or is outdated.

    Args:
        content: Of its file on the branch; None: it stands on none.
        counted: Whether its lines were counted in that very file.
    """
    suggested = _read_block(thread)
    first, last = thread.first_line or thread.line, thread.line
    if suggested is None or thread.outdated or first is None or last is None or first > last:
        return None
    count = last - first + 1
    # As a forge counts them: Python takes more signs for the end of a line.
    text = (content or b"").decode("utf-8", "replace").replace("\r\n", "\n")
    there = tuple(text.split("\n")[first - 1 : last])
    shown = _shown(thread.hunk, count)
    if counted and (len(there) != count or (shown and shown != there)):
        return None
    code = there if counted else shown
    new = tuple(suggested.split("\n")[:-1])
    if not code or code == new:
        return None
    return Suggestion(path=thread.path, first_line=first, code=code, new=new)


def _read_block(thread: Thread) -> str | None:
    """Read the lines that people suggest since our last word, where they write nothing else."""
    said: list[str] = []
    for comment in thread.comments:
        said = [] if comment.ours else [*said, comment.body.strip()]
    words = "\n\n".join(filter(None, said)).replace("\r\n", "\n")
    found = _SUGGESTION.match(words) if len(words) <= _LONGEST else None
    return found["text"] if found and found[0] == words else None


def _shown(hunk: str, count: int) -> tuple[str, ...]:
    """The last lines that a part of a diff has of the new file; empty: it shows fewer."""
    rows = (row.removesuffix("\r") for row in hunk.removesuffix("\n").split("\n")[1:])
    lines = [row[1:] for row in rows if row[:1] in ("+", " ", "")]
    return tuple(lines[-count:]) if len(lines) >= count else ()


def applied(
    content: bytes, suggestions: Sequence[Suggestion], *, counted: bool
) -> tuple[bytes, tuple[Suggestion, ...]]:
    """Put suggestions into their file; return it, and those that it has now.

    Those whose lines are not there, or could be others, those that overlap, and those that are no
    code in a file of Python stay out. Ends of lines stay what they are, and so does a last line
    that has none.

    Args:
        counted: Whether their lines are counted in this very file; else they have to be in it
            exactly once.
    """
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError:
        return content, ()
    last = lines.pop() if lines[-1] == "" else None
    placed = [(_start(lines, one, counted=counted), one) for one in suggestions]
    certain = [(start, one) for start, one in placed if start is not None]
    fitting = [one for one in certain if not any(_overlap(one, rival) for rival in certain)]
    if _is_python(content):
        # One that is no code would take the others down with it.
        alone = [(each, _put(lines, last, [each])) for each in fitting]
        fitting = [each for each, text in alone if not _is_source(each[1]) or _is_python(text)]
    return _put(lines, last, fitting), tuple(one for _, one in fitting)


def _put(lines: list[str], last: str | None, placed: list[tuple[int, Suggestion]]) -> bytes:
    """Give the file with suggestions in it.

    Args:
        last: What stands behind its last end of a line; None: it ends without one.
    """
    lines = list(lines)
    # From the bottom up, so that what is above keeps its place.
    for start, one in sorted(placed, key=lambda each: each[0], reverse=True):
        end = start + len(one.code)
        beside = lines[start - 1 : start] if end == len(lines) > 1 else lines[start:end]
        carriage = "\r" if "".join(beside).endswith("\r") else ""
        lines[start:end] = [f"{line}{carriage}" for line in one.new]
    if last is None and lines:
        lines[-1] = lines[-1].removesuffix("\r")
    return "\n".join(lines if last is None else [*lines, last]).encode()


def _is_source(one: Suggestion) -> bool:
    return one.path.endswith((".py", ".pyi"))


def _is_python(content: bytes) -> bool:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _start(lines: list[str], one: Suggestion, *, counted: bool) -> int | None:
    """The 0-based line at which the lines of a suggestion begin; None: that is not certain."""
    if counted:
        start = one.first_line - 1
        return start if start in _places(lines[: start + len(one.code)], one.code) else None
    places = _places(lines, one.code)
    return places[0] if len(places) == 1 else None


def _places(lines: list[str], wanted: tuple[str, ...]) -> list[int]:
    """Where lines stand one after the other, whatever their ends."""
    bare = [line.removesuffix("\r") for line in lines]
    count = len(wanted)
    return [
        start
        for start in range(len(bare) - count + 1)
        if bare[start] == wanted[0] and tuple(bare[start : start + count]) == wanted
    ]


def _overlap(one: tuple[int, Suggestion], rival: tuple[int, Suggestion]) -> bool:
    if one is rival:
        return False
    return one[0] < rival[0] + len(rival[1].code) and rival[0] < one[0] + len(one[1].code)


def stands(content: bytes, suggestion: Suggestion) -> bool:
    """Whether a file has what was suggested; where lines were to go, whether they are gone."""
    lines = content.decode("utf-8", "replace").split("\n")
    if suggestion.new:
        return bool(_places(lines, suggestion.new))
    return not _places(lines, suggestion.code)
