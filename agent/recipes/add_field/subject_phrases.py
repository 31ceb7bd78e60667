"""Model, name and type of the field in words, and where else it is to be shown."""

from __future__ import annotations

import re

from agent.recipes.add_field import field_types
from agent.recipes.add_field.sentence import ADD, CLOSE, FIELD_WORD, OPEN, TYPE, Sentence

_SHORT_TYPES = (
    "boolean|integer|decimal|float|date|datetime|uuid|json|email|url|slug|string|number|text"
)
_QUOTED = rf"(?:\*\*)?{OPEN}(?P<quoted>[A-Za-z_][\w.\- ]*?){CLOSE}(?:\*\*)?"
_BARE = r"(?P<bare>[a-z_][a-z0-9_]*)"
_STOP = field_types.words(
    "a an the to on in of for it this that new one field column attribute with and or "
    "is be as called named name model which whose type support option flag test tests "
    "some another where should must will can some value values more missing optional "
    "nullable unique"
)


def read(sentence: Sentence) -> None:
    """Take the facts about the subject out of a sentence."""
    _places(sentence)
    _subject(sentence)


def _places(sentence: Sentence) -> None:
    """Where the field is to be shown, and whether a test is asked for."""
    for fact, pattern in (
        (
            "admin",
            (
                r"\b(?:(?P<named>[A-Z]\w*Admin)|(?i:admin(?!istrat)\w*|list_display|"
                r"change\s?list))\b"
            ),
        ),
        ("form", r"\b(?:(?P<named>[A-Z]\w*Form)|(?i:model\s?forms?|forms?))\b"),
        ("serializer", r"\b(?:(?P<named>[A-Z]\w*Serializer)|(?i:serializers?|api))\b"),
        (
            "test",
            (
                r"(?i:\b(?:with|include|including|add|write|plus|and|cover\w*|has|have|need)"
                r"\s+(?:an?\s+|some\s+|by\s+)?(?:unit\s+|regression\s+)?"
                r"(?P<named>)tests?\b)"
            ),
        ),
    ):
        match = re.search(pattern, sentence.rest)
        if match is None or (fact != "test" and not _wishes(sentence, fact)):
            continue
        if sentence.negated(match.start()) or re.search(
            r"(?i)\b(?:no|without|don['\u2019]?t\s+\w+)\s+(?:an?\s+|any\s+)?$",
            sentence.text[: match.start()],
        ):
            sentence.say(fact, "no")
        else:
            sentence.say(fact, match["named"] or "yes")
    if re.search(r"(?i:\bno\s+tests?\b|\bwithout\s+(?:a\s+)?tests?\b)", sentence.rest):
        sentence.found = [one for one in sentence.found if one.fact != "test"]
        sentence.say("test", "no")


def _wishes(sentence: Sentence, fact: str) -> bool:
    other = r"(?i:\b(?:filters?|filterable|search\w*|fieldsets?|read-?only|inlines?|list_filter)\b)"
    if fact == "admin" and re.search(other, sentence.rest):
        return False
    shows = (
        r"(?i:\b(?:show\w*|display\w*|list\w*|visible|appear\w*|add\w*|includ\w*|expos\w*|"
        r"put|available|part|in)\b)"
    )
    return re.search(shows, sentence.rest) is not None


def _subject(sentence: Sentence) -> None:
    """Model, name and type, in sentences that ask for a field."""
    asks = re.search(ADD, sentence.text) is not None
    about = re.search(
        r"(?i:^\W*(?:it|the\s+(?:new\s+)?(?:field|column)|this|type|its\s+type)\b)|\bof\s+type\b",
        sentence.text,
    )
    if asks or about:
        _type(sentence)
    if asks:
        read_model(sentence)
        _name(sentence)
    elif match := re.search(rf"(?i:\b(?:called|named)\s+){_QUOTED}", sentence.rest):
        _name_found(sentence, match)


