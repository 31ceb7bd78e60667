"""Whether a ticket asks for a field on a model, from its text alone.

Which facts it states is left to `facts`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from agent.recipes import tickets
from agent.recipes.add_field.sentence import (
    CHANGING,
    CLOSE,
    EXACT,
    FIELD_WORD,
    OPEN,
    TYPE,
    Sentence,
)

_ADDING = r"add|adding|create|creating|introduce|introducing|include|insert|extend|give|append"
#: Verbs that may follow “we need to …” without making it another request.
_HAVING = r"add|create|introduce|include|insert|extend|have|get|store|track|record|save|keep|know"
_WISH = (
    r"needs?|wants?|requires?|lacks?|misses|is\s+missing|could\s+use|would\s+like|"
    r"(?:should|must)\s+(?:also\s+)?(?:have|get|receive|contain|carry)|['\u2019]d\s+like|gets|"
    r"(?:can|could)\s+(?:we|i)\s+(?:please\s+)?(?:get|have)"
)
_ASK = re.compile(
    rf"(?i)(?:\b(?P<adding>{_ADDING})\b|(?:\b|(?=['\u2019]))(?P<wish>{_WISH})\b"
    rf"(?!\s+(?:\w+ly\s+)?to\s+(?:be\b|(?!(?:{_HAVING})\b)\w+)))"
)
_ADDED = re.compile(r"(?i)\b(?:be|being|get|gets)\s+(?:added|introduced|created|included)\b")
_LEADING = (
    r"(?:(?:an?|the|this|that|another|one|some|new|optional|nullable|required|unique|simple|plain|"
    r"short|long|small|extra|additional|further|separate|free|missing|proper|django|database|db|"
    r"also|me|us|please|to|have|get|add|include|introduce|create|store|track|record|save|keep|"
    r"know)\s+)*"
)
#: Things that are added to models, or next to them, and are no field.
_NO_FIELD = re.compile(
    rf"(?i)^\W*{_LEADING}(?:[\w-]+\s+){{0,2}}?(?:index(?:es)?|ind(?:ic|ex)es|constraints?|methods?|"
    r"functions?|propert(?:y|ies)(?!\s+field)|managers?|querysets?|models?(?!\s+(?:fields?|columns?))|"
    r"tables?|class(?:es)?|views?|viewsets?|pages?|endpoints?|routes?|urls?\s+patterns?|templates?|"
    r"buttons?|links?|tests?|fixtures?|factor(?:y|ies)|docs?|documentation|docstrings?|comments?|"
    r"validations?|validators?|pagination|filters?|filtering|search|sort(?:ing)?|ordering|caching|"
    r"cache|logging|loggers?|logs|prints?|signals?|receivers?|permissions?|migrations?|"
    r"type\s+hints?|hints?|types|annotations?|support|commands?|tasks?|jobs?|mails?|emails?\s+to|"
    r"notifications?|webhooks?|serializers?|forms?|admin|inlines?|actions?|fix(?:es)?|cleanup|"
    r"clean-up|refactoring|rework|review|retries|retry|timeouts?|improvements?|features?|"
    r"translations?|"
    r"help[_ ]?texts?|verbose[_ ]?names?|max[_ ]?length|defaults?|choices|on[_ ]delete|"
    r"related[_ ]name|(?:null|blank|unique|editable|db_index|validators)\s*=)(?=\W|$)"
    rf"(?!\s*{OPEN}?\w*{CLOSE}?\s*(?:field|column|attribute)\b)"
)
#: “a text field comment to …”: a field all the same, whatever it is called.
_FIELD_CALLED = re.compile(
    rf"(?i)^\W*(?:an?|the|one|another)\s+(?:[\w-]+\s+){{0,2}}?(?:field|column)\s+"
    rf"(?:called\s+|named\s+)?{OPEN}?[a-z_]\w*{CLOSE}?\s+(?:to|on)\s"
)
#: Where fields are shown that are no fields of a model.
_ELSEWHERE = re.compile(
    r"(?i)(?:\w*(?:form|serializer|admin|view|viewset|filter|filterset|schema|resource|template|"
    r"inline|table)|api|endpoint|response|request|payload|page|list|search|config\w*|settings|"
    r"list_display|list_filter|search_fields|dashboard|report|export|csv|url|docs?|readme|json)"
)
_PLACE = re.compile(
    rf"\b(?i:to|on|in|into|for|of)\s+(?i:(?:the|our|its|each|every|all|any|existing|model|django)\s+)*"
    rf"(?P<place>{OPEN}?[A-Za-z_][\w.]*)(?P<next>{CLOSE}?\s+[\w.]+)?"
)
_MODEL_LIKE = re.compile(rf"{OPEN}?(?:[A-Za-z_]\w*\.)*[A-Z]\w*")
_QUOTED = rf"{OPEN}[A-Za-z_]\w*{CLOSE}"
#: “TextField `notes`, blank=True” as a line of its own.
_FRAGMENT = re.compile(
    rf"^\W*(?:(?i:an?|the|one|new|optional|nullable|required|another|unique)\s+)*"
    rf"(?:`?(?:models\.)?(?:{EXACT})`?\s+(?:(?i:called|named)\s+)?{_QUOTED}|"
    rf"{_QUOTED}\s*(?::|is|as|\(|-|\u2013)\s*(?:(?i:an?)\s+)?`?(?:models\.)?(?:{EXACT})`?)"
    r"\s*(?:[,;:().]|(?i:with|on|to)\b|$)"
)
#: A field, or one of the types it may have.
_NAMED = re.compile(rf"\b{FIELD_WORD}\b|{TYPE}")
_BUG = re.compile(
    r"(?i)\b(?:crash\w*|exceptions?|traceback|stack\s?-?trace|bugs?|broken|breaks|fails?|failing|"
    r"regressions?|(?:does|do|is|are|was)(?:\s+not|n['\u2019]t)\s+\w+|throws?|raises?|wrong(?:ly)?|"
    r"\w+Error|DoesNotExist)\b"
)
_NO_MODEL = re.compile(
    r"(?i)\bno\s+(?:model|database|schema)\s+(?:changes?|fields?)\b|"
    r"\b(?:not|without)\s+(?:changing\s+|touching\s+)?(?:on\s+|in\s+|to\s+)?the\s+(?:model|database)\b|"
    r"\b(?:serializer|form|api)\s+(?:field\s+)?only\b"
)
_CHANGES = re.compile(
    rf"(?i)^\W*(?:please\s+|fix:\s+)*(?:{CHANGING}|change|increase|decrease|reduce|widen|shorten|"
    r"enlarge|raise|lower|make|alter|modify|fix|stop|allow|update|bump|upgrade|unify)\b"
)
#: “a foreign key from each order to a customer”
_FROM_TO = re.compile(
    r"(?i)\b(?:foreign\s*key|fk|(?:one|many)[- ]to[- ](?:one|many))\b[^.;]{0,60}?"
    r"\bfrom\s[^.;]{1,40}?\sto\s\w"
)
#: A sentence with more verbs that ask is no request anyone wrote.
_MOST_VERBS = 5
_REMOVES = re.compile(r"(?i)^\W*(?:please\s+)?(?:remove|delete|drop|rename|move|deprecate)\b")


def changes(title: str) -> bool:
    """Whether a title asks for what is there to be changed, and for nothing to be added."""
    return _CHANGES.match(title) is not None and _ASK.search(Sentence(title).rest) is None


def removes(title: str) -> bool:
    """Whether a title asks for what is there to be taken away or called something else."""
    return changes(title) and _REMOVES.match(title) is not None


def asks_for_field(text: str) -> bool:
    """Whether a sentence asks for a field, or a type of one, to be added to a model."""
    if _NO_MODEL.search(text):
        return False
    about_models = re.search(r"(?i:\bmodels?\b)", text) is not None
    lines = [Sentence(line).rest for line in dict.fromkeys(tickets.sentences(text))]
    # A clause that changes or removes what is there is another request, and no hint.
    asking = (line for line in lines if _ASK.search(line) or not _CHANGES.match(line))
    return any(_asks(line, about_models=about_models) for line in asking)


def adds(text: str) -> bool:
    """Whether a text asks for something to be added that may be a field."""
    lines = dict.fromkeys(tickets.sentences(text))
    return any(True for line in lines for _ in _objects(Sentence(line).rest))


def _objects(sentence: str) -> Iterator[str]:
    """What is asked for: the text after each verb that asks, unless it plainly is no field."""
    for ask in itertools.islice(_ASK.finditer(sentence), _MOST_VERBS):
        after = sentence[ask.end() :]
        extended = ask[0].lower() == "extend" or re.match(r"(?i)\W*(?:to|on|in)\s", after)
        if extended or not _NO_FIELD.match(after) or _FIELD_CALLED.match(after):
            yield after
    for added in _ADDED.finditer(sentence):
        before = sentence[: added.start()]
        if not _NO_FIELD.match(before):
            yield sentence


def _asks(sentence: str, *, about_models: bool) -> bool:
    if _FRAGMENT.match(sentence) and not (_BUG.search(sentence) or _ASK.search(sentence)):
        return True
    if not _NAMED.search(sentence):
        return False
    for wanted in _objects(sentence):
        exact = re.search(rf"\b(?:models\.)?(?:{EXACT})\b", wanted) is not None
        worded = exact or _NAMED.search(wanted) is not None
        if not (exact or worded) or _belongs_elsewhere(sentence):
            continue
        if exact or about_models or _names_a_model(sentence) or _FROM_TO.search(wanted):
            return True
    return False


def _names_a_model(sentence: str) -> bool:
    return any(
        _MODEL_LIKE.fullmatch(place["place"].rstrip("."))
        and not _ELSEWHERE.fullmatch(_bare(place["place"]))
        for place in _PLACE.finditer(sentence)
    )


def _belongs_elsewhere(sentence: str) -> bool:
    """Whether the first place that is named is a form, a serializer or the like, and no model."""
    for place in _PLACE.finditer(sentence):
        first, second = _bare(place["place"]), _bare(place["next"] or "")
        if _ELSEWHERE.fullmatch(first) or (first.islower() and _ELSEWHERE.fullmatch(second)):
            return not _names_a_model(sentence)
        if _MODEL_LIKE.fullmatch(place["place"].rstrip(".")):
            return False
    return False


def _bare(text: str) -> str:
    return text.strip().strip("`'\"\u201c\u201d\u2018\u2019 .")
