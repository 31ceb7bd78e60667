"""The form of a ticket that leaves something open, filled in as far as it is understood."""

from __future__ import annotations

import re

from agent.recipes.add_field import field_types, names
from agent.recipes.add_field.facts import Facts
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.options import Read

_OPEN = "…"
_WISHES = {
    "admin": "Show in admin list",
    "form": "Add to form",
    "serializer": "Add to serializer",
    "test": "Add a test",
}
_IN_WORDS = "choices in words"


def fill_form(model: Model | None, name: str | None, read: Read, facts: Facts) -> str:
    """Write the lines of the form; what nobody has said is left open, or out if it may be."""
    # Where all else is told, it is what the question is about.
    existing = _OPEN if model and name and read.type_name else ""
    options = (f"{one.name}={one.value.shown()}" for one in read.options)
    filled = {
        "Model": model.label if model else _OPEN,
        "Field name": name or _OPEN,
        "Field type": read.type_name or _OPEN,
        "Options": ", ".join(options).replace("conf.settings", "settings"),
        "Default for existing rows": read.existing.shown() if read.existing else existing,
    }
    for fact, key in _WISHES.items():
        said = {one.value for one in facts.all(fact)}
        filled[key] = said.pop().capitalize() if said in ({"yes"}, {"no"}) else ", ".join(said)
    lines = "".join(f"\n  {key}: {value}" for key, value in filled.items() if value)
    return f"This form, filled in, answers it:{lines}"


def suggest_name(facts: Facts) -> str:
    """Suggest a name for what the ticket calls by words that are none; empty where it does not."""
    said = [one.value for one in facts.all("thing")]
    name = re.sub(r"\W+", "_", said[0].lower(), flags=re.ASCII).strip("_") if said else ""
    return "" if not name or names.unfit(name) else name


def ask_for_choices(facts: Facts) -> str:
    """Ask for the labels of choices that are listed in words; empty where none are."""
    statements = facts.all(_IN_WORDS)
    if not statements or facts.all("option choices"):
        return ""
    return (
        f"{statements[0].place} lists choices without their labels. State them as in "
        f"`choices={_pair_choices(statements[0].value, facts)}`."
    )


def _pair_choices(said: str, facts: Facts) -> str:
    """Write choices said in words as pairs of value and label."""
    found = re.findall(r"\"([^\"]*)\"|'([^']*)'|(\w[\w-]*)", re.sub(r"\b(?:or|and)\b", " ", said))
    values = dict.fromkeys("".join(one) for one in found)
    kinds = [field_types.named(one.value) for one in facts.all("type")]
    if all(value.isdecimal() for value in values) and any(
        kind and kind.family == "integer" for kind in kinds
    ):
        return repr([(int(value), value) for value in values])
    return repr([(value, value.replace("_", " ").capitalize()) for value in values])
