"""Triage: who can carry this ticket out? Looks at the ticket alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from agent import cleaning
from agent.domain import Category, Decision, Guidance, Run, Ticket
from agent.errors import NoRecipe, TicketUnclear
from agent.ports import ChatModel
from agent.recipes import registry
from agent.services import Services

#: What kind of work words ask for; the first that matches decides, in the title before the text.
_CATEGORIES: tuple[tuple[Category, str], ...] = (
    ("docs", r"typos?|readme|docstrings?"),
    (
        "bug",
        (
            r"bugs?|fix(?:es|ed)?|broken|crash\w*|wrong(?:ly)?|incorrect\w*|regression|traceback"
            r"|raises?|fails?|failing|does(?:n't| not) (?:work|return|show|save)|error 5\d\d"
        ),
    ),
    (
        "dependency",
        (
            r"upgrade|bump|migrate (?:from|to)|(?:replace|switch from) \w+ (?:with|by|to)"
            r"|drop (?:the )?dependency"
        ),
    ),
    ("typing", r"type[- ]?(?:hint|annotation)s?|annotat\w+ (?:the )?\w+|mypy|typing"),
    ("tests", r"(?:add|write|more|missing) (?:\w+ )?tests?|tests? for|test coverage|untested"),
    ("docs", r"docs?|documentation|changelog"),
    ("refactor", r"refactor\w*|extract|split|rename|simplif\w+|clean ?up|de-?duplicat\w+|inline"),
)
_PATTERNS = tuple(
    (category, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for category, words in _CATEGORIES
)


def read(run: Run, svc: Services) -> Ticket:
    """Read the ticket as it was approved, with what people have said to its run since then.

    Raises:
        Superseded: The issue is no longer what was approved.
        RequestRefused: There is no such file, or it is no text.
    """
    return guided(svc.forge.ticket(run), svc.guidance(run))


def guided(ticket: Ticket, said: Sequence[Guidance]) -> Ticket:
    """Add answers and other wishes to a ticket's text.

    What says the whole of a recipe's ticket, as the line that our questions propose, stands in
    place of its text; other words are added to it.
    """
    told = [one for one in said if one.kind in ("answer", "change")]
    if not told:
        return ticket
    body, removed = ticket.body, ticket.removed
    digest = hashlib.sha256(ticket.digest.encode())
    by_recipe = _fitting(ticket)
    for one in told:
        digest.update(f"\0{one.comment}\0{one.words}".encode())
        words, without = cleaning.incoming(one.words)
        words = words.strip()
        removed += tuple(f"{what} ({one.kind} by {one.by})" for what in without)
        alone = ticket.model_copy(update={"title": "", "body": words})
        if by_recipe and by_recipe == _fitting(alone):
            body = words
            continue
        what = "Answer" if one.kind == "answer" else "Another wish for the plan"
        body = f"{body}\n\n{what}, by {one.by} ({one.at}):\n\n{words}".strip()
    update = {"body": body, "removed": removed, "digest": digest.hexdigest()}
    return ticket.model_copy(update=update)


def _fitting(ticket: Ticket) -> tuple[str, ...]:
    return tuple(recipe.name for recipe in registry.recipes() if recipe.match(ticket))


def decide(ticket: Ticket, models: ChatModel | None = None) -> Decision:
    """Choose the recipe for a ticket; what none fits is for a model, or else for a person.

    Raises:
        TicketUnclear: The ticket is empty, or several recipes fit it.
        NoRecipe: None fits, and no model is configured, or what it needs is not set.
    """
    if not ticket.title.strip() and not ticket.body.strip():
        hidden = f" ({', '.join(ticket.removed)} removed)" if ticket.removed else ""
        raise TicketUnclear((f"The ticket has no visible text{hidden}. What is to be done?",))
    fitting = _fitting(ticket)
    if len(fitting) > 1:
        raise TicketUnclear(
            (
                (
                    f"Several recipes fit this ticket ({', '.join(fitting)}), and a run carries "
                    "out one. Which one is it? Leave the rest to a ticket of its own."
                ),
            )
        )
    kind = category(ticket)
    if fitting:
        return Decision(recipe=fitting[0], sentence=f"recipe {fitting[0]}", category=kind)
    if missing := _missing(models, kind):
        shown = "; ".join(f"“{recipe.example}”" for recipe in registry.recipes())
        raise NoRecipe(
            f"No recipe fits this ticket, and {missing}, so it is for a person. What recipes carry"
            f" out reads like this: {shown}."
        )
    editor = models.chain("editor", kind)[0] if models else ""
    return Decision(recipe="", sentence=f"{kind}, for {editor}", category=kind)


def _missing(models: ChatModel | None, kind: Category) -> str:
    """Say what keeps a model from carrying a ticket out; empty: nothing that is known yet."""
    if models is None or not models.chain("editor", kind):
        return "no model is configured (MERGEWRIGHT_MODEL or MERGEWRIGHT_MODEL_EDITOR)"
    missing = models.missing("planner", kind) or models.missing("editor", kind)
    return f"no model can be asked ({missing})" if missing else ""


def category(ticket: Ticket) -> Category:
    """Say what kind of work a ticket asks for, as far as its words tell."""
    for text in (ticket.title, ticket.body):
        for found, pattern in _PATTERNS:
            if pattern.search(text):
                return found
    return "feature"
