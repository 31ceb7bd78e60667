"""Model, name and type of the field in words, and where else it is to be shown."""

from __future__ import annotations

import re

from agent.recipes import word_lists
from agent.recipes.add_field import field_types, leftover
from agent.recipes.add_field.sentence import ADD, CLOSE, FIELD_WORD, OPEN, TYPE, Sentence

_SHORT_TYPES = (
    "boolean|integer|decimal|float|date|datetime|uuid|json|email|url|slug|string|number|text"
)
_QUOTED = rf"(?:\*\*)?{OPEN}(?P<quoted>[A-Za-z_][\w.\- ]*?){CLOSE}(?:\*\*)?"
_BARE = r"(?P<bare>[a-z_][a-z0-9_]*)"
_NEXT_MODEL = re.compile(
    r"\s*(?:,\s*(?:(?i:and|or)\s+)?|(?i:and|or)\s+|&\s*|/\s*)"
    r"(?:(?i:to|on|the|also|model)\s+)*"
    rf"(?:{OPEN}(?P<quoted>(?:[A-Za-z_]\w*\.)*[A-Z]\w*){CLOSE}|"
    r"(?P<model>(?:[a-z_]\w*\.)*[A-Z][a-z]\w*))(?i:\s+models?\b)?"
    r"(?!\s*(?:\(|=|Field))"
)
#: “Sorry, I meant Order.”
_CORRECTED_MODEL = (
    r"(?i:\bI\s+mean[t]?\s+(?:on\s+|to\s+)?(?:the\s+)?|\b(?:to|on|for)\s+(?:the\s+)?(?=.*instead))"
    rf"{OPEN}?(?P<model>(?:[a-z_]\w*\.)*[A-Z]\w*){CLOSE}?"
)
_STOP = word_lists.words(
    "a an the to on in of for it this that new one field column attribute with and or "
    "is be as called named name model which whose type support option flag test tests "
    "some another where should must will can some value values more missing optional "
    "nullable unique"
)


_SHOWS = (
    r"(?i:\b(?:(?:show|turn|pop|come)(?:s|ed|n|ing)?\s+up|show\w*|display\w*|list\w*|visible|"
    r"appear\w*|expos\w*|put|available|part|contains?|see|seen)\b)"
)
_NEEDED = (
    r"(?i:\b(?:write|plus|cover\w*|needed|necessary|wanted|required|see|come|comes|coverage|"
    r"accompan\w+|forget|welcome|appreciated)\b)"
)
#: “Test it.”, “tests please”: a wish of its own.
_TEST_ALONE = re.compile(
    r"(?i)\W*(?:please\s+|and\s+|also\s+|plus\s+|with\s+|an?\s+|some\s+)*"
    r"(?:unit\s+|regression\s+)?(?<!\w)tests?"
    r"(?:\s+(?:it|this|that|please|too|needed|wanted|required|would\s+be\s+(?:nice|good|great)))*\W*$"
)
_NO_TEST = (
    r"(?i:\bno\s+(?:unit\s+)?tests?\b|\bwithout\s+(?:a\s+|any\s+)?tests?\b|"
    r"\b(?:an?\s+)?tests?\s+(?:is|are)\s+not\s+(?:needed|required|necessary|wanted)\b)"
)
_PLACES = (
    (
        "admin",
        (
            r"\b(?:(?P<named>[A-Z]\w*Admin)|(?i:(?:django\s+)?admin(?!istrat)\w*"
            r"(?:['\u2019]s)?(?:\s+(?:site|interface|panel|area|backend))?"
            r"(?:\s+list(?:\s+(?:view|display|page))?|\s+overview|\s+change\s?list)?|"
            r"list_display|change\s?list))\b"
        ),
    ),
    ("form", r"\b(?:(?P<named>[A-Z]\w*Form)|(?i:(?:public\s+)?(?:model\s?forms?|forms?)))\b"),
    ("serializer", r"\b(?:(?P<named>[A-Z]\w*Serializer)|(?i:(?:drf\s+)?serializers?|api))\b"),
    (
        "test",
        (
            r"(?i:\b(?:with|includ(?:e|es|ing)|add|write|plus|and|cover\w*|accompanied|has|have|"
            r"needs?|wants?|like|see|expect|requires?|get|be|is)"
            r"\s+(?:an?\s+|some\s+|by\s+|one\s+)*(?:unit\s+|regression\s+|small\s+|simple\s+|"
            r"automated\s+)*(?P<named>)(?:tests?|tested|test\s+coverage)\b"
            r"|(?<=[,;])\s*(?:unit\s+)?tests?\s+(?:please|too|as\s+well|needed|wanted|required)\b)"
        ),
    ),
)


