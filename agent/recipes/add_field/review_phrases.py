"""What people write in a review about a field that was just added: "call it `x`", "not here".

One sentence at a time, and only such as are used up by what they state. Options, defaults and types
are read by the phrases that tickets are read by.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from agent.recipes import review_words
from agent.recipes.add_field import doubts, field_types, leftover, values
from agent.recipes.add_field import option_phrases as options
from agent.recipes.add_field import subject_phrases as subjects
from agent.recipes.add_field.parameters import Parameters
from agent.recipes.add_field.sentence import CLOSE, OPEN, Mention, Sentence
from agent.recipes.recipe import Asked

_TAKEN = frozenset({"existing", "optional", "required", "type", "test"})
#: More, or other, than the one field that was added.
_OTHERS = re.compile(
    r"(?i)\b(?:all|every\w*|each|both|they|them|their|these|those|fields|columns|models|tables|another|"
    r"others?|anything|new|additional|extra|further|second|same|similar|neither|either)\b"
    r"|\b(?:an?|another|one)\s+(?:\w+\s+)?(?:form|admin|serializer|api)\b|\bthe\s+\w+\s+(?:field|column)\b"
)
_TEXT = re.compile(r"\"[^\"]*\"|\u201c[^\u201d]*\u201d|'[^']*'(?!\w)")
_REASON = re.compile(
    r"(?i)[\s,]+(?:because|since|so\s+that|in\s+order\s+to|as\s+(?:we|it))\s(?P<why>.*)$"
)
#: “200+”, and “optional” alone, which may be said of the remark itself.
_VAGUE = re.compile(r"\d\s*[+~]|~\s*\d|[<>]")
_AS_IN_CODE = re.compile(r"\b[a-z]+(?:_[a-z]+)*\s*=\s*\S|\bmax_length\b")
#: “We use 200 there.”: how things are, and no wish.
_TELLS = re.compile(
    r"(?i)\b(?:can|may|might|could|thanks?(?:\s+you)?\s+for|(?:it|that|this)['\u2019]s|is|are|was|were|has|have|had|does|did|gets?|got|looks?|seems?|says?|said|means?|shows?)\b"
    r"|\b(?:we|they|i|you|people|django|users?)\s+(?!want\b|need\b|should\b|must\b|would\b)\w+"
)
_ASKS = re.compile(
    r"(?i)^\W*(?:make|set|use|change|add|show|give|let|put|want|allow|mark|need|list|display|include)\b"
    r"|\b(?:should|must|shall|please|needs?\s+to|has\s+to|have\s+to|ought\s+to)\b"
)
#: Said in words that the phrases of tickets do not know.
_SAID_OTHERWISE = (
    (re.compile(r"(?i)\b(?:an?\s+|the\s+)?empty\s+(?:string|text|str)\b"), '""'),
    (
        re.compile(
            r"(?i)(?<!not )(?<!n't )\b(?:must|shall|has\s+to|have\s+to|needs?\s+to|ought\s+to)"
            r"\s+be\b"
        ),
        "should be",
    ),
    (
        re.compile(
            r"(?i)^\W*(?:increase|raise|bump|extend|reduce|lower|shorten|change|switch|turn|decrease)"
            r"(?:\s+up|\s+down)?\b"
        ),
        "set",
    ),
    (
        re.compile(r"(?i)\b(?:limit|restrict|cap)\s+(?:it|this|the\s+field)\s+(?:to|at)\s+(?=\d)"),
        "at most ",
    ),
    (
        re.compile(r"(?i)^\W*(?:make|let)\s+(?:it|this|the\s+field)\s+(?:be\s+)?(?=\d+\s+char)"),
        "at most ",
    ),
    (
        re.compile(
            r"(?i)^\W*use\s+(?P<value>`[^`]+`|\"[^\"]*\"|'[^']*'|[\w.+-]+)\s+as\s+(?:the\s+|a\s+|its\s+)?"
            r"default(?:\s+value)?\b"
        ),
        r"default \g<value>",
    ),
    (re.compile(r"(?i)\b(help[ _]text|verbose[ _]name)\s+(?:to\s+be|should\s+be|to)\b"), r"\1"),
    (re.compile(r"(?i)\s+(?:of|for|on)\s+(?:it|this|the\s+field)\b"), ""),
    (re.compile(r"(?i)\bmark\s+(?=it|this|the\s+field)"), "make "),
    (re.compile(r"(?i)\b(?:make|allow)\s+(it|this|the\s+field)\s+(?:to\s+be\s+)"), r"make \1 "),
)
_WHERE = {
    "filter": (
        r"`?list_filter`?|(?:django\s+)?admin(?:['\u2019]s)?\s+(?:list\s+)?filters?"
        r"|filters?\s+of\s+the\s+admin(?:\s+list)?"
    ),
    "admin": (
        r"`?list_display`?|(?:django\s+)?admin(?:['\u2019]s)?(?:\s+(?:site|interface|panel))?"
        r"(?:\s+(?:list(?:\s+(?:view|display|page))?|overview|change\s?list))?|change\s?list"
    ),
    "form": r"(?:model\s?)?form",
    "serializer": r"(?:drf\s+)?serializer|api",
}
_ONE_PLACE = rf"(?:the\s+)?(?:{'|'.join(_WHERE.values())})"
_PLACE = (
    rf"{_ONE_PLACE}(?:\s*(?:/|,|&|\+|,?\s+and|\s+as\s+well\s+as)\s*(?:(?:to|in|on|from)\s+)?"
    rf"{_ONE_PLACE})*"
)
_PUT = r"(?:add|put|show|list|include|display|expose)"
_NOT = (
    r"(?:do\s+not|don['\u2019]?t|no\s+need\s+to|we\s+don['\u2019]t\s+need\s+to|never|"
    r"we\s+should(?:n['\u2019]t|\s+not)|you\s+need(?:n['\u2019]t|\s+not))"
)
_BE_SHOWN = r"(?:be|appear|show\s+up|be\s+(?:shown|listed|displayed|visible|included|part))"
_TAKE_OUT = (
    r"(?:(?:remove|drop|delete|hide|omit|exclude|leave|take|keep)\s+(?:{it}\s+)?"
    r"(?:from|off|out\s+of|out\s+from)\s+{place}"
    rf"|{_NOT}\s+{_PUT}\s+(?:{{it}}\s+)?(?:to|in|on)\s+{{place}}"
    rf"|{{it}}\s+(?:should(?:n['\u2019]t|\s+not)|must\s+not|need(?:n['\u2019]t|\s+not)|"
    rf"does(?:n['\u2019]t|\s+not)\s+(?:need|have)\s+to)\s+{_BE_SHOWN}\s+(?:in|on|of)\s+{{place}}"
    rf"|not\s+(?:in|on)\s+{{place}})"
)
_PUT_IN = (
    rf"(?:{_PUT}\s+(?:{{it}}\s+)?(?:also\s+)?(?:to|in|on)\s+{{place}}"
    rf"|(?:also\s+)?(?:to|in|on)\s+{{place}}"
    rf"|{{it}}\s+should\s+(?:also\s+)?{_BE_SHOWN}\s+(?:in|on|of)\s+{{place}})"
)
#: Said on a line that lists the field.
_NOT_HERE = re.compile(
    r"(?i)(?:(?:remove|drop|delete|omit|skip)\s+(?:this|it)(?:\s+(?:one|line|here|again|from\s+here))*"
    r"|(?:leave|take|keep)\s+(?:this|it)(?:\s+one)?\s+out(?:\s+(?:here|of\s+(?:here|this(?:\s+list)?)))?"
    rf"|{_NOT}\s+{_PUT}\s+(?:this|it)(?:\s+one)?(?:\s+(?:here|in\s+here|to\s+this\s+list))"
    r"|not\s+(?:needed\s+|wanted\s+)?here|(?:remove|drop)\s+(?:this|it)?\s*from\s+(?:here|this\s+list))"
)
_GONE = re.compile(
    r"(?i)(?:remove|drop|delete|lose|omit|leave\s+out|get\s+rid\s+of|take\s+out|no|without)\s+(?:the\s+)?"
    r"`?(?P<option>default(?:\s+value)?|help[ _]text|verbose[ _]name|[a-z]+(?:_[a-z]+)*)"
    r"(?:\s*=\s*(?P<value>[^`\s]+|\"[^\"`]*\"|'[^'`]*'))?`?(?:\s+(?:option|argument|again|here))*"
)
_CHANGED = re.compile(
    r"(?i)^\W*(?:change|replace)\s+(?:the\s+)?(?P<was>`?(?P<option>\w+)=(?:\"[^\"]*\"|'[^']*'|[\w.]+)`?)"
    r"\s+(?:to|with|by)\s+(?=`?(?P=option)=)"
)
_INSTEAD_OF = re.compile(
    r"(?i)[\s,]+(?:(?:instead\s+of|rather\s+than|and\s+not|not|from)\s+)(?:an?\s+|the\s+)?"
    r"(?P<was>`[^`]+`|\"[^\"]*\"|'[^']*'|[\w.=]+)(?=[\s,.!]|$)"
)


class Reader:
    """Sentences about one field that was added."""

    def __init__(
        self,
        parameters: Parameters,
        *,
        others: frozenset[str] = frozenset(),
        listed: str = "",
        at_hand: bool = True,
    ) -> None:
        """Begin to read.

        Args:
            others: Names of the model's other fields.
            listed: The kind of the list whose line the thread stands on; "" for any other place.
            at_hand: Whether “it” can be nothing but the field, by where the thread stands.
        """
        self._parameters = parameters
        self._listed = listed
        self._others = others - {parameters.field.name}
        self._at_hand = at_hand
        field = parameters.field
        self._phrases = _phrases(field.name, parameters.model)

    def read(self, text: str) -> list[Asked]:
        """Take what one sentence wants; nothing where it only accompanies others.

        Raises:
            review_words.UnreadError: It wants something that is not understood, or may want it.
        """
        said = review_words.quoted(text)
        plain = review_words.request(text)
        bare = review_words.bare(plain)
        named = self._phrases.field.search(plain) is not None
        for spoken in dict.fromkeys((bare, _without_reason(bare))):
            if (found := self._place(spoken)) is not None:
                return found
            for phrase in (self._name, self._here, self._gone):
                if (found := phrase(spoken)) is not None:
                    self._hold_about(said, plain, named=named)
                    return found
        return self._options(plain, said, named=named)

    def _hold_about(self, said: str, plain: str, *, named: bool) -> None:
        """Away from its own lines the field has to be named, or an option as in code."""
        if not (self._at_hand or named or _AS_IN_CODE.search(plain)):
            name = self._parameters.field.name
            raise review_words.UnreadError(f"Nothing says that this is about `{name}`: {said}")

    # --- names and places -------------------------------------------------------------------

    def _name(self, bare: str) -> list[Asked] | None:
        for pattern, loose in self._phrases.names:
            found = pattern.fullmatch(bare)
            if found is None:
                continue
            name = found["quoted"] or found["snake"] or (found["word"] if loose else "")
            if name:
                return [Asked(about="name", value=name)]
        return None

    def _place(self, bare: str) -> list[Asked] | None:
        for pattern, value in ((self._phrases.out, ""), (self._phrases.into, "yes")):
            if found := pattern.fullmatch(bare):
                place = self._phrases.field.sub(" ", found[0])
                kinds: list[str] = []
                for kind, words in _WHERE.items():
                    rest = re.sub(rf"(?i)(?<!\w)(?:{words})(?!\w)", " ", place)
                    kinds += [kind] if rest != place else []
                    place = rest
                return [Asked(about=kind, value=value) for kind in kinds]
        return None

    def _here(self, bare: str) -> list[Asked] | None:
        if self._listed and _NOT_HERE.fullmatch(bare):
            return [Asked(about=self._listed, value="")]
        return None

    def _gone(self, bare: str) -> list[Asked] | None:
        """“Drop the default”, “remove null=True”."""
        found = _GONE.fullmatch(bare)
        if found is None:
            return None
        name = found["option"].lower().replace(" ", "_").removesuffix("_value")
        now = self._parameters.field.option(name)
        if not field_types.known_option(name) or name in field_types.NOT_FROM_A_TICKET:
            return None
        if found["value"] and (now is None or not _same(found["value"], now.shown())):
            return None
        return [Asked(about=f"option {name}", value="")]

    # --- options ----------------------------------------------------------------------------

    def _options(self, plain: str, said: str, *, named: bool) -> list[Asked]:
        """Options, defaults, types and tests, by the phrases of tickets."""
        text = self._phrases.field.sub("it", plain)
        text = _without_reason(self._without_what_was(text).rstrip(" .!"))
        text = review_words.bare(text)
        for pattern, otherwise in _SAID_OTHERWISE:
            text = pattern.sub(otherwise, text)
        sentence = Sentence(text)
        options.read(sentence)
        subjects.read(sentence)
        if not sentence.found and not sentence.foreign:
            if leftover.is_background(text) and not review_words.TURNS.search(text):
                return []
            raise review_words.UnreadError(f"This was not understood: {said}")
        words, spoken = _TEXT.sub(" ", text), plain.strip(" .!")
        if doubt := doubts.of(sentence, sentence.left):
            raise review_words.UnreadError(
                _DOUBTS.get(doubt.kind, "This was not understood") + f": {said}"
            )
        if _VAGUE.search(words) or _TEXT.fullmatch(spoken) or spoken.isalpha():
            raise review_words.UnreadError(f"This was not understood: {said}")
        if sentence.foreign or leftover.words(sentence.left) or self._speaks_of_others(words):
            raise review_words.UnreadError(f"Not all of this was understood: {said}")
        if _TELLS.search(words) and not _ASKS.search(words):
            raise review_words.UnreadError(
                f"This says how something is, and not what is wanted: {said}"
            )
        found = [self._asked(mention, said) for mention in sentence.found]
        places = [one.about for one in found if one.about in _WHERE]
        if places and len(found) > 1:
            raise review_words.UnreadError(f"Not all of this was understood: {said}")
        if not places:
            self._hold_about(said, plain, named=named)
        self._hold_sizes(found)
        return found

    def _hold_sizes(self, found: list[Asked]) -> None:
        """Whether the size of one type holds for another, nobody has said."""
        said = {one.about: one.value for one in found}
        kind = field_types.named(said.get("type", ""))
        if kind is None or kind.name == self._parameters.field.type_name:
            return
        for option in self._parameters.field.options:
            sized = option.name in field_types.NUMBER_OPTIONS and option.name not in kind.required
            if sized and f"option {option.name}" not in said:
                stated = f"{option.name}={option.value.shown()}"
                raise review_words.UnreadError(
                    f"Whether a {kind.name} is to keep `{stated}` is left open; suggest the line "
                    "as it is to be"
                )

    def _speaks_of_others(self, words: str) -> bool:
        """Whether other fields are named, or things that are to be made."""
        plain = re.sub(r"(?i)\bverbose[ _]name\b", " ", words)
        if any(re.search(rf"\b{re.escape(one)}\b", plain) for one in self._others):
            return True
        return _OTHERS.search(words) is not None

    def _without_what_was(self, text: str) -> str:
        """“200 instead of 120” says no more than “200”, where 120 is what is there."""
        field = self._parameters.field
        known = {field.type_name, f"models.{field.type_name}", field.name}
        for one in field.options:
            known |= {one.value.shown(), f"{one.name}={one.value.shown()}"}

        def known_before(found: re.Match[str]) -> str:
            return "" if found["was"].strip("`") in known or found["was"] in known else found[0]

        return _INSTEAD_OF.sub(known_before, _CHANGED.sub(known_before, text))

    def _asked(self, mention: Mention, said: str) -> Asked:
        fact, value = mention.fact, mention.value
        if fact == "no default":
            return Asked(about="option default", value="")
        if fact in _WHERE or fact == "test":
            return Asked(about=fact, value="" if value == "no" else value)
        option = fact.removeprefix("option ")
        if fact == "option to" or not (fact in _TAKEN or option != fact):
            raise review_words.UnreadError(f"Not all of this was understood: {said}")
        return Asked(
            about=fact, value=_canonical(value) if mention.code else value, code=mention.code
        )


_DOUBTS = {
    "question": review_words.QUESTION,
    "negation": "It says what is not to be, and not what is",
    "condition": "It depends on something",
    "hedge": "It leaves open what is wanted",
    "correction": "It takes something back",
}


def _without_reason(text: str) -> str:
    """What is left without a clause at the end that says why, and nothing besides."""
    found = _REASON.search(text)
    if found is None or leftover.asks_for_more(found["why"]) or re.search(r"[\d`]", found["why"]):
        return text
    turns = re.search(r"(?i)[,;:]|\b(?:and|or|but|maybe|if|unless)\b", found["why"])
    return text if turns else text[: found.start()]


def _canonical(source: str) -> str:
    """Python as it writes itself, so that equal values are equal."""
    try:
        return ast.unparse(ast.parse(source, mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source


def _same(one: str, other: str) -> bool:
    try:
        return values.from_expression(one) == values.from_expression(other)
    except values.UnreadableError:
        return one == other


class _Phrases:
    """The patterns that have the field's own name in them."""

    def __init__(self, name: str, model: str) -> None:
        own = rf"(?:\w+\.)?{re.escape(model)}\.{re.escape(name)}"
        self.field = re.compile(
            rf"(?:the\s+)?(?:`(?:{own}|{re.escape(name)})`|\b{own}\b)(?:\s+(?:field|column)\b)?"
            rf"|\bthe\s+{re.escape(name)}\s+(?:field|column)\b|\bthe\s+(?:field|column)\s+{re.escape(name)}\b"
            rf"|\bthe\s+field\b"
        )
        it = (
            rf"(?:it|this(?:\s+(?:one|field|column))?|the\s+(?:field|column)(?:\s+name)?|"
            rf"(?:the\s+)?(?:field\s+)?`?(?:{own}|{re.escape(name)})`?(?:\s+(?:field|column))?)"
        )
        new = (
            rf"(?:{OPEN}(?:{re.escape(model)}\.)?(?P<quoted>[A-Za-z_]\w*){CLOSE}|(?P<snake>[a-z][a-z0-9]*(?:_[a-z0-9]+)+)"
            r"|(?P<word>[a-z][a-z0-9]+))"
        )
        instead = (
            rf"(?:\s+(?:instead|rather|here)?(?:\s*(?:instead\s+of|rather\s+than|not)\s+{it})?)?"
        )
        called = r"(?:called|named|renamed\s+to|spelled)"
        be = r"(?:should|must|shall|ought\s+to|needs?\s+to|has\s+to)\s+(?:\w+ly\s+)?be"
        patterns = (
            (rf"rename\s+(?:{it}\s+)?(?:to|as|into|->|\u2192|=>)\s+{new}{instead}", True),
            (rf"(?:call|name)\s+{it}\s+{new}{instead}", False),
            (rf"{it}\s+{be}\s+{called}\s+{new}{instead}", False),
            (
                (
                    rf"(?:use|prefer|go\s+with|choose)\s+(?:the\s+name\s+)?{new}\s+"
                    rf"(?:as\s+(?:the\s+|its\s+|a\s+)?(?:field\s+|column\s+)?name{instead}"
                    rf"|(?:instead\s+of|rather\s+than)\s+`?{re.escape(name)}`?(?:\s+here)?)"
                ),
                False,
            ),
            (rf"use\s+the\s+name\s+{new}{instead}", False),
            (
                rf"{new},?\s+(?:instead\s+of|rather\s+than|not)\s+`?{re.escape(name)}`?",
                False,
            ),
            (rf"`?{re.escape(name)}`?\s*(?:->|\u2192|=>)\s*{new}", False),
            (rf"`?s/{re.escape(name)}/(?P<quoted>\w+)/g?`?(?P<snake>)(?P<word>)", False),
            (
                (
                    rf"change\s+(?:the\s+|its\s+|this\s+)?(?:field(?:['\u2019]s)?\s+|column\s+)?name\s+"
                    rf"(?:of\s+{it}\s+)?(?:from\s+`?{re.escape(name)}`?\s+)?to\s+{new}"
                ),
                False,
            ),
            (
                (
                    rf"(?:the\s+|its\s+)?(?:(?:field|column)(?:['\u2019]s)?\s+)?name\s*"
                    rf"(?:{be}|:)\s+{new}{instead}"
                ),
                False,
            ),
        )
        self.names = [(re.compile(one, re.IGNORECASE), loose) for one, loose in patterns]
        self.out, self.into = (
            re.compile(one.replace("{it}", it).replace("{place}", _PLACE), re.IGNORECASE)
            for one in (_TAKE_OUT, _PUT_IN)
        )


@lru_cache(maxsize=64)
def _phrases(name: str, model: str) -> _Phrases:
    return _Phrases(name, model)
