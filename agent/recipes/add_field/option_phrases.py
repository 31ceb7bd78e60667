"""Options and defaults in words: "at most 50 characters", "nullable", "existing rows get 0"."""

from __future__ import annotations

import itertools
import re

from agent.recipes.add_field import field_types, subject_phrases, values
from agent.recipes.add_field.sentence import ADD, CLOSE, OPEN, Sentence, without

_MOST_OPTIONS = 30
_NUMBER_WORDS = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "eight": 8,
    "ten": 10,
}
_VALUE = (
    r"(?:`(?P<ticked>[^`]+)`|(?P<text>\"[^\"]*\"|'[^']*'|\u201c[^\u201d]*\u201d)|"
    r"(?P<word>(?i:true|false|none|null|empty|blank|today|now)\b|[+-]?\d[\d.:T+-]*\d|\d|"
    r"(?:decimal\.)?Decimal\(['\"][\d.+-]+['\"]\)|"
    r"(?:timezone\.now|uuid\.uuid4|uuid4|date\.today|dict|list)\b))"
)

_ROWS = (
    r"(?i:\b(?:existing|present|current|old)\s+"
    r"(?:rows?|records?|entries|objects|instances|data|values|`?\w+?s`?)"
    r"|\b(?:the\s+)?(?!(?:tests|fields|columns)\b)\w+s\s+(?:that\s+)?(?:we\s+(?:already\s+)?have|"
    r"are\s+(?:already\s+)?there)(?:\s+(?:now|already|today))?\b)"
)
_FILLED = r"(?i:\b(?:back)?fill(?:ed)?\b|\bpopulated?\b|\binitiali[sz]ed?\b|\bdefault\w*\b)"
#: Words that say that a value comes from elsewhere.
COMPUTED = (
    r"(?i:\bfrom\b|\bvalues?\s+of\b|\bcop(?:y|ied|ies)\b|\bsame\s+as\b|\bderived?\b|"
    r"\bcomputed?\b|\bcalculated?\b|\bbased\s+on\b|\baccording\s+to\b)"
)

_QUOTED_TEXT = re.compile(r"\"[^\"]*\"|'[^']*'|\u201c[^\u201d]*\u201d")
_BE = r"(?:should\s+be|must\s+be|shall\s+be|is|of|to|:|=)"
_LENGTH = r"(?P<n>\d+)"
_SIZES = (
    ("max_length", rf"(?i:\bmax(?:imum|imal)?\.?[ _-]length\s*{_BE}?\s*{_LENGTH})"),
    ("max_length", rf"(?i:\blength\s*{_BE}?\s*(?:at\s+most\s+|up\s+to\s+)?{_LENGTH})"),
    (
        "max_length",
        (
            rf"(?i:\b(?:max(?:imum|\.)?|at\s+most|up\s+to|no\s+more\s+than)\s+"
            rf"{_LENGTH}\s+(?:characters?|chars?|letters)\b(?:\s+long\b)?)"
        ),
    ),
    (
        "max_length",
        rf"(?i:\b{_LENGTH}\s+(?:characters?|chars?|letters)\s+(?:max(?:imum)?|at\s+most)\b)",
    ),
    (
        "max_length",
        (
            rf"(?i:(?:(?<=[,;:(])|(?<=Field)|(?<=Field`)|\bof|\bwith)\s*{_LENGTH}\s+"
            r"(?:characters?|chars?|letters)(?:\s+long)?\b(?!\s+(?:or\s+more|min|at\s+least|exactly)))"
        ),
    ),
    ("max_digits", rf"(?i:\bmax(?:imum)?[ _-]digits\s*{_BE}?\s*{_LENGTH})"),
    ("decimal_places", rf"(?i:\bdecimal[ _-]places\s*{_BE}\s*{_LENGTH})"),
    (
        "decimal_places",
        (
            r"(?i:\b(?P<n>\d+|one|two|three|four|five|six|eight|ten)\s+"
            r"(?:decimal\s+places|decimals|places)\b)"
        ),
    ),
    ("max_digits", rf"(?i:\b{_LENGTH}\s+digits\b)"),
)
_FLAGS = (
    (
        "null",
        "False",
        (
            r"(?i:\b(?:not|non|never|in)[ -]?null(?:able)?\b|"
            r"\b(?:cannot|can\s?not|must\s+not|may\s+not|mustn['\u2019]t|can['\u2019]t)"
            r"\s+be\s+null\b|\bno\s+nulls?\b)"
        ),
    ),
    (
        "null",
        "True",
        (
            r"(?i:\bnullable\b|\b(?:may|can|could|might)\s+be\s+null\b|"
            r"\ballow(?:s|ing)?\s+null(?:s)?\b|\bnulls?\s+(?:is\s+|are\s+)?"
            r"allowed\b)"
        ),
    ),
    (
        "blank",
        "False",
        (
            r"(?i:\b(?:not|non)[ -]blank\b|\b(?:cannot|must\s+not|may\s+not)"
            r"\s+be\s+(?:left\s+)?blank\b)"
        ),
    ),
    (
        "blank",
        "True",
        (
            r"(?i:\b(?:may|can|could|might)\s+be\s+(?:left\s+)?blank\b|"
            r"\ballow(?:s|ing)?\s+blanks?\b|"
            r"\bblank\s+(?:is\s+)?(?:allowed|fine|okay|ok|permitted)\b|\bblankable\b|"
            r"\b(?:may|can|could|might)\s+(?:stay|remain)\s+blank\b)"
        ),
    ),
    ("unique", "False", r"(?i:\b(?:not|non)[ -](?:need\s+to\s+be\s+)?unique\b)"),
    ("unique", "True", r"(?i:\bunique\b)"),
    ("db_index", "True", r"(?i:\b(?:indexed|with\s+(?:an|a\s+database)\s+index)\b)"),
)


