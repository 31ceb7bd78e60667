"""Follow-ups, the runs that go on with a pull request; all here is part of others' transactions.

An issue has one active run. A follow-up requested meanwhile is stored with the run that opened the
pull request. It becomes a run of its own when the active run is over.
"""

from __future__ import annotations

from typing import Literal

from pydantic import TypeAdapter
from sqlalchemy import func
from sqlmodel import Session, col, select

from agent.models.record import Record
from agent.models.run import FollowUp, Kind, Run, RunState, make_run_id
from agent.store.sql_tables import RunRow

Following = Literal["queued", "joined", "after", "full", "over"]
"""What became of a wish: a run of its own; part of one that has not begun; it comes after the run
that is at work; there were too many; the pull request is not open."""

MOST_ROUNDS = 20
"""Follow-ups of one pull request, whatever they are about."""
#: So many of them are left to people: whatever reports red checks, it cannot use them up.
_FOR_PEOPLE = 10
#: Who keeps on talking is not waited for any longer than this.
_LONGEST_QUIET_SECONDS = 600.0


class FollowUpRequest(Record):
    """That somebody, or something, asks for a follow-up."""

    kind: Kind
    by: str = ""
    """Login of whoever commands it; empty: nobody does."""
    quiet: float = 0.0
    """Seconds in which no further one may come before it begins."""


_REQUESTS: TypeAdapter[tuple[FollowUpRequest, ...]] = TypeAdapter(tuple[FollowUpRequest, ...])


def queue_follow_up(
    session: Session, first: RunRow, active: RunRow | None, wish: FollowUpRequest, now: float
) -> Following:
    """Queue a follow-up of a run that opened a pull request, or join one that is there.

    `active` is the run of its issue that is not over.
    """
    if first.active or first.state != RunState.OPEN or first.pull is None:
        return "over"
    if active is not None:
        if (
            _is_waiting(active)
            and active.follows_run == first.run_id
            and _kind(active) == wish.kind
        ):
            latest = active.queued_at + max(wish.quiet, _LONGEST_QUIET_SECONDS)
            active.not_before = min(now + wish.quiet, latest)
            if wish.by:
                active.run = _mark_commanded(active, wish.by)
            session.add(active)
            return "joined"
        others = [one for one in _read_requests(first) if one.kind != wish.kind]
        same = [one for one in _read_requests(first) if one.kind == wish.kind and one.by]
        if same and not wish.by:
            # Whoever commanded it is to be told, whatever else asks for it afterwards.
            wish = wish.model_copy(update={"by": same[0].by})
        first.follow_up_requests = _REQUESTS.dump_json((*others, wish)).decode()
        session.add(first)
        return "after"
    number = select(func.max(col(RunRow.round))).where(col(RunRow.follows_run) == first.run_id)
    # Tells of earlier rounds also where their rows are gone.
    last = session.exec(number).one() or 0
    unasked = wish.kind == "ci" and not wish.by
    if last >= (MOST_ROUNDS - _FOR_PEOPLE if unasked else MOST_ROUNDS):
        return "full"
    _add_run(session, first, wish, last + 1, now)
    return "queued"


def go_on(session: Session, over: RunRow, now: float) -> None:
    """Queue what was wished for while a run of the issue was at work; it is over now."""
    wanted = select(RunRow).where(
        col(RunRow.repository_id) == over.repository_id,
        col(RunRow.number) == over.number,
        col(RunRow.follow_up_requests).is_not(None),
    )
    for first in session.exec(wanted.order_by(col(RunRow.attempt).desc())):
        kept = _read_requests(first)
        for number, wish in enumerate(kept, 1):
            others = kept[number:]
            first.follow_up_requests = _REQUESTS.dump_json(others).decode() if others else None
            session.add(first)
            if queue_follow_up(session, first, None, wish, now) == "queued":
                return


def _add_run(
    session: Session, first: RunRow, wish: FollowUpRequest, number: int, now: float
) -> None:
    run_id = make_run_id(int(now))
    about = FollowUp(
        of=first.run_id, pull=first.pull or 0, round=number, kind=wish.kind, by=wish.by
    )
    run = Run.model_validate_json(first.run).model_copy(
        update={"run_id": run_id, "follow_up": about, "started": int(now), "plan_first": False}
    )
    session.add(
        RunRow(
            run_id=run_id,
            repository=first.repository,
            repository_id=first.repository_id,
            number=first.number,
            title=first.title,
            attempt=first.attempt,
            state=RunState.RECEIVED.value,
            active=True,
            not_before=now + wish.quiet,
            queued_at=now,
            pull=first.pull,
            round=number,
            follows_run=first.run_id,
            run=run.model_dump_json(),
        )
    )


def _mark_commanded(row: RunRow, by: str) -> str:
    """Return the run of a row as one that somebody commands."""
    run = Run.model_validate_json(row.run)
    if run.follow_up is None:
        return row.run
    about = run.follow_up.model_copy(update={"by": by})
    return run.model_copy(update={"follow_up": about}).model_dump_json()


def _is_waiting(row: RunRow) -> bool:
    return row.worker is None and row.started_at is None and row.stop_request is None


def _kind(row: RunRow) -> str:
    about = Run.model_validate_json(row.run).follow_up
    return about.kind if about else ""


def _read_requests(first: RunRow) -> tuple[FollowUpRequest, ...]:
    return _REQUESTS.validate_json(first.follow_up_requests) if first.follow_up_requests else ()
