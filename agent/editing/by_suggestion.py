"""Put what people suggest for lines of a pull request in their place, as it is. Pure.

A suggestion is a whole edit: it takes neither a recipe nor a model, as long as its lines are there
as its thread shows them, and nothing else is asked beside it. All others are left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.models.pulls import Thread
from agent.models.review_items import Suggestion

#: Whoever writes more has more to say than lines for lines.
_LONGEST = 5_000
_SUGGESTION = re.compile(
    r"(?ms)^ {0,3}(?P<mark>`{3,}|~{3,})suggestion[ \t]*\r?\n(?P<text>.*?)^ {0,3}(?P=mark)[ \t]*\r?$"
)
#: As a code host counts them: Python takes more signs for the end of a line.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def read_suggestion(thread: Thread, content: bytes) -> Suggestion | None:
    """Read a thread as one suggestion; None: it is none, has words beside it, or is outdated.

    Args:
        content: Of its file, as it was when the thread's lines were counted.
    """
    suggested = _read_block(thread)
    first, last = thread.first_line or thread.line, thread.line
    if suggested is None or thread.outdated or first is None or last is None:
        return None
    code = _strip_line_ends(content)[first - 1 : last]
    is_there = bool(code) and len(code) == last - first + 1
    new = tuple(suggested.split("\n")[:-1])
    if not is_there or code == list(new):
        return None
    return Suggestion(path=thread.path, first_line=first, code=tuple(code), new=new)


def _read_block(thread: Thread) -> str | None:
    """Read the lines that people suggest since our last word, where they write nothing else."""
    said: list[str] = []
    for comment in thread.comments:
        said = [] if comment.is_ours else [*said, comment.body.strip()]
    words = "\n\n".join(filter(None, said)).replace("\r\n", "\n")
    found = _SUGGESTION.match(words) if len(words) <= _LONGEST else None
    return found["text"] if found and found[0] == words else None


def apply_suggestions(
    content: bytes, suggestions: Sequence[Suggestion]
) -> tuple[bytes, tuple[Suggestion, ...]]:
    """Put suggestions into the file that they were read for; return it, and those it has now.

    Those that overlap stay out. Ends of lines stay what they are, and so does a last line that has
    none.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content, ()
    spans = [range(one.first_line - 1, one.first_line - 1 + len(one.code)) for one in suggestions]
    counts = [line for span in spans for line in span]
    fitting = [
        (span, one)
        for span, one in zip(spans, suggestions, strict=True)
        if all(counts.count(line) == 1 for line in span)
    ]
    lines = _LINE.findall(text)
    # From the bottom up, so that what is above keeps its place.
    for span, one in sorted(fitting, key=lambda each: each[0].start, reverse=True):
        beside = lines[max(0, span.start - 1) : span.stop]
        end = "\r\n" if any(line.endswith("\r\n") for line in beside) else "\n"
        lines[span.start : span.stop] = [f"{line}{end}" for line in one.new]
    made = "".join(lines)
    if not text.endswith("\n"):
        made = made.removesuffix("\n").removesuffix("\r")
    return made.encode(), tuple(one for _, one in fitting)


def _strip_line_ends(content: bytes) -> list[str]:
    """Return the lines without their ends."""
    lines = _LINE.findall(content.decode("utf-8", "replace"))
    return [line.removesuffix("\n").removesuffix("\r") for line in lines]


def is_applied(content: bytes, suggestion: Suggestion) -> bool:
    """Whether a file has what was suggested; where lines were to go, whether they are gone."""
    bare, wanted = _strip_line_ends(content), list(suggestion.new or suggestion.code)
    starts = range(len(bare) - len(wanted) + 1)
    return bool(suggestion.new) == any(bare[at : at + len(wanted)] == wanted for at in starts)
