"""What people said to runs, in the store's table; everything here is part of its transactions."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import func
from sqlmodel import Session, col, select

from agent.models.run import RunState
from agent.models.ticket import Guidance, find_approval
from agent.store.sql_tables import GuidanceRow, RunRow

Hearing = Literal["heard", "again", "late", "full"]
"""What became of words: they count; the same comment counted before; the run does not wait for
them (any more); it has heard as many as it may."""

MOST_WORDS = 20
"""Answers and wishes that one run hears."""
MOST_ROUNDS = 5
"""So often a run that has ended with questions goes on with answers to them."""
#: What somebody says in several comments is heard together.
QUIET_SECONDS = 5.0


def of_run(session: Session, run_id: str) -> tuple[Guidance, ...]:
    """List what was said to a run, in the order in which it was heard."""
    wanted = select(GuidanceRow).where(col(GuidanceRow.run_id) == run_id)
    rows = session.exec(wanted.order_by(col(GuidanceRow.number)))
    kept = {"number", "run_id"}
    return tuple(Guidance.model_validate(row.model_dump(exclude=kept)) for row in rows)


def was_heard(session: Session, run_id: str, comment: str) -> bool:
    wanted = select(GuidanceRow.number).where(
        col(GuidanceRow.run_id) == run_id, col(GuidanceRow.comment) == comment
    )
    return session.exec(wanted).first() is not None


def store_guidance(session: Session, run_id: str, said: Guidance) -> None:
    """Keep what was said, with no effect of its own."""
    session.add(GuidanceRow(run_id=run_id, **said.model_dump()))


def add_guidance(
    session: Session,
    row: RunRow,
    said: Guidance,
    now: float,
    *,
    quiet: float,
    revived: bool = False,
) -> Hearing:
    """Keep it, and let a run that waits go on: with its plan, or from its top with another.

    Args:
        quiet: Seconds until it does, in which more may be said.
        revived: Whether the run was over, and goes on by this very answer.
    """
    if not revived and not _is_awaited(session, row, said):
        return "late"
    if said.kind != "approval" and is_full(session, row):
        return "full"
    store_guidance(session, row.run_id, said)
    if row.worker is None:
        row.waits_for = None
        if said.kind == "approval":
            row.not_before = min(row.not_before, now)
        else:
            row.not_before = now + quiet
            row.begin_with, row.state = "", RunState.RECEIVED.value
        session.add(row)
    # Else it is looking just now: what it has not heard is found when it waits again.
    return "heard"


def take_in(session: Session, row: RunRow) -> None:
    """Note that the run begins with all that was said to it so far; its plan is made anew."""
    newest = select(func.max(col(GuidanceRow.number))).where(col(GuidanceRow.run_id) == row.run_id)
    row.guidance_seen, row.plan_asked = session.exec(newest).one() or 0, None


def has_more(session: Session, row: RunRow) -> bool:
    """Whether somebody has wished for something since the run began at its top."""
    return any(number > row.guidance_seen for number in _wishes(session, row.run_id))


def is_full(session: Session, row: RunRow) -> bool:
    """Whether a run has heard as many answers and wishes as it may."""
    return len(_wishes(session, row.run_id)) >= MOST_WORDS


def is_approved(session: Session, row: RunRow, plan: str) -> bool:
    return find_approval(of_run(session, row.run_id), plan) is not None


def _is_awaited(session: Session, row: RunRow, said: Guidance) -> bool:
    """Whether the run waits for such a word."""
    if not row.active or row.stop_request:
        return False
    begins_again = row.worker is None and row.state == RunState.RECEIVED and row.begin_with == ""
    if said.kind == "answer":
        # Another one has revived it a moment ago.
        return begins_again and has_more(session, row)
    waits = row.state == RunState.AWAITING_APPROVAL and row.plan_asked is not None
    if said.kind == "approval":
        return waits and said.words == row.plan_asked and not has_more(session, row)
    if waits and not is_approved(session, row, row.plan_asked or ""):
        return True
    return begins_again and row.plan_asked is not None


def _wishes(session: Session, run_id: str) -> list[int]:
    wanted = select(GuidanceRow.number).where(
        col(GuidanceRow.run_id) == run_id, col(GuidanceRow.kind).in_(("answer", "change"))
    )
    return [number for number in session.exec(wanted) if number is not None]