#: “on Loan” as a line of its own.
_ON_MODEL = re.compile(
    rf"\W*(?i:(?:to|on|for)\s+(?:the\s+|our\s+)?(?:model\s+)?){OPEN}?"
    rf"(?P<model>(?:[a-z_]\w*\.)*[A-Z]\w*){CLOSE}?(?i:\s+model)?\W*$"
)
_ADJECTIVES = (
    r"(?i:(?:an?|the|another|one|our|new|also|please|optional|nullable|required|mandatory|unique|"
    r"simple|plain|short|long|additional|extra|separate|own)\s+)*"
)
#: “a phone number”: what is wanted, in words that are no name yet.
_THING = re.compile(
    rf"{ADD}\s+(?:(?i:to\s+have|to\s+add|to\s+store)\s+)?{_ADJECTIVES}"
    rf"(?P<thing>[a-z]\w*(?:[ -](?!(?:and|or|to|on|for|in|with)\b)[a-z]\w*){{0,3}}?)"
    rf"(?=\s+(?i:to|on|for|in|with|so|because)\b|\s+{FIELD_WORD}|\s*[.,;:(]|\s*$)"
)


#: “Add Attempts to AccessLog”, as titles are written: what the field holds, if not its name.
_TITLED = re.compile(
    rf"(?:{ADD}|{TYPE}|{FIELD_WORD})\s+{_ADJECTIVES}(?P<thing>[A-Z][a-z]+)"
    rf"(?=\s+(?i:to|on)\s|\s+{FIELD_WORD})"
)
#: “needs a page count: `pages`, …”: what the field is called by in front of its name.
_CALLED_BEFORE = re.compile(
    rf"{ADD}\s+{_ADJECTIVES}(?P<thing>[a-z]\w*(?:[ -][a-z]\w*){{0,3}}):\s+{OPEN}[a-z_]\w*{CLOSE}"
)


def _thing(sentence: Sentence) -> None:
    """What the field holds, where nothing names the field."""
    said = {one.fact for one in sentence.found}
    if "name" in said or "model" not in said:
        return
    match = _THING.search(sentence.spoken)
    titled = _TITLED.search(sentence.spoken) if match is None else None
    if titled and sentence.rest[slice(*titled.span("thing"))].strip():
        sentence.say("thing", titled["thing"], strong=False)
        sentence.account(*titled.span("thing"))
    if match is None or sentence.rest[slice(*match.span("thing"))].strip() != match["thing"]:
        return
    if match["thing"].lower() in _SHORT_TYPES.split("|") or field_types.named(match["thing"]):
        return  # “a boolean” is a type, and no name
    if match["thing"].split()[-1] in _STOP | leftover.FILLER or leftover.speaks_of_deeds(
        match["thing"]
    ):
        return
    single = re.fullmatch(r"[a-z]\w*", match["thing"]) is not None
    sentence.say("name" if single else "thing", match["thing"], strong=False)
    sentence.account(*match.span("thing"))


def read(sentence: Sentence) -> None:
    """Take the facts about the subject out of a sentence."""
    _places(sentence)
    _subject(sentence)


def _places(sentence: Sentence) -> None:
    """Where the field is to be shown, and whether a test is asked for."""
    for fact, pattern in _PLACES:
        matches = list(re.finditer(pattern, sentence.rest))
        if not matches or (fact != "test" and not _wishes(sentence, fact)):
            continue
        named = [match["named"] for match in matches if match["named"]]
        denials = [sentence.negation(match.start()) for match in matches]
        if any(denials):
            sentence.say(fact, "no")
        if not all(denials):
            for name in named or ["yes"]:
                sentence.say(fact, name)
            if fact == "test":
                sentence.foreign += _tests_of_others(sentence, matches)
        for match, denial in zip(matches, denials, strict=True):
            for span in (match.span(), *([denial.span()] if denial else [])):
                sentence.account(*span)
        for shown in re.finditer(_NEEDED if fact == "test" else _SHOWS, sentence.text):
            sentence.account(*shown.span())
    _test_alone(sentence)


