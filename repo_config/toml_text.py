"""Read TOML within bounds, and the table `[tool.mergewright]` of it with places.

`tomllib` decides whether the document is valid; the reader here follows it to know the places.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import Any, TypeAlias, cast

from repo_config.located import (
    DEEPEST,
    START,
    Located,
    Position,
    Reading,
    Unreadable,
    inert,
    problem_at,
)

#: Larger files are not read: no project needs them, and they are handed in by strangers.
MOST_CHARACTERS = 256 * 1024
#: `tomllib` needs memory in the square of the parts of a dotted key.
_MOST_DOTS = 250

TABLE = ("tool", "mergewright")


class TomlError(ValueError):
    """The text is not TOML, or is more than will be read."""

    def __init__(self, message: str, at: Position = START) -> None:
        super().__init__(message, at)
        self.message, self.at = message, at


def parse(text: str, most_characters: int = MOST_CHARACTERS) -> dict[str, Any]:
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
        return tomllib.loads(text.removeprefix("\ufeff"))
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


def read(text: str, file: str) -> Reading:
    """Read our table of a document; no root when it has none."""
    try:
        parse(text)
        found: Located | None = _Reader(text.removeprefix("\ufeff")).read()
        for name in TABLE:
            found = found.child(name) if found else None
        if found:
            _check_depth(found)
    except TomlError as error:
        message = inert(f"not read as TOML: {error.message}")[:200]
        problem = problem_at(file, error.at, (), message, "Correct the file at this place")
        return Reading(None, (problem,))
    return Reading(found)


def _check_depth(located: Located, left: int = DEEPEST) -> None:
    if left < 0:
        raise TomlError(f"nested more than {DEEPEST} levels deep", located.at)
    value = located.value
    for child in value.values() if isinstance(value, dict) else ():
        _check_depth(child, left - 1)
    for child in value if isinstance(value, list) else ():
        _check_depth(child, left - 1)


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = (
    r'"{3}(?:[^"\\]|\\.|"(?!""))*"{3,5}|"(?:[^"\\]|\\.)*"'
    r"|'{3}(?:[^']|'(?!''))*'{3,5}|'[^']*'"
)
_KEY = re.compile(rf"{_STRING}|[\w-]+", re.DOTALL)
_SCALAR = re.compile(rf"{_STRING}|(?:\d{{4}}-\d\d-\d\d (?=\d\d:))?[^,\]}}\s#]+", re.DOTALL)

_Table: TypeAlias = dict[str, Located]


class _Reader:
    """Read a document that `tomllib` has accepted, with places."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]

    def read(self) -> Located:
        root: _Table = {}
        table = root
        while self._skip_blanks() < len(self._text):
            if self._text[self._at] == "[":
                table = self._read_header(root)
            else:
                self._read_pair(table)
        return Located(root, START)

    def _read_header(self, table: _Table) -> _Table:
        at, is_array = self._find_position(), self._text.startswith("[[", self._at)
        self._at += 1 + is_array
        *outer, (last, _) = self._read_keys()
        self._at += 1 + is_array
        for key, _ in outer:
            table = _enter(table, key, at)
        if is_array:
            tables = table.setdefault(last, Located([], at, key_at=at)).value
            cast("list[Located]", tables).append(Located({}, at, key_at=at))
        return _enter(table, last, at)

    def _read_pair(self, table: _Table) -> None:
        *outer, (last, key_at) = self._read_keys()
        for key, at in outer:
            table = _enter(table, key, at)
        self._at += 1  # the equals sign
        table[last] = self._read_value(key_at)

    def _read_keys(self) -> list[tuple[str, Position]]:
        """Read a dotted key and the blanks behind it."""
        keys: list[tuple[str, Position]] = []
        while not keys or self._text[self._at] == ".":
            self._at += len(keys) > 0
            self._skip_blanks()
            at, written = self._find_position(), self._take(_KEY)
            quoted = written[0] in "\"'"
            keys.append((str(_read_scalar(written)) if quoted else written, at))
            self._skip_blanks()
        return keys

    def _read_value(self, key_at: Position | None = None) -> Located:
        self._skip_blanks()
        at = self._find_position()
        closing = {"[": "]", "{": "}"}.get(self._text[self._at])
        if closing is None:
            written = self._take(_SCALAR)
            value = _read_scalar(written)
            return Located(value, at, value if isinstance(value, str) else written, key_at or at)
        items: list[Located] = []
        table: _Table = {}
        self._at += 1
        while self._text[self._skip_blanks()] != closing:
            if self._text[self._at] == ",":
                self._at += 1
            elif closing == "]":
                items.append(self._read_value())
            else:
                self._read_pair(table)
        self._at += 1
        return Located(items if closing == "]" else table, at, key_at=key_at or at)

    def _skip_blanks(self) -> int:
        self._take(_BLANK)
        return self._at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:  # only if this reader and tomllib disagree on a valid document
            raise TomlError("cannot be followed", self._find_position())
        self._at = found.end()
        return found[0]

    def _find_position(self) -> Position:
        line = bisect_right(self._lines, self._at)
        return Position(line, self._at - self._lines[line - 1] + 1)


def _enter(table: _Table, key: str, at: Position) -> _Table:
    """Return the table under a key, of an array the last one; make it where there is none."""
    found = table.setdefault(key, Located({}, at, key_at=at)).value
    return cast("_Table", found[-1].value if isinstance(found, list) else found)


def _read_scalar(written: str) -> object:
    value = tomllib.loads(f"k = {written}")["k"]
    finite = isinstance(value, int | float) and abs(value) < float("inf")
    return value if finite or isinstance(value, str) else Unreadable()
