"""Triage: who can carry this ticket out? What needs the code is asked later, by `plan`."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import get_args

from agent.conversation.commands import is_command
from agent.desk import Desk
from agent.errors import AccessLost, RunStopped, TicketUnclear
from agent.models.chat import ChatModel, Role
from agent.models.code_host import CodeHost
from agent.models.pulls import PullSnapshot, ThreadComment
from agent.models.record import replace
from agent.models.run import Reason, Run, RunState
from agent.models.task import PullContext
from agent.models.ticket import Guidance, Ticket
from agent.recipes.add_field import recipe
from agent.sandbox import limit_probes
from agent.text import sanitise

_MOST_REMARKS, _MOST_REMARK = 10, 2_000
_MOST_ASKED = 20
"""Maximum number of people whose write permission is requested."""


def read_ticket(run: Run, desk: Desk) -> Ticket:
    """Read the ticket as it was approved, with what people have said to its run since then.

    Raises:
        Superseded: The issue is no longer what was approved.
        RequestRefused: There is no such file, or it is no text.
    """
    return add_guidance(desk.code_host.read_ticket(run), desk.memory.list_guidance(run.first))


def add_guidance(ticket: Ticket, said: Sequence[Guidance]) -> Ticket:
    """Add answers and other wishes to a ticket's text.

    What is a recipe's ticket by itself, as the form that we propose, replaces its text;
    other words are added to it.
    """
    wanted = [guidance for guidance in said if guidance.kind in ("answer", "change")]
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
    """Choose who carries a ticket out; see `choose_recipe`. With a pull request models go on.

    Raises:
        SandboxMissing, SandboxLost, StorageFull: Nobody can, on this machine.
    """
    name = "" if pull else choose_recipe(ticket, desk.models)
    limit_probes.require_machine(desk.sandbox, desk.settings.home)
    desk.say(f"recipe {name}" if name else "no recipe: for a model, or a person")
    return name


def choose_recipe(ticket: Ticket, models: ChatModel | None = None) -> str:
    """Choose the recipe for a ticket; "": it is for a model, or else for a person. Pure.

    Raises:
        TicketUnclear: The ticket is empty.
        RunStopped: No recipe fits, and what a model needs is not set.
    """
    if not ticket.title.strip() and not ticket.body.strip():
        hidden = f" ({', '.join(ticket.removed)} removed)" if ticket.removed else ""
        raise TicketUnclear((f"The ticket has no visible text{hidden}. What should be done?",))
    missing = explain_missing_models(models) if models else ""
    # Other sentences of the ticket are for a model.
    has_editor = bool(models and models.list_chain("editor") and not missing)
    if recipe.fits_ticket(ticket) and (recipe.states_all(ticket) or not has_editor):
        return recipe.NAME
    if missing:
        words = f"No recipe fits this ticket, and a model cannot be used ({missing})."
        raise RunStopped(words, Reason.MODEL_UNUSABLE)
    # Without a model, what can be written instead is said once the repository is known.
    return ""


def explain_missing_models(models: ChatModel) -> str:
    """Say what has to be set before the models of each role can be asked; empty: nothing."""
    found = (models.explain_missing(role) for role in get_args(Role))
    return "; ".join(dict.fromkeys(filter(None, found)))


def add_earlier_attempt(ticket: Ticket, run: Run, desk: Desk) -> Ticket:
    """Add what people with write permission wrote in our last pull request for it, if it is closed.

    The newest comments alone: what was said last is why it was closed, as a rule.
    """
    newest = next(iter(desk.memory.list_earlier_pulls(run)), None)
    number = newest.number if newest and newest.state is not RunState.MERGED else None
    try:
        pull = desk.code_host.read_pull(run, number) if number else None
        if pull is None or pull.state != "closed":
            return ticket
        remarks = list(islice(_list_remarks(pull, run, desk.code_host), _MOST_REMARKS))[::-1]
    except AccessLost as problem:
        desk.say(f"earlier pull request #{number} could not be read: {problem.message}")
        return ticket
    words = [
        f"{remark.author}, {remark.at}:\n"
        + sanitise.clean_ticket(remark.body)[0].strip()[:_MOST_REMARK]
        for remark in remarks
    ]
    desk.say(f"earlier pull request #{number} was closed with {len(words)} comments by people")
    began = f"Pull request #{number} for this was closed{':' if words else ' without comment.'}"
    return replace(
        ticket,
        body="\n\n".join((ticket.body, began, *words)),
        comments=(*ticket.comments, f"comments in #{number} (closed)"),
    )


def _list_remarks(pull: PullSnapshot, run: Run, code_host: CodeHost) -> Iterator[ThreadComment]:
    """Yield what people with write permission wrote in a pull request, the newest first."""
    said = [comment for thread in pull.threads for comment in thread.comments]
    may_write: dict[tuple[str, int], bool] = {}
    for comment in sorted(said, key=lambda comment: comment.at, reverse=True):
        if comment.is_ours or comment.is_bot or is_command(comment.body):
            continue
        who = comment.author, comment.author_id
        if who not in may_write and len(may_write) < _MOST_ASKED:
            may_write[who] = code_host.may_write(run, *who)
        if may_write.get(who):
            yield comment
