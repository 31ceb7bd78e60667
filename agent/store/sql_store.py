"""The runs: what was asked for, where each one stands, how it ended. SQLite by default.

Owns the table and two rules: an issue has at most one active run, and a delivery at most one run.
What a run does is the worker's; the events within a run are in its ledger.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import (
    ColumnElement,
    ColumnExpressionArgument,
    and_,
    case,
    false,
    func,
    or_,
    text,
    tuple_,
)
from sqlmodel import Session, col, select, update
from sqlmodel.sql.expression import SelectOfScalar

from agent.errors import ActiveRun, StoreUnavailable, StoreUnusable
from agent.models.outcome import Outcome, StoredRun
from agent.models.record import Record
from agent.models.run import CAPS_REACHED, Reason, Run, RunState
from agent.models.ticket import Guidance
from agent.store import sql_follow_ups, sql_guidance, sql_spendings, sqlite_file
from agent.store.sql_follow_ups import Following, FollowUpRequest
from agent.store.sql_guidance import Hearing
from agent.store.sql_pull_outcomes import SqlPullOutcomes
from agent.store.sql_spendings import SqlSpendings
from agent.store.sql_tables import RunRow, create_tables

_log = structlog.get_logger()

FILE_NAME = "mergewright.sqlite"
COMMAND = "command "
"""What the name of a worker begins with that is one command; its process id follows."""
_BUSY_SECONDS = 10.0
_ERRORS = sqlite_file.Errors(
    StoreUnavailable,
    StoreUnusable,
    "; runs that waited in it begin when their label is taken off and set again.",
)

#: What the name of a worker is for runs that the engine carries.
ENGINE = "engine"
_UNDER_WAY = (col(RunRow.active), col(RunRow.worker) == ENGINE)
_UNBEGUN = (
    col(RunRow.active),
    col(RunRow.worker).is_(None),
    col(RunRow.started_at).is_(None),
    col(RunRow.stop_request).is_(None),
    # What goes on with a pull request is bounded by its rounds.
    col(RunRow.round) == 0,
)
_NEWEST = (col(RunRow.queued_at).desc(), col(RunRow.run_id).desc())
_HOUR, _DAY = 3600.0, 86_400.0
_PENALTY_SECONDS = 600.0
#: A step of priority counts as so long a wait: what is urgent comes earlier, and nobody waits for
#: ever behind it.
_PRIORITY_SECONDS = 1800.0
#: The first of them is taken, if it is sound; a long queue is not read whole for that.
_AT_A_LOOK = 10
#: Rows that one query names; SQLite takes no more than some thousand.
_AT_ONCE = 500


class Backlog(Record):
    """The runs that are not over."""

    waiting: int
    """For their turn."""
    oldest: float | None
    """When the one of them that waits for longest was queued, in seconds since the epoch."""
    held_up: int
    """Until a time, for whoever or whatever holds them up."""
    states: dict[str, int]


class SqlStore:
    """Runs in `mergewright.sqlite`; safe to use from several threads and processes."""

    def __init__(self, home: Path) -> None:
        """Open the store, and make its tables where there are none.

        Raises:
            SettingsInvalid: The file cannot be made or opened there.
            StoreUnusable: It is damaged, no database, or of another version.
            StoreUnavailable: Somebody else holds its lock.
        """
        self.path = home / FILE_NAME
        sqlite_file.create_file(self.path)
        self._engine = sqlite_file.make_engine(self.path, busy_seconds=_BUSY_SECONDS)
        self.ends = SqlPullOutcomes(self._open_reader, self._transaction)
        self.spendings = SqlSpendings(self._transaction)
        try:
            with self._translate_errors(), self._engine.begin() as connection:
                create_tables(connection, self.path)
        except BaseException:
            self._engine.dispose()
            raise

    def add_run(
        self, run: Run, now: float, *, worker: str | None = None, delivery_id: str | None = None
    ) -> Run:
        """Queue a run of an issue as its next attempt, or note one that a worker already has.

        Args:
            delivery_id: Of the delivery that asked for it.

        Returns:
            The run that is kept: this one with its number, or the earlier one of the delivery.

        Raises:
            ActiveRun: The issue has one that is not over.
        """
        snapshot = run.snapshot
        if snapshot is None:
            raise ValueError("only runs of an issue are kept here")
        with self._transaction() as session:
            if delivery_id is not None and (earlier := _of_delivery(session, delivery_id)):
                return Run.model_validate_json(earlier.run)
            _end_dead_commands(session, now)
            issue = snapshot.issue
            of_issue = _of_issue(issue.repository_id, issue.number)
            if other := _find_active_row(session, issue.repository_id, issue.number):
                raise ActiveRun(Run.model_validate_json(other.run))
            attempts = select(func.max(col(RunRow.attempt))).where(of_issue)
            before = session.exec(attempts).one() or 0
            run = run.model_copy(update={"attempt": before + 1})
            session.add(
                RunRow(
                    run_id=run.run_id,
                    repository=issue.repository,
                    repository_id=issue.repository_id,
                    number=issue.number,
                    title=snapshot.title,
                    attempt=run.attempt,
                    state=(RunState.TRIAGING if worker else RunState.RECEIVED).value,
                    active=True,
                    not_before=now,
                    queued_at=now,
                    started_at=now if worker else None,
                    worker=worker,
                    delivery_id=delivery_id,
                    priority=run.priority,
                    run=run.model_dump_json(),
                )
            )
        return run

    def of_delivery(self, delivery_id: str) -> StoredRun | None:
        """Return the run that a delivery has become, over or not."""
        return self._first(col(RunRow.delivery_id) == delivery_id)

    def count_ahead(self, run_id: str, now: float, *, most: int) -> int:
        """Count the runs that this one waits for; 0 too where it is begun or may begin at once.

        What a command carries holds up nobody but its own issue.

        Args:
            most: So many runs are under way at a time.
        """
        with self._open_reader() as session:
            row = session.get(RunRow, run_id)
            if row is None or not row.active or row.worker is not None:
                return 0
            turn = row.queued_at - _PRIORITY_SECONDS * row.priority
            waits = and_(
                col(RunRow.worker).is_(None),
                col(RunRow.not_before) <= now,
                tuple_(_TURN, col(RunRow.run_id)) < tuple_(turn, row.run_id),
            )
            before = session.exec(
                select(RunRow.repository_id).where(
                    col(RunRow.active), or_(col(RunRow.worker) == ENGINE, waits)
                )
            ).all()
            free = len(before) < most and row.repository_id not in before
            return 0 if free else len(before)

    def get_run(self, run_id: str) -> StoredRun:
        """Return the run of exactly this id.

        Raises:
            KeyError: There is none.
        """
        with self._open_reader() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                raise KeyError(run_id)
            return _make_stored_run(row)

    def find_active_run(self, repository_id: int, number: int) -> StoredRun | None:
        """Return the run of an issue that is not over."""
        return self._first(_of_issue(repository_id, number), col(RunRow.active))

    def find_newest_run(self, repository_id: int, number: int) -> StoredRun | None:
        """Return the newest run of an issue, over or not."""
        newest = (col(RunRow.attempt).desc(), col(RunRow.round).desc())
        return self._first(_of_issue(repository_id, number), order=newest)

    def claim_run(self, now: float, *, most: int, per_day: int | None = None) -> StoredRun | None:
        """Take the run whose turn it is; None: there is none, or too many are under way.

        A repository has one run under way at a time. The longest wait comes first, and each run
        that a repository began within the hour counts as ten minutes of it: one that floods the
        queue does not hold the others up, and nobody waits for ever. A step of priority counts as
        half an hour of waiting. What was stopped only has to
        say so, and waits for nothing. A row that makes no sense is ended, so that it holds nobody
        up.

        Args:
            most: So many runs are under way at a time; 0: only what was stopped is taken.
            per_day: So many runs of a repository are begun within 24 hours; None: any number.
        """
        if not self._anybody_waits():
            return None
        with self._transaction() as session:
            busy = session.exec(select(RunRow.repository_id).where(*_UNDER_WAY)).all()
            spent = () if per_day is None else tuple(_find_spent_quotas(session, now, per_day))
            waiting = _select_waiting(now, busy, spent, full=len(busy) >= most)
            for row, stored in _iterate_sound(session.exec(waiting.limit(_AT_A_LOOK)), now):
                row.worker, row.started_at = ENGINE, row.started_at or now
                if row.begin_with == "":
                    # It begins at its top, where it reads what was said to it.
                    sql_guidance.take_in(session, row)
                if row.state == RunState.RECEIVED:
                    begun = RunState.FOLLOWING_UP if row.round else RunState.TRIAGING
                    row.state = begun.value
                return stored
        return None

    def _anybody_waits(self) -> bool:
        # Most looks find nobody, and take no lock for that.
        anybody = select(RunRow.run_id).where(col(RunRow.active), col(RunRow.worker).is_(None))
        with self._open_reader() as session:
            return session.exec(anybody.limit(1)).first() is not None

    def active_ids(self) -> frozenset[str]:
        """Ids of the runs that are not over."""
        with self._open_reader() as session:
            return frozenset(session.exec(select(RunRow.run_id).where(col(RunRow.active))))

    def under_way(self) -> tuple[StoredRun, ...]:
        """List the runs that are with the engine."""
        wanted = select(RunRow).where(*_UNDER_WAY)
        with suppress(ValidationError), self._open_reader() as session:
            return tuple(_make_stored_run(row) for row in session.exec(wanted))
        with self._transaction() as session:
            return tuple(stored for _, stored in _iterate_sound(session.exec(wanted), time.time()))

    def count_backlog(self, now: float) -> Backlog:
        """Count the runs that are not over."""
        counted = (
            select(RunRow.state, col(RunRow.worker).is_(None), col(RunRow.not_before) > now)
            .add_columns(func.count(), func.min(col(RunRow.queued_at)))
            .where(col(RunRow.active))
            .group_by(text("1"), text("2"), text("3"))
        )
        with self._open_reader() as session:
            rows = session.execute(counted).all()
        states: Counter[str] = Counter()
        for state, _, _, count, _ in rows:
            states[state] += count
        ready = [(count, oldest) for _, free, later, count, oldest in rows if free and not later]
        return Backlog(
            waiting=sum(count for count, _ in ready),
            oldest=min((oldest for _, oldest in ready), default=None),
            held_up=sum(count for _, free, later, count, _ in rows if free and later),
            states=dict(states),
        )

    def set_state(self, run_id: str, state: RunState) -> None:
        """Note where a run stands."""
        self._update(run_id, state=state.value)

    def held_back(self, now: float, per_day: int) -> tuple[tuple[StoredRun, float, int], ...]:
        """List the runs that wait for another day, when each goes on, and its runs a day.

        Whoever asks has to say so with `told_of_quota`; until then they are listed again.
        """
        with self._transaction() as session:
            found = []
            for repository_id, (allowed, starts) in _find_spent_quotas(
                session, now, per_day
            ).items():
                rows = session.exec(
                    select(RunRow)
                    .where(col(RunRow.repository_id) == repository_id, *_UNBEGUN)
                    .order_by(_TURN, col(RunRow.run_id))
                )
                for row, stored in _iterate_sound(rows, now):
                    # As many as were begun since then are begun within the day after it.
                    starts.append(starts[len(starts) - allowed] + _DAY)
                    if not row.told_of_quota:
                        found.append((stored, starts[-1], allowed))
            return tuple(found)

    def told_of_quota(self, run_id: str) -> None:
        """Note that people were told why a run waits for another day."""
        self._update(run_id, told_of_quota=True)

    def clock_moved(self, seconds: float) -> None:
        """Let every wait last as long as it was to, though the clock was put forward or back."""
        with self._transaction() as session:
            session.execute(
                update(RunRow)
                .where(col(RunRow.active))
                .values(not_before=RunRow.not_before + seconds)
            )
            sql_spendings.clock_moved(session, seconds)

    def put_back(self, run_id: str, words: str) -> None:
        """Put a run that was under way back to wait for its turn; nothing of it is done again."""
        with self._transaction() as session:
            row = session.get_one(RunRow, run_id)
            row.worker, row.segment, row.begin_with = None, row.segment + 1, None
            row.wait_count, row.waits_for = 0, words
            if sql_guidance.has_more(session, row):
                row.begin_with, row.state = "", RunState.RECEIVED.value
            session.add(row)

    def postpone_run(
        self,
        run_id: str,
        until: float,
        begin_with: str | None,
        waits_for: str,
        *,
        plan_asked: str | None = None,
    ) -> None:
        """Put a run back to wait; it goes on with a segment of its own.

        Args:
            until: Seconds since the epoch.
            begin_with: The step that it goes on with; None: the first that has no record.
            waits_for: What holds it up, in words.
            plan_asked: Number of the plan whose approval it waits for.
        """
        with self._transaction() as session:
            row = session.get_one(RunRow, run_id)
            if plan_asked is not None:
                row.plan_asked, row.state = plan_asked, RunState.AWAITING_APPROVAL.value
                if row.stop_request or sql_guidance.is_approved(session, row, plan_asked):
                    # Somebody has spoken between its look and its wait.
                    until = 0.0
            if sql_guidance.has_more(session, row):
                until, begin_with, row.state = 0.0, "", RunState.RECEIVED.value
            row.wait_count = row.wait_count + 1 if row.begin_with == begin_with else 1
            row.worker, row.segment, row.not_before = None, row.segment + 1, until
            row.begin_with, row.waits_for = begin_with, waits_for
            session.add(row)

    def request_stop(
        self,
        run_id: str,
        words: str,
        reason: Reason = Reason.CANCELLED,
        *,
        said: Guidance | None = None,
    ) -> bool:
        """Ask for a run to be stopped; return whether it is not over yet.

        Who asks first is heard.

        Args:
            words: Who or what asks for it, as a sentence.
            reason: That it ends with.
            said: The command of whoever asks for it.
        """
        with self._transaction() as session:
            if said is not None and not sql_guidance.was_heard(session, run_id, said.comment):
                sql_guidance.store_guidance(session, run_id, said)
            asked = session.execute(
                update(RunRow)
                .where(col(RunRow.run_id) == run_id, col(RunRow.active))
                .values(
                    # It need not wait to be stopped; only for what holds its end up.
                    not_before=case(
                        (col(RunRow.stop_request).is_(None), 0.0), else_=col(RunRow.not_before)
                    ),
                    stop_reason=func.coalesce(col(RunRow.stop_reason), reason.value),
                    stop_request=func.coalesce(col(RunRow.stop_request), words),
                )
            )
            return bool(getattr(asked, "rowcount", 0))

    def retry_run(
        self, run_id: str, begin_with: str, now: float, *, said: Guidance | None = None
    ) -> None:
        """Let a run that is over go on; one that has reached a cap may use as much again.

        Args:
            begin_with: The step that it goes on with; empty: it begins at the top.
            said: The command of whoever asks for it; counts once.

        Raises:
            ActiveRun: Its issue has a run that is not over, which may be this one.
        """
        with self._transaction() as session:
            row = session.get_one(RunRow, run_id)
            if said is not None:
                if sql_guidance.was_heard(session, run_id, said.comment):
                    return
                sql_guidance.store_guidance(session, run_id, said)
            _end_dead_commands(session, now)
            if other := _find_active_row(session, row.repository_id, row.number):
                raise ActiveRun(Run.model_validate_json(other.run))
            if row.outcome and Outcome.model_validate_json(row.outcome).reason in CAPS_REACHED:
                row.budget_multiplier += 1
            _requeue_run(row, begin_with, now)
            session.add(row)

    def finish_run(self, run_id: str, outcome: Outcome, now: float) -> None:
        """Note how a run ended; the issue is free for another."""
        with self._transaction() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                return
            row.active, row.state, row.ended_at = False, outcome.state.value, now
            row.outcome = _dump_outcome(outcome)
            # A round that pushed nothing has left a commit of somebody else there.
            row.head = outcome.commit if outcome.change_digest else None
            row.pull = outcome.pull_request.number if outcome.pull_request else row.pull
            session.add(row)
            session.flush()
            sql_follow_ups.go_on(session, row, now)

    def of_pull(self, repository_id: int, number: int) -> StoredRun | None:
        """Return the newest run that has opened a pull request, or pushed to it."""
        return self._first(col(RunRow.repository_id) == repository_id, col(RunRow.pull) == number)

    def find_earlier_pull(self, run: Run) -> int | None:
        """Return the pull request that an earlier run of the issue opened, the newest.

        None: there is none, or it was merged.
        """
        if run.snapshot is None:
            return None
        issue = run.snapshot.issue
        wanted = (
            select(RunRow.pull, RunRow.state)
            .where(_of_issue(issue.repository_id, issue.number))
            .where(col(RunRow.attempt) < run.attempt, col(RunRow.pull).is_not(None))
            .where(col(RunRow.follows_run).is_(None))
            .order_by(col(RunRow.attempt).desc())
            .limit(1)
        )
        with self._open_reader() as session:
            pull, state = session.exec(wanted).first() or (None, "")
            return None if state == RunState.MERGED else pull

    def pull_stands(self, run_id: str, state: RunState) -> bool:
        """Note that a run's pull request is open, merged or closed; return whether that is news.

        What follows it up is brought to its end by itself.

        Args:
            run_id: Of the run that opened it.
        """
        with self._transaction() as session:
            row = session.get_one(RunRow, run_id)
            if row.active or row.state == state.value:
                return False
            row.state = state.value
            if state is not RunState.OPEN:
                row.follow_up_requests = None
            session.add(row)
            return True

    def begun_since(self, at: float) -> Iterator[StoredRun]:
        """Go through the runs that were queued since then, without those that go on with one.

        A row that makes no sense is left out.
        """
        wanted = (
            select(RunRow)
            .where(col(RunRow.queued_at) >= at, col(RunRow.follows_run).is_(None))
            .order_by(col(RunRow.queued_at), col(RunRow.run_id))
        )
        with self._open_reader() as session:
            for row in session.exec(wanted.execution_options(yield_per=_AT_A_LOOK)):
                with suppress(ValidationError):
                    yield _make_stored_run(row)

    def queue_follow_up(
        self, run_id: str, wish: FollowUpRequest, now: float, *, said: Guidance | None = None
    ) -> Following:
        """Queue a run that goes on with the pull request of another.

        Args:
            run_id: Of the run that opened it.
            said: The command of whoever asks for it; counts once.
        """
        with self._transaction() as session:
            first = session.get_one(RunRow, run_id)
            if said is not None:
                if sql_guidance.was_heard(session, run_id, said.comment):
                    return "joined"
                sql_guidance.store_guidance(session, run_id, said)
            active = _find_active_row(session, first.repository_id, first.number)
            return sql_follow_ups.queue_follow_up(session, first, active, wish, now)

    def follow_ups(self, run_id: str) -> tuple[StoredRun, ...]:
        """List the runs that have gone on with the pull request of another, oldest first."""
        wanted = select(RunRow).where(col(RunRow.follows_run) == run_id)
        with self._open_reader() as session:
            rows = session.exec(wanted.order_by(col(RunRow.round))).all()
            return tuple(_make_stored_run(row) for row in rows)

    def list_history(self, run: Run) -> tuple[StoredRun, ...]:
        """Of a follow-up: list the run that opened the pull request, then earlier follow-ups."""
        if run.follow_up is None:
            return ()
        later = (one for one in self.follow_ups(run.first) if one.run.run_id != run.run_id)
        return (self.get_run(run.first), *later)

    def is_publishing(self, repository_id: int, *, of_follow_up: bool = False) -> bool:
        """Whether a run of the repository may have pushed what is not noted yet.

        Args:
            of_follow_up: Also one that goes on with a pull request, which is noted itself.
        """
        states = [RunState.PUBLISHING, *([RunState.FOLLOWING_UP] if of_follow_up else [])]
        wanted = select(RunRow.run_id).where(
            col(RunRow.repository_id) == repository_id,
            col(RunRow.active),
            col(RunRow.state).in_(states),
        )
        with self._open_reader() as session:
            return session.exec(wanted.limit(1)).first() is not None

    def of_head(self, repository_id: int, commit: str) -> StoredRun | None:
        """Return the newest run whose branch ended in a commit when it was over."""
        return self._first(col(RunRow.repository_id) == repository_id, col(RunRow.head) == commit)

    def list_guidance(self, run_id: str) -> tuple[Guidance, ...]:
        """List what people have said to a run, in the order in which we heard it."""
        with self._open_reader() as session:
            return sql_guidance.of_run(session, run_id)

    def add_guidance(
        self,
        run_id: str,
        said: Guidance,
        now: float,
        quiet: float = sql_guidance.QUIET_SECONDS,
    ) -> Hearing:
        """Let a run hear what somebody said: one that waits for it goes on.

        A run that ended with questions goes on with the answer from its top; several answers may
        come within a few seconds, and are heard together.

        Args:
            quiet: So many seconds.

        Raises:
            ActiveRun: It is an answer, and the issue has another run by now.
        """
        with self._transaction() as session:
            row = session.get_one(RunRow, run_id)
            if sql_guidance.was_heard(session, run_id, said.comment):
                return "again"
            revived = said.kind == "answer" and not row.active
            if revived:
                _end_dead_commands(session, now)
                if other := _find_active_row(session, row.repository_id, row.number):
                    raise ActiveRun(Run.model_validate_json(other.run))
                if sql_guidance.is_full(session, row) or row.retries >= sql_guidance.MOST_ROUNDS:
                    return "full"
                _requeue_run(row, "", now)
            return sql_guidance.add_guidance(session, row, said, now, quiet=quiet, revived=revived)

    def was_heard(self, run_id: str, comment: str) -> bool:
        """Whether a comment has had its effect on a run already."""
        with self._open_reader() as session:
            return sql_guidance.was_heard(session, run_id, comment)

    def find_run(self, run_id: str) -> StoredRun | None:
        """Look a run up; the beginning of its id is enough when only one begins so."""
        found = self.find_by_prefix(run_id, 2)
        return found[0] if len(found) == 1 else None

    def find_by_prefix(self, start: str, limit: int) -> tuple[StoredRun, ...]:
        """List the runs whose ids begin so, newest first; one that is named in full is alone."""
        wanted = (
            select(RunRow)
            .where(col(RunRow.run_id).startswith(start, autoescape=True))
            .order_by(col(RunRow.run_id) != start, col(RunRow.queued_at).desc())
            .limit(limit)
        )
        with self._open_reader() as session:
            found = tuple(_make_stored_run(row) for row in session.exec(wanted))
        return found[:1] if found and found[0].run.run_id == start else found

    def list_latest(self, limit: int, repository: str | None = None) -> tuple[StoredRun, ...]:
        """List runs, newest first."""
        wanted = select(RunRow).order_by(*_NEWEST).limit(limit)
        if repository is not None:
            wanted = wanted.where(col(RunRow.repository) == repository)
        with self._open_reader() as session:
            return tuple(_make_stored_run(row) for row in session.exec(wanted))

    def read_stamps(self, since: float | None = None) -> dict[str, tuple[object, ...]]:
        """Give of runs what tells whether anything about them is news, by id.

        Args:
            since: Only of those that are not over, or were queued or ended since then.
        """
        columns: tuple[Any, ...] = (
            *(RunRow.state, RunRow.active, RunRow.queued_at, RunRow.started_at, RunRow.ended_at),
            *(RunRow.segment, RunRow.stop_request, RunRow.plan_asked),
        )
        wanted = select(RunRow.run_id).add_columns(*columns)
        if since is not None:
            recent = or_(col(RunRow.queued_at) >= since, col(RunRow.ended_at) >= since)
            wanted = wanted.where(or_(col(RunRow.active), recent))
        with self._open_reader() as session:
            return {run_id: tuple(rest) for run_id, *rest in session.execute(wanted)}

    def load(self, run_ids: Sequence[str]) -> Iterator[StoredRun]:
        """Go through the runs of these ids; a row that makes no sense is left out."""
        for start in range(0, len(run_ids), _AT_ONCE):
            wanted = select(RunRow).where(col(RunRow.run_id).in_(run_ids[start:][:_AT_ONCE]))
            with self._open_reader() as session:
                for row in session.exec(wanted):
                    with suppress(ValidationError):
                        yield _make_stored_run(row)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def _update(self, run_id: str, **values: object) -> None:
        with self._transaction() as session:
            session.execute(update(RunRow).where(col(RunRow.run_id) == run_id).values(**values))

    def _first(
        self, *which: ColumnExpressionArgument[bool], order: Sequence[ColumnElement[Any]] = _NEWEST
    ) -> StoredRun | None:
        with self._open_reader() as session:
            wanted = select(RunRow).where(*which).order_by(*order).limit(1)
            row = session.exec(wanted).first()
            return _make_stored_run(row) if row else None

    @contextmanager
    def _open_reader(self) -> Iterator[Session]:
        """Open what waits for nobody who writes, and holds nobody up."""
        reader = self._engine.execution_options(reads_only=True)
        with self._translate_errors(), Session(reader) as session, session.begin():
            yield session

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with self._translate_errors(), Session(self._engine) as session, session.begin():
            yield session

    def _translate_errors(self) -> AbstractContextManager[None]:
        return sqlite_file.translate_errors(self.path, _ERRORS)


#: When a run was queued, as its priority counts.
_TURN = col(RunRow.queued_at) - _PRIORITY_SECONDS * col(RunRow.priority)


def _of_issue(repository_id: int, number: int) -> ColumnElement[bool]:
    return and_(col(RunRow.repository_id) == repository_id, col(RunRow.number) == number)


def _find_active_row(session: Session, repository_id: int, number: int) -> RunRow | None:
    wanted = select(RunRow).where(_of_issue(repository_id, number), col(RunRow.active))
    return session.exec(wanted).first()


def _of_delivery(session: Session, delivery_id: str) -> RunRow | None:
    return session.exec(select(RunRow).where(col(RunRow.delivery_id) == delivery_id)).first()


def _find_spent_quotas(
    session: Session, now: float, per_day: int
) -> dict[int, tuple[int, list[float]]]:
    """Find the repositories that have had their runs of the day: how many, and when begun."""
    recent = col(RunRow.started_at) > now - _DAY
    waiting = select(RunRow.repository_id).where(*_UNBEGUN)
    rows = session.exec(
        select(RunRow.repository_id, RunRow.started_at)
        .where(recent, col(RunRow.round) == 0, col(RunRow.repository_id).in_(waiting))
        .order_by(col(RunRow.started_at))
    )
    starts: dict[int, list[float]] = {}
    for repository_id, started in rows:
        starts.setdefault(repository_id, []).append(started or now)
    bounds = {one: _get_allowed_runs(session, one, per_day) for one in starts}
    return {one: (bounds[one], at) for one, at in starts.items() if len(at) >= bounds[one]}


def _get_allowed_runs(session: Session, repository_id: int, per_day: int) -> int:
    """The lower of the operator's bound and what the newest run found in the configuration."""
    rows = session.exec(
        select(RunRow)
        .where(col(RunRow.repository_id) == repository_id, *_UNBEGUN)
        .order_by(*_NEWEST)
        .limit(1)
    )
    own = next((one.run.runs_per_day for _, one in _iterate_sound(rows, time.time())), None)
    return min(per_day, own or per_day)


