"""Facts in sentences: "Add a nullable CharField `nickname` to the `Customer` model".

Generous in wording, strict in meaning: a fact is taken only from a phrase that states it, and a
sentence that asks for something else is handed back as such.
"""

from __future__ import annotations

import re

from agent.recipes.add_field import option_phrases, subject_phrases
from agent.recipes.add_field.sentence import ADD, EXACT, FIELD_WORD, TYPE, Mention, Sentence, cut

_LONGEST_SENTENCE = 1_000
_VERBS = (
    "add|remove|delete|rename|drop|change|refactor|replace|migrate|convert|deprecate|move|fix|send|"
    "expose|update|make|use|show|hide|validate|compute|calculate|fill|populate|set|write|create|"
    "index|sort|filter|search|export|import|translate|document|log|copy|split|merge|bump|upgrade|"
    "allow|ensure|display|include|extend|backfill|link|call|notify|limit|restrict|let|do"
)
_CHANGING = "remove|delete|rename|drop|refactor|replace|migrate|convert|deprecate|move|fix|copy"
_REQUEST = re.compile(
    rf"^\W*(?:(?:please|also|then|and|finally|additionally|furthermore|next)\b,?\s+)*"
    rf"(?:{_VERBS})\b|\b(?:it|this|they|that|the (?:field|column|form|api|admin|model))\s+"
    rf"(?:should|must|shall|needs? to|has to|have to)\b",
    re.IGNORECASE,
)
_AND_ALSO = re.compile(
    rf"(?:\band\b|\bthen\b|\balso\b|,)\s+(?:also\s+|then\s+)?(?P<verb>{_CHANGING})\b", re.IGNORECASE
)
_GENERIC = re.compile(
    r"^\W*(?:please\s+)?(?:add|create|introduce)\s+(?:(?:this|the|these|an?|new|following|another|"
    r"one|django|model|db|database)\s+)*(?:it|them|fields?|columns?|attributes?)"
    r"(?:\s+to\s+(?:the|our|a|this)\s+(?:models?|database|table|code))?\W*$",
    re.IGNORECASE,
)


def read(text: str, *, options_only: bool = False) -> tuple[list[Mention], list[str]]:
    """Take the facts out of a text.

    Args:
        options_only: The text is one phrase out of a list of options.

    Returns:
        The facts, and the sentences that ask for something that is none of them.
    """
    found: list[Mention] = []
    beyond: list[str] = []
    for sentence in sentences(text):
        reading = Sentence(sentence)
        option_phrases.read(reading)
        if not options_only:
            subject_phrases.read(reading)
            if _asks_for_more(reading):
                beyond.append(cut(sentence))
        found += reading.found
    return found, beyond


def sentences(text: str) -> list[str]:
    """Split a text at list items, blank lines and the ends of sentences."""
    blocks: list[str] = []
    current: list[str] = []
    for line in [*text.splitlines(), ""]:
        item = re.match(r"\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(.*)", line)
        if item or not line.strip():
            blocks.append(" ".join(current))
            current = [item[1]] if item else []
        else:
            current.append(line.strip().lstrip("> "))
    blocks.append(" ".join(current))
    ends = r"(?<=[.!?;])(?<!e\.g\.)(?<!i\.e\.)\s+(?=[A-Z`\"'“(\[*])"
    parts = [part.strip() for block in blocks for part in re.split(ends, block) if part.strip()]
    # What has no end for this long is no sentence; in pieces it costs linear time.
    return [
        part[start : start + _LONGEST_SENTENCE]
        for part in parts
        for start in range(0, len(part), _LONGEST_SENTENCE)
    ]


def asks_to_change(sentence: str) -> bool:
    """Whether a sentence asks for something that is there to be changed or removed."""
    return re.search(rf"(?i)^\W*(?:{_CHANGING})\b", sentence) is not None or (
        _AND_ALSO.search(sentence) is not None
    )


def asks_for_addition(text: str) -> bool:
    """Whether a text asks for something to be added."""
    return re.search(ADD, text) is not None


def asks_for_field(text: str) -> bool:
    """Whether a sentence asks for a field to be added to a model."""
    modelled = re.search(r"(?i:\bmodels?\b)", text) is not None
    for sentence in sentences(text):
        if not re.search(ADD, sentence):
            continue
        if re.search(rf"\b(?:models\.)?(?:{EXACT})\b", sentence):
            return True
        if modelled and re.search(rf"\b{FIELD_WORD}\b|{TYPE}", sentence):
            return True
        if re.search(
            rf"(?:{TYPE}).*\b(?i:to|on)\s+(?:`[A-Z]\w*`|[A-Z]\w*(?=[.,;]|\s*$))", sentence
        ):
            return True
        if re.search(rf"\b{FIELD_WORD}\b.*\b(?i:to|on)\s+`?[a-z_]+\.[A-Z]\w+`?", sentence):
            return True
    return False


def _asks_for_more(sentence: Sentence) -> bool:
    """Whether the sentence asks for something of which no fact was taken."""
    if any(
        not _inside_quotes(sentence, more.start()) for more in _AND_ALSO.finditer(sentence.text)
    ):
        return True
    if sentence.found or _GENERIC.match(sentence.text):
        return False
    return _REQUEST.search(sentence.text) is not None


def _inside_quotes(sentence: Sentence, position: int) -> bool:
    return sentence.text[:position].count("`") % 2 == 1