def read(sentence: Sentence) -> None:
    """Options: as `name=value`, and in words."""
    _relation(sentence)
    _relation_options(sentence)
    _assignments(sentence)
    _computed(sentence)
    _existing_rows(sentence)
    _default(sentence)
    _sizes(sentence)
    _flags(sentence)
    _texts(sentence)
    _choices(sentence)


_CHOICE = r"(?:\w[\w-]*|\"[^\"]*\"|'[^']*')"
_CHOICES = re.compile(
    rf"(?i:\bchoices?\s*(?:are|of|is|:|=|-|\()?\s*)"
    rf"(?:(?P<list>\[(?:[^\[\]]|\[[^\[\]]*\])*\])|"
    rf"(?P<words>{_CHOICE}(?:\s*(?:/|,\s*(?:or|and)\b|,|\bor\b|\band\b)\s*"
    rf"(?!(?:default|max_length|null|blank|show|add|and|or|with|a|an)\b){_CHOICE})+))\)?"
)


#: “choices 1 to 5”.
_SPAN = re.compile(
    r"(?i)\bchoices?\s*(?:are|of|is|from|between|:|=)?\s*(?P<low>\d{1,4})\s*"
    r"(?:to|through|and(?=\s*\d)|-|\u2013|\.{2,3})\s*(?P<high>\d{1,4})\b(?!\s*[,/.]\s*\d)"
)
_MOST_CHOICES = 30


def _span(match: re.Match[str]) -> str:
    """The numbers of a span, one by one; empty where they are too many or none."""
    low, high = int(match["low"]), int(match["high"])
    if re.fullmatch(r"(?i)choices?\s*(?:are|of|is|:|=)?\s*\d+\s*and\s*\d+", match[0]):
        return f"{low}, {high}"
    fits = low < high < low + _MOST_CHOICES
    return ", ".join(str(number) for number in range(low, high + 1)) if fits else ""


def _choices(sentence: Sentence) -> None:
    """“choices a, b or c” names the values, but not what people are to read."""
    if (span := _SPAN.search(sentence.rest)) and _span(span):
        sentence.say("choices in words", _span(span))
        sentence.use(span)
        return
    match = _CHOICES.search(sentence.rest)
    if match is None:
        return
    if match["list"] and (source := _longest_value(match["list"])):
        sentence.say("option choices", source, code=True)
        sentence.use(match)
    elif match["words"]:
        sentence.say("choices in words", match["words"])
        sentence.use(match)


