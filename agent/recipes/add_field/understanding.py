"""What was understood of a ticket, and a sentence in which it would be complete.

The sentence is put together from what is settled, and from examples for what is open; whether it
really settles the ticket is tried out by `settling` before anyone sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.recipes.add_field import field_types, names
from agent.recipes.add_field.facts import Facts
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.options import Read
from agent.recipes.add_field.parameters import Listing, Option

_SHOWN_PLACES = {"admin": "admin list", "form": "form", "serializer": "serializer"}
_WISHES = {
    "admin": "Show it in the admin list.",
    "form": "Add it to the form.",
    "serializer": "Add it to the serializer.",
}
#: What a field of that name mostly is; only for examples.
_TYPE_BY_NAME = (
    (r"^(?:is|has|can)_|flag|active|archived|enabled", "BooleanField"),
    (r"e-?mail", "EmailField"),
    (r"(?:_|\b)(?:at|time|timestamp)$|datetime", "DateTimeField"),
    (r"date|birthday|(?:_|\b)(?:on|day)$", "DateField"),
    (r"url|website|homepage", "URLField"),
    (r"price|cost|amount|fee|fine|total", "DecimalField"),
    (r"count|quantity|pages|age|rank|year|edition|(?:^|_)number_of", "IntegerField"),
    (r"note|description|comment|bio|summary|text|remark", "TextField"),
)
_REQUIRED = {"max_length": "50", "max_digits": "8", "decimal_places": "2"}
#: Values for rows that are there, as examples.
_FILLED = {"boolean": "default=False", "integer": "default=0", "decimal": "default=0"}


@dataclass
class Settled:
    """What could be settled of a ticket that leaves something open."""

    model: Model | None = None
    name: str | None = None
    read: Read = field(default_factory=Read)
    listings: tuple[Listing, ...] = ()
    test: bool = False


def so_far(settled: Settled, facts: Facts) -> str:
    """Say what was understood, in one line; empty where that is nothing."""
    read = settled.read
    parts = [
        f"model {settled.model.label}" if settled.model else "",
        f"field `{settled.name}`" if settled.name else "",
        f"type {read.type_name}" if read.type_name else "",
        *(_argument(option) for option in read.options),
        f"existing rows get {read.existing.said()}" if read.existing else "",
        *(
            f"in the {_SHOWN_PLACES[one.kind]} of {one.place.class_name}"
            for one in settled.listings
        ),
        "with a test" if _wants_test(facts) else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f"Understood so far: {said}." if said else ""


def _argument(option: Option) -> str:
    return f"{option.name}={option.value.shown().replace('conf.settings', 'settings')}"


def _wants_test(facts: Facts) -> bool:
    return {one.value for one in facts.all("test")} == {"yes"}


@dataclass(frozen=True)
class Example:
    """A sentence that states everything, and what in it nobody has said."""

    sentence: str
    invented: tuple[str, ...]

    def shown(self, where: str) -> str:
        """With the words that say what to do with it."""
        examples = f" ({', '.join(self.invented)}: only an example)" if self.invented else ""
        return f"This line, {where}, settles it{examples}:\n  {self.sentence}"


def example(settled: Settled, facts: Facts, index: ModelsIndex) -> Example | None:
    """Compose the sentence; None where there is no model to compose it with."""
    invented: list[str] = []
    model = settled.model.label if settled.model else _some_model(facts, index)
    if model is None:
        return None
    if settled.model is None:
        invented.append(f"`{model}`")
    name = settled.name
    if name is None or names.unfit(name) or _clashes(settled, index):
        name = _some_name(settled, facts, index)
        invented.append(f"`{name}`")
    type_name = settled.read.type_name
    if type_name is None:
        type_name = _some_type(facts, name)
        invented.append(type_name)
    options, more = _options(settled, facts, type_name, index)
    invented += more
    kind = field_types.BY_NAME.get(type_name)
    article = field_types.with_article(kind) if kind else f"a {type_name}"
    stated = f" with {', '.join(options)}" if options else ""
    sentence = f"Add {article} `{name}` to `{model}`{stated}."
    alike = kind is not None and kind.name != "OneToOneField" and "unique=True" not in options
    if settled.read.existing and alike:
        sentence += f" Existing rows get {settled.read.existing.shown()}."
    sentence += "".join(f" {_WISHES[one.kind]}" for one in settled.listings)
    sentence += " Add a test." if settled.test else ""
    return Example(sentence, tuple(invented))


def _some_model(facts: Facts, index: ModelsIndex) -> str | None:
    labels = {one.name: one.label for one in index.models if not (one.test_only or one.abstract)}
    for statement in facts.all("model"):
        bare = statement.value.rpartition(".")[2]
        for near in field_types.nearest(bare, tuple(labels), limit=1):
            return labels[near]
    return min(labels.values(), default=None)


def _clashes(settled: Settled, index: ModelsIndex) -> bool:
    name, model = settled.name, settled.model
    return bool(name and model and names.clash(model, name, index))


def _some_name(settled: Settled, facts: Facts, index: ModelsIndex) -> str:
    said = [one.value for fact in ("name", "thing") for one in facts.all(fact)]
    plain_name = re.sub(r"\W+", "_", said[0].lower(), flags=re.ASCII).strip("_") if said else ""
    for name in (plain_name, f"new_{plain_name}"):
        if plain_name and not names.unfit(name):
            if settled.model is None or not names.clash(settled.model, name, index):
                return name
    return "new_field"


def suggested_name(facts: Facts) -> str:
    """A name for what the ticket calls by words that are none; empty where it does not."""
    said = [one.value for one in facts.all("thing")]
    name = re.sub(r"\W+", "_", said[0].lower(), flags=re.ASCII).strip("_") if said else ""
    return "" if not name or names.unfit(name) else name


def _some_type(facts: Facts, name: str) -> str:
    for statement in facts.all("type"):
        if near := field_types.nearest_types(statement.value):
            return near[0]
    lower = name.lower()
    found = (kind for pattern, kind in _TYPE_BY_NAME if re.search(pattern, lower))
    return next(found, "CharField")


def _options(
    settled: Settled, facts: Facts, type_name: str, index: ModelsIndex
) -> tuple[list[str], list[str]]:
    """The options as they are written, and those of them that nobody stated."""
    kind = field_types.BY_NAME.get(type_name)
    given = {option.name: _argument(option) for option in settled.read.options}
    invented: dict[str, str] = {}

    def invent(name: str, value: str) -> None:
        if name not in given and name not in invented:
            invented[name] = f"{name}={value}"

    if kind is None:
        return list(given.values()), []
    given = {name: text for name, text in given.items() if name in kind.options}
    for name in kind.required:
        if name == "to":
            invent(name, repr(_some_target(settled, index)))
        elif name == "on_delete":
            invent("on_delete", "SET_NULL")
            invent("null", "True")
        else:
            said = [one.value for one in facts.all(f"option {name}") if one.value.isdecimal()]
            invent(name, said[0][:3] if said else _REQUIRED[name])
    if choices := _choices(facts):
        invent("choices", choices)
    if given.get("on_delete", "").endswith("SET_NULL"):
        invent("null", "True")
    if facts.all("optional") and kind.empty_text:
        invent("blank", "True")
    null = given.get("null", invented.get("null")) == "null=True"
    unique = "unique" in given or kind.name == "OneToOneField"
    if unique and not null and "default" not in given:
        invent("null", "True")
    elif not (
        null
        or unique
        or settled.read.existing
        or {"default", "db_default", "auto_now"} & set(given)
    ):
        _fill_rows(kind, given | invented, invent)
    ordered = sorted(given | invented, key=lambda name: (name != "to", name not in kind.required))
    return [(given | invented)[name] for name in ordered], list(invented.values())


def _fill_rows(
    kind: field_types.FieldType, given: dict[str, str], invent: Callable[[str, str], None]
) -> None:
    """Give the rows that are there a value, unless Django does."""
    if kind.family == "many" or (kind.empty_text and "blank" in given):
        return
    name, _, value = _FILLED.get(kind.family, "").partition("=")
    if name:
        invent(name, value)
    elif kind.empty_text:
        invent("default", '""')
    else:
        invent("null", "True")


def _some_target(settled: Settled, index: ModelsIndex) -> str:
    labels = [one.label for one in index.models if not (one.test_only or one.abstract or one.proxy)]
    own = settled.model.label if settled.model else ""
    return min((label for label in labels if label != own), default="self")


def _choices(facts: Facts) -> str:
    """Choices said in words, as pairs of value and label."""
    words = [one.value for one in facts.all("choices in words")]
    if not words:
        return ""
    found = re.findall(
        r"\"([^\"]*)\"|'([^']*)'|(\w[\w-]*)", re.sub(r"\b(?:or|and)\b", " ", words[0])
    )
    values = dict.fromkeys("".join(one) for one in found)
    return repr([(value, value.replace("_", " ").capitalize()) for value in values])


def choices_question(facts: Facts) -> str:
    """Ask for the labels of choices that are listed in words; empty where none are."""
    statements = facts.all("choices in words")
    if not statements or facts.all("option choices"):
        return ""
    return (
        f"{statements[0].place} lists choices without what people are to read. State them as in "
        f"`choices={_choices(facts)}`."
    )
