"""What was understood of a ticket, and a sentence in which it would be complete.

The sentence is put together from what is settled, and from examples for what is open; whether it
really settles the ticket is tried out by `settling` before anyone sees it.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent.recipes.add_field import field_types, names
from agent.recipes.add_field.facts import Facts
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.options import Read
from agent.recipes.add_field.parameters import Listing, Option
from agent.recipes.answers import Example

_SHOWN_PLACES = {"admin": "admin list", "form": "form", "serializer": "serializer"}
COMPANIONS = {**_SHOWN_PLACES, "test": "test"}
_WISHES = {
    "admin": "Show it in the admin list.",
    "form": "Add it to the form.",
    "serializer": "Add it to the serializer.",
    "test": "Add a test.",
}
_WISHES_OF = {
    "admin": "Show it in the admin list of {}.",
    "form": "Add it to the form {}.",
    "serializer": "Add it to the serializer {}.",
}
_IN_WORDS = "choices in words"
_PLAIN_VALUE = re.compile(r"[\w.]{1,40}|'[\w .-]{0,40}'|\"[\w .-]{0,40}\"")
#: Stands for a model that nobody named, and is to be replaced by the reader.
_PLACEHOLDER = "to='app.Model'"
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
_REQUIRED_VALUES = {"on_delete": "SET_NULL"}
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
    dropped: frozenset[str] = frozenset()
    """Options that a sentence is composed without, though the ticket states them."""


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
            if one.kind in _SHOWN_PLACES
        ),
        *(
            f"in the {_SHOWN_PLACES[kind]}"
            for kind in _SHOWN_PLACES
            if settled.model is None and _wanted(facts, kind)
        ),
        "with a test" if "test" in companions(facts) else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f"Understood so far: {said}." if said else ""


def _argument(option: Option) -> str:
    return f"{option.name}={option.value.shown().replace('conf.settings', 'settings')}"


def _wanted(facts: Facts, kind: str) -> list[str]:
    """What is said of a companion: `yes`, or classes; empty where it is not asked for."""
    said = dict.fromkeys(one.value for one in facts.all(kind))
    return [] if "no" in said else sorted(said)


def companions(facts: Facts) -> tuple[str, ...]:
    """The places, and the test, that the ticket asks for besides the field."""
    return tuple(kind for kind in _WISHES if _wanted(facts, kind))


def _wishes(facts: Facts, kind: str) -> str:
    """A companion in sentences that are understood again."""
    named = [one.rpartition(".")[2] for one in _wanted(facts, kind) if one != "yes"]
    if kind not in _WISHES_OF or not named:
        return f" {_WISHES[kind]}"
    return "".join(f" {_WISHES_OF[kind].format(one)}" for one in named)


def examples(settled: Settled, facts: Facts, index: ModelsIndex) -> Iterator[Example]:
    """Compose sentences, from the one that carries everything to the one that carries least."""
    asked = (*companions(facts), *(["choices"] if _choices(facts) else []))
    for count in range(len(asked), -1, -1):
        for carried in itertools.combinations(asked, count):
            found = example(settled, facts, index, carried)
            if found is None:
                return
            yield found
    # Options that nothing can settle: one of them alone, else all.
    options = settled.read.options
    fewer = [tuple(one for one in options if one is not left) for left in options]
    for kept in (*fewer, ()) if options else ():
        read = dataclasses.replace(settled.read, options=kept)
        dropped = frozenset(one.name for one in options if one not in kept)
        fewer_said = dataclasses.replace(settled, read=read, dropped=dropped)
        for carried in (asked, ()):
            found = example(fewer_said, facts, index, carried)
            if found is not None:
                yield found


def _left_out(facts: Facts) -> list[str]:
    """What the ticket says besides companions and options, and no sentence here can carry."""
    said = [f"“{one.removesuffix('.')}”" for one in facts.beyond]
    said += [f"“{doubt.sentence}”" for doubt in facts.doubts if not doubt.said]
    said += [
        f"what else “{doubt.sentence}” says"
        for doubt in facts.doubts
        if doubt.said and doubt.kind in ("negation", "condition", "question")
    ]
    said += [f"“{one.value}”" for one in facts.all("unique together")]
    said += ["values worked out from other data"] if facts.all("computed") else []
    return said


def _options_left_out(
    facts: Facts, kind: field_types.FieldType | None, carried: set[str]
) -> list[str]:
    """The options that the ticket states, and a sentence has not, nor in a better spelling."""
    said = {one: facts.all(f"option {one}")[0].value.strip() for one in facts.options()}
    shown = {one: f"{one}={value}" for one, value in said.items() if _PLAIN_VALUE.fullmatch(value)}
    corrected = _corrected(facts, kind) if kind else {}
    spelt = {said for said, (name, _) in corrected.items() if name in carried}
    return [shown.get(one, one) for one in said if one not in carried | spelt]


def _corrected(facts: Facts, kind: field_types.FieldType) -> dict[str, tuple[str, str]]:
    """What misspelt options most likely are, each with its value as it stands."""
    known = tuple(sorted(kind.options))
    found = {}
    for name in facts.options():
        near = [] if name in known else field_types.nearest(name, known, limit=1, cutoff=0.75)
        said = {one.value for one in facts.all(f"option {name}")}
        if near and len(said) == 1 and _PLAIN_VALUE.fullmatch(value := said.pop().strip()):
            found[name] = (near[0], value)
    return found


def example(
    settled: Settled, facts: Facts, index: ModelsIndex, carried: tuple[str, ...]
) -> Example | None:
    """Compose the sentence; None where there is no model to compose it with.

    Args:
        carried: The companions that it asks for, and `choices` where it may state them.
    """
    everything = facts
    if "choices" not in carried and _choices(facts):
        said = {fact: all_of for fact, all_of in facts.said.items() if fact != _IN_WORDS}
        facts = dataclasses.replace(facts, said=said)
    invented: list[str] = []
    model = settled.model.label if settled.model else _some_model(facts, index)
    if model is None:
        return None
    if settled.model is None and facts.passing != [model]:
        invented.append(f"`{model}`")
    name = settled.name
    if name is None or names.unfit(name) or _clashes(settled, index):
        name = _some_name(settled, facts, index)
        invented.append(f"`{name}`")
    type_name = settled.read.type_name
    if type_name is None:
        type_name = _some_type(facts, name)
        invented.append(type_name)
    options, more = _options(settled, facts, (type_name, name), index)
    invented += more
    carried_options = {option.partition("=")[0] for option in options}
    kind = field_types.BY_NAME.get(type_name)
    article = field_types.with_article(kind) if kind else f"a {type_name}"
    stated = f" with {', '.join(options)}" if options else ""
    sentence = f"Add {article} `{name}` to `{model}`{stated}."
    left_out = _left_out(facts)
    left_out += _options_left_out(facts, kind, carried_options)
    left_out += [f"the field `{one}`" for one in _other_names(name, facts)]
    left_out += [f"the model {one}" for one in _other_models(model, facts, index)]
    left_out += [f"choices {_spoken_choices(everything)}"] if everything is not facts else []
    alike = kind is not None and kind.name != "OneToOneField" and "unique=True" not in options
    if settled.read.existing and alike:
        sentence += f" Existing rows get {settled.read.existing.shown()}."
    elif settled.read.existing:
        left_out.append(f"existing rows get {settled.read.existing.said()}")
    sentence += "".join(_wishes(facts, one) for one in carried if one != "choices")
    missing = [f"the {COMPANIONS[one]}" for one in companions(facts) if one not in carried]
    alike_named = {one.name.lower() for one in index.models}
    to = next((one for one in more if one.startswith("to=")), None)
    if name.lower().replace("_", "") in alike_named:
        to = None  # the field is called like a model here, and most likely points to it
    placeholder = (to, _PLACEHOLDER) if to else None
    return Example(sentence, tuple(invented), (*missing, *left_out), placeholder)


def _some_model(facts: Facts, index: ModelsIndex) -> str | None:
    labels = {one.name: one.label for one in index.models if not (one.test_only or one.abstract)}
    if facts.passing:
        return facts.passing[0]
    for statement in facts.all("model"):
        bare = statement.value.rpartition(".")[2]
        for near in field_types.nearest(bare, tuple(labels), limit=1):
            return labels[near]
    return min(labels.values(), default=None)


def _other_models(label: str, facts: Facts, index: ModelsIndex) -> list[str]:
    """The further models to which the ticket adds the field."""
    named = {one.value.rpartition(".")[2].lower() for one in facts.all("model")}
    chosen = label.rpartition(".")[2].lower()
    if chosen not in named:
        return []
    models = [one for one in index.models if one.name.lower() in named - {chosen}]
    return sorted({one.label for one in models if not one.test_only})


def _other_names(name: str, facts: Facts) -> list[str]:
    """The further fields that the ticket names beside the one of a sentence."""
    said = list(dict.fromkeys(one.value for one in facts.all("name")))
    return [one for one in said if not names.alike(one, name)] if name in said else []


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
    default = {one.value.strip() for one in facts.all("option default")}
    if len(default) == 1 and (by_value := _type_of(default.pop())):
        return by_value
    lower = name.lower()
    found = (kind for pattern, kind in _TYPE_BY_NAME if re.search(pattern, lower))
    return next(found, "CharField")


def _type_of(default: str) -> str:
    """The type of which a default is a value; empty where it is none by its form."""
    kinds = (
        (r"(?i)true|false", "BooleanField"),
        (r"-?\d{1,9}", "IntegerField"),
        (r"-?\d+\.\d+", "FloatField"),
        (r"\{\}|\[\]|dict|list", "JSONField"),
    )
    return next((kind for pattern, kind in kinds if re.fullmatch(pattern, default)), "")


def _options(
    settled: Settled, facts: Facts, subject: tuple[str, str], index: ModelsIndex
) -> tuple[list[str], list[str]]:
    """The options of a type and name as they are written, and those that nobody stated."""
    type_name, field_name = subject
    kind = field_types.BY_NAME.get(type_name)
    given = {option.name: _argument(option) for option in settled.read.options}
    invented: dict[str, str] = {}

    def invent(name: str, value: str) -> None:
        if value and name not in given and name not in invented:
            invented[name] = f"{name}={value}"

    if kind is None:
        return list(given.values()), []
    given = {name: text for name, text in given.items() if name in kind.options}
    for name, value in _corrected(facts, kind).values():
        invent(name, value)
    for name in kind.required:
        value = _REQUIRED_VALUES.get(name, "")
        value = repr(_some_target(settled, index, field_name)) if name == "to" else value
        invent(name, value or _some_size(name, facts, settled.dropped))
    if invented.get("on_delete"):
        invent("null", "True")
    invent("choices", _choices(facts))
    if given.get("on_delete", "").endswith("SET_NULL"):
        invent("null", "True")
    if facts.all("optional") and not {"null", "blank"} & set(given):
        filled = kind.empty_text or "default" in given
        if not filled and kind.family not in ("many", "boolean"):
            invent("null", "True")
        invent("blank", "True")
    invent("default", _unquoted_default(kind, facts))
    null = given.get("null", invented.get("null")) == "null=True"
    unique = "unique=True" in (given | invented).values() or kind.name == "OneToOneField"
    if unique and not null and "default" not in given:
        invent("null", "True")
    elif not (
        null
        or unique
        or settled.read.existing
        or {"default", "db_default", "auto_now"} & set(given | invented)
    ):
        _fill_rows(kind, given | invented, invent)
    ordered = sorted(given | invented, key=lambda name: (name != "to", name not in kind.required))
    return [(given | invented)[name] for name in ordered], list(invented.values())


def _some_size(name: str, facts: Facts, dropped: frozenset[str]) -> str:
    stated = [] if name in dropped else facts.all(f"option {name}")
    said = [one.value for one in stated if one.value.isdecimal()]
    return said[0][:3] if said and int(said[0][:3]) else _REQUIRED[name]


def _unquoted_default(kind: field_types.FieldType, facts: Facts) -> str:
    """The default of a text field that was stated without its quotes; else empty."""
    stated = [one.value for one in facts.all("option default")]
    return repr(stated[0]) if kind.empty_text and stated and stated[0].isidentifier() else ""


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


def _some_target(settled: Settled, index: ModelsIndex, name: str) -> str:
    labels = [one.label for one in index.models if not (one.test_only or one.abstract or one.proxy)]
    own = settled.model.label if settled.model else ""
    alike = name.lower().replace("_", "")
    if called := [one for one in labels if one.rpartition(".")[2].lower() == alike]:
        return min(called)
    return min((label for label in labels if label != own), default="self")


def _spoken_choices(facts: Facts) -> str:
    return ", ".join(one.value for one in facts.all(_IN_WORDS))


def _choices(facts: Facts) -> str:
    """Choices said in words, as pairs of value and label."""
    words = [one.value for one in facts.all(_IN_WORDS)]
    if not words:
        return ""
    found = re.findall(
        r"\"([^\"]*)\"|'([^']*)'|(\w[\w-]*)", re.sub(r"\b(?:or|and)\b", " ", words[0])
    )
    values = dict.fromkeys("".join(one) for one in found)
    kinds = [field_types.named(one.value) for one in facts.all("type")]
    if all(value.isdecimal() for value in values) and any(
        kind and kind.family == "integer" for kind in kinds
    ):
        return repr([(int(value), value) for value in values])
    return repr([(value, value.replace("_", " ").capitalize()) for value in values])


def choices_question(facts: Facts) -> str:
    """Ask for the labels of choices that are listed in words; empty where none are."""
    statements = facts.all(_IN_WORDS)
    if not statements or facts.all("option choices"):
        return ""
    return (
        f"{statements[0].place} lists choices without their labels. State them as in "
        f"`choices={_choices(facts)}`."
    )
