"""One sentence while it is read: what a phrase has used is not read again as something else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.recipes.add_field import field_types

ADD = r"(?i:\b(?:add|adding|create|introduce|include|insert|needs?|wants?|new|give|extend)\b)"
_WORDS = sorted(
    (phrase for kind in field_types.BY_NAME.values() for phrase in kind.words),
    key=len,
    reverse=True,
)
EXACT = "|".join(sorted((*field_types.BY_NAME, *field_types.UNFIT_TYPES), key=len, reverse=True))
TYPE = (
    rf"(?:`|\b)(?:models\.)?(?:(?i:{EXACT})|[A-Z]\w*Field)\b(?:\(\))?`?"
    rf"|\b(?i:{'|'.join(re.escape(word) for word in _WORDS)})\b"
)
OPEN = "[`'\"\u201c\u2018]"
CLOSE = "[`'\"\u201d\u2019]"
FIELD_WORD = r"(?i:fields?|columns?|attributes?|propert(?:y|ies))"
_NEGATED = re.compile(
    r"\b(?:no|not|don['\u2019]?t|doesn['\u2019]?t|without|never|nor|neither)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Mention:
    """A fact as a sentence states it."""

    fact: str
    value: str
    sentence: str
    code: bool = False
    strong: bool = True


def without(text: str, start: int, end: int) -> str:
    """A text with a part of it blanked out."""
    return text[:start] + " " * (end - start) + text[end:]


def cut(text: str) -> str:
    """A text in one line, and not too long to be quoted."""
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:97] + "..."


class Sentence:
    """The sentence, what is left of it, and the facts found so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rest = text
        self.found: list[Mention] = []

    def say(self, fact: str, value: str, *, code: bool = False, strong: bool = True) -> None:
        """Note a fact."""
        self.found.append(Mention(fact, value, cut(self.text), code, strong))

    def use(self, match: re.Match[str]) -> None:
        """Take a phrase out of what is left to read."""
        self.rest = without(self.rest, *match.span())

    def negated(self, position: int) -> bool:
        """Whether the clause before a position denies what follows."""
        clauses = re.split(r"(?i)[,;:(]|\bbut\b|\band\b", self.text[:position])
        return _NEGATED.search(clauses[-1]) is not None