def _assignments(sentence: Sentence) -> None:
    found = re.finditer(r"(?<![\w.])(?P<name>[a-z_]+)\s*=\s*(?=\S)", sentence.rest)
    # No field has more options; what is not read here is asked about.
    for match in list(itertools.islice(found, _MOST_OPTIONS)):
        name = match["name"]
        source = _longest_value(sentence.rest[match.end() :])
        if source is None and name in ("default", "choices"):
            # As it stands it is no value; asked about by its name, not as an unknown phrase.
            bare = re.match(r"[\w./:-]*\w(?=[\s,;.)]|$)", sentence.rest[match.end() :])
            source = bare[0] if bare and name == "default" else None
        if source is not None:
            sentence.say(f"option {name}", source, code=True)
            sentence.take(match.start(), match.end() + len(source))


def _computed(sentence: Sentence) -> None:
    """Values that are to be worked out from other data, which no fixed value can be."""
    plain = _QUOTED_TEXT.sub(lambda text: " " * len(text[0]), sentence.rest)
    filled = re.search(rf"{_ROWS}|{_FILLED}", plain)
    source = re.search(COMPUTED, plain)
    if filled and source:
        sentence.say("computed", "yes")
        sentence.take(min(filled.start(), source.start()), len(sentence.text))


def _existing_rows(sentence: Sentence) -> None:
    gets = (
        r"(?i:(?:\s+(?:should|must|shall|will|can|may|to|all|in|the|database|table))*\s*"
        r"(?:gets?|receives?|have|has|be\s+(?:set|filled|given)(?:\s+to|\s+with)?|be|"
        r"are\s+set\s+to|"
        r"defaults?\s+to|takes?|use|uses|stay|stays|remain|remains|become|:|=|->)"
        r"(?:\s+(?:the|a|an|value|default|text|to|with|as|of))*)\s*"
    )
    for pattern in (
        rf"{_ROWS}{gets}{_VALUE}",
        rf"{_ROWS}(?i:\s+(?:all\s+|left\s+|just\s+|simply\s+|with\s+)*){_VALUE}",
        rf"(?i:\bleave\s+(?:the\s+|all\s+)*){_ROWS}(?i:\s+(?:at|with|as))?\s+{_VALUE}",
        (
            rf"(?i:(?:\bwith\s+)?(?:\ban?\s+|\bthe\s+)?\bdefault(?:s|\s+value)?"
            rf"(?:\s+(?:to|of|is)|\s*[:=])?\s+)?"
            rf"{_VALUE}(?i:\s+(?:for|in|on|as\s+(?:the\s+)?(?:value|default)\s+(?:for|in|of))\s+"
            rf"(?:all\s+)?(?:the\s+)?){_ROWS}"
        ),
    ):
        if match := re.search(pattern, sentence.rest):
            sentence.say("existing", _value_of(match), code=_is_code(match))
            sentence.use(match)
            return


def _default(sentence: Sentence) -> None:
    none = r"(?i:\b(?:no|without(?:\s+an?)?)\s+default(?:\s+value)?\b)"
    if match := re.search(none, sentence.rest):
        sentence.say("no default", "yes")
        sentence.use(match)
    if match := re.search(
        rf"(?i:\b(?:which|that)\s+(?:is|should\s+be)\s+)?{_VALUE}(?i:\s+by\s+default\b)",
        sentence.rest,
    ):
        if not sentence.negation(match.start()):
            sentence.say("option default", _value_of(match), code=_is_code(match))
            sentence.use(match)
            return
    match = re.search(
        r"(?i:\bdefault(?:s|ing)?(?:\s+value)?(?:\s+(?:to|of|is|should\s+be|being|as|set\s+to)|"
        rf"\s*[:=])?\s+){_VALUE}",
        sentence.rest,
    )
    if match and not sentence.negation(match.start()):
        sentence.say("option default", _value_of(match), code=_is_code(match))
        sentence.use(match)


#: “CharField, max 20”: of text nothing else has a size.
_BARE_SIZE = re.compile(r"(?i)\bmax(?:imum|\.)?\s+(?P<n>\d+)(?=\s*(?:[,;).]|$))")
_SIZED_TYPE = re.compile(r"(?i)\b(?:char|slug|url|email)\s?field")


