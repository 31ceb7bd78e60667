"""Settled parameters as facts again, some of them otherwise, and what then differs in words."""

from __future__ import annotations

from collections.abc import Sequence

from agent.recipes.add_field import edits, settling
from agent.recipes.add_field.facts import Facts, Statement
from agent.recipes.add_field.parameters import Listing, Parameters
from agent.recipes.recipe import Asked, Ground

BEFORE = "as it was"
REVIEW = "the review"
#: Wishes that say by themselves what holds for several options.
WHOLE = {"optional": ("null", "blank"), "required": ("null", "blank")}
_SHOWN = ("admin", "filter", "form", "serializer")


def facts_of(parameters: Parameters) -> Facts:
    """The facts that settle to these parameters, on the code that they were settled on."""
    field = parameters.field
    stated = Facts()
    _state(stated, "model", f"{parameters.app_label}.{parameters.model}")
    _state(stated, "name", field.name)
    _state(stated, "type", field.type_name)
    for option in field.options:
        if option.name == "to":
            # Found anew, with the model that it is: its reverse names are held against others.
            written = option.value.text.strip("'\"") or option.value.name
            _state(stated, "option to", field.target or written)
            continue
        fact, shown = f"option {option.name}", option.value.shown()
        stated.add(fact, Statement(shown, BEFORE, code=True, settled=option.value))
    if value := parameters.existing:
        stated.add("existing", Statement(value.shown(), BEFORE, code=True, settled=value))
    for listing in parameters.listings:
        _state(stated, listing.kind, listing.place.class_name)
    if parameters.test:
        _state(stated, "test", "yes")
    return stated


def _state(stated: Facts, fact: str, value: str) -> None:
    stated.add(fact, Statement(value, BEFORE))


def revised(parameters: Parameters, asked: Sequence[Asked], ground: Ground) -> Parameters:
    """Settle the parameters anew, with what is asked in place of what was.

    Raises:
        TicketUnclear: It does not go together, or not with the models.
        RequestRefused: It cannot be done.
        EditFailed: The edit cannot be made.
    """
    unchanged = settling.settle_again(facts_of(parameters), ground)
    stated = facts_of(parameters)
    for one in asked:
        _ask(stated, one)
    after = settling.settle_again(stated, ground)
    # What only the ticket's text can say, such as which of its sentences are background.
    kept = [one for one in parameters.remarks if one not in unchanged.remarks]
    found = [one for one in after.remarks if one not in kept]
    after = after.model_copy(update={"remarks": (*found, *kept)})
    edits.make(ground.tree, after)
    return after


def _ask(stated: Facts, asked: Asked) -> None:
    for name in WHOLE.get(asked.about, ()):
        stated.said.pop(f"option {name}", None)
    if asked.about in _SHOWN and asked.value == "yes" and stated.all(asked.about):
        return  # it is there, under the name of its class
    stated.said.pop(asked.about, None)
    if asked.value:
        stated.add(asked.about, Statement(asked.value, REVIEW, code=asked.code))


def told(before: Parameters, after: Parameters) -> tuple[str, ...]:
    """What differs, each in a clause for an answer."""
    old, new = before.field, after.field
    found: list[str] = []
    if old.name != new.name:
        found.append(f"Renamed to `{new.name}`")
    if old.type_name != new.type_name:
        found.append(f"Made a {new.type_name}")
    names = dict.fromkeys(one.name for one in (*old.options, *new.options))
    for name in names:
        was, now = old.option(name), new.option(name)
        if was == now:
            continue
        if now is None:
            found.append(f"Took `{name}` out")
        else:
            found.append(f"Set `{name}={now.shown()}`")
    if before.existing != after.existing:
        value = after.existing
        found.append(
            f"Existing rows get {value.shown()}"
            if value
            else "Took the value for existing rows out"
        )
    found += _listings_told(before.listings, after.listings)
    if bool(before.test) != bool(after.test):
        found.append("Added a test" if after.test else "Took the test out")
    return tuple(found)


def _listings_told(before: tuple[Listing, ...], after: tuple[Listing, ...]) -> list[str]:
    was = {(one.kind, one.place.class_name): one for one in before}
    now = {(one.kind, one.place.class_name): one for one in after}
    found = [
        f"Took it out of `{one.attribute}` of {one.place.class_name}"
        for key, one in was.items()
        if key not in now and one.action != "nothing"
    ]
    for key, one in now.items():
        if key not in was and one.action != "nothing":
            found.append(f"Added it to `{one.attribute}` of {one.place.class_name}")
    return found
