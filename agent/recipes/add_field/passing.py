"""What a ticket says in passing: models in plain words, and what only repeats the request."""

from __future__ import annotations

from agent.domain import Ticket
from agent.recipes import word_lists
from agent.recipes.add_field import leftover, which_model
from agent.recipes.add_field.facts import Facts
from agent.recipes.add_field.models_index import ModelsIndex


def note(stated: Facts, ticket: Ticket, index: ModelsIndex) -> None:
    """Find out which models a ticket names in plain words, and what only repeats them.

    “Please add a field for it to the customer.” asks for nothing besides what the ticket is about.
    """
    said = [one.value for one in stated.all("model")]
    named = {
        model.label
        for one in said
        for model in which_model.in_passing(one.rpartition(".")[2], index)
    }
    if not said:
        stated.passing = sorted(
            model.label for model in which_model.in_passing(f"{ticket.title}\n{ticket.body}", index)
        )
    names_said = {one.value.lower() for one in stated.all("name")}
    stated.beyond = [
        one
        for one in stated.beyond
        if not _repeats(one, named or set(stated.passing), names_said, index)
    ]


#: What asks for a field in a title, in front of its name.
_ASKING = word_lists.words("store record save keep track")
#: What a field of any type is called in a title.
_KIND_WORDS = word_lists.words("timestamp date time datetime flag text number boolean string link")


def _repeats(sentence: str, models: set[str], fields: set[str], index: ModelsIndex) -> bool:
    """Whether a sentence says no more than that the field is to be added to the model.

    As in “SocialAccount: add last_used timestamp”, once the ticket says the same in full.
    """
    named = {model.label for model in which_model.in_passing(sentence, index)}
    known = fields | _KIND_WORDS | _ASKING
    said = [
        word
        for word in leftover.words(sentence)
        if word.lower() not in known and not which_model.in_passing(word, index)
    ]
    return not said and named <= models