def _sizes(sentence: Sentence) -> None:
    match = _BARE_SIZE.search(sentence.rest)
    if match and _SIZED_TYPE.search(sentence.text):
        sentence.say("option max_length", match["n"], code=True)
        sentence.use(match)
    for name, pattern in _SIZES:
        if match := re.search(pattern, sentence.rest):
            number = match["n"].lower()
            sentence.say(f"option {name}", str(_NUMBER_WORDS.get(number, number)), code=True)
            sentence.use(match)


#: “need not be unique”, “does not have to be nullable”.
_DENIED = (
    r"(?i:\b(?:needs?\s+not|no\s+need\s+to|not\s+(?:required|needed|meant|supposed)\s+to|"
    r"(?:do(?:es)?|should|must|need|may|will|shall|is|are)(?:\s+not|n['\u2019]t)"
    r"(?:\s+(?:need|have)(?:\s+to)?)?)\s+(?:be\s+)?)"
)
_DENIED_FLAG = re.compile(rf"{_DENIED}(?i:(?P<flag>unique|null(?:able)?|blank|indexed)\b)")
_FLAG_OF = {"nullable": "null", "indexed": "db_index"}
#: Uniqueness of several fields at once, which no option of one field gives.
_TOGETHER = re.compile(
    r"(?i)\bunique[ _]together\b(?:\s+with\s+(?:the\s+)?`?\w+`?)?"
    r"|\bunique\s+(?:per|within|for\s+(?:each|every|one|the\s+same)|together|in\s+combination|in\s+(?:each|every)|with(?=\s+(?:the\s+)?`)|by)"
    r"(?:\s+with)?\b(?:\s+(?:the|an?|each|every|one|its)\b)?(?:\s+`?\w+`?)?"
    r"|\b(?:per|together|in\s+combination)\s+unique\b"
)
#: “…, null” in a list of options.
_LISTED_FLAG = re.compile(
    r"(?i)(?:[,(;]\s*(?:and\s+)?|\bwith\s+|\band\s+)(?P<flag>null|blank)"
    r"(?=\s*(?:[,.;)]|\band\b|$))"
)


def _flags(sentence: Sentence) -> None:
    while match := _TOGETHER.search(sentence.rest):
        sentence.say("unique together", " ".join(match[0].split()))
        sentence.use(match)
    while match := _DENIED_FLAG.search(sentence.rest):
        flag = match["flag"].lower()
        sentence.say(f"option {_FLAG_OF.get(flag, flag)}", "False", code=True)
        sentence.use(match)
    while match := _LISTED_FLAG.search(sentence.rest):
        sentence.say(f"option {match['flag'].lower()}", "True", code=True)
        sentence.take(*match.span("flag"))
    for name, said, pattern in _FLAGS:
        while match := re.search(pattern, sentence.rest):
            sentence.say(f"option {name}", said, code=True)
            sentence.use(match)
    if match := re.search(
        r"(?i:(?P<not>(?:\bnot|n['\u2019]t)\s+(?:be\s+)?)?\b(?:required|mandatory)\b)",
        sentence.rest,
    ):
        optional = match["not"] is not None
        sentence.say("optional" if optional else "required", "yes")
        sentence.use(match)
    if match := re.search(
        r"(?i:\boptional\b|\b(?:may|can)\s+(?:also\s+)?(?:(?:be\s+(?:left\s+)?|stay\s+|remain\s+)"
        r"empty|be\s+(?:left\s+out|omitted))\b|\bempty\s+(?:is\s+)?(?:allowed|fine|okay|ok)\b)",
        sentence.rest,
    ):
        sentence.say("optional", "yes")
        sentence.use(match)


def _texts(sentence: Sentence) -> None:
    for name, words in (("help_text", "help[ _]text"), ("verbose_name", "verbose[ _]name")):
        quoted = r"(?P<text>\"[^\"]+\"|'[^']+'|\u201c[^\u201d]+\u201d)"
        pattern = rf"(?i:\b{words}\s*(?:of|is|:|=)?\s*){quoted}"
        if match := re.search(pattern, sentence.rest):
            sentence.say(f"option {name}", repr(match["text"][1:-1]), code=True)
            sentence.use(match)


