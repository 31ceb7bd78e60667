"""The facts a ticket states about a new field, each with the place where it is said.

Collects; whether the facts suffice, agree and fit the code is left to `settling`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.domain import Ticket
from agent.recipes import tickets
from agent.recipes.add_field import field_types, prose

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


@dataclass
class Facts:
    """All statements by fact; options are called `option max_length` and so on."""

    said: dict[str, list[Statement]] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    """Sentences that ask for something else."""

    def add(self, fact: str, statement: Statement) -> None:
        """Note a statement."""
        self.said.setdefault(fact, []).append(statement)

    def all(self, fact: str) -> list[Statement]:
        """The statements of a fact; weak ones only where there is no strong one."""
        statements = self.said.get(fact, [])
        return [one for one in statements if one.strong] or statements

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
    declared = [one for source in document.code for one in declarations(source)]
    for declaration in declared:
        _take_declaration(facts, declaration)
    structured = bool(facts.said)
    prose_text = document.prose
    for source in document.code:
        if declarations(source):
            prose_text = prose_text.replace(f"`{source}`", "this field")
    for text, is_title in ((ticket.title, True), (prose_text, False)):
        found, beyond = prose.read(text)
        for mention in found:
            statement = Statement(
                mention.value,
                f"“{mention.sentence}”",
                code=mention.code,
                strong=mention.strong and not (structured and is_title),
            )
            facts.add(mention.fact, statement)
        # A title sums up; what it asks for is what the text then states.
        facts.beyond += [one for one in beyond if not is_title or prose.asks_to_change(one)]
    return facts


def looks_like_one(ticket: Ticket) -> bool:
    """Whether a ticket's text asks for a field to be added to a model."""
    document = tickets.read(ticket.body, lambda key: fact_of(key) is not None)
    keys = {fact_of(entry.key) for entry in document.entries}
    if len(keys & {"model", "name", "type"}) >= 2:
        return True
    if any(declarations(source) for source in document.code):
        return prose.asks_for_addition(f"{ticket.title}\n{document.prose}")
    return prose.asks_for_field(f"{ticket.title}\n{document.prose}")


def _take_entry(facts: Facts, entry: tickets.Entry) -> None:
    fact = fact_of(entry.key) or ""
    value, place = entry.value, entry.place
    if found := declarations(value.strip("`")):
        for declaration in found:
            _take_declaration(facts, declaration)
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
    return line if len(line) <= 80 else line[:77] + "..."


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
    pair = re.fullmatch(r"([A-Za-z_][\w -]*?)[ \t]*[:=][ \t]*(.+)", part)
    if pair:
        name = _option_name(pair[1])
        facts.add(f"option {name}", Statement(pair[2].strip("` "), place))
        return
    mentions, _ = prose.read(part + ".", options_only=True)
    if mentions:
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
            source = ast.unparse(keyword.value)
            facts.add(f"option {keyword.arg}", Statement(source, place, code=True))


@dataclass(frozen=True)
class Declaration:
    """`name = models.CharField(...)`, as found in code."""

    name: str
    type_name: str
    call: ast.Call
    class_name: str | None


def declarations(source: str) -> list[Declaration]:
    """Field declarations in a piece of Python, at top level or in a class body."""
    try:
        body = ast.parse(_dedent(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[Declaration] = []
    for statement in body:
        inner = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        owner = statement.name if isinstance(statement, ast.ClassDef) else None
        found += [one for line in inner if (one := _declaration(line, owner))]
    return found


def _dedent(source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return "\n".join(line[margin:] for line in source.splitlines())


def _declaration(line: ast.stmt, owner: str | None) -> Declaration | None:
    if isinstance(line, ast.Assign) and len(line.targets) == 1:
        target: ast.expr = line.targets[0]
        value: ast.expr | None = line.value
    elif isinstance(line, ast.AnnAssign):
        target, value = line.target, line.value
    else:
        return None
    if not isinstance(target, ast.Name) or not isinstance(value, ast.Call):
        return None
    called = ast.unparse(value.func)
    bare = called.rpartition(".")[2]
    if not re.search(r"(Field|ForeignKey)$", bare):
        return None
    return Declaration(target.id, bare, value, owner)


def _take_declaration(facts: Facts, declaration: Declaration) -> None:
    place = f"`{_cut(declaration.name + ' = ' + ast.unparse(declaration.call))}`"
    facts.add("name", Statement(declaration.name, place))
    facts.add("type", Statement(declaration.type_name, place))
    if declaration.class_name:
        facts.add("model", Statement(declaration.class_name, place))
    kind = field_types.named(declaration.type_name)
    relation = kind is not None and kind.family in ("relation", "many")
    names = ("to", "on_delete") if relation else ("verbose_name",)
    for name, argument in zip(names, declaration.call.args, strict=False):
        facts.add(f"option {name}", Statement(ast.unparse(argument), place, code=True))
    if len(declaration.call.args) > len(names):
        facts.questions.append(
            f"{place}: which options are the positional arguments? Write them with names."
        )
    _take_keywords(facts, declaration.call.keywords, place)
