"""What people said to runs, in the store's table; everything here is part of its transactions."""

from __future__ import annotations

from sqlmodel import Session, col, select

from agent.adapters.sql_tables import GuidanceRow, RunRow, SegmentRow
from agent.domain import Guidance, RunState

#: What somebody says in several comments is heard together.
_QUIET_SECONDS = 5.0


def of_run(session: Session, run_id: str) -> tuple[Guidance, ...]:
    """List what was said to a run, in the order in which it was heard."""
    wanted = select(GuidanceRow).where(col(GuidanceRow.run_id) == run_id)
    rows = session.exec(wanted.order_by(col(GuidanceRow.number)))
    kept = {"number", "run_id", "heard_at"}
    return tuple(Guidance.model_validate(row.model_dump(exclude=kept)) for row in rows)


def was_heard(session: Session, run_id: str, comment: str) -> bool:
    """Whether a comment counts already."""
    wanted = select(GuidanceRow.number).where(
        col(GuidanceRow.run_id) == run_id, col(GuidanceRow.comment) == comment
    )
    return session.exec(wanted).first() is not None


def hear(session: Session, row: RunRow, said: Guidance, now: float) -> None:
    """Keep it, and let a run that waits go on: with its plan, or from its top with another."""
    session.add(GuidanceRow(run_id=row.run_id, heard_at=now, **said.model_dump()))
    if not row.active or row.worker is not None:
        # It is at work: what it has not heard is seen when it waits.
        return
    if said.kind == "approval":
        row.not_before = min(row.not_before, now)
    else:
        row.not_before = now + _QUIET_SECONDS
        row.begin_with, row.state = "", RunState.RECEIVED.value
    session.add(row)


def since(
    session: Session, row: RunRow, until: float, begin_with: str | None
) -> tuple[float, str | None]:
    """Say until when a run waits for a person, and with what it goes on.

    Somebody may have spoken between its look and its wait.
    """
    segment = session.get(SegmentRow, (row.run_id, row.segment))
    begun = segment.begun_at if segment else 0.0
    wanted = select(GuidanceRow.kind).where(
        col(GuidanceRow.run_id) == row.run_id, col(GuidanceRow.heard_at) >= begun
    )
    kinds = set(session.exec(wanted))
    if kinds - {"approval"}:
        row.state = RunState.RECEIVED.value
        return 0.0, ""
    return (0.0, begin_with) if kinds else (until, begin_with)
