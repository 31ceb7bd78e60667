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
    r"|^\W*(?:the\s+)?print\s+(?:statements?|calls?)\b|\bno\s+(?:more\s+)?print(?:s\b|\(\)|\b)"
    r"|\bprints\W*$"
)
#: “It should use the logging module.”
_IT_LOGS = re.compile(
    r"(?i)^\W*(?:it|this|that|they|these|those)(?=\s+(?:should|must|needs?\s+to|has\s+to|have\s+to)\s+"
    rf"(?:\w+ly\s+|all\s+|rather\s+|better\s+)*(?:use|go\s+(?:to|through)|be)\s+(?:\w+\s+){{0,3}}?{LOG})"
)
#: “Use a logger there.”
_USE_LOG = re.compile(
    r"(?i)^\W*(?:please\s+|so\s+|just\s+)*use\s+(?:the\s+|a\s+|our\s+|python['\u2019]?s?\s+|standard\s+)*"
    rf"{LOG}(?:\s+(?:module|library|package))?(?:\s+(?:there|here|instead|for\s+(?:it|them|that|this)))?"
    r"\W*$"
)


#: “Could you replace print with logging in loans.py?”: a request in the form of a question.
_POLITE = re.compile(
    r"(?i)^\W*(?:(?:hi|hello|hey)\b\W*)?(?:can|could|would|will)\s+(?:you|someone|somebody|anyone|we)\s+"
    rf"(?:(?:please|kindly|all|maybe)\s+)?(?=(?:{CHANGE}|use|log|stop|remove|drop|get\s+rid)\b)"
)


def spelt_out(sentences: list[str]) -> dict[str, str]:
    """The sentences as they are meant, each with what was written.

    The prints are named that an “it” stands for, and a request is none the less one for having
    the polite form of a question.
    """
    said = False
    spelt: dict[str, str] = {}
    for sentence in sentences:
        meant = _with_prints(sentence) if said else sentence
        spelt.setdefault(_plain_request(meant), sentence)
        said = said or _PRINTS.search(sentence) is not None
    return spelt


def _with_prints(sentence: str) -> str:
    if _USE_LOG.match(sentence):
        return f"{sentence.rstrip(' .!')} instead of print."
    return _IT_LOGS.sub("The prints", _CHANGES_IT.sub(r"\g<verb>the prints", sentence))


def _plain_request(sentence: str) -> str:
    polite = _POLITE.match(sentence)
    if polite is None or re.search(r"\?\W*\S|(?i:\bor\b)", sentence.rstrip("?!. ")):
        return sentence
    asked = sentence[polite.end() :].rstrip()
    return asked.rstrip("?!. ") + "." if asked.endswith("?") else sentence


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