#: A bare “to” before what can be a model.
_TO_MODEL = (
    rf"(?i:\bto\s+(?:the\s+|our\s+|a\s+)?(?:model\s+)?){OPEN}?"
    rf"(?:[A-Z]\w*|[a-z_]\w*\.[A-Z]\w*|settings\.AUTH_USER_MODEL){CLOSE}?"
)


#: “to itself”, “to "self"”, “self-referential”.
_TO_ITSELF = re.compile(
    r"(?i:\b(?:(?:pointing|points|refers?|referring|linked|links)\s+)?(?:to|on|with|referencing|"
    rf"references)\s+){OPEN}?(?P<to>(?i:self|itself|the\s+same\s+model))\b{CLOSE}?"
    r"|\b(?i:self)[- ](?i:referential|referencing)\b"
)


#: “FK to the user model”, whichever model the settings make that.
_TO_USER = re.compile(
    r"(?i)(?:foreign\s*key|\bfk|one[- ]?to[- ]?one(?:\s*field)?|many[- ]?to[- ]?many(?:\s*field)?|"
    r"\brelation)`?\s+(?P<phrase>(?:pointing\s+)?(?:to|on)\s+(?:the|our|a|django['\u2019]?s?)\s+"
    r"(?:custom\s+|django\s+|auth\s+)*user(?:\s+model)?\b)"
)


def _to_user(sentence: Sentence) -> bool:
    """Take a relation to the model of the users out of a sentence."""
    found = _TO_USER.search(sentence.rest)
    if found is None:
        return False
    sentence.say("option to", "User")
    sentence.take(*found.span("phrase"))
    return True


def _to_itself(sentence: Sentence) -> bool:
    """Take a relation of a model to itself out of a sentence that speaks of a relation."""
    found = _TO_ITSELF.search(sentence.rest)
    spoken = r"(?i:foreign\s*key|\bfk\b|one[- ]?to[- ]?one|many[- ]?to[- ]?many|\brelation)"
    if found is None or re.search(spoken, sentence.text) is None:
        return False
    sentence.say("option to", "self")
    sentence.use(found)
    return True


#: “a ForeignKey from Book to Author”: the field is on the first, and points to the second.
_FROM_TO = re.compile(
    r"(?:(?i:foreign\s*key|\bfk|one[- ]to[- ]one|many[- ]to[- ]many|OneToOneField|"
    r"ManyToManyField|\brelation(?:ship)?|\blink)`?)"
    rf"(?i:\s+(?:field|relation|key|column))?(?:\s+(?:(?i:called|named)\s+)?{OPEN}\w+{CLOSE})?,?\s+"
    rf"(?P<phrase>(?i:from\s+(?:the\s+|each\s+|every\s+|an?\s+|our\s+)?(?:model\s+)?){OPEN}?"
    rf"(?P<on>(?:[A-Za-z_]\w*\.)*[A-Za-z]\w*){CLOSE}?"
    r"(?i:\s+model)?(?i:\s+(?:back\s+)?to\s+(?:the\s+|its\s+|an?\s+|our\s+)?(?:model\s+)?)"
    rf"{OPEN}?(?P<to>settings\.AUTH_USER_MODEL|(?:[A-Za-z_]\w*\.)*[A-Za-z]\w*){CLOSE}?"
    r"(?i:\s+model)?)"
)


def _from_to(sentence: Sentence) -> bool:
    """Take both ends of a relation out of a sentence that names them."""
    found = _FROM_TO.search(sentence.rest)
    if found is None:
        return False
    itself = found["to"].lower() in ("itself", "self")
    sentence.say("model", found["on"])
    sentence.say("option to", "self" if itself else found["to"])
    sentence.take(*found.span("phrase"))
    return True