def _test_alone(sentence: Sentence) -> None:
    """Take a wish for a test, or against one, that is a sentence of its own."""
    if alone := _TEST_ALONE.match(sentence.rest):
        sentence.say("test", "yes")
        sentence.account(*alone.span())
    if no_test := re.search(_NO_TEST, sentence.rest):
        sentence.found = [one for one in sentence.found if one.fact != "test"]
        sentence.say("test", "no")
        for word in (no_test, *re.finditer(_NEEDED, sentence.text)):
            sentence.account(*word.span())


#: “a test for the admin” tests something else than the field.
_OF_ANOTHER = re.compile(
    r"(?i)\s+(?:for|of)\s+(?:the\s+|our\s+|an?\s+)?(?:\w+\s+)?(?:admin|forms?|serializers?|api|views?|"
    r"endpoints?|pages?|templates?|commands?|migrations?)\b"
)


def _tests_of_others(sentence: Sentence, matches: list[re.Match[str]]) -> list[str]:
    """The wishes for tests that no test of the field fulfils."""
    found = [(match, _OF_ANOTHER.match(sentence.rest, match.end())) for match in matches]
    return [sentence.text[one.start() : other.end()].strip() for one, other in found if other]


def _wishes(sentence: Sentence, fact: str) -> bool:
    other = r"(?i:\b(?:filters?|filterable|search\w*|fieldsets?|read-?only|inlines?|list_filter)\b)"
    if fact == "admin" and re.search(other, sentence.rest):
        return False
    return re.search(rf"{_SHOWS}|(?i:\b(?:in|add\w*|includ\w*)\b)", sentence.rest) is not None


def _subject(sentence: Sentence) -> None:
    """Model, name and type; the first two only where a sentence asks for a field."""
    _type(sentence)
    if re.search(ADD, sentence.rest):
        read_model(sentence)
        _name(sentence)
        _thing(sentence)
        if thing := _CALLED_BEFORE.search(sentence.rest):
            if not leftover.asks_for_more(thing["thing"]):
                sentence.account(*thing.span("thing"))
        for asked in re.finditer(ADD, sentence.spoken) if sentence.found else ():
            sentence.account(*asked.span())
        return
    if match := _ON_MODEL.match(sentence.rest):
        sentence.say("model", match["model"])
        sentence.use(match)
        return
    if match := re.match(
        rf"\W*{_ADJECTIVES}(?:{TYPE})\s+(?i:(?:called|named)\s+)?{_QUOTED}", sentence.rest
    ):
        _name_found(sentence, match)
        return
    ends = {one.fact for one in sentence.found} >= {"model", "option to"}
    match = re.search(rf"(?i:\b(?:called|named)\s+){_QUOTED}", sentence.rest)
    if match is None and ends:
        match = re.search(rf"(?:{TYPE})\s+{_QUOTED}", sentence.rest)
    if match:
        _name_found(sentence, match)
    for match in re.finditer(_CORRECTED_MODEL, sentence.rest):
        sentence.say("model", match["model"], strong=False)
        sentence.use(match)


def _type(sentence: Sentence) -> None:
    for match in re.finditer(TYPE, sentence.rest):
        text = match[0].strip("`").removesuffix("()")
        exact = re.fullmatch(r"(?:models\.)?\w+", text) is not None
        sentence.say("type", text, strong=exact)
        sentence.account(*match.span())
    asks = re.search(ADD, sentence.rest) is not None
    if not any(one.fact == "type" for one in sentence.found):
        before = rf"\b(?:{'an?|new|' if asks else ''}of\s+type|type:?)"
        short = re.search(
            # “As an integer.” as a sentence of its own is about the field; elsewhere it may be not.
            rf"(?i:(?:^\W*as\s+an?|{before})\s+(?:is\s+)?(?:new\s+)?"
            rf"(?P<type>{_SHORT_TYPES})\b)",
            sentence.rest,
        )
        if short:
            sentence.say("type", short["type"], strong=False)
            sentence.account(*short.span())


