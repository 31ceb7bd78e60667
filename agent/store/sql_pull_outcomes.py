"""How pull requests of runs ended, in the store's table.

An end is stored at once, with what the code host reports. Its statistics follow later, from git,
once no run works on the pull request any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Update
from sqlmodel import col, select, update

from agent.models.pulls import EndedPullRequest, PullOutcome
from agent.store.database import Database
from agent.store.sql_tables import PullOutcomeRow, RunRow

#: Rows that one query names.
_BATCH_SIZE = 500


class SqlPullOutcomes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, ended: EndedPullRequest, now: float) -> None:
        """Note how a pull request ended; what is known already stays as it is."""
        with self._database.write() as session:
            row = session.get(PullOutcomeRow, ended.run_id)
            if row is not None and (row.state, row.at) == (ended.state, ended.at):
                return
            if row is not None:
                session.delete(row)
                session.flush()
            session.add(PullOutcomeRow(**ended.model_dump(exclude={"attempts"}), not_before=now))

    def forget(self, run_id: str) -> None:
        """Drop an end that is none: the pull request is open again."""
        with self._database.write() as session:
            row = session.get(PullOutcomeRow, run_id)
            if row is not None:
                session.delete(row)

    def find_due(self, now: float) -> EndedPullRequest | None:
        """Return the end whose figures are to be put together first; None: none is due."""
        at_work = select(RunRow.follows_run).where(
            col(RunRow.active), col(RunRow.follows_run).is_not(None)
        )
        wanted = (
            select(PullOutcomeRow)
            .where(
                col(PullOutcomeRow.not_before) <= now, col(PullOutcomeRow.run_id).not_in(at_work)
            )
            .order_by(col(PullOutcomeRow.not_before), col(PullOutcomeRow.run_id))
            .limit(1)
        )
        with self._database.read() as session:
            row = session.exec(wanted).first()
            return None if row is None else _make_ended(row)

    def put_off(self, ended: EndedPullRequest, until: float) -> None:
        """Count a try that came to nothing; the next one is made at `until` (seconds, epoch)."""
        with self._database.write() as session:
            session.execute(
                _row(ended).values(attempts=PullOutcomeRow.attempts + 1, not_before=until)
            )

    def complete(self, ended: EndedPullRequest, figures: PullOutcome) -> None:
        """Keep the figures of an end, unless it has become another one meanwhile."""
        with self._database.write() as session:
            kept = figures.model_dump_json()
            session.execute(_row(ended).values(statistics=kept, not_before=None))

    def __iter__(self) -> Iterator[tuple[EndedPullRequest, PullOutcome | None]]:
        with self._database.read() as session:
            for row in session.exec(select(PullOutcomeRow)):
                yield _make_outcome(row)

    def read_stamps(self) -> dict[str, tuple[object, ...]]:
        """Give of every end what tells whether anything about it is news, by the run's id."""
        row = PullOutcomeRow
        wanted = select(row.run_id, row.state, col(row.at), col(row.not_before))
        with self._database.read() as session:
            return {run_id: tuple(rest) for run_id, *rest in session.execute(wanted)}

    def load(self, run_ids: Sequence[str]) -> Iterator[tuple[EndedPullRequest, PullOutcome | None]]:
        for start in range(0, len(run_ids), _BATCH_SIZE):
            batch = run_ids[start : start + _BATCH_SIZE]
            wanted = select(PullOutcomeRow).where(col(PullOutcomeRow.run_id).in_(batch))
            with self._database.read() as session:
                for row in session.exec(wanted):
                    yield _make_outcome(row)


def _make_outcome(row: PullOutcomeRow) -> tuple[EndedPullRequest, PullOutcome | None]:
    known = PullOutcome.model_validate_json(row.statistics) if row.statistics else None
    return _make_ended(row), known


def _row(ended: EndedPullRequest) -> Update:
    return update(PullOutcomeRow).where(
        col(PullOutcomeRow.run_id) == ended.run_id,
        col(PullOutcomeRow.state) == ended.state,
        col(PullOutcomeRow.at).is_not_distinct_from(ended.at),
    )


def _make_ended(row: PullOutcomeRow) -> EndedPullRequest:
    return EndedPullRequest.model_validate(
        row.model_dump(include=set(EndedPullRequest.model_fields))
    )