def _select_waiting(
    now: float, busy: Sequence[int], spent: Sequence[int], *, full: bool
) -> SelectOfScalar[RunRow]:
    """Order the runs whose time has come.

    Args:
        busy: Repositories that have a run under way.
        spent: Repositories in which no further run is begun today.
    """
    begun = (
        select(RunRow.repository_id, func.count().label("number"))
        .where(col(RunRow.started_at) > now - _HOUR)
        .group_by(col(RunRow.repository_id))
        .subquery()
    )
    place = false() if full else col(RunRow.repository_id).not_in(busy)
    # What has begun before goes on.
    begun_before = or_(col(RunRow.started_at).is_not(None), col(RunRow.round) > 0)
    today = begun_before | col(RunRow.repository_id).not_in(spent)
    may = col(RunRow.stop_request).is_not(None) | and_(place, today)
    turn = _TURN + _PENALTY_SECONDS * func.coalesce(begun.c.number, 0)
    return (
        select(RunRow)
        .outerjoin(begun, begun.c.repository_id == col(RunRow.repository_id))
        .where(col(RunRow.active), col(RunRow.worker).is_(None))
        .where(may, col(RunRow.not_before) <= now)
        .order_by(col(RunRow.stop_request).is_(None), turn, col(RunRow.run_id))
    )


