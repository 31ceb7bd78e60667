"""The runs: their requests, states and outcomes. SQLite by default.

Owns the table and two rules: an issue has at most one active run, a delivery starts at most one.
Carrying a run is the worker's part; the events within a run are in its folder.
"""

import fcntl
import os
from pathlib import Path

import structlog
from sqlalchemy import func
from sqlmodel import Session, col, select, update

from agent import secret_values
from agent.models.outcome import Outcome, PullEnd
from agent.models.record import replace
from agent.models.run import Reason, Run, RunState, Wait
from agent.settings import Settings
from agent.store import sql_audit, sql_requests
from agent.store.database import Database
from agent.store.sql_audit import SqlAudit
from agent.store.sql_leases import ONLY_LEASE, Lease, SharedLease
from agent.store.sql_purges import SqlPurges
from agent.store.sql_queue import WORKER, RunQueue, SqlPauses
from agent.store.sql_requests import RunRequests
from agent.store.sql_run_files import SqlRunFiles
from agent.store.sql_run_lists import RunLists
from agent.store.sql_runs import RunReader
from agent.store.sql_spendings import SqlSpendings
from agent.store.sql_tables import (
    COMMAND,
    TABLES,
    LeaseRow,
    RunRow,
    is_of_issue,
    make_row,
)

_log = structlog.get_logger()

FILE_NAME = "mergewright.sqlite"
#: A command of another machine that began so many seconds ago counts as killed.
_LONGEST_COMMAND = 86_400.0
_COMMANDS = select(RunRow).where(col(RunRow.active), col(RunRow.worker).startswith(COMMAND))


