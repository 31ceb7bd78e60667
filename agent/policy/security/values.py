"""What is known of a value in code that is only read: where its parts come from.

A value is the parts that it is made of: texts that are written out, what a check or a conversion
has made harmless, what is not known, and what a stranger sent. Leaves to `flow` how values move
through a function, and to the rules what may be done with which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal

#: What a value may be made harmless for.
Danger = Literal["sql", "path", "command", "data"]
EVERY: frozenset[Danger] = frozenset({"sql", "path", "command", "data"})
_LONGEST_TEXT = 2000


class Kind(IntEnum):
    """Where a part of a value comes from, in the order of how little it is to be trusted."""

    CONSTANT = 0
    """Written out in the code."""
    SAFE = 1
    """A number, a constant of another module, the result of a check."""
    UNKNOWN = 2
    """An argument or a result of which nothing is known."""
    OUTSIDE = 3
    """From outside of the program, but not from a stranger: the command line, an archive."""
    STRANGER = 4
    """What a request brings."""


@dataclass(frozen=True)
class Part:
    """One part of a value."""

    kind: Kind
    source: str = ""
    """What brings it, as in `request.GET`."""
    harmless_for: frozenset[Danger] = frozenset()


@dataclass(frozen=True)
class Value:
    """What an expression stands for."""

    parts: frozenset[Part]
    text: str = ""
    """The texts that are written out in it, in their order."""
    is_built: bool = False
    """Whether it is a text put together of several."""
    is_path: bool = False
    is_resolved: bool = False
    """Whether it is a path without `..` and links."""
    is_request: bool = False

    def level(self, danger: Danger) -> Kind:
        """Return the worst that it brings with regard to a danger."""
        return max(
            (part.kind for part in self.parts if danger not in part.harmless_for),
            default=Kind.CONSTANT,
        )

    def source(self, danger: Danger) -> str:
        """Return what brings the worst part."""
        worst = self.level(danger)
        named = {
            part.source
            for part in self.parts
            if part.kind == worst and part.source and danger not in part.harmless_for
        }
        return min(named, default="")

    @property
    def is_text(self) -> bool:
        """Whether it is surely a text, at least in part."""
        return self.is_built or bool(self.text)

    def harmless(self, dangers: Iterable[Danger]) -> Value:
        """Return the same, made harmless for some dangers."""
        return replace(
            self,
            parts=frozenset(
                replace(part, harmless_for=part.harmless_for | frozenset(dangers))
                for part in self.parts
            ),
        )

    def at_most(self, kind: Kind) -> Value:
        """Return the same, with no part worse than this."""
        return replace(
            self,
            parts=frozenset(
                part if part.kind <= kind else replace(part, kind=kind) for part in self.parts
            ),
            is_request=False,
        )


def of(kind: Kind, source: str = "") -> Value:
    """Make a value of one part."""
    return Value(frozenset({Part(kind, source)}))


CONSTANT = of(Kind.CONSTANT)
SAFE = of(Kind.SAFE)
UNKNOWN = of(Kind.UNKNOWN)
REQUEST = replace(UNKNOWN, is_request=True)


def constant(value: object) -> Value:
    """Make the value of a literal."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return replace(CONSTANT, text=value[:_LONGEST_TEXT]) if isinstance(value, str) else CONSTANT


def joined(values: Iterable[Value], *, is_built: bool = False) -> Value:
    """Return what is made of all of these, in their order."""
    several = list(values)
    if not several:
        return CONSTANT
    return Value(
        frozenset(part for value in several for part in value.parts),
        text="".join(value.text for value in several)[:_LONGEST_TEXT],
        is_built=is_built or any(value.is_built for value in several),
        is_path=any(value.is_path for value in several),
        is_resolved=any(value.is_resolved for value in several),
    )


def either(one: Value, other: Value) -> Value:
    """Return what is one or the other."""
    if one == other:
        return one
    return Value(
        one.parts | other.parts,
        text=one.text if one.text == other.text else (one.text + other.text)[:_LONGEST_TEXT],
        is_built=one.is_built or other.is_built,
        is_path=one.is_path or other.is_path,
        is_resolved=one.is_resolved and other.is_resolved,
        is_request=one.is_request or other.is_request,
    )
