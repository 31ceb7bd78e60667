"""Facts in sentences: "Add a nullable CharField `nickname` to the `Customer` model".

Generous in wording, strict in meaning: a fact is taken only from a phrase that states it, and
every sentence must be used up. What is doubtful, or asks for more, is handed back as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.recipes import chatter, tickets
from agent.recipes.add_field import doubts, leftover, option_phrases, subject_phrases
from agent.recipes.add_field.doubts import Doubt
from agent.recipes.add_field.sentence import ADD, Mention, Sentence, cut

_LABEL = re.compile(
    r"(?i)^\s*(?:\[[\w -]+\]\s*|(?:feat(?:ure)?(?: request)?|chore|fix|task)(?:\([^)]*\))?:\s*)+"
)


@dataclass
class Reading:
    """What a text says, and what of it could not be taken for a fact."""

    found: list[Mention] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    """Sentences that ask for something of which no fact was taken."""
    background: list[tuple[str, str]] = field(default_factory=list)
    """Sentences that say why, and the part of each that does."""
    passed: list[str] = field(default_factory=list)
    """Sentences that ask for nothing, as far as can be told."""
    titles: dict[str, str] = field(default_factory=dict)
    """Of those beyond, the titles and headings, with what is left of them."""
    loose: list[Doubt] = field(default_factory=list)
    """Of the doubts those of a title that only wonders or proposes what the text then asks for."""


def read(text: str) -> Reading:
    """Take the facts out of a text."""
    reading = Reading()
    for sentence in dict.fromkeys(tickets.sentences(text)):
        if chatter.is_chatter(sentence):
            reading.background.append((cut(sentence), ""))
        else:
            _read_sentence(reading, sentence)
    return reading


def read_summaries(lines: Iterable[str], *, headings: bool) -> Reading:
    """Take the facts out of titles or headings, which sum up more loosely than sentences."""
    reading = Reading()
    for line in lines:
        text = _LABEL.sub("", line)
        asks = re.search(ADD, text) is not None
        for part in dict.fromkeys(tickets.sentences(text)):
            sentence = _facts_of(part)
            doubt = doubts.of(sentence, leftover.without_reason(sentence.left), heading=headings)
            if doubt:
                reading.doubts.append(doubt)
                if _only_proposes(doubt, sentence):
                    reading.loose.append(doubt)
                continue
            reading.beyond += sentence.foreign
            if not leftover.is_summary(sentence.left, asks=asks):
                reading.beyond.append(cut(part))
                if not asks:
                    reading.titles[cut(part)] = sentence.left
            elif leftover.speaks_of_deeds(sentence.left):
                reading.background.append((cut(part), sentence.left))
                reading.passed.append(cut(part))
            if asks or not headings:
                reading.found += sentence.found
    return reading


def _only_proposes(doubt: Doubt, sentence: Sentence) -> bool:
    """Whether a title says nothing against the text below it, and nothing besides."""
    if doubt.kind not in ("question", "hedge", "condition") or sentence.foreign:
        return False
    facts = {mention.fact for mention in doubt.said}
    return facts <= {"model", "name", "thing", "type"} and not leftover.asks_for_more(sentence.left)


def read_options(phrase: str) -> list[Mention] | None:
    """Take the facts out of one phrase of a list of options; None: it says more than those."""
    sentence = Sentence(phrase)
    option_phrases.read(sentence)
    return None if leftover.words(sentence.left) or not sentence.found else sentence.found


def _facts_of(text: str) -> Sentence:
    sentence = Sentence(doubts.polite(text))
    option_phrases.read(sentence)
    subject_phrases.read(sentence)
    return sentence


def _read_sentence(reading: Reading, text: str) -> None:
    sentence = _facts_of(text)
    if sentence.found:
        sentence.left = leftover.without_leading_reason(sentence.spoken, sentence.left)
    left = leftover.without_reason(sentence.left) if sentence.found else sentence.left
    if not (sentence.found or sentence.foreign) and leftover.only_wonders(text):
        reading.background.append((cut(text), sentence.left))
        reading.passed.append(cut(text))
        return
    if doubt := doubts.of(sentence, left):
        reading.doubts.append(doubt)
        return
    reading.found += sentence.found
    reading.beyond += sentence.foreign
    if sentence.found or sentence.foreign or not leftover.words(left):
        reading.beyond += [cut(part) for part in leftover.parts(sentence.text, left)]
        reading.background.append((cut(text), sentence.left))
    elif leftover.is_background(sentence.left):
        reading.background.append((cut(text), sentence.left))
        reading.passed.append(cut(text))
    else:
        reading.beyond.append(cut(text))
