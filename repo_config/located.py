"""What a configuration file says, each value with the place where it stands.

Owns places, values with places, and the record of one problem. Reading the formats is left to
`yaml_text` and `toml_text`; what values mean to `load`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict

#: Deeper nesting has no meaning in the configuration and only serves to exhaust a parser.
DEEPEST = 12
_SHOWN = 60


class Problem(BaseModel):
    """One thing that is wrong with a configuration file, at its place, with the way out."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int
    """1-based."""
    column: int
    """1-based, in characters."""
    key: str
    """Dotted path of the key, empty for the file as a whole."""
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}. {self.fix}"


class Position(NamedTuple):
    """Where something begins, 1-based."""

    line: int
    column: int


START = Position(1, 1)


class Unreadable:
    """Stands for a value of a kind that no key takes: dates, tagged and non-finite values."""


@dataclass(frozen=True)
class Located:
    """A value and its place."""

    value: object
    """`dict[str, Located]`, `list[Located]`, a scalar, or `Unreadable`."""
    at: Position
    written: str = ""
    """A scalar as it stands in the file, without quotes."""
    key_at: Position = START
    """Where the key stands whose value this is."""

    @property
    def place(self) -> Position:
        """Where to point at: at the value, or at its key when the value begins elsewhere."""
        return self.key_at if isinstance(self.value, dict) else self.at

    def to_plain(self) -> object:
        """The value without places; lists become tuples, as strict models take them."""
        if isinstance(self.value, dict):
            return {key: child.to_plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return tuple(child.to_plain() for child in self.value)
        return self.value

    def child(self, step: str | int) -> Located | None:
        """The value under a key or at an index, if there is one."""
        if isinstance(self.value, dict) and isinstance(step, str):
            found = self.value.get(step)
            return found if isinstance(found, Located) else None
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            item = self.value[step]
            return item if isinstance(item, Located) else None
        return None

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Located]]:
        """Yield what stands here and below, each with its path."""
        yield path, self
        inner: Iterable[tuple[str | int, Located]] = ()
        if isinstance(self.value, dict):
            inner = self.value.items()
        elif isinstance(self.value, list):
            inner = enumerate(self.value)
        for step, child in inner:
            yield from child.walk((*path, step))

    def words(self) -> str:
        """Say what stands here."""
        if isinstance(self.value, str):
            return format_excerpt(self.value)
        written = format_excerpt(self.written, quoted=False)
        kinds: tuple[tuple[type, str], ...] = (
            (dict, "a mapping"),
            (list, "a list"),
            (type(None), "nothing"),
            (bool, written),
            (int, f"the number {written}"),
            (float, f"the number {written}"),
            (object, f"the special value {written}"),
        )
        return next(words for kind, words in kinds if isinstance(self.value, kind))


@dataclass(frozen=True)
class Reading:
    """What a reader made of a text."""

    root: Located | None
    """None when the text is empty or cannot be read."""
    problems: tuple[Problem, ...] = ()


Path: TypeAlias = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """Write a path as people do: `checks.lint[1]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{format_excerpt(step, quoted=False)}"
    return text.removeprefix(".")


def escape_text(text: str) -> str:
    """Write out what is invisible or what a terminal would obey."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def format_excerpt(text: str, *, quoted: bool = True) -> str:
    """Make a piece of the file safe to print: one line, nothing invisible, not endless."""
    safe = escape_text(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
    return json.dumps(safe, ensure_ascii=False).replace("\\\\", "\\") if quoted else safe


def resolve_path(place: tuple[int | str, ...], root: Located) -> tuple[Path, Located]:
    """Follow pydantic's location as far as it names something that stands in the file."""
    path: Path = ()
    located = root
    for step in place:
        child = located.child(step)
        if child is not None:  # else a label that pydantic gives to an alternative or a key
            path, located = (*path, step), child
    return path, located


def problem_at(file: str, at: Position, path: Path, message: str, fix: str) -> Problem:
    """Write down a problem at its place."""
    return Problem(
        file=file, line=at.line, column=at.column, key=dotted(path), message=message, fix=fix
    )
