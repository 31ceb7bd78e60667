"""The facts a ticket states about a new field, each with the place where it is said.

Collects; whether the facts suffice, agree and fit the code is left to `settling`.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.domain import Ticket
from agent.recipes import tickets
from agent.recipes.add_field import asking, declared, field_types, leftover, prose
from agent.recipes.add_field.doubts import Doubt
from agent.recipes.add_field.sentence import ADD, shortened

_NAMES = {
    "model": "model; model name; django model; target model; class; model class",
    "app": "app; app label; application; django app",
    "name": "field name; name; field; new field; name of the field; new field name; column name; "
    "attribute; attribute name",
    "type": "field type; type; column type; type of the field; type of field; kind",
    "options": "options; field options; arguments; parameters; keyword arguments",
    "option default": "default; default value; permanent default; default for new rows",
    "existing": "default for existing rows; existing rows; value for existing rows; backfill; "
    "default value for existing rows; one-off default; one off default; existing records; "
    "value for existing records",
    "admin": "show in admin list; show in the admin list; admin list; admin; list display; "
    "show in admin; admin list display; add to admin list; add to list display",
    "form": "form; add to form; model form; modelform; show in form; add to the form; "
    "add to model form; add to modelform",
    "serializer": "serializer; add to serializer; drf serializer; add to the serializer; api; "
    "expose in the api; show in api; add to api; add to drf serializer",
    "test": "test; tests; add a test; add test; add tests; with test; with a test",
    "option null": "nullable; null; allow null; null allowed",
    "option blank": "blank; allow blank; may be blank; blank allowed",
    "option unique": "unique",
    "option db_index": "indexed; db index; index; database index",
    "option to": "to; target; related model; target model of the relation; relation to; "
    "foreign key to; points to; related to",
}
_FACT_OF = {key: fact for fact, keys in _NAMES.items() for key in keys.split("; ")}
#: “PositiveIntegerField, default=1”, “CharField(max_length=50)”.
_TYPE_AND_OPTIONS = re.compile(
    r"`?(?P<type>(?:models\.)?[A-Za-z]\w*)`?(?:\((?P<called>.+)\)|"
    r"(?:\s*[,;]|\s+with\b|\s+(?=\())\s*(?P<listed>.+))",
    re.DOTALL,
)
_LONGEST_VALUE = 2_000
_LONGEST_OPTIONS = 10_000
_NOTHING = frozenset({"-", "–", "—", "none", "n/a", "na", "no default", "nothing"})

_YES = frozenset({"yes", "y", "true", "on", "x", "1", "please", "yes please", "list_display"})
_NO = frozenset({"no", "n", "false", "off", "0", "not needed"}) | _NOTHING


@dataclass(frozen=True)
class Statement:
    """One fact, as stated."""

    value: str
    place: str
    """In words: where it is said."""
    code: bool = False
    """Whether the value is Python source; else it is written as people write."""
    strong: bool = True
    """Whether the words leave no doubt that this fact is meant."""
    doubtful: bool = False
    """Whether the sentence is asked about as a whole; what it says only spares other questions."""


@dataclass
class Facts:
    """All statements by fact; options are called `option max_length` and so on."""

    said: dict[str, list[Statement]] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    """Sentences that ask for something else."""
    doubts: list[Doubt] = field(default_factory=list)
    background: list[tuple[str, str]] = field(default_factory=list)
    """Sentences that say why, and the part of each that does."""
    passed: list[str] = field(default_factory=list)
    """Sentences that ask for nothing, as far as can be told."""

    def add(self, fact: str, statement: Statement) -> None:
        """Note a statement."""
        self.said.setdefault(fact, []).append(statement)

    def all(self, fact: str) -> list[Statement]:
        """The statements of a fact; weak ones only where there is no strong one."""
        statements = self.said.get(fact, [])
        firm = [one for one in statements if not one.doubtful]
        return [one for one in firm if one.strong] or firm or statements

    def weak(self, fact: str) -> list[Statement]:
        """The statements that stand back behind stronger ones, and yet should not differ."""
        return [one for one in self.said.get(fact, []) if not (one.strong or one.doubtful)]

    def options(self) -> list[str]:
        """Names of the options that are stated."""
        return [fact.removeprefix("option ") for fact in self.said if fact.startswith("option ")]


def fact_of(key: str) -> str | None:
    """The fact a key stands for; None for a key that means nothing here."""
    if key in _FACT_OF:
        return _FACT_OF[key]
    name = key.replace(" ", "_")
    return f"option {name}" if field_types.known_option(name) and name != "name" else None


def read(ticket: Ticket) -> Facts:
    """Collect the facts from a ticket's title and text."""
    document = tickets.read(ticket.body, lambda key: fact_of(key) is not None)
    facts = Facts()
    for entry in document.entries:
        _take_entry(facts, entry)
    prose_text = document.prose
    for source in document.code:
        if _take_declarations(facts, source):
            prose_text = prose_text.replace(f"`{source}`", "this field")
        elif source in document.fences and source.strip():
            facts.beyond.append(_cut(source))
    structured = bool(facts.said)
    title = prose.read_summaries([ticket.title], headings=False)
    headings = prose.read_summaries(document.headings, headings=True)
    spoken = prose.read(prose_text)
    # In a file of plain prose the first line is the title, and is read where it stands.
    if not document.prose.lstrip().startswith(ticket.title.strip() or "\0"):
        _let_pass(facts, title, spoken)
        _take_reading(facts, title, strong=not structured)
    _take_reading(facts, headings)
    _take_reading(facts, spoken)
    known = _known_field(facts)
    facts.beyond = [one for one in facts.beyond if not known.fullmatch(_plain(one))]
    for reading in (title, headings):
        _explain(facts, reading)
    _hold_against_name(facts)
    return facts


