"""Read runs: one, several, those of an issue or a pull request. A part of the store."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnExpressionArgument
from sqlmodel import col, select

from agent.models.outcome import EarlierPull
from agent.models.record import replace
from agent.models.run import Run, RunState
from agent.store.database import Database
from agent.store.sql_tables import NEWEST, RunRow, is_of_issue, list_sound


class RunReader:
    _database: Database

    def get_run(self, run_id: str) -> RunRow:
        """Return the run with exactly this id. Raises KeyError if there is none."""
        with self._database.read() as session:
            row = session.get(RunRow, run_id)
        if row is None or not list_sound([row]):
            raise KeyError(run_id)
        return row

    def find_by_prefix(self, start: str, limit: int) -> tuple[RunRow, ...]:
        """List the runs with this prefix, newest first; an exact id is returned alone."""
        wanted = (
            select(RunRow)
            .where(col(RunRow.run_id).startswith(start, autoescape=True))
            .order_by(col(RunRow.run_id) != start, col(RunRow.queued_at).desc())
            .limit(limit)
        )
        with self._database.read() as session:
            runs = list_sound(session.exec(wanted))
        return runs[:1] if runs and runs[0].run_id == start else runs

    def list_latest(self, limit: int, repository: str | None = None) -> tuple[RunRow, ...]:
        wanted = select(RunRow).order_by(*NEWEST).limit(limit)
        if repository is not None:
            wanted = wanted.where(col(RunRow.repository) == repository)
        with self._database.read() as session:
            return list_sound(session.exec(wanted))

    def find_newest_run(self, repository_id: int, number: int) -> RunRow | None:
        newest = (col(RunRow.attempt).desc(), col(RunRow.round).desc())
        return self._first(is_of_issue(repository_id, number), order=newest)

    def find_run_of_delivery(self, delivery_id: str) -> RunRow | None:
        return self._first(col(RunRow.delivery_id) == delivery_id)

    def list_active_ids(self) -> frozenset[str]:
        with self._database.read() as session:
            return frozenset(session.exec(select(RunRow.run_id).where(col(RunRow.active))))

    def find_run_of_pull(self, repository_id: int, number: int) -> RunRow | None:
        """Return the newest run that has opened a pull request, or pushed to it."""
        return self._first(col(RunRow.repository_id) == repository_id, col(RunRow.pull) == number)

    def find_run_of_head(self, repository_id: int, commit: str) -> RunRow | None:
        """Return the newest run that left a commit as the last one of its branch."""
        return self._first(col(RunRow.repository_id) == repository_id, col(RunRow.head) == commit)

    def list_open(self, repository_id: int, limit: int) -> tuple[RunRow, ...]:
        """List the runs with open pull requests, newest first."""
        wanted = select(RunRow).where(
            col(RunRow.repository_id) == repository_id,
            col(RunRow.state) == RunState.OPEN,
            col(RunRow.follows_run).is_(None),
        )
        with self._database.read() as session:
            return list_sound(session.exec(wanted.order_by(*NEWEST).limit(limit)))

    def list_earlier_pulls(self, run: Run) -> tuple[EarlierPull, ...]:
        """List the pull requests that earlier runs of the issue opened, the newest first."""
        if run.snapshot is None:
            return ()
        issue = run.snapshot.issue
        wanted = (
            select(RunRow)
            .where(is_of_issue(issue.repository_id, issue.number))
            .where(col(RunRow.attempt) < run.attempt, col(RunRow.pull).is_not(None))
            .order_by(col(RunRow.attempt).desc(), col(RunRow.round))
        )
        pulls: dict[int, EarlierPull] = {}
        with self._database.read() as session:
            for row in session.exec(wanted):
                outcome, number = row.outcome, row.pull or 0
                # A round that pushed nothing names the commit that it found.
                commit = outcome.commit if outcome and outcome.judged.plan else None
                if row.follows_run is None:
                    pulls[number] = EarlierPull(number=number, state=row.state, commit=commit)
                elif commit and number in pulls:
                    pulls[number] = replace(pulls[number], commit=commit)
        return tuple(pulls.values())

    def is_publishing(self, repository_id: int, *, of_follow_up: bool = False) -> bool:
        """Whether an active run, or also a follow-up, may have pushed unrecorded work."""
        states = [RunState.PUBLISHING, *([RunState.FOLLOWING_UP] if of_follow_up else [])]
        wanted = select(RunRow.run_id).where(
            col(RunRow.repository_id) == repository_id,
            col(RunRow.active),
            col(RunRow.state).in_(states),
        )
        with self._database.read() as session:
            return session.exec(wanted.limit(1)).first() is not None

    def find_run_at_work(self, repository_id: int) -> str | None:
        """Return the id of a run that may still open a pull request on the base it has read."""
        waits = (RunState.RECEIVED, RunState.AWAITING_APPROVAL)
        wanted = select(RunRow.run_id).where(
            col(RunRow.repository_id) == repository_id,
            col(RunRow.active),
            col(RunRow.follows_run).is_(None),
            col(RunRow.state).not_in(waits),
        )
        with self._database.read() as session:
            return session.exec(wanted.limit(1)).first()

    def follow_ups(self, run_id: str) -> tuple[RunRow, ...]:
        """List the follow-ups of a run's pull request, oldest first."""
        wanted = select(RunRow).where(col(RunRow.follows_run) == run_id)
        with self._database.read() as session:
            return list_sound(session.exec(wanted.order_by(col(RunRow.round))))

    def list_history(self, run: Run) -> tuple[RunRow, ...]:
        """For a follow-up: list the run that opened the pull request, then earlier follow-ups."""
        if run.follow_up is None:
            return ()
        later = (up for up in self.follow_ups(run.first) if up.run_id != run.run_id)
        return (self.get_run(run.first), *later)

    def _first(
        self,
        *which: ColumnExpressionArgument[bool],
        order: Sequence[ColumnExpressionArgument[Any]] = NEWEST,
    ) -> RunRow | None:
        with self._database.read() as session:
            wanted = select(RunRow).where(*which).order_by(*order).limit(1)
            return next(iter(list_sound(session.exec(wanted))), None)
