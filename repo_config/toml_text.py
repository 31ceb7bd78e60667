"""Read TOML within bounds, and the table `[tool.mergewright]` of it with places.

`tomllib` decides what the document says; the scanner here only finds where each key and value
of an already accepted document begins.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from repo_config.located import (
    DEEPEST,
    START,
    Located,
    Path,
    Position,
    Problem,
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
        super().__init__(message)
        self.message = message
        self.at = at

    def __reduce__(self) -> tuple[type[TomlError], tuple[str, Position]]:
        return type(self), (self.message, self.at)


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
        document = parse(text)
    except TomlError as error:
        return Reading(None, (_problem(file, error.at, f"not read as TOML: {error.message}"),))
    table: object = document
    for name in TABLE:
        if not isinstance(table, dict) or name not in table:
            return Reading(None)
        table = table[name]
    try:
        return Reading(_locate(table, TABLE, _Scanner(text).places(), START))
    except TomlError as error:
        return Reading(None, (_problem(file, error.at, error.message),))


def _problem(file: str, at: Position, message: str) -> Problem:
    return problem_at(file, at, (), inert(message)[:200], "Correct the file at this place")


class _Place:
    """Where a key and its value begin, and a bare value as it is written."""

    def __init__(self, key_at: Position, at: Position, written: str = "") -> None:
        self.key_at, self.at, self.written = key_at, at, written


def _locate(value: object, path: Path, places: dict[Path, _Place], near: Position) -> Located:
    """Put places to values; what has no place of its own stands where its parent does."""
    place = places.get(path) or _Place(near, near)
    key_at, at = place.key_at, place.at
    if len(path) > DEEPEST + len(TABLE):
        raise TomlError(f"nested more than {DEEPEST} levels deep", at)
    if isinstance(value, dict):
        children = {
            key: _locate(child, (*path, key), places, key_at) for key, child in value.items()
        }
        return Located(children, at, key_at=key_at)
    if isinstance(value, list):
        items = [_locate(item, (*path, index), places, at) for index, item in enumerate(value)]
        return Located(items, at, key_at=key_at)
    if isinstance(value, str):
        return Located(value, at, value, key_at)
    finite = isinstance(value, int | float) and abs(value) < float("inf")
    return Located(value if finite else Unreadable(), at, place.written, key_at)


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^,\]}\s#]+|[^,\]}\s#]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)


class _Scanner:
    """Walk a valid document once and note where keys and values begin."""

    def __init__(self, text: str) -> None:
        # The same characters as in the file: a byte order mark counts for no column.
        self._text = text.removeprefix("\ufeff")
        self._at = 0
        self._line, self._line_start, self._counted = 1, 0, 0
        self._places: dict[Path, _Place] = {}
        self._latest: dict[Path, int] = {}
        """Index of the table that was last opened of each array of tables."""

    def places(self) -> dict[Path, _Place]:
        prefix: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                prefix = self._header()
            else:
                self._pair(prefix)
            self._skip(_BLANK)
        return self._places

    def _header(self) -> Path:
        start, many = self._here(), self._text.startswith("[[", self._at)
        brackets = 2 if many else 1
        self._at += brackets
        keys = [key for key, _ in self._key()]
        self._at += brackets
        path: Path = ()
        for number, key in enumerate(keys, 1):
            path = (*path, key)
            if many and number == len(keys):
                self._latest[path] = self._latest.get(path, -1) + 1
                self._places.setdefault(path, _Place(start, start))
            if path in self._latest:
                path = (*path, self._latest[path])
        self._places.setdefault(path, _Place(start, start))
        return path

    def _key(self) -> list[tuple[str, Position]]:
        parts: list[tuple[str, Position]] = []
        while True:
            self._skip(_SPACES)
            here = self._here()
            if self._text[self._at] in "\"'":
                quoted = self._take(_STRING)
                parts.append((str(tomllib.loads(f"k = {quoted}")["k"]), here))
            else:
                parts.append((self._take(_BARE_KEY), here))
            self._skip(_SPACES)
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _pair(self, prefix: Path) -> None:
        parts = self._key()
        path = prefix
        for key, here in parts[:-1]:
            path = (*path, key)
            self._places.setdefault(path, _Place(here, here))
        self._at += 1  # the equals sign
        self._skip(_SPACES)
        self._value((*path, parts[-1][0]), parts[-1][1])

    def _value(self, path: Path, key_at: Position) -> None:
        here, first = self._here(), self._text[self._at]
        self._places[path] = place = _Place(key_at, here)
        if first == "[":
            self._at += 1
            index = 0
            while self._next("]"):
                self._value((*path, index), self._here())
                index += 1
        elif first == "{":
            self._at += 1
            while self._next("}"):
                self._pair(path)
        elif first in "\"'":
            self._take(_STRING)
        else:
            place.written = self._take(_BARE_VALUE)

    def _next(self, end: str) -> bool:
        """Step to the next item of an array or inline table; False at its end."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] != end:
            return True
        self._at += 1
        return False

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:  # only if this scanner and tomllib disagree on a valid document
            raise TomlError("cannot be followed", self._here())
        self._at = found.end()
        return found[0]

    def _here(self) -> Position:
        passed = self._text.count("\n", self._counted, self._at)
        if passed:
            self._line += passed
            self._line_start = self._text.rfind("\n", 0, self._at) + 1
        self._counted = self._at
        return Position(self._line, self._at - self._line_start + 1)
