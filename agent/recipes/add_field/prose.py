"""Facts in sentences: "Add a nullable CharField `nickname` to the `Customer` model".

Generous in wording, strict in meaning: a fact is taken only from a phrase that states it, and a
sentence that asks for something else is handed back as such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.recipes.add_field import field_types, values


@dataclass(frozen=True)
class Mention:
    """A fact as a sentence states it."""

    fact: str
    value: str
    sentence: str
    code: bool = False
    strong: bool = True


_ADD = r"(?i:\b(?:add|adding|create|introduce|include|insert|needs?|wants?|new|give|extend)\b)"
_WORDS = sorted(
    (phrase for kind in field_types.BY_NAME.values() for phrase in kind.words),
    key=len,
    reverse=True,
)
_EXACT = "|".join(sorted((*field_types.BY_NAME, *field_types.UNFIT_TYPES), key=len, reverse=True))
_TYPE = (
    rf"(?:`|\b)(?:models\.)?(?:(?i:{_EXACT})|[A-Z]\w*Field)\b(?:\(\))?`?"
    rf"|\b(?i:{'|'.join(re.escape(word) for word in _WORDS)})\b"
)
_SHORT_TYPES = (
    "boolean|integer|decimal|float|date|datetime|uuid|json|email|url|slug|string|number|text"
)
_Q = r"[`'\"“‘]"
_QE = r"[`'\"”’]"
_QUOTED = rf"(?:\*\*)?{_Q}(?P<quoted>[A-Za-z_][\w.\- ]*?){_QE}(?:\*\*)?"
_BARE = r"(?P<bare>[a-z_][a-z0-9_]*)"
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "to",
        "on",
        "in",
        "of",
        "for",
        "it",
        "this",
        "that",
        "new",
        "one",
        "field",
        "column",
        "attribute",
        "with",
        "and",
        "or",
        "is",
        "be",
        "as",
        "called",
        "named",
        "name",
        "model",
        "which",
        "whose",
        "type",
        "support",
        "option",
        "flag",
        "test",
        "tests",
        "some",
        "another",
        "where",
        "should",
        "must",
        "will",
        "can",
        "some",
        "value",
        "values",
        "more",
        "missing",
        "optional",
        "nullable",
        "unique",
    ]
)
_FIELD_WORD = r"(?i:fields?|columns?|attributes?|propert(?:y|ies))"
_LONGEST_SENTENCE = 1_000
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
_NEGATED = re.compile(
    r"\b(?:no|not|don['’]?t|doesn['’]?t|without|never|nor|neither)\b", re.IGNORECASE
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
        reader = _Sentence(sentence)
        reader.options()
        if not options_only:
            reader.places()
            reader.subject()
            if reader.asks_for_more():
                beyond.append(_cut(sentence))
        found += reader.found
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
    return re.search(_ADD, text) is not None


def asks_for_field(text: str) -> bool:
    """Whether a sentence asks for a field to be added to a model."""
    modelled = re.search(r"(?i:\bmodels?\b)", text) is not None
    for sentence in sentences(text):
        if not re.search(_ADD, sentence):
            continue
        if re.search(rf"\b(?:models\.)?(?:{_EXACT})\b", sentence):
            return True
        if modelled and re.search(rf"\b{_FIELD_WORD}\b|{_TYPE}", sentence):
            return True
        if re.search(
            rf"(?:{_TYPE}).*\b(?i:to|on)\s+(?:`[A-Z]\w*`|[A-Z]\w*(?=[.,;]|\s*$))", sentence
        ):
            return True
        if re.search(rf"\b{_FIELD_WORD}\b.*\b(?i:to|on)\s+`?[a-z_]+\.[A-Z]\w+`?", sentence):
            return True
    return False


def _without(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:97] + "..."


class _Sentence:
    """Reads one sentence; what a phrase has used is not read again as something else."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self.rest = sentence
        self.found: list[Mention] = []

    def _say(self, fact: str, value: str, *, code: bool = False, strong: bool = True) -> None:
        self.found.append(Mention(fact, value, _cut(self.sentence), code, strong))

    def _use(self, match: re.Match[str]) -> None:
        self.rest = _without(self.rest, *match.span())

    def _negated(self, position: int) -> bool:
        clause = re.split(r"[,;:(]|\bbut\b|\band\b", self.sentence[:position], flags=re.IGNORECASE)[
            -1
        ]
        return _NEGATED.search(clause) is not None

    def asks_for_more(self) -> bool:
        """Whether the sentence asks for something of which no fact was taken."""
        if any(not self._inside_quotes(more.start()) for more in _AND_ALSO.finditer(self.sentence)):
            return True
        if self.found or _GENERIC.match(self.sentence):
            return False
        return _REQUEST.search(self.sentence) is not None

    def _inside_quotes(self, position: int) -> bool:
        return self.sentence[:position].count("`") % 2 == 1

    # --- options ---------------------------------------------------------------------------

    def options(self) -> None:
        """Options: as `name=value`, and in words."""
        self._relation()
        self._assignments()
        self._existing_rows()
        self._default()
        self._sizes()
        self._flags()
        self._texts()

    def _assignments(self) -> None:
        for match in list(re.finditer(r"(?<![\w.])(?P<name>[a-z_]+)\s*=\s*(?=\S)", self.rest)):
            name = match["name"]
            if not field_types.known_option(name) or name == "name":
                continue
            source = _longest_value(self.rest[match.end() :])
            if source is not None:
                self._say(f"option {name}", source, code=True)
                self.rest = _without(self.rest, match.start(), match.end() + len(source))

    def _existing_rows(self) -> None:
        rows = (
            r"(?i:(?:existing|present|current|old)\s+"
            r"(?:rows?|records?|entries|objects|instances|data|values|`?\w+?s`?))"
        )
        gets = (
            r"(?i:(?:\s+(?:should|must|shall|will|can|may|to|all|in|the|database|table))*\s*"
            r"(?:gets?|receives?|have|has|be\s+(?:set|filled|given)(?:\s+to|\s+with)?|be|"
            r"are\s+set\s+to|"
            r"defaults?\s+to|takes?|use|uses|stay|stays|remain|remains|become|:|=|->)"
            r"(?:\s+(?:the|a|an|value|default|text|to|with|as|of))*)\s*"
        )
        for pattern in (
            rf"{rows}{gets}{_VALUE}",
            (
                rf"{_VALUE}(?i:\s+(?:for|in|on|as\s+(?:the\s+)?(?:value|default)\s+(?:for|in|of))\s+"
                rf"(?:all\s+)?(?:the\s+)?){rows}"
            ),
        ):
            if match := re.search(pattern, self.rest):
                self._say("existing", _value_of(match), code=_is_code(match))
                self._use(match)
                return

    def _default(self) -> None:
        match = re.search(
            r"(?i:\bdefault(?:s|ing)?(?:\s+value)?(?:\s+(?:to|of|is|should\s+be|being|as|set\s+to)|"
            rf"\s*[:=])?\s+){_VALUE}",
            self.rest,
        )
        if match and not self._negated(match.start()):
            self._say("option default", _value_of(match), code=_is_code(match))
            self._use(match)

    def _sizes(self) -> None:
        length = r"(?P<n>\d+)"
        for name, pattern in (
            ("max_length", rf"(?i:\bmax(?:imum|imal)?\.?[ _-]length\s*(?:of|is|:|=)?\s*{length})"),
            ("max_length", rf"(?i:\blength\s+(?:of\s+)?(?:at\s+most\s+|up\s+to\s+)?{length})"),
            (
                "max_length",
                (
                    rf"(?i:\b(?:max(?:imum|\.)?|at\s+most|up\s+to|no\s+more\s+than)\s+"
                    rf"{length}\s+(?:characters?|chars?|letters)\b)"
                ),
            ),
            ("max_digits", rf"(?i:\bmax(?:imum)?[ _-]digits\s*(?:of|is|:|=)?\s*{length})"),
            ("decimal_places", rf"(?i:\bdecimal[ _-]places\s*(?:of|is|:|=)\s*{length})"),
            (
                "decimal_places",
                (
                    r"(?i:\b(?P<n>\d+|one|two|three|four|five|six|eight|ten)\s+"
                    r"(?:decimal\s+places|decimals|places)\b)"
                ),
            ),
            ("max_digits", rf"(?i:\b{length}\s+digits\b)"),
        ):
            if match := re.search(pattern, self.rest):
                number = match["n"].lower()
                self._say(f"option {name}", str(_NUMBER_WORDS.get(number, number)), code=True)
                self._use(match)

    def _flags(self) -> None:
        for name, said, pattern in (
            (
                "null",
                "False",
                (
                    r"(?i:\b(?:not|non|never|in)[ -]?null(?:able)?\b|"
                    r"\b(?:cannot|can\s?not|must\s+not|may\s+not|mustn['’]t|can['’]t)"
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
                    r"\ballow(?:s|ing)?\s+blanks?\b|\bblank\s+(?:is\s+)?allowed\b|"
                    r"\bblankable\b)"
                ),
            ),
            ("unique", "False", r"(?i:\b(?:not|non)[ -](?:need\s+to\s+be\s+)?unique\b)"),
            ("unique", "True", r"(?i:\bunique\b)"),
            ("db_index", "True", r"(?i:\b(?:indexed|with\s+(?:an|a\s+database)\s+index)\b)"),
        ):
            while match := re.search(pattern, self.rest):
                self._say(f"option {name}", said, code=True)
                self._use(match)
        if match := re.search(r"(?i:\b(?:not\s+)?required\b|\bmandatory\b)", self.rest):
            optional = match[0].lower().startswith("not")
            self._say("optional" if optional else "required", "yes")
            self._use(match)
        if match := re.search(
            r"(?i:\boptional\b|\b(?:may|can)\s+be\s+(?:left\s+)?empty\b)", self.rest
        ):
            self._say("optional", "yes")
            self._use(match)

    def _texts(self) -> None:
        for name, words in (("help_text", "help[ _]text"), ("verbose_name", "verbose[ _]name")):
            pattern = rf"(?i:\b{words}\s*(?:of|is|:|=)?\s*)(?P<text>\"[^\"]+\"|'[^']+'|“[^”]+”)"
            if match := re.search(pattern, self.rest):
                self._say(f"option {name}", repr(match["text"][1:-1]), code=True)
                self._use(match)

    def _relation(self) -> None:
        target = re.search(
            r"(?i:(?:foreign\s*key|fk|one[- ]to[- ]one(?:\s*field)?|many[- ]to[- ]many(?:\s*field)?"
            r"|relation|OneToOneField|ManyToManyField|ForeignKey)`?\s+"
            r"(?:`?\w+`?\s+)?(?:pointing\s+)?(?:to|on|with|into|references|referencing)\s+"
            rf"(?:the\s+|our\s+|a\s+)?){_Q}?(?P<to>[A-Z][\w]*|[a-z_]\w*\.[A-Za-z]\w*){_QE}?"
            r"(?P<again>(?i:\s+model)?)",
            self.rest,
        )
        pointing = re.search(
            r"(?i:\b(?:pointing\s+to|points\s+to|refer(?:s|ring)\s+to|link(?:s|ing)\s+to|"
            rf"referenc(?:es|ing))\s+(?:the\s+|our\s+|a\s+)?){_Q}?"
            rf"(?P<to>[A-Z]\w*|[a-z_]\w*\.[A-Za-z]\w*){_QE}?(?P<again>(?i:\s+model)?)",
            self.rest,
        )
        if pointing:
            target = pointing
        if target and (pointing or self._names_another_model(target)):
            self._say("option to", target["to"])
            self.rest = _without(self.rest, target.start("to"), target.end())
        actions = "|".join(one.replace("_", "[_ ]") for one in field_types.ON_DELETE)
        for pattern in (
            (
                rf"(?i:\bon[_ -]?delete\b\s*(?:is|should\s+be|of|:|=)?\s*`?(?:models\.)?"
                rf"(?P<do>{actions})\b`?)"
            ),
            rf"(?i:\b`?(?:models\.)?(?P<do>{actions})`?\s+on\s+delet(?:e|ion)\b)",
        ):
            if match := re.search(pattern, self.rest):
                self._say("option on_delete", match["do"].upper().replace(" ", "_"), code=True)
                self._use(match)
        if match := re.search(
            rf"(?i:\brelated[_ ]name\s*(?:of|is|:|=)?\s*){_Q}?(?P<name>[A-Za-z_%][\w%()+]*){_QE}?",
            self.rest,
        ):
            self._say("option related_name", repr(match["name"]), code=True)
            self._use(match)

    def _names_another_model(self, target: re.Match[str]) -> bool:
        """“Add a ForeignKey `shop` to Customer”: a lone `to` says where the field goes."""
        if re.search(_ADD, self.sentence[: target.start()]) is None:
            return True
        if not re.search(r"\s`?\w+`?\s+to\s", target[0][: target.start("to") - target.start()]):
            return True
        other = _Sentence(_without(self.rest, target.start("to"), target.end()))
        other._model()
        return any(one.fact == "model" for one in other.found)

    # --- admin, form, serializer, test -----------------------------------------------------

    def places(self) -> None:
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
            match = re.search(pattern, self.rest)
            if match is None or (fact != "test" and not self._wishes(fact, match)):
                continue
            if self._negated(match.start()) or re.search(
                r"(?i)\b(?:no|without|don['’]?t\s+\w+)\s+(?:an?\s+|any\s+)?$",
                self.sentence[: match.start()],
            ):
                self._say(fact, "no")
            else:
                self._say(fact, match["named"] or "yes")
        if re.search(r"(?i:\bno\s+tests?\b|\bwithout\s+(?:a\s+)?tests?\b)", self.rest):
            self.found = [one for one in self.found if one.fact != "test"]
            self._say("test", "no")

    def _wishes(self, fact: str, match: re.Match[str]) -> bool:
        other = (
            r"(?i:\b(?:filters?|filterable|search\w*|fieldsets?|read-?only|inlines?|list_filter)\b)"
        )
        if fact == "admin" and re.search(other, self.rest):
            return False
        shows = (
            r"(?i:\b(?:show\w*|display\w*|list\w*|visible|appear\w*|add\w*|includ\w*|expos\w*|"
            r"put|available|part|in)\b)"
        )
        return re.search(shows, self.rest) is not None

    # --- model, name, type -----------------------------------------------------------------

    def subject(self) -> None:
        """Model, name and type, in sentences that ask for a field."""
        asks = re.search(_ADD, self.sentence) is not None
        about = re.search(
            r"(?i:^\W*(?:it|the\s+(?:new\s+)?(?:field|column)|this|type|its\s+type)\b)|\bof\s+type\b",
            self.sentence,
        )
        if asks or about:
            self._type()
        if asks:
            self._model()
            self._name()
        elif match := re.search(rf"(?i:\b(?:called|named)\s+){_QUOTED}", self.rest):
            self._name_found(match)

    def _type(self) -> None:
        for match in re.finditer(_TYPE, self.rest):
            text = match[0].strip("`").removesuffix("()")
            exact = re.fullmatch(r"(?:models\.)?\w+", text) is not None
            self._say("type", text, strong=exact)
        if not any(one.fact == "type" for one in self.found):
            short = re.search(
                rf"(?i:\b(?:an?|new|of\s+type)\s+(?:new\s+)?(?P<type>{_SHORT_TYPES})\b)", self.rest
            )
            if short:
                self._say("type", short["type"], strong=False)

    def _model(self) -> None:
        dotted = r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*"
        quoted = rf"{_Q}(?P<model>{dotted}){_QE}"
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
            for match in list(re.finditer(pattern, self.rest)):
                name = match["model"]
                if re.search(r"(?:Admin|Form|Serializer|Field|ForeignKey)$", name):
                    continue
                if name.lower() in ("django", "api", "the", "a"):
                    continue
                self._say("model", name, strong=strong)
                self._use(match)
            if any(one.fact == "model" for one in self.found):
                return

    def _name(self) -> None:
        kind = rf"(?:{_TYPE}|(?i:{_SHORT_TYPES})|{_FIELD_WORD})"
        article = r"(?i:(?:an?|the|another|one|two|our|new|also)\s+)*"
        for pattern in (
            rf"{kind}\s*(?i:(?:called|named|name|:)\s*)?\s*{_QUOTED}",
            rf"(?i:\b(?:called|named)\s+){_QUOTED}",
            rf"{_QUOTED}\s*(?i:(?:as|is|,|:)\s+)?{article}(?i:[\w-]+\s+){{0,3}}?{kind}",
            rf"{_ADD}\s+{article}{_QUOTED}",
        ):
            if match := re.search(pattern, self.rest):
                self._name_found(match)
                return
        for pattern in (
            rf"(?i:\b(?:called|named)\s+){_BARE}\b",
            rf"{kind}\s+{_BARE}\b",
            rf"{_ADD}\s+{article}{_BARE}\s+(?:(?i:{_FIELD_WORD})\s+)?(?i:to|on)\b",
            rf"{_ADD}\s+{article}{_BARE}\s+(?i:{_FIELD_WORD})\b",
        ):
            match = re.search(pattern, self.rest)
            if match and match["bare"] not in _STOP:
                self._say("name", match["bare"], strong=False)
                return

    def _name_found(self, match: re.Match[str]) -> None:
        self._say("name", match["quoted"])
        position = match.end("quoted") + 1
        following = re.compile(
            rf"\s*(?:,|(?i:and)|,\s*(?i:and))\s+(?i:(?:an?|the|another)\s+)?"
            rf"(?:(?i:[\w-]+\s+){{0,2}}?(?:{_TYPE}|{_FIELD_WORD})\s*)?{_QUOTED}"
        )
        tail = self.rest
        while more := following.match(tail, position):
            self._say("name", more["quoted"])
            position = more.end("quoted") + 1


_VALUE = (
    r"(?:`(?P<ticked>[^`]+)`|(?P<text>\"[^\"]*\"|'[^']*'|“[^”]*”)|"
    r"(?P<word>(?i:true|false|none|null|empty|blank|today|now)\b|[+-]?\d[\d.:T+-]*\d|\d|"
    r"(?:timezone\.now|uuid\.uuid4|uuid4|date\.today|dict|list)\b))"
)


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
        source = text[:end]
        try:
            values.from_expression(source)
        except values.Unreadable:
            if not re.fullmatch(r"(?:models\.)?[A-Z_]+|[A-Z]\w+|settings\.AUTH_USER_MODEL", source):
                continue
        if "," in source and source[0] not in "([{\"'_dDUt":
            continue
        return source
    return None
