"""The queue: which run begins or continues next. A part of the store.

An issue has at most one active run; a repository has at most `per_repository`, on all workers
together. A run whose repository has the fewest active runs comes first, so that no repository takes
every slot; among several such runs, the one that has waited longest.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import and_, case, func, literal, or_
from sqlmodel import Session, col, select, update
from sqlmodel.sql.expression import SelectOfScalar

from agent.models.clock import read_clock
from agent.models.run import RunState
from agent.store import sql_audit, sql_requests
from agent.store.database import Database
from agent.store.sql_tables import (
    EVERYTHING,
    NEWEST,
    OPERATOR,
    PauseRow,
    RunRow,
    list_sound,
)

WORKER = "worker "
"""Prefix of the name of the service's workers; the number follows."""
ONLY = 1
"""Number of a worker that is the only one."""
_UNDER_WAY = (col(RunRow.active), col(RunRow.worker).startswith(WORKER))
_UNBEGUN = (
    col(RunRow.active),
    col(RunRow.worker).is_(None),
    col(RunRow.started_at).is_(None),
    col(RunRow.stop_request).is_(None),
    # Follow-ups do not count; their number is limited for each pull request.
    col(RunRow.round) == 0,
)
_DAY = 86_400.0
#: Maximum number of due runs that are read to claim one: usually the first can be.
_AT_A_LOOK = 10


class RunQueue:
    _database: Database

    def claim_run(
        self,
        now: float,
        *,
        most: int,
        per_day: int | None = None,
        per_repository: int = 1,
        worker: int = ONLY,
    ) -> RunRow | None:
        """Claim the next run; None: none is ready, or too many are active.

        No limit or pause delays a stopped run, which only has to report its stop. A run whose row
        cannot be read is ended, so that it delays no other run.

        Args:
            most: Maximum number of this worker's runs; 0: only stopped runs are claimed.
            per_day: Maximum number of runs that a repository begins within 24 hours.
            per_repository: Maximum number of a repository's active runs, on all workers together.
        """
        unclaimed = select(RunRow.run_id).where(col(RunRow.active), col(RunRow.worker).is_(None))
        with self._database.read() as session:
            # Usually no run waits: then no lock is taken.
            if session.exec(unclaimed.limit(1)).first() is None:
                return None
        with self._database.write() as session:
            name = f"{WORKER}{worker}"
            columns = select(RunRow.worker, RunRow.repository_id)
            under_way = session.exec(columns.where(*_UNDER_WAY)).all()
            has_room = sum(carrier == name for carrier, _ in under_way) < most
            spent = () if per_day is None else _find_spent_quotas(session, now, per_day)
            taken = Counter(repository for _, repository in under_way)
            waiting = _select_waiting(now, taken, per_repository if has_room else 0, spent)
            for row in session.exec(waiting.limit(_AT_A_LOOK)):
                if not list_sound([row]):
                    _end_unreadable(session, [row.run_id], now)
                    continue
                row.worker, row.started_at = name, row.started_at or now
                row.waits_for = None
                if row.begin_with == "":
                    # The run begins at the top, where it reads all guidance so far.
                    sql_requests.note_begin(session, row)
                if row.state == RunState.RECEIVED:
                    begun = RunState.FOLLOWING_UP if row.round else RunState.TRIAGING
                    row.state = begun
                return row
        return None

    def under_way(self, worker: int = ONLY) -> tuple[RunRow, ...]:
        mine = col(RunRow.worker) == f"{WORKER}{worker}"
        wanted = select(RunRow).where(col(RunRow.active), mine)
        with self._database.read() as session:
            rows = session.exec(wanted).all()
        runs = list_sound(rows)
        if unreadable := {row.run_id for row in rows} - {row.run_id for row in runs}:
            with self._database.write() as session:
                _end_unreadable(session, unreadable, read_clock())
        return runs

    def explain_wait(self, run_id: str, now: float, per_day: int | None = None) -> str:
        """Return the pause or limit that delays a waiting run; empty: none, or it is active."""
        with self._database.read() as session:
            row = session.get(RunRow, run_id)
            if row is None or not row.active or row.worker is not None:
                return ""
            if pause := session.get(PauseRow, EVERYTHING):
                return f"{pause.sentence}."
            if per_day and row.repository_id in _find_spent_quotas(session, now, per_day):
                return "This repository has reached its limit of runs in 24 hours."
        return ""

    def count_waiting(self, now: float) -> tuple[int, float | None]:
        """Count the runs that are due; return also when the first of them was queued, or None.

        The time is in seconds since the epoch.
        """
        counted = select(func.count(), func.min(RunRow.queued_at)).select_from(RunRow)
        waiting = counted.where(col(RunRow.active), col(RunRow.worker).is_(None))
        with self._database.read() as session:
            count, oldest = session.exec(waiting.where(col(RunRow.not_before) <= now)).one()
        return count, oldest


