"""One sentence while it is read: what a phrase has used is not read again as something else.

Two views of the text are kept: `rest` is what phrases may still read, `left` is what no phrase
has accounted for. Whether what is left matters is `leftover`'s to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.recipes.add_field import field_types

ADD = (
    r"(?i:\b(?:add|adding|create|introduce|include|insert|needs?|wants?|new|give|"
    r"extend|lacks?|is\s+missing|(?:can|could)\s+we\s+(?:get|have)|"
    r"would\s+like|(?:should|must|shall|ought\s+to)\s+(?:\w+ly\s+|also\s+)?"
    r"(?:have|get|carry|hold|store|record|receive|contain))\b|['\u2019]d\s+like\b)"
)
_WORDS = sorted(
    (phrase for kind in field_types.BY_NAME.values() for phrase in kind.words),
    key=len,
    reverse=True,
)
EXACT = "|".join(sorted((*field_types.BY_NAME, *field_types.UNFIT_TYPES), key=len, reverse=True))
#: “CharFeild” is asked about, and is no name.
_MISSPELT = "Feild|Filed|Fild|Feld|Fiedl|Fiel|Fields"
TYPE = (
    rf"(?:`|\b)(?:models\.)?(?:(?i:{EXACT})|[A-Z]\w*(?:Field|{_MISSPELT}))\b(?:\(\))?`?"
    rf"|\b(?i:{'|'.join(re.escape(word) for word in _WORDS)})\b"
)
OPEN = "[`'\"\u201c\u2018]"
CLOSE = "[`'\"\u201d\u2019]"
FIELD_WORD = r"(?i:fields?|columns?|attributes?|propert(?:y|ies))"
NEGATION = re.compile(
    r"(?i)\b(?:no|not|never|nor|neither|none|without|cannot|dont|\w+n['\u2019]t)\b"
)
#: What verbs of the model's own code do to things that are there.
CHANGING = "remove|delete|rename|drop|refactor|replace|migrate|convert|deprecate|move|fix|copy"
_FOREIGN_CLAUSE = re.compile(
    r"(?i)(?:^\W*|(?:\band\b|\bthen\b|\balso\b|,|;|:)\s+)(?:(?:please|also|then)\s+)*"
    rf"(?:{CHANGING})\b.*?"
    r"(?=(?:,|\band\b|\bthen\b|\balso\b)\s+(?:(?:please|also|then|and)\s+)*"
    r"(?:add|create|introduce|show|expose|include)\b|$)"
)
_LONGEST_QUOTE = 100
_ADDRESS = re.compile(r"(?<![\"'`=])https?://[^\s)>\]]+|(?<=\])\([^)\s]*\)")


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
    return line if len(line) <= _LONGEST_QUOTE else shortened(line, _LONGEST_QUOTE - 3) + "..."


def shortened(line: str, longest: int) -> str:
    """The start of a line, ending with a whole word where it has one."""
    whole = line[: longest + 1].rpartition(" ")[0]
    return whole.rstrip(" ,;:(") or line[:longest]


class Sentence:
    """The sentence, what is left of it, and the facts found so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spoken = _ADDRESS.sub(lambda address: " " * len(address[0]), text)
        """The sentence without addresses, which say nothing themselves."""
        self.rest = self.spoken
        self.left = self.spoken
        self.found: list[Mention] = []
        self.foreign: list[str] = []
        """Clauses that ask for something that is there to be changed or removed."""
        self._set_foreign_clauses_aside()

    def _set_foreign_clauses_aside(self) -> None:
        """“Rename `email` to `mail` and add …”: no word of the first clause is about the field."""
        for clause in _FOREIGN_CLAUSE.finditer(self.text):
            if self.text[: clause.start()].count("`") % 2 == 0:
                self.foreign.append(cut(clause[0].strip(" ,;")))
                self.rest = without(self.rest, *clause.span())
                self.left = without(self.left, *clause.span())

    def say(self, fact: str, value: str, *, code: bool = False, strong: bool = True) -> None:
        """Note a fact."""
        self.found.append(Mention(fact, value, cut(self.text), code, strong))

    def use(self, match: re.Match[str]) -> None:
        """Take a phrase out of what is left to read."""
        self.take(*match.span())

    def take(self, start: int, end: int) -> None:
        """Take a part of the text out of what is left to read."""
        self.rest = without(self.rest, start, end)
        self.account(start, end)

    def account(self, start: int, end: int) -> None:
        """Note that a part of the text is understood; other phrases may still lean on it."""
        self.left = without(self.left, start, end)

    def negation(self, position: int) -> re.Match[str] | None:
        """The word that denies what follows a position, in the clause before it."""
        ends = [0, *(end.end() for end in _CLAUSE_END.finditer(self.text[:position]))]
        return NEGATION.search(self.text, ends[-1], position)


_CLAUSE_END = re.compile(r"(?i)[,;:(]|\bbut\b|\band\b")