def _let_pass(facts: Facts, title: prose.Reading, spoken: prose.Reading) -> None:
    """Let a title wonder or propose, where the text below it asks for the field in full.

    What it says of the field must still agree with the text.
    """
    stated = set(facts.said) | {mention.fact for mention in spoken.found}
    if not {"model", "name", "type"} <= stated:
        return
    for doubt in title.loose:
        title.doubts.remove(doubt)
        title.background.append((doubt.sentence, doubt.sentence))
        title.passed.append(doubt.sentence)
        title.found += [dataclasses.replace(one, strong=False) for one in doubt.said]


def _hold_against_name(facts: Facts) -> None:
    """“We search by ISBN” is no background where `isbn` is the new field."""
    names = {one.value.replace("_", " ").lower() for one in facts.all("name")}
    for sentence in list(facts.passed):
        plain = sentence.replace("_", " ").lower()
        if leftover.seeks(plain) and any(
            re.search(rf"\b{re.escape(name)}", plain) for name in names
        ):
            facts.passed.remove(sentence)
            facts.beyond.append(sentence)


#: Words for options, which a title may use when the option is stated.
_SPOKEN_OPTIONS = {
    "db_index": r"index(?:ed)?",
    "unique": r"unique",
    "choices": r"choices?",
    "default": r"defaults?",
    "null": r"null(?:able)?|optional",
    "blank": r"blank|optional",
    "help_text": r"help[ _]text",
    "max_length": r"length",
}


def _explain(facts: Facts, reading: prose.Reading) -> None:
    """Take back titles that sounded like a request only for the field's name or an option."""
    stated = [pattern for name, pattern in _SPOKEN_OPTIONS.items() if name in facts.options()]
    names = [re.escape(one.value).replace("_", "[ _-]") for one in facts.all("name")]
    words = "|".join([*names, *stated])
    for title, left in reading.titles.items() if words else ():
        plain = re.sub(rf"(?i)\b(?:{words})(?:s|es)?\b", " ", left)
        if plain != left and leftover.is_summary(plain, asks=False):
            facts.beyond = [one for one in facts.beyond if one != title]
            facts.background.append((title, plain))
            facts.passed.append(title)