def _type(sentence: Sentence) -> None:
    for match in re.finditer(TYPE, sentence.rest):
        text = match[0].strip("`").removesuffix("()")
        exact = re.fullmatch(r"(?:models\.)?\w+", text) is not None
        sentence.say("type", text, strong=exact)
    if not any(one.fact == "type" for one in sentence.found):
        short = re.search(
            rf"(?i:\b(?:an?|new|of\s+type)\s+(?:new\s+)?(?P<type>{_SHORT_TYPES})\b)", sentence.rest
        )
        if short:
            sentence.say("type", short["type"], strong=False)


def read_model(sentence: Sentence) -> None:
    """Say which models the sentence names as the place of the field."""
    dotted = r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*"
    quoted = rf"{OPEN}(?P<model>{dotted}){CLOSE}"
    patterns = (
        (rf"(?i:\bmodels?\s+(?:called\s+|named\s+)?){quoted}", True),
        (rf"{quoted}(?i:\s+(?:django\s+)?(?:models?|class|table)\b)", True),
        (rf"(?i:\b(?:to|on|in|into|for)\s+(?:the\s+|our\s+|each\s+|every\s+)?){quoted}", True),
        (r"(?i:\bmodel\s+)(?P<model>(?:[a-z_]\w*\.)*[A-Z]\w*)", True),
        (r"\b(?P<model>(?:[a-z_]\w*\.)*[A-Z]\w*)(?i:\s+(?:django\s+)?models?\b)", True),
        (r"(?i:\b(?:to|on|in|into)\s+)(?P<model>(?:[a-z_]\w*\.)+[A-Z]\w*)", True),
        (r"(?i:\b(?:to|on|in|into)\s+(?:the\s+|our\s+)?)(?P<model>[A-Z]\w*)\b", False),
        (r"(?i:\b(?:the|our)\s+)(?P<model>[a-z]\w*)(?i:\s+model\b)", False),
    )
    for pattern, strong in patterns:
        for match in list(re.finditer(pattern, sentence.rest)):
            name = match["model"]
            if re.search(r"(?:Admin|Form|Serializer|Field|ForeignKey)$", name):
                continue
            if name.lower() in ("django", "api", "the", "a"):
                continue
            sentence.say("model", name, strong=strong)
            sentence.use(match)
        if any(one.fact == "model" for one in sentence.found):
            return


def _name(sentence: Sentence) -> None:
    kind = rf"(?:{TYPE}|(?i:{_SHORT_TYPES})|{FIELD_WORD})"
    article = r"(?i:(?:an?|the|another|one|two|our|new|also)\s+)*"
    for pattern in (
        rf"{kind}\s*(?i:(?:called|named|name|:)\s*)?\s*{_QUOTED}",
        rf"(?i:\b(?:called|named)\s+){_QUOTED}",
        rf"{_QUOTED}\s*(?i:(?:as|is|,|:)\s+)?{article}(?i:[\w-]+\s+){{0,3}}?{kind}",
        rf"{ADD}\s+{article}{_QUOTED}",
    ):
        if match := re.search(pattern, sentence.rest):
            _name_found(sentence, match)
            return
    for pattern in (
        rf"(?i:\b(?:called|named)\s+){_BARE}\b",
        rf"{kind}\s+{_BARE}\b",
        rf"{ADD}\s+{article}{_BARE}\s+(?:(?i:{FIELD_WORD})\s+)?(?i:to|on)\b",
        rf"{ADD}\s+{article}{_BARE}\s+(?i:{FIELD_WORD})\b",
    ):
        match = re.search(pattern, sentence.rest)
        if match and match["bare"] not in _STOP:
            sentence.say("name", match["bare"], strong=False)
            return


def _name_found(sentence: Sentence, match: re.Match[str]) -> None:
    sentence.say("name", match["quoted"])
    position = match.end("quoted") + 1
    following = re.compile(
        rf"\s*(?:,|(?i:and)|,\s*(?i:and))\s+(?i:(?:an?|the|another)\s+)?"
        rf"(?:(?i:[\w-]+\s+){{0,2}}?(?:{TYPE}|{FIELD_WORD})\s*)?{_QUOTED}"
    )
    tail = sentence.rest
    while more := following.match(tail, position):
        sentence.say("name", more["quoted"])
        position = more.end("quoted") + 1
