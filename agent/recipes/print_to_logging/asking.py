"""Whether a sentence asks for prints to become log messages; what else it says is for `request`."""

from __future__ import annotations

import re

TICK = r"[`\"'\u201c\u201d]?"
PRINT = (
    rf"{TICK}\bprint(?:s\b|ed\b|ing\b|\b)(?:\([^)\n]{{0,80}}\))?{TICK}"
    r"(?:[- ](?:statements?|calls?|functions?|output))*"
)
LOG = (
    rf"{TICK}\b(?:(?:python['\u2019]?s?\s+)?(?:standard\s+)?logging|structlog|loggers?|"
    rf"log\s+(?:messages?|calls?|statements?|records?|lines?)|proper\s+logs?|log)\b{TICK}"
)
CHANGE = (
    r"(?:replac\w+|convert\w*|chang\w+|turn\w*|switch\w*|migrat\w+|swap\w*|mov(?:e|ing)|rewrit\w+|"
    r"refactor\w*|transform\w*|substitut\w+|port(?:ing)?|updat\w+|mak(?:e|ing))"
)
_INSTEAD = r"\b(?:instead\s+of|rather\s+than|in\s+place\s+of|and\s+no(?:t|\s+more)|not)\b"
#: What asks for it: parts that follow each other, with anything between them.
_ASKS = tuple(
    tuple(re.compile(part, re.IGNORECASE) for part in parts)
    for parts in (
        (
            rf"\b{CHANGE}\b",
            PRINT,
            r"\b(?:with|to|into|by|for|through|via|use|using|as|over)\b|[-=]>|\u2192",
            LOG,
        ),
        (LOG, _INSTEAD, PRINT),
        (r"\binstead\s+of\b", PRINT, LOG),
        (PRINT, r"\b(?:should|must|shall|ought\s+to|needs?\s+to|has\s+to|have\s+to)\b", LOG),
        (
            (
                rf"{PRINT}\s*(?:\bto\b|[-=]>|\u2192)\s*(?:the\s+|a\s+)?"
                rf"{TICK}(?:logging|loggers?|structlog)\b"
            ),
        ),
        (r"\b(?:remove|drop|get\s+rid\s+of|no\s+more|stop|eliminate)\b", PRINT, LOG),
        (r"\blog\b(?!\s+file)", r"\binstead\s+of\b", PRINT),
    )
)
NOT = re.compile(
    r"(?i)\b(?:do\s+not|don['\u2019]t|never|must\s+not|should\s+not|shouldn['\u2019]t|not\s+to)\s+"
    r"(?:\w+\s+)?(?:replac|convert|chang|touch|turn|switch|edit|modify|alter)"
)


#: “Please switch it to the logging module.”, after a sentence that says what prints.
_CHANGES_IT = re.compile(
    rf"(?i)(?P<verb>\b{CHANGE}\s+(?:all\s+of\s+)?)(?:it|this|that|them|these|those)\b"
    rf"(?=\s+(?:all\s+|over\s+)*(?:to|into|with|by)\s+(?:\w+\s+){{0,3}}?{LOG})"
)
#: “library/loans.py uses print all over.”
_PRINTS = re.compile(
    r"(?i)\b(?:uses?|using|calls?|calling|has|have|with|of|from|via|contains?|still|just|only|many|"
    r"some|those|these|all)\s+(?:a\s+lot\s+of\s+|lots\s+of\s+|the\s+|plain\s+|bare\s+)*"
    r"[`\"']?print(?:s|\(\)|\s+(?:statements?|calls?))?(?![\w-])"
    r"|\bprints\s+(?:to\s+)?(?:stdout|everything|(?:the\s+)?(?:console|terminal|screen))\b"
)


def spelt_out(sentences: list[str]) -> list[str]:
    """Sentences with the prints named that an “it” in them stands for."""
    said = False
    spelt: list[str] = []
    for sentence in sentences:
        spelt.append(_CHANGES_IT.sub(r"\g<verb>the prints", sentence) if said else sentence)
        said = said or _PRINTS.search(sentence) is not None
    return spelt


def asks(text: str) -> bool:
    """Whether a sentence asks for prints to become log messages."""
    return any(_in_order(parts, text[:1000]) for parts in _ASKS)


def _in_order(parts: tuple[re.Pattern[str], ...], text: str) -> bool:
    """Whether the parts follow each other; in linear time, unlike one pattern of them all."""
    place = 0
    for part in parts:
        found = part.search(text, place)
        if found is None:
            return False
        place = found.end()
    return True