def _iterate_sound(rows: Iterable[RunRow], now: float) -> Iterator[tuple[RunRow, StoredRun]]:
    """Pass the rows on that hold a run, and end the others."""
    for row in rows:
        try:
            yield row, _make_stored_run(row)
        except ValidationError:
            _log.error("a row that holds no run was ended", run=row.run_id)
            row.active, row.state, row.ended_at = False, RunState.FAILED.value, now


def _end_dead_commands(session: Session, now: float) -> None:
    """End the runs of commands that were killed, so that they do not hold their issues up."""
    wanted = select(RunRow).where(col(RunRow.active), col(RunRow.worker).startswith(COMMAND))
    for row in session.exec(wanted):
        number = (row.worker or "").removeprefix(COMMAND)
        if not Path("/proc", number).exists():
            sentence = f"The command (process {number}) was killed before the run ended."
            ended = Outcome.for_stopped_run(row.run_id, Reason.INTERRUPTED, sentence)
            row.active, row.state, row.ended_at = False, ended.state.value, now
            row.outcome = _dump_outcome(ended)
            session.add(row)
    session.flush()


def _requeue_run(row: RunRow, begin_with: str, now: float) -> None:
    """Let a run that is over wait for its turn again."""
    row.active, row.state, row.worker = True, RunState.RECEIVED.value, None
    row.not_before = row.queued_at = now
    row.segment, row.begin_with = row.segment + 1, begin_with
    row.wait_count, row.waits_for, row.stop_request, row.stop_reason = 0, None, None, None
    row.ended_at = row.outcome = row.plan_asked = None
    row.retries += 1


def _command(row: RunRow) -> int | None:
    number = (row.worker or "").partition(COMMAND)[2]
    return int(number) if row.active and number.isdecimal() else None


def _dump_outcome(outcome: Outcome) -> str:
    return outcome.model_dump_json(exclude={"pull_request_text"})


def _make_stored_run(row: RunRow) -> StoredRun:
    return StoredRun(
        run=Run.model_validate_json(row.run),
        state=RunState(row.state),
        active=row.active,
        not_before=row.not_before,
        queued_at=row.queued_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        segment=row.segment,
        begin_with=row.begin_with,
        wait_count=row.wait_count,
        waits_for=row.waits_for,
        stop_request=row.stop_request,
        stop_reason=Reason(row.stop_reason or Reason.CANCELLED),
        retries=row.retries,
        budget_multiplier=row.budget_multiplier,
        plan_asked=row.plan_asked,
        command=_command(row),
        outcome=Outcome.model_validate_json(row.outcome) if row.outcome else None,
    )