_WANTED = (
    r"(?:also\s+)?(?:to\s+)?"
    r"(?:have|get|receive|carry|contain|hold|store|record|an?|the|one|another|some|new|`)"
)
_LACKS = r"needs?|wants?|requires?|lacks?|is\s+missing"


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
        (
            (
                r"^\W*(?!(?:It|This|That|We|They|There|You|I)\b)(?:(?:The|Each|Every|Our|All)\s+)?"
                rf"(?P<model>[A-Z]\w*)(?=\s+(?:should|must|{_LACKS})\s+{_WANTED})"
            ),
            False,
        ),
        (
            (
                r"(?i:\bextend\s+(?:the\s+|our\s+)?(?:model\s+)?)"
                rf"{OPEN}?(?P<model>(?:[a-z_]\w*\.)*[A-Z]\w*){CLOSE}?(?=\s+(?i:by|with)\b)"
            ),
            False,
        ),
        (
            (
                r"(?i:\bgive\s+(?:the\s+|our\s+|each\s+|every\s+|all\s+|an?\s+)*)"
                r"(?P<model>(?!(?:it|them|us|me|this|that|these|those)\b)"
                r"(?:[a-z_]\w*\.)*[A-Za-z]\w*)(?=\s+(?i:an?|the|another|one|some)\b)"
            ),
            False,
        ),
        (
            (
                r"(?i:^\W*(?:please\s+)?(?:the|each|every|our|all|any|an?)\s+)"
                rf"(?P<model>(?!(?i:{FIELD_WORD}|model|class|table)\b)[a-z]\w*)"
                rf"(?=\s+(?i:should|must|{_LACKS})\s+(?i:{_WANTED}))"
            ),
            False,
        ),
    )
    for pattern, strong in patterns:
        for match in list(re.finditer(pattern, sentence.rest)):
            name = match["model"]
            if name.islower() and not _describes_a_field(sentence):
                continue
            if re.search(r"(?:Admin|Form|Serializer|Field|ForeignKey)$", name):
                continue
            if name.lower() in ("django", "api", "the", "a"):
                continue
            sentence.say("model", name, strong=strong)
            sentence.use(match)
            _further_models(sentence, match.end(), strong=strong)
        if any(one.fact == "model" for one in sentence.found):
            return


def _describes_a_field(sentence: Sentence) -> bool:
    """Whether a type or a name in quotes is there, so that a plain word may be a model."""
    quoted = rf"{OPEN}[a-z_]\w*{CLOSE}"
    return re.search(rf"{TYPE}|{quoted}|\b{FIELD_WORD}\b", sentence.text) is not None


def _further_models(sentence: Sentence, position: int, *, strong: bool) -> None:
    """“to Customer and Order”: the models that are listed after the first one."""
    while more := _NEXT_MODEL.match(sentence.rest, position):
        sentence.say("model", more["quoted"] or more["model"], strong=strong)
        sentence.use(more)
        position = more.end()


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
        # A model that was read is out of the way, but what stands before it still shows its place.
        match = re.search(pattern, sentence.spoken)
        if match and not sentence.rest[slice(*match.span("bare"))].strip():
            continue
        if match and match["bare"] not in _STOP | leftover.FILLER | set(_SHORT_TYPES.split("|")):
            sentence.say("name", match["bare"], strong=False)
            sentence.account(*match.span("bare"))
            return


def _name_found(sentence: Sentence, match: re.Match[str]) -> None:
    sentence.say("name", match["quoted"])
    sentence.account(match.start("quoted") - 1, match.end("quoted") + 1)
    position = match.end("quoted") + 1
    following = re.compile(
        rf"\s*(?:,|(?i:and)|,\s*(?i:and))\s+(?i:(?:an?|the|another)\s+)?"
        rf"(?:(?i:[\w-]+\s+){{0,2}}?(?:{TYPE}|{FIELD_WORD})\s*)?{_QUOTED}"
    )
    tail = sentence.rest
    while more := following.match(tail, position):
        sentence.say("name", more["quoted"])
        sentence.account(*more.span())
        position = more.end("quoted") + 1
