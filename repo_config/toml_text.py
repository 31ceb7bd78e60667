"""Read TOML within bounds, and the table `[tool.mergewright]` of it.

`tomllib` knows no places of values: the place of each is the line where our table begins.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from repo_config.located import (
    DEEPEST,
    START,
    Located,
    Position,
    Reading,
    Unreadable,
    escape_text,
    problem_at,
)

#: Larger files are not read: no project needs them, and they are handed in by strangers.
MOST_CHARACTERS = 256 * 1024
#: `tomllib` needs memory in the square of the parts of a dotted key.
_MOST_DOTS = 250

TABLE = re.compile(r"^[ \t]*(?:\[{1,2}[ \t]*)?tool[ \t]*\.[ \t]*[\"']?mergewright\b", re.MULTILINE)
"""Where the first of our tables begins, unless it only stands in a text of several lines."""


class TomlError(ValueError):
    """The text is not TOML, or is more than will be read."""

    def __init__(self, message: str, at: Position = START) -> None:
        super().__init__(message, at)
        self.message, self.at = message, at


class _Number(float):
    """A number that knows how it was written: `3.10` is no `3.1`."""

    def __init__(self, written: str) -> None:
        self.written = written


def parse_toml(text: str, most_characters: int = MOST_CHARACTERS) -> dict[str, Any]:
    """Parse a document that may be hostile.

    Raises:
        TomlError: With the place where the parser knows it.
    """
    if len(text) > most_characters:
        raise TomlError(f"larger than {most_characters // 1024} KiB")
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line.count(".") > _MOST_DOTS:
            raise TomlError(f"more than {_MOST_DOTS} dots in one line", Position(number, 1))
    try:
        return tomllib.loads(text.removeprefix("\ufeff"), parse_float=_Number)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        place = re.search(r" \(at line (\d+), column (\d+)\)$", words)
        if place:
            at = Position(int(place[1]), int(place[2]))
            raise TomlError(words[: place.start()], at) from error
        at = Position(len(lines), len(lines[-1]) + 1)
        raise TomlError(words.removesuffix(" (at end of document)"), at) from error
    except RecursionError as error:
        raise TomlError("nested too deeply") from error
    except ValueError as error:
        # An integer of more digits than Python converts.
        raise TomlError("a number that is too long") from error


def read_table(text: str, file: str) -> Reading:
    """Read our table of a document; no root when it has none."""
    try:
        tool = parse_toml(text).get("tool")
        if not isinstance(tool, dict) or "mergewright" not in tool:
            return Reading(None)
        found = TABLE.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        return Reading(_locate_value(tool["mergewright"], Position(line, 1)))
    except TomlError as error:
        message = escape_text(f"not read as TOML: {error.message}")[:200]
        problem = problem_at(file, error.at, (), message, "Correct the file at this place")
        return Reading(None, (problem,))


def _locate_value(value: object, at: Position, left: int = DEEPEST) -> Located:
    if left < 0:
        raise TomlError(f"nested more than {DEEPEST} levels deep", at)
    if isinstance(value, dict):
        inner = {key: _locate_value(one, at, left - 1) for key, one in value.items()}
        return Located(inner, at, key_at=at)
    if isinstance(value, list):
        return Located([_locate_value(one, at, left - 1) for one in value], at, key_at=at)
    if isinstance(value, _Number):
        is_plain = abs(value) < float("inf")
        return Located(float(value) if is_plain else Unreadable(), at, value.written, at)
    written = str(value).lower() if isinstance(value, bool) else str(value)
    return Located(value if isinstance(value, str | int) else Unreadable(), at, written, at)
