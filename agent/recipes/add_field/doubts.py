"""Sentences that state nothing firm: negated, asked, conditional, hedged, or taking back.

A doubtful sentence is put before the reader as a question; what it says is never taken as a fact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agent.recipes.add_field.sentence import NEGATION, Mention, Sentence, cut

Kind = Literal["correction", "question", "negation", "condition", "hedge"]

_QUOTES = re.compile(r"`[^`]*`|\"[^\"]*\"|\u201c[^\u201d]*\u201d|'[^']*'(?!\w)")
_POLITE_REQUEST = re.compile(
    r"(?i)^\W*(?:(?:hi|hello|hey)\b\W*)?(?:(?:can|could|would|will)\s+"
    r"(?:you|someone|somebody|anyone)\s+(?:(?:please|kindly)\s+)?"
    r"(?=add|create|introduce|include|extend|show|give|put)"
    r"|(?:can|could|may)\s+(?:we|i)\s+(?:(?:please|kindly)\s+)?"
    r"(?:(?=add\b)|(?=(?:get|have)\s+(?:an?|the|one|another)\s.*`)))"
)
_CORRECTION_STARTS = re.compile(
    r"(?i)^\W*(?:actually|oops|scratch|correction|no|nope|sorry(?=\s*,|\s+i\b|\s+for\b|\W*$)|wait"
    r"|rather|edit|update|hmm)\b(?:\s*[,:;.!\u2013\u2014-]|\s+(?:that|this|i|it|we|make|use|the)\b|$)"
)
_CORRECTION = re.compile(
    r"(?i)\bI\s+meant?\b|\bsecond\s+thoughts?\b|\bscratch\s+that\b|\bchanged\s+(?:my|our)\s+minds?\b|"
    r"\bmy\s+mistake\b|\bignore\s+(?:that|this|the\s+above)\b|\bnever\s?mind\b|\bdisregard\b|"
    r"\binstead\s*[.!]?\s*$|\binstead\s+of\s+(?:what|the\s+above)\b"
)
_IN_FACTS = re.compile(r"(?i)\b(?:actually|instead|rather)\b")
_ASKING = re.compile(
    r"(?i)^\W*(?:should|shall|can|could|may|might|would|do|does|is|are)\s+"
    r"(?:we|i|it|this|that|the|there|they)\b"
)
_REQUEST = re.compile(r"(?i)\W*(?:please\s+)?(?:add|create|introduce|include|insert|extend|give)\b")
_DENIED_REQUEST = re.compile(
    r"(?i)^\W*(?:please\s+)?(?:do\s+not|don['\u2019]?t|never|no\s+(?:new\s+)?(?:field|column|more))\b|"
    r"(?:\b(?:not|never|no\s+longer|no\s+need)|n['\u2019]t|\bdont)\s+(?:\w+ly\s+|yet\s+|to\s+)?"
    r"(?:want|need|add|like|require|wish|should|introduce|create|be|start|do|touch)\b"
)
_DENIED_START = re.compile(
    r"(?i)^\W*(?:please\s+|so\s+|but\s+)*(?:(?:we|i)\s+)?"
    r"(?:do\s+not|don['\u2019]?t|never|no\s+longer|must\s+not|should\s+not)\b"
)
_CONDITION = re.compile(
    r"(?i)\b(?:if|unless|when|whenever|provided|in\s+case|once|as\s+soon\s+as|as\s+long\s+as|"
    r"depending|until|only)\b"
)
_BARE_CONDITION = re.compile(
    r"(?i)^\W*(?:only\b|if\b|unless\b|provided\b|in\s+case\b)|\bonly\s+if\b|\bunless\b|"
    r"\bas\s+long\s+as\b|\bdepend(?:s|ing)\s+on\b|\bblocked\b|\bwait(?:s|ing)?\s+for\b|\bon\s+hold\b|"
    r"\bnot\s+yet\b|\buntil\b"
)
_HEDGE = re.compile(
    r"(?i)\b(?:not\s+(?:yet\s+)?(?:sure|certain|decided|clear)|unsure|maybe|perhaps|possibly|"
    r"tbd|to\s+be\s+(?:decided|discussed|confirmed)|undecided|let\s+me\s+know|open\s+question|"
    r"up\s+for\s+discussion|(?:don['\u2019]?t|do\s+not)\s+know\s+(?:if|whether|which|what)|your\s+call|"
    r"or\s+so|or\s+something|something\s+like|whatever)\b"
)
_HEDGE_IN_FACTS = re.compile(
    r"(?i)\b(?:might|could|probably|ideally|i\s+think|i\s+guess|i\s+wonder|thinking|considering|"
    r"would\s+be\s+(?:nice|good|great|cool|helpful)|nice\s+to\s+have|either(?!\W*$)|or|about|around|"
    r"approximately|roughly|some\s?day|at\s+some\s+point|eventually|later|optionally)\b"
)


@dataclass(frozen=True)
class Doubt:
    """A sentence whose facts do not count, and why."""

    kind: Kind
    sentence: str
    said: tuple[Mention, ...]
    """What it would state."""


def denies_the_request(text: str) -> bool:
    """Whether a sentence starts by saying that it is not to be done."""
    return _DENIED_START.match(_QUOTES.sub(" ", text)) is not None


def polite(text: str) -> str:
    """A sentence without the form of a question that only politeness gave it."""
    if match := _POLITE_REQUEST.match(text):
        asked = text[match.end() :].rstrip().rstrip("?") + "."
        return re.sub(r"(?i)^(?:get|have)\b", "Add", asked)
    return text


def of(sentence: Sentence, left: str, *, heading: bool = False) -> Doubt | None:
    """Say what makes a sentence doubtful, if anything does.

    Args:
        left: What is left of it, without the reason it gives.
        heading: It stands over a section, where a question asks the writer.
    """
    kind = _kind(sentence, left, heading=heading)
    return Doubt(kind, cut(sentence.text), tuple(sentence.found)) if kind else None


def _kind(sentence: Sentence, left: str, *, heading: bool) -> Kind | None:
    plain = _QUOTES.sub(" ", left)
    whole = _QUOTES.sub(" ", sentence.spoken)
    states = bool(sentence.found) or _REQUEST.match(sentence.text)
    if _CORRECTION_STARTS.search(plain) or _CORRECTION.search(plain):
        return "correction"
    if states and _IN_FACTS.search(plain):
        return "correction"
    if not heading and ("?" in whole or _ASKING.search(whole)):
        return "question"
    if _DENIED_REQUEST.search(plain) or (states and NEGATION.search(plain)):
        return "negation"
    if (_CONDITION if states else _BARE_CONDITION).search(plain):
        return "condition"
    if _HEDGE.search(plain) or (states and _HEDGE_IN_FACTS.search(plain)):
        return "hedge"
    return None
