"""Triage: who can carry this ticket out? Looks at the ticket, and at other runs beside it.

What it leaves open is for the model. What needs the code is asked later, in
`agent.stages.plan`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress

from agent.errors import AccessLost, Duplicate, NoModel, NoRecipe, TicketUnclear
from agent.models.chat_model import ChatModel
from agent.models.polling import OtherRun
from agent.models.run import Run
from agent.models.ticket import Decision, Guidance, SimilarRun, Ticket
from agent.recipes import registry
from agent.services import Services
from agent.text import sanitise
from agent.triage import category, duplicates, priority

#: So many similar runs are named.
_MOST_SIMILAR = 5


def read_ticket(run: Run, svc: Services) -> Ticket:
    """Read the ticket as it was approved, with what people have said to its run since then.

    Raises:
        Superseded: The issue is no longer what was approved.
        RequestRefused: There is no such file, or it is no text.
    """
    return add_guidance(
        svc.code_host.read_ticket(run), svc.execution.memory.list_guidance(run.first)
    )


def add_guidance(ticket: Ticket, said: Sequence[Guidance]) -> Ticket:
    """Add answers and other wishes to a ticket's text.

    What is a recipe's ticket by itself, as the form that we propose, stands in place of its text;
    other words are added to it.
    """
    told = [one for one in said if one.kind in ("answer", "change")]
    if not told:
        return ticket
    body, removed = ticket.body, ticket.removed
    heard: tuple[str, ...] = ()
    digest = hashlib.sha256(ticket.digest.encode())
    by_recipe = _find_fitting_recipes(ticket)
    for one in told:
        digest.update(f"\0{one.comment}\0{one.words}".encode())
        words, without = sanitise.clean_ticket(one.words)
        words = words.strip()
        what = "an answer" if one.kind == "answer" else "another wish for the plan"
        heard += (f"{what} of {one.by}, {one.at}",)
        removed += tuple(f"{what} ({one.kind} by {one.by})" for what in without)
        alone = ticket.model_copy(update={"title": "", "body": words})
        if by_recipe and by_recipe == _find_fitting_recipes(alone):
            body = words
            continue
        body = f"{body}\n\n{what.capitalize()}, by {one.by} ({one.at}):\n\n{words}".strip()
    update = {"body": body, "removed": removed, "comments": heard, "digest": digest.hexdigest()}
    return ticket.model_copy(update=update)


def _find_fitting_recipes(ticket: Ticket) -> tuple[str, ...]:
    return tuple(recipe.name for recipe in registry.RECIPES if recipe.match(ticket))


def decide_ticket(ticket: Ticket, run: Run, svc: Services) -> Decision:
    """Choose who carries a ticket out, and look which other runs are of the same.

    Raises:
        TicketUnclear: The ticket is empty.
        Duplicate: Another issue says the same, and its run is under way.
        NoRecipe: No recipe fits, and no model is configured.
        NoModel: No recipe fits, and what the models need is not set.
    """
    others = svc.execution.memory.list_other_runs(run)
    if first := _find_same_run(run, others):
        raise Duplicate(
            f"Issue #{_number(first)} says the same, word for word, and its run {first.run_id} is"
            " under way; one change is not made twice. What would make it fit: that run ends"
            " without a pull request, or this issue says what it asks for besides."
        )
    labels = run.snapshot.labels if run.snapshot else ()
    decision = choose_recipe(ticket, svc.models, labels)
    similar = _still_there(_find_similar(run, others), run, svc)
    for one in similar:
        svc.say(f"the same title as {one.summary}")
    return decision.model_copy(
        update={
            "similar": similar,
            "reasons": (*decision.reasons, *_describe_other_runs(run, others, similar)),
        }
    )


def choose_recipe(
    ticket: Ticket, models: ChatModel | None = None, labels: tuple[str, ...] = ()
) -> Decision:
    """Choose the recipe for a ticket; what none fits is for a model, or else for a person. Pure.

    Raises:
        TicketUnclear: The ticket is empty.
        NoRecipe: No recipe fits, and no model is configured.
        NoModel: No recipe fits, and what the models need is not set.
    """
    if not ticket.title.strip() and not ticket.body.strip():
        hidden = f" ({', '.join(ticket.removed)} removed)" if ticket.removed else ""
        raise TicketUnclear((f"The ticket has no visible text{hidden}. What is to be done?",))
    fitting = _find_fitting_recipes(ticket)
    kind, label = category.read_category(labels)
    reasons = (f"category {kind}: {_named_by(label)}",)
    if len(fitting) == 1:
        sentence = f"recipe {fitting[0]}"
        return Decision(recipe=fitting[0], sentence=sentence, category=kind, reasons=reasons)
    if models is None or not (editors := models.list_chain("editor", kind)):
        shown = "\n".join(f"- {one.example}\n{one.form}" for one in registry.RECIPES)
        raise NoRecipe(
            "No recipe fits this ticket, and no model is configured (MERGEWRIGHT_MODEL or"
            " MERGEWRIGHT_MODEL_EDITOR), so it is for a person. Tickets for recipes state their"
            f" facts as code, or in a form:\n{shown}"
        )
    if missing := models.explain_missing("editor", kind):
        raise NoModel(f"No recipe fits this ticket, and no model can be asked ({missing}).")
    sentence = f"{kind}, for {editors[0]}"
    return Decision(recipe="", sentence=sentence, category=kind, reasons=reasons)


# --- other runs -------------------------------------------------------------------------------


def _number(run: Run) -> int:
    return run.snapshot.issue.number if run.snapshot else 0


def _find_same_run(run: Run, others: Iterable[OtherRun]) -> Run | None:
    """Return the run under way whose issue is the same text and came first."""
    mine = run.snapshot
    for other in others:
        theirs = other.run.snapshot
        # Of two that wait for each other neither would be made; ids are in the order of time.
        earlier = other.under_way and other.run.run_id < run.run_id
        if mine is None or theirs is None or not earlier or other.run.dry_run:
            continue
        if duplicates.is_same_text(mine, theirs):
            return other.run
    return None


def _find_similar(run: Run, others: Iterable[OtherRun]) -> tuple[SimilarRun, ...]:
    """Name the runs whose issues have the same title."""
    mine = run.snapshot
    found = (
        SimilarRun(
            number=theirs.issue.number,
            title=theirs.title,
            run_id=other.run.run_id,
            under_way=other.under_way,
            url=other.url,
        )
        for other in others
        if mine
        and (theirs := other.run.snapshot)
        and (other.under_way or other.url)
        and duplicates.has_same_title(mine, theirs)
    )
    return tuple(sorted(found, key=lambda one: one.number)[:_MOST_SIMILAR])


def _still_there(
    similar: tuple[SimilarRun, ...], run: Run, svc: Services
) -> tuple[SimilarRun, ...]:
    """Leave out pull requests that are open no more; only the code host knows."""
    if all(one.under_way for one in similar):
        return similar
    pulls = None
    with suppress(AccessLost):
        pulls = {pull.url for pull in svc.code_host.list_own_pulls(run, "")}
    return tuple(one for one in similar if one.under_way or pulls is None or one.url in pulls)


def _describe_other_runs(
    run: Run, others: tuple[OtherRun, ...], similar: tuple[SimilarRun, ...]
) -> tuple[str, ...]:
    """Say what comparing with other runs, and the labels, came to."""
    if run.snapshot is None:
        return ()
    level, label = priority.read_priority(run.snapshot.labels)
    return (
        f"same title: {len(similar)} of {len(others)} other runs and pull requests of ours",
        f"priority {priority.NAMES[level]}: {_named_by(label)}",
    )


def _named_by(label: str) -> str:
    return f"by the label “{label}”" if label else "no label names another"
