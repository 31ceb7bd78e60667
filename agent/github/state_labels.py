"""What an issue's labels say about its run, and the reaction at the start."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from agent.github.api_errors import RefusedRequest, ignore_statuses
from agent.github.session import Session
from agent.models.outcome import Outcome
from agent.models.run import Reason, RunState

_NEEDS = "issues: write"


class _Look(NamedTuple):
    name: str
    colour: str
    description: str


class StateLabel(Enum):
    """One label at a time says how far a run is."""

    WORKING = _Look("mergewright: working", "fbca04", "Mergewright is working on this issue")
    READY = _Look("mergewright: ready", "0e8a16", "A checked pull request waits for review")
    NEEDS_HUMAN = _Look("mergewright: needs human", "d93f0b", "A person has to decide or answer")
    FAILED = _Look("mergewright: failed", "b60205", "The run ended without a result")
    STOPPED = _Look("mergewright: stopped", "c5def5", "The run was stopped before its end")


_OURS = frozenset(state.value.name for state in StateLabel)


def of(outcome: Outcome, *, follows: bool = False) -> StateLabel:
    """Choose the label of a run that has ended.

    Args:
        follows: Whether it is a follow-up: its pull request is open, however it has ended.
    """
    stopped = outcome.reason is Reason.CANCELLED
    if follows:
        acts = outcome.waiting_threads or outcome.review_places or not (outcome.is_done or stopped)
        return StateLabel.NEEDS_HUMAN if acts else StateLabel.READY
    if outcome.is_done:
        return StateLabel.READY
    if stopped:
        return StateLabel.STOPPED
    if outcome.state in (RunState.NEEDS_HUMAN, RunState.DECLINED):
        return StateLabel.NEEDS_HUMAN
    return StateLabel.FAILED


def react(session: Session) -> None:
    """Show with a pair of eyes that the label was seen; GitHub keeps one per account."""
    number = session.issue.number
    session.ask(
        lambda repository: repository.get_issue(number).create_reaction("eyes"),
        doing=f"react to issue #{number}",
        needs=_NEEDS,
    )


def show(session: Session, state: StateLabel) -> None:
    """Set the label of a state and take those of the other states away."""
    _describe(session, state)
    number, name = session.issue.number, state.value.name
    # The answer names all labels.
    present = session.call(
        "POST",
        f"issues/{number}/labels",
        lambda labels: {str(one["name"]) for one in labels},
        body=[name],
        doing=f"label issue #{number}",
        needs=_NEEDS,
    )
    for other in sorted(_OURS & present - {name}):
        _remove(session, other)


def clear(session: Session) -> None:
    """Take away whatever state the issue shows."""
    number = session.issue.number
    present = session.call(
        "GET",
        f"issues/{number}",
        lambda raw: {str(one["name"]) for one in raw["labels"]},
        doing=f"read the labels of issue #{number}",
        needs=_NEEDS,
    )
    for name in sorted(_OURS & present):
        _remove(session, name)


def _describe(session: Session, state: StateLabel) -> None:
    """Make the label one of the repository's, with colour and words, once per process.

    A label that is set without this, since it was deleted meanwhile, GitHub makes by itself.
    """
    look = state.value
    known = (session.issue.repository_id, look.name)
    if known in session.access.known.described:
        return
    try:
        # To make it and be told that it is there takes one request less than to look first.
        session.ask(
            lambda repository: repository.create_label(*look).name,
            doing=f"create the label {look.name}",
            needs=_NEEDS,
        )
    except RefusedRequest as problem:
        if not problem.has_phrase("already_exists", "already exists"):
            raise
    session.access.known.described.add(known)


def _remove(session: Session, name: str) -> None:
    number = session.issue.number
    # Somebody may have taken it away before us.
    with ignore_statuses(404):
        session.ask(
            lambda repository: repository.get_issue(number).remove_from_labels(name),
            doing=f"unlabel issue #{number}",
            needs=_NEEDS,
        )