class SqlRunStore(RunQueue, RunRequests, RunReader, RunLists):
    """Runs in `mergewright.sqlite`; safe to use from several threads and processes."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        """Open the store. Raises SettingsInvalid, StoreUnusable or StoreUnavailable.

        Args:
            url: URL of PostgreSQL; None: a file in the data folder.
        """
        self.path = home / FILE_NAME
        self._database = Database(self.path, TABLES, url=url, busy_seconds=10.0)
        self.spendings = SqlSpendings(self._database)
        self.pauses = SqlPauses(self._database)
        self.audit = SqlAudit(self._database)
        self.purges = SqlPurges(self._database)
        self.files = SqlRunFiles(self._database) if url else None
        """The folders of runs in the database; None: they are only in the data folder."""

    def add_run(
        self, run: Run, now: float, *, worker: str | None = None, delivery_id: str | None = None
    ) -> Run:
        """Queue a run as the next attempt at its issue, or record one that a command carries.

        Returns the stored run: this one as numbered, or the earlier one of the delivery. Raises
        ActiveRun if the issue has a run that is not over.
        """
        row = make_row(run, now)
        row.delivery_id = delivery_id
        if worker is not None:
            row.worker, row.state, row.started_at = worker, RunState.TRIAGING, now
        with self._database.write() as session:
            of_delivery = select(RunRow).where(col(RunRow.delivery_id) == delivery_id)
            if delivery_id is not None and (earlier := session.exec(of_delivery).first()):
                return earlier.run
            self._end_dead_commands(session, now)
            sql_requests.require_no_other(session, row)
            of_issue = is_of_issue(row.repository_id, row.number)
            before = session.exec(select(func.max(col(RunRow.attempt))).where(of_issue)).one() or 0
            row.attempt, row.run = before + 1, replace(run, attempt=before + 1)
            session.add(row)
            if worker is not None and run.ticket:
                _note_command(session, "start", row)
            elif run.snapshot and worker is None:
                by = run.snapshot.actor
                sql_audit.add_entry(
                    session, "start", by, "github", run=row.run_id, repository=row.repository
                )
            return row.run

    def resume_run(self, run_id: str, now: float, worker: str) -> RunRow:
        """Continue a run of an earlier command.

        An interrupted run continues with its records as they are, any other with the step at which
        it stopped. Raises ActiveRun if it is active, or another run of its issue is.
        """
        with self._database.write() as session:
            self._end_dead_commands(session, now)
            row = session.get_one(RunRow, run_id)
            sql_requests.require_no_other(session, row)
            outcome, segment = row.outcome, row.segment
            sql_requests.requeue_run(row, (outcome and outcome.stopped_at) or "", now)
            if outcome and outcome.reason is Reason.INTERRUPTED:
                row.segment = segment
            row.worker, row.state, row.started_at = worker, RunState.TRIAGING, now
            _note_command(session, "resume", row)
            return row

    def end_dead_commands(self, now: float) -> None:
        with self._database.read() as session:
            if not any(self._is_dead(row, now) for row in session.exec(_COMMANDS)):
                return
        with self._database.write() as session:
            self._end_dead_commands(session, now)

    def _end_dead_commands(self, session: Session, now: float) -> None:
        for row in session.exec(_COMMANDS).all():
            if self._is_dead(row, now):
                process = f"process {row.command}"
                sentence = f"The command ({process}) was killed before the run finished."
                ended = Outcome.for_stopped_run(row.run_id, Reason.INTERRUPTED, sentence)
                _end_run(session, row, ended, now)

    def _is_dead(self, command: RunRow, now: float) -> bool:
        is_carried = self.is_carried(command.run_id)
        if is_carried is None:
            return (command.started_at or now) < now - _LONGEST_COMMAND
        return not is_carried

    def is_carried(self, run_id: str) -> bool | None:
        """Whether a command has its lock on a run's folder; None: the folder is not here."""
        try:
            folder = os.open(self.path.parent / "runs" / run_id, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            # A shared lock, so that two processes that look at the same time do not take each other
            # for a command.
            fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(folder)
        return False

    def set_state(self, run_id: str, state: RunState) -> None:
        with self._database.write() as session:
            session.execute(update(RunRow).where(col(RunRow.run_id) == run_id).values(state=state))

    def postpone_run(self, run_id: str, wait: Wait) -> None:
        """Postpone an active run; none of its finished steps is done again."""
        with self._database.write() as session:
            row = session.get_one(RunRow, run_id)
            until, begin_with = wait.until, wait.begin_with
            if wait.plan_asked is not None:
                row.plan_asked, row.state = wait.plan_asked, RunState.AWAITING_APPROVAL
                if row.stop_request or sql_requests.is_approved(session, row, wait.plan_asked):
                    # The stop or approval arrived after the run looked for it, before this wait.
                    until = 0.0
            if sql_requests.has_new_guidance(session, row):
                until, begin_with, row.state = 0.0, "", RunState.RECEIVED
            row.wait_count = row.wait_count + 1 if row.begin_with == begin_with else 1
            row.worker, row.segment, row.not_before = None, row.segment + 1, until
            row.begin_with, row.waits_for = begin_with, wait.reason

    def finish_run(self, run_id: str, outcome: Outcome, now: float) -> None:
        with self._database.write() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                return
            _end_run(session, row, outcome, now)

    def note_pull(self, run_id: str, end: PullEnd | None) -> bool:
        """Note that the pull request of the run that opened it has ended, or is open again.

        Its finished follow-ups get the same state. Returns whether anything changed.
        """
        state = RunState(end.state) if end else RunState.OPEN
        with self._database.write() as session:
            row = session.get_one(RunRow, run_id)
            is_news = not row.active and row.state != state
            if is_news:
                row.state = state
                row.follow_up_requests = None if end else row.follow_up_requests
                shared = (RunState.OPEN, RunState.MERGED, RunState.CLOSED)
                session.exec(
                    update(RunRow)
                    .where(col(RunRow.follows_run) == run_id, col(RunRow.active).is_(False))
                    .where(col(RunRow.state).in_(shared))
                    .values(state=state)
                )
            return is_news

    def acquire_worker_lease(self, seconds: float, key: str) -> Lease:
        """Become a worker: on PostgreSQL one of several, else the only one of the data folder."""
        if not self._database.is_server:
            return ONLY_LEASE
        return SharedLease(self._database, self.path.parent, seconds, key)

    def list_workers(self) -> list[tuple[str, str, float]]:
        """List the workers of a fleet: name, machine and process, and when each was last seen."""
        columns = select(LeaseRow.number, LeaseRow.process, LeaseRow.last_seen)
        with self._database.read() as session:
            workers = session.exec(columns.order_by(col(LeaseRow.number))).all()
            return [(f"{WORKER}{number}", process, seen) for number, process, seen in workers]

    def list_carriers(self) -> dict[str, str]:
        """Map each active run to the worker that carries it; a command is `command PROCESS`."""
        columns = select(RunRow.run_id, RunRow.worker)
        with self._database.read() as session:
            wanted = columns.where(col(RunRow.active), col(RunRow.worker).is_not(None))
            return {run_id: worker for run_id, worker in session.exec(wanted) if worker}

    def prove_writable(self) -> None:
        """Write to the disk now; raises what `Database.write` does."""
        self._database.prove_writable()

    def close(self) -> None:
        self._database.close()


def open_store(loaded: Settings) -> SqlRunStore:
    """Open the store that the settings name. Raises the errors of `SqlRunStore`."""
    return SqlRunStore(loaded.home, secret_values.find_database(loaded))


def _note_command(session: Session, action: str, row: RunRow) -> None:
    account = sql_audit.find_account()
    sql_audit.add_entry(
        session, action, account, "command line", run=row.run_id, repository=row.repository
    )


def _end_run(session: Session, row: RunRow, outcome: Outcome, now: float) -> None:
    row.active, row.state, row.ended_at = False, outcome.state, now
    row.outcome = replace(outcome, files=replace(outcome.files, text=None))
    # A round that pushed nothing names the commit that it found, which may be a person's.
    row.head = outcome.commit if outcome.judged.digest else None
    row.pull = outcome.pull_request.number if outcome.pull_request else row.pull
    session.flush()
    sql_requests.queue_waiting_follow_up(session, row, now)
