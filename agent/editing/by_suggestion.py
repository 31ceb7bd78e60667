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
#: As a forge counts them: Python takes more signs for the end of a line.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


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
    there = tuple(_bare((content or b"").decode("utf-8", "replace"))[first - 1 : last])
    # A part of a diff ends with the lines that it is about, where it has as many.
    rows = (row.removesuffix("\r") for row in thread.hunk.removesuffix("\n").split("\n")[1:])
    lines = tuple(row[1:] for row in rows if row[:1] in ("+", " ", ""))
    shown = lines[-count:] if len(lines) >= count else ()
    if counted and (len(there) != count or (shown and shown != there)):
        return None
    code, new = there if counted else shown, tuple(suggested.split("\n")[:-1])
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
        text = content.decode()
    except UnicodeDecodeError:
        return content, ()
    bare, certain = _bare(text), list[tuple[range, Suggestion]]()
    for one in suggestions:
        starts = _places(bare, one.code)
        if counted:
            starts = [start for start in starts if start == one.first_line - 1]
        if len(starts) == 1:
            certain.append((range(starts[0], starts[0] + len(one.code)), one))
    taken = [line for span, _ in certain for line in span]
    fitting = [(span, one) for span, one in certain if all(taken.count(line) == 1 for line in span)]
    if _is_python(text):
        # One that is no code would take the others down with it.
        fitting = [
            (span, one)
            for span, one in fitting
            if not one.path.endswith((".py", ".pyi")) or _is_python(_put(text, [(span, one)]))
        ]
    return _put(text, fitting).encode(), tuple(one for _, one in fitting)


def _put(text: str, placed: list[tuple[range, Suggestion]]) -> str:
    """Give the file with suggestions in it."""
    lines = _LINE.findall(text)
    # From the bottom up, so that what is above keeps its place.
    for span, one in sorted(placed, key=lambda each: each[0].start, reverse=True):
        beside = lines[max(0, span.start - 1) : span.stop]
        end = "\r\n" if any(line.endswith("\r\n") for line in beside) else "\n"
        lines[span.start : span.stop] = [f"{line}{end}" for line in one.new]
    made = "".join(lines)
    return made if text.endswith("\n") else made.removesuffix("\n").removesuffix("\r")


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _bare(text: str) -> list[str]:
    """Return the lines without their ends."""
    return [line.removesuffix("\n").removesuffix("\r") for line in _LINE.findall(text)]


def _places(bare: list[str], wanted: tuple[str, ...]) -> list[int]:
    """Where lines stand one after the other."""
    count = len(wanted)
    starts = range(len(bare) - count + 1)
    return [start for start in starts if tuple(bare[start : start + count]) == wanted]


def stands(content: bytes, suggestion: Suggestion) -> bool:
    """Whether a file has what was suggested; where lines were to go, whether they are gone."""
    bare = _bare(content.decode("utf-8", "replace"))
    if suggestion.new:
        return bool(_places(bare, suggestion.new))
    return not _places(bare, suggestion.code)