def _end_unreadable(session: Session, run_ids: Collection[str], now: float) -> None:
    """End runs whose rows cannot be read, so that they delay no other."""
    rows = update(RunRow).where(col(RunRow.run_id).in_(run_ids))
    session.execute(rows.values(active=False, state=RunState.FAILED, ended_at=now))


def _find_spent_quotas(session: Session, now: float, per_day: int) -> list[int]:
    waiting = select(RunRow.repository_id).where(*_UNBEGUN)
    counted = session.exec(
        select(RunRow.repository_id, func.count())
        .where(col(RunRow.started_at) > now - _DAY, col(RunRow.round) == 0)
        .where(col(RunRow.repository_id).in_(waiting))
        .group_by(col(RunRow.repository_id))
    ).all()
    return [
        repository
        for repository, number in counted
        if number >= _get_allowed_runs(session, repository, per_day)
    ]


def _get_allowed_runs(session: Session, repository_id: int, per_day: int) -> int:
    """Return the lower of the operator's limit and the one in the newest run that has not begun."""
    wanted = select(RunRow).where(col(RunRow.repository_id) == repository_id, *_UNBEGUN)
    rows = list_sound(session.exec(wanted.order_by(*NEWEST).limit(1)))
    configured = rows[0].run.runs_per_day if rows else None
    return min(per_day, configured or per_day)


def _select_waiting(
    now: float, taken: Mapping[int, int], per_repository: int, spent: Sequence[int]
) -> SelectOfScalar[RunRow]:
    """Select the runs that are due, in the order of their turn.

    Args:
        taken: Number of runs under way, by repository.
        per_repository: Maximum of them; 0: only stopped runs are selected.
        spent: Repositories in which no further run may begin within the 24 hours.
    """
    number = case(taken, value=col(RunRow.repository_id), else_=0) if taken else literal(0)
    # The limit of a day is for new runs: those that have begun before may continue.
    begun_before = or_(col(RunRow.started_at).is_not(None), col(RunRow.round) > 0)
    today = begun_before | col(RunRow.repository_id).not_in(spent)
    unpaused = ~select(PauseRow).where(col(PauseRow.repository_id) == EVERYTHING).exists()
    is_stopped = col(RunRow.stop_request).is_not(None)
    may = is_stopped | and_(number < per_repository, today, unpaused)
    return (
        select(RunRow)
        .where(col(RunRow.active), col(RunRow.worker).is_(None))
        .where(may, col(RunRow.not_before) <= now)
        .order_by(is_stopped.desc(), number, col(RunRow.queued_at), col(RunRow.run_id))
    )


# --- pauses ---------------------------------------------------------------------------------------


class SqlPauses:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self) -> PauseRow | None:
        with self._database.read() as session:
            return session.get(PauseRow, EVERYTHING)

    def put(self, pause: PauseRow) -> bool:
        with self._database.write() as session:
            if session.get(PauseRow, EVERYTHING) is not None:
                return False
            session.add(pause)
            sql_audit.add_entry(session, "pause", pause.by, "dashboard")
            return True

    def remove(self, by: str = OPERATOR) -> bool:
        with self._database.write() as session:
            if (row := session.get(PauseRow, EVERYTHING)) is not None:
                session.delete(row)
                sql_audit.add_entry(session, "unpause", by, "dashboard")
            return row is not None
