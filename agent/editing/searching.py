"""Find lines in the files of a tree: as they are written, or by a regular expression.

Expressions are matched by the engine that pydantic has, whose time grows with the text and never
with the pattern's ambiguity; what repeats counts of counts is refused, since only that could still
take long. Every search has a time limit besides.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator

from pydantic_core import SchemaError, SchemaValidator, core_schema

from agent.editing.gate import MOST_BYTES, PathGate, Refused, decoded

_MOST_PATTERN = 300
_MOST_REPEATED = 1_000
_SECONDS = 5.0
_MOST_LINES = 80
_MOST_LINE = 240
_MOST_OF_A_FILE = 12
_MOST_FILES_NAMED = 25
#: So much is looked at between two looks at the clock.
_STRETCH = 64 * 1024
_COUNT = re.compile(r"\{(\d*)(?:,(\d*))?\}")

Matches = Callable[[str], bool]


class _Hits:
    """What was found so far: few lines, all counts."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.lines: list[tuple[str, int, str]] = []
        self.files = 0
        self.passed_over = 0
        self.ended_early = False

    def take(self, path: str, number: int, line: str) -> None:
        count = self.counts[path] = self.counts.get(path, 0) + 1
        if count <= _MOST_LINES and len(self.lines) < 20 * _MOST_LINES:
            self.lines.append((path, number, line[:_MOST_LINE]))


def find(gate: PathGate, text: str, folder: str = "", *, regex: bool = False) -> str:
    """Say where a text is, line by line, with counts.

    Args:
        folder: Only there, or only in this file; empty: everywhere.

    Raises:
        Refused: The text cannot be looked for, or there is no such folder.
    """
    matches, whole = _matcher(text, regex=regex)
    paths = (folder,) if gate.has(folder) else gate.paths(folder)
    found = _Hits()
    end = time.monotonic() + _SECONDS
    for path in paths:
        if time.monotonic() > end:
            found.ended_early = True
            break
        words = _words(gate, path)
        if words is None:
            found.passed_over += 1
            continue
        found.files += 1
        found.ended_early = not _search(path, words, matches, whole, found, end)
        if found.ended_early:
            break
    return _told(found, text)


def _matcher(text: str, *, regex: bool) -> tuple[Matches, Matches]:
    """Give what matches a line, and what tells of several lines whether it is worth a look."""
    if not text or "\n" in text.strip("\n"):
        raise Refused("a search needs text that is on one line")
    text = text.strip("\n")
    if not regex:
        return (lambda line: text in line), (lambda lines: text in lines)
    if len(text) > _MOST_PATTERN:
        raise Refused(f"the expression has more than {_MOST_PATTERN} characters")
    counts = [int(upper or lower or 0) for lower, upper in _COUNT.findall(text)]
    if math.prod(max(count, 1) for count in counts) > _MOST_REPEATED:
        raise Refused(f"the expression repeats counts of more than {_MOST_REPEATED:,} in all")
    line = _compiled(text)
    # The start of a line is not the start of several, where an expression asks for that.
    whole = (lambda lines: True) if r"\A" in text or r"\z" in text else _compiled(f"(?m:{text})")
    return line, whole


def _compiled(pattern: str) -> Matches:
    try:
        schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
        return SchemaValidator(schema).isinstance_python
    except SchemaError as problem:
        lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
        why = lines[-1].removeprefix("error: ")[:200]
        raise Refused(
            f"the expression cannot be used: {why} (look-around and back-references are not known)"
        ) from problem


def _words(gate: PathGate, path: str) -> str | None:
    """Read a file, unless it is no text, too large, or no longer there."""
    try:
        content = gate.content(path)
    except Refused:
        return None
    return None if b"\0" in content[:MOST_BYTES] else decoded(content).words


def _search(
    path: str, words: str, matches: Matches, whole: Matches, found: _Hits, end: float
) -> bool:
    """Take the lines of one file; return whether there was time for all."""
    number = 0
    for stretch in _stretches(words):
        if whole(stretch):
            for place, line in enumerate(stretch.split("\n"), number + 1):
                if matches(line):
                    found.take(path, place, line)
        number += stretch.count("\n") + 1
        if time.monotonic() > end:
            return False
    return True


def _stretches(words: str) -> Iterator[str]:
    """Yield the text in whole lines, without the newline between two stretches."""
    words = words.removesuffix("\n")
    start = 0
    while start + _STRETCH < len(words):
        stop = words.rfind("\n", start, start + _STRETCH)
        if stop < 0:
            stop = words.find("\n", start + _STRETCH)
        if stop < 0:
            break
        yield words[start:stop]
        start = stop + 1
    yield words[start:]


def _told(found: _Hits, text: str) -> str:
    """Put the hits in words, with what is not shown of them."""
    total = sum(found.counts.values())
    lines = [_summary(found, total)]
    # Of many hits each file shows some, so that one file does not hide the others.
    most = _MOST_LINES if total <= _MOST_LINES else _MOST_OF_A_FILE
    left: dict[str, int] = dict.fromkeys(found.counts, most)
    count = 0
    for path, number, line in found.lines:
        if left[path] > 0 and count < _MOST_LINES:
            left[path] -= 1
            count += 1
            lines.append(f"{path}:{number}: {line.strip()}")
    hidden = {path: had - (most - left[path]) for path, had in found.counts.items()}
    more = {path: number for path, number in hidden.items() if number}
    if more:
        named = [f"{path} ({number})" for path, number in list(more.items())[:_MOST_FILES_NAMED]]
        others = len(more) - len(named)
        tail = f" and {others} more files" if others else ""
        lines.append(f"[{total - count:,} lines are not shown: {', '.join(named)}{tail}]")
    return "\n".join(lines)


def _summary(found: _Hits, total: int) -> str:
    files = len(found.counts)
    said = f"{total:,} line{'s' * (total != 1)} in {files:,} of {found.files:,} files"
    if found.passed_over:
        said += f"; {found.passed_over:,} are no text, or too large"
    if found.ended_early:
        said += f"; ended after {_SECONDS:.0f} seconds, so look in a folder"
    return said