def _take_reading(facts: Facts, reading: prose.Reading, *, strong: bool = True) -> None:
    for mention in reading.found:
        place = f"“{mention.sentence}”"
        firm = mention.strong and strong
        facts.add(mention.fact, Statement(mention.value, place, code=mention.code, strong=firm))
    for doubt in reading.doubts:
        for mention in doubt.said:
            if doubt.kind == "negation" and mention.fact == "option unique":
                continue  # an example must not say the opposite of what was said
            place = f"“{mention.sentence}”"
            said = Statement(mention.value, place, mention.code, strong=False, doubtful=True)
            facts.add(mention.fact, said)
    facts.doubts += reading.doubts
    facts.beyond += reading.beyond
    facts.background += reading.background
    facts.passed += reading.passed


def _known_field(facts: Facts) -> re.Pattern[str]:
    """Match a title that names nothing but the field by its path, as in `Customer.nickname`."""
    models = {one.value.rpartition(".")[2].lower() for one in facts.all("model")}
    names = {one.value.lower() for one in facts.all("name")}
    if not models or not names:
        return re.compile(r"(?!)")
    of_model, of_name = ("|".join(map(re.escape, sorted(found))) for found in (models, names))
    return re.compile(rf"(?:(?:\w+\.)?(?:{of_model})\.)?(?:{of_name})")


def _plain(text: str) -> str:
    return re.sub(rf"(?i)[`\"']|{ADD}|\b(?:field|the|an?)\b", " ", text).strip().lower()


def asks_for_field(ticket: Ticket) -> bool:
    """Whether a ticket's text asks for a field to be added to a model."""
    document = tickets.read(ticket.body, lambda key: fact_of(key) is not None)
    keys = {fact_of(entry.key) for entry in document.entries} & {"model", "name", "type"}
    text = "\n\n".join([ticket.title, *document.headings, document.prose])
    if len(keys) == 3 and not asking.removes(ticket.title):
        return True  # an issue form; its title may be about anything
    if len(keys) == 2 and not asking.changes(ticket.title):
        return True
    if asking.adds(text) and any(declared.fields(source)[0] for source in document.code):
        return True
    return asking.asks_for_field(text)


def _take_entry(facts: Facts, entry: tickets.Entry) -> None:
    fact = fact_of(entry.key) or ""
    value, place = entry.value, entry.place
    longest = _LONGEST_OPTIONS if fact == "options" else _LONGEST_VALUE
    if len(value) > longest:
        facts.questions.append(
            f"{place} holds {len(value):,} characters, more than the {longest:,} that are read "
            "there. State it in short."
        )
        return
    if _take_declarations(facts, value.strip("`")):
        return
    if fact == "options":
        if value.lower() not in _NOTHING:
            _take_options(facts, value, place)
        return
    if fact in ("admin", "form", "serializer", "test"):
        _take_wish(facts, fact, value, place)
        return
    if value.lower() in _NOTHING and fact not in ("existing", "option default"):
        return
    if value.lower() in ("-", "–", "—", "no default", "nothing"):
        return
    if fact in ("model", "app", "name", "type", "option to"):
        value = value.strip().strip("`'\"*").strip()
    if fact == "type" and (declared_type := _TYPE_AND_OPTIONS.fullmatch(value)):
        if field_types.named(declared_type["type"]):
            facts.add("type", Statement(declared_type["type"], place))
            _take_options(facts, declared_type["called"] or declared_type["listed"], place)
            return
    name = fact.removeprefix("option ")
    if fact.startswith("option ") and name in field_types.BOOLEAN_OPTIONS:
        value = {True: "True", False: "False"}.get(answer(value), value)  # type: ignore[arg-type]
    facts.add(fact, Statement(value, place))


def answer(text: str) -> bool | None:
    """Read yes or no."""
    plain = text.strip().strip("`*.").lower()
    return True if plain in _YES else False if plain in _NO else None


def _take_wish(facts: Facts, fact: str, value: str, place: str) -> None:
    said = answer(value)
    bare = value.strip().strip("`'\"")
    if said is not None:
        facts.add(fact, Statement("yes" if said else "no", place))
    elif fact != "test" and re.fullmatch(r"[A-Za-z_][\w.]*", bare):
        facts.add(fact, Statement(bare, place))
    else:
        facts.questions.append(
            f"{place} says “{_cut(value)}”. Is it yes or no"
            + ("?" if fact == "test" else ", or the name of a class?")
        )


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else shortened(line, 77) + "..."


