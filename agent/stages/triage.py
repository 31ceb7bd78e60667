"""Triage: decide whether a recipe or a model carries out a ticket, by its text alone."""

import hashlib
from collections.abc import Sequence
from typing import get_args

from agent.desk import Desk
from agent.errors import RunStopped, TicketUnclear
from agent.models.chat import ChatModel, Role
from agent.models.record import replace
from agent.models.run import Reason, Run
from agent.models.task import PullContext
from agent.models.ticket import Guidance, Ticket
from agent.recipes.add_field import recipe
from agent.sandbox import limit_probes
from agent.text import sanitise


def read_ticket(run: Run, desk: Desk) -> Ticket:
    """Read the ticket as it was approved, with people's later answers and requested plan changes.

    Raises:
        Superseded: The issue is no longer what was approved.
        RequestRefused: The file of the ticket does not exist, or is no text.
    """
    return add_guidance(desk.code_host.read_ticket(run), desk.memory.list_guidance(run.first))


def add_guidance(ticket: Ticket, guidances: Sequence[Guidance]) -> Ticket:
    """Add people's answers and requested plan changes to a ticket's text.

    An answer that is a recipe's ticket by itself, such as our form filled in, replaces the text.
    """
    wanted = [guidance for guidance in guidances if guidance.kind in ("answer", "change")]
    if not wanted:
        return ticket
    body, removed = ticket.body, ticket.removed
    heard: tuple[str, ...] = ()
    digest = hashlib.sha256(ticket.digest.encode())
    by_recipe = recipe.fits_ticket(ticket)
    for guidance in wanted:
        digest.update(f"\0{guidance.comment}\0{guidance.words}".encode())
        words, without = sanitise.clean_ticket(guidance.words)
        words = words.strip()
        what = "an answer" if guidance.kind == "answer" else "a requested plan change"
        heard += (f"{what} of {guidance.by}, {guidance.at}",)
        removed += tuple(f"{what} ({guidance.kind} by {guidance.by})" for what in without)
        alone = replace(ticket, title="", body=words)
        if by_recipe and recipe.fits_ticket(alone):
            body = words
            continue
        body = (
            f"{body}\n\n{what.capitalize()}, by {guidance.by} ({guidance.at}):\n\n{words}".strip()
        )
    return replace(ticket, body=body, removed=removed, comments=heard, digest=digest.hexdigest())


def decide_ticket(ticket: Ticket, pull: PullContext | None, desk: Desk) -> str:
    """Choose the recipe for a ticket, see `choose_recipe`; a follow-up has none.

    Raises:
        SandboxMissing, SandboxLost, StorageFull: This machine cannot carry out any ticket.
    """
    name = "" if pull else choose_recipe(ticket, desk.models)
    limit_probes.require_machine(desk.sandbox, desk.settings.home)
    desk.say(f"recipe {name}" if name else "no recipe: for a model, or a person")
    return name


def choose_recipe(ticket: Ticket, models: ChatModel | None = None) -> str:
    """Choose the recipe for a ticket; "": it is for a model, or else for a person. Pure.

    Raises:
        TicketUnclear: The ticket is empty.
        RunStopped: No recipe fits, and a setting that the model needs is missing.
    """
    if not ticket.title.strip() and not ticket.body.strip():
        hidden = f" ({', '.join(ticket.removed)} removed)" if ticket.removed else ""
        raise TicketUnclear((f"The ticket has no visible text{hidden}. What should be done?",))
    missing = explain_missing_models(models) if models else ""
    # A recipe ignores further sentences of a ticket, so a model is preferred if there are any.
    has_editor = bool(models and models.list_chain("editor") and not missing)
    if recipe.fits_ticket(ticket) and (recipe.states_all(ticket) or not has_editor):
        return recipe.NAME
    if missing:
        words = f"No recipe fits this ticket, and a model cannot be used ({missing})."
        raise RunStopped(words, Reason.MODEL_UNUSABLE)
    # Without a model, `plan` names a ticket that would work, once the repository is known.
    return ""


def explain_missing_models(models: ChatModel) -> str:
    """Return which settings the models of all roles lack; "": none."""
    missing = (models.explain_missing(role) for role in get_args(Role))
    return "; ".join(dict.fromkeys(filter(None, missing)))
