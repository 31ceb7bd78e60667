"""What a ticket says in passing: models in plain words, and what only repeats the request."""

from __future__ import annotations

import re

from agent.domain import Ticket
from agent.recipes import word_lists
from agent.recipes.add_field import leftover, which_model
from agent.recipes.add_field.facts import Facts, Statement
from agent.recipes.add_field.models_index import ModelsIndex


def note(stated: Facts, ticket: Ticket, index: ModelsIndex) -> None:
    """Find out which models a ticket names in plain words, and what only repeats them.

    “Please add a field for it to the customer.” asks for nothing besides what the ticket is about.
    """
    _take_back_mere_words(stated, ticket, index)
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


_FIRST = re.compile(r"“\W*(?:(?:The|Each|Every|Our|All)\s+)?(?P<word>\w+)")


def _take_back_mere_words(stated: Facts, ticket: Ticket, index: ModelsIndex) -> None:
    """Take words for no model that only look like one, where the ticket names one besides.

    “Attempts need a note”: a first word has its capital in any case. “Add a note to Attempts” is
    short for AccessAttempt in a title, where the text names that.
    """
    said = stated.said.get("model", [])
    names = [one.value.rpartition(".")[2] for one in said]
    known = [name for name in names if which_model.in_passing(name, index)]
    left = [one for one in said if not _is_mere_word(one, known, index)]
    text = f"{ticket.title}\n{ticket.body}"
    if not known and (left or not which_model.in_passing(text, index)):
        return
    if left:
        stated.said["model"] = left
    else:
        stated.said.pop("model", None)


def _is_mere_word(one: Statement, known: list[str], index: ModelsIndex) -> bool:
    bare = re.fullmatch(r"[A-Z][a-z]+", one.value) is not None
    if one.strong or not bare or which_model.in_passing(one.value, index):
        return False
    first = _FIRST.match(one.place)
    if first is not None and first["word"] == one.value:
        return True
    return any(_is_short_for(one.value, name) for name in known)


def _is_short_for(word: str, model: str) -> bool:
    parts = {part.lower() for part in re.findall(r"[A-Z][a-z0-9]+", model)}
    return bool(parts & {word.lower(), *(one.lower() for one in which_model.singulars(word))})


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