# --- options and declarations ----------------------------------------------------------------


def _take_options(facts: Facts, text: str, place: str) -> None:
    cleaned = "\n".join(
        re.sub(r"^[ \t]*(?:[-*+]|\d+[.)])[ \t]+", "", line) for line in text.splitlines()
    ).strip()
    cleaned = cleaned.strip("`").strip()
    if cleaned.startswith("(") and cleaned.endswith(")"):
        cleaned = cleaned[1:-1]
    joined = ", ".join(part.strip().rstrip(",") for part in cleaned.splitlines() if part.strip())
    call = _parse(f"f({joined})")
    if isinstance(call, ast.Call) and not call.args:
        _take_keywords(facts, call.keywords, place)
        return
    for part in _parts(cleaned):
        _take_part(facts, part.strip().strip("`"), place)


def _parts(text: str) -> Iterable[str]:
    """Split at line ends and at commas that are outside brackets and quotes."""
    depth, quote, current = 0, "", ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        if letter == "\n" or (letter == "," and depth == 0 and not quote):
            yield current
            current = ""
        else:
            current += letter
    yield current


def _take_part(facts: Facts, part: str, place: str) -> None:
    if not part:
        return
    if len(part) > _LONGEST_VALUE:
        facts.questions.append(f"I cannot read “{_cut(part)}” among the options ({place}).")
        return
    pair = re.fullmatch(r"([A-Za-z_][\w -]*?)[ \t]*[:=][ \t]*(.+)", part)
    if pair:
        name = _option_name(pair[1])
        facts.add(f"option {name}", Statement(pair[2].strip("` "), place))
        return
    if mentions := prose.read_options(part):
        for mention in mentions:
            facts.add(mention.fact, Statement(mention.value, place, code=mention.code))
        return
    name = _option_name(part)
    if name in field_types.BOOLEAN_OPTIONS:
        facts.add(f"option {name}", Statement("True", place))
        return
    facts.questions.append(
        f"I cannot read “{_cut(part)}” among the options ({place}). "
        "Write options as in `max_length=50, blank=True`."
    )


def _option_name(text: str) -> str:
    key = tickets.key_of(text)
    fact = fact_of(key) or ""
    return fact.removeprefix("option ") if fact.startswith("option ") else key.replace(" ", "_")


def _parse(source: str) -> ast.expr | None:
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _take_keywords(facts: Facts, keywords: list[ast.keyword], place: str) -> None:
    for keyword in keywords:
        if keyword.arg is None:
            facts.questions.append(f"What does `**` stand for in {place}? State each option.")
        else:
            _take_argument(facts, keyword.arg, keyword.value, place)


def _take_argument(facts: Facts, name: str, value: ast.expr, place: str) -> None:
    source = declared.written(value)
    if source:
        facts.add(f"option {name}", Statement(source, place, code=True))
    else:
        facts.questions.append(
            f"`{name}` ({place}): the value is too large or nested too deeply to be a value that a "
            "ticket may state."
        )


def _take_declarations(facts: Facts, source: str) -> bool:
    """Take the declared fields out of code; whether there are any."""
    found, others = declared.fields(source)
    for declaration in found:
        _take_declaration(facts, declaration)
    if found:
        facts.beyond += [_cut(declared.written(line)) or "code" for line in others]
    return bool(found)


def _take_declaration(facts: Facts, declaration: declared.Declaration) -> None:
    place = f"`{_cut(declaration.name + ' = ' + (declared.written(declaration.call) or '...'))}`"
    facts.add("name", Statement(declaration.name, place))
    facts.add("type", Statement(declaration.type_name, place))
    if declaration.class_name:
        facts.add("model", Statement(declaration.class_name, place))
    kind = field_types.named(declaration.type_name)
    relation = kind is not None and kind.family in ("relation", "many")
    names = ("to", "on_delete") if relation else ("verbose_name",)
    for name, argument in zip(names, declaration.call.args, strict=False):
        _take_argument(facts, name, argument, place)
    if len(declaration.call.args) > len(names):
        facts.questions.append(
            f"{place}: which options are the positional arguments? Write them with names."
        )
    _take_keywords(facts, declaration.call.keywords, place)