def _relation(sentence: Sentence) -> None:
    if _from_to(sentence) or _to_itself(sentence) or _to_user(sentence):
        return
    target = re.search(
        r"(?i:(?:foreign\s*key|fk|one[- ]to[- ]one(?:\s*field)?|many[- ]to[- ]many(?:\s*field)?"
        r"|relation|OneToOneField|ManyToManyField|ForeignKey)`?\s+"
        r"(?:`?\w+`?\s+)?(?:pointing\s+)?(?:to|on|with|into|references|referencing)\s+"
        rf"(?:the\s+|our\s+|a\s+)?){OPEN}?(?P<to>[A-Z][\w]*|[a-z_]\w*\.[A-Za-z]\w*){CLOSE}?"
        r"(?P<again>(?i:\s+model)?)",
        sentence.rest,
    )
    pointing = re.search(
        r"(?i:\b(?:pointing\s+to|points\s+to|refer(?:s|ring)\s+to|link(?:s|ing)\s+to|"
        r"an?\s+(?:link|reference|pointer|relation)\s+to|"
        rf"referenc(?:es|ing))\s+(?:the\s+|our\s+|an?\s+)?(?:(?:new|existing)\s+)?(?:model\s+)?)"
        rf"{OPEN}?"
        rf"(?P<to>[A-Z]\w*|[a-z_]\w*\.[A-Za-z]\w*){CLOSE}?(?P<again>(?i:\s+model)?)",
        sentence.rest,
    )
    if pointing:
        target = pointing
    if target and (pointing or _names_another_model(sentence, target)):
        sentence.say("option to", target["to"])
        sentence.take(target.start("to") - 1, target.end())
        if pointing:
            sentence.account(*target.span())


def _relation_options(sentence: Sentence) -> None:
    actions = "|".join(one.replace("_", "[_ ]") for one in field_types.ON_DELETE)
    for pattern in (
        (
            rf"(?i:\bon[_ -]?delete\b\s*(?:is|should\s+be|of|:|=)?\s*`?(?:models\.)?"
            rf"(?P<do>{actions})\b`?)"
        ),
        rf"(?i:\b`?(?:models\.)?(?P<do>{actions})`?\s+on\s+delet(?:e|ion)\b)",
        rf"`?\b(?:models\.)?(?P<do>{'|'.join(field_types.ON_DELETE)})\b`?",
    ):
        if match := re.search(pattern, sentence.rest):
            sentence.say("option on_delete", match["do"].upper().replace(" ", "_"), code=True)
            sentence.use(match)
    if match := re.search(
        rf"(?i:\brelated[_ ]name\s*(?:of|is|:|=)?\s*){OPEN}?(?P<name>[A-Za-z_%][\w%()+]*){CLOSE}?",
        sentence.rest,
    ):
        sentence.say("option related_name", repr(match["name"]), code=True)
        sentence.use(match)


def _names_another_model(sentence: Sentence, target: re.Match[str]) -> bool:
    """“Add a ForeignKey `shop` to Customer”: a lone `to` says where the field goes."""
    if re.search(ADD, sentence.text[: target.start()]) is None:
        return True
    if not re.search(r"\s`?\w+`?\s+to\s", target[0][: target.start("to") - target.start()]):
        return True
    if len(re.findall(_TO_MODEL, sentence.rest)) > 1:
        # “ForeignKey `a` to Book to Author”: nothing says which is the owner, so both are named
        # as models, and that is asked about.
        return False
    other = Sentence(without(sentence.rest, target.start("to"), target.end()))
    subject_phrases.read_model(other)
    return any(one.fact == "model" for one in other.found)


def _value_of(match: re.Match[str]) -> str:
    if match["ticked"] is not None:
        return match["ticked"]
    if match["text"] is not None:
        return repr(match["text"][1:-1])
    word = match["word"].rstrip(".,")
    return {"blank": "empty"}.get(word.lower(), word)


def _is_code(match: re.Match[str]) -> bool:
    return match["text"] is not None


def _longest_value(text: str) -> str | None:
    """The longest start of a text that reads as a value."""
    ends = [match.start() for match in re.finditer(r"[,;`\s]|\.(?=\s|$)|\)(?=\W|$)|$", text)]
    for end in sorted(set(ends), reverse=True):
        source = text[:end].rstrip()
        if source.endswith((",", ".")):
            continue
        try:
            values.from_expression(source)
        except values.UnreadableError:
            if not re.fullmatch(r"(?:models\.)?[A-Z_]+|[A-Z]\w+|settings\.AUTH_USER_MODEL", source):
                continue
        if "," in source and source[0] not in "([{\"'_dDUt":
            continue
        return source
    return None
