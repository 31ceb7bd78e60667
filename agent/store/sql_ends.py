"""How pull requests of runs ended, in the store's table.

An end is noted at once, with what the forge tells of it. Its figures are put together later, once
nothing is at work any more that goes on with the pull request, and git has been asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Update
from sqlmodel import Session, col, select, update

from agent.models.pull_ends import Ended, PullEnd
from agent.store.sql_tables import EndRow, RunRow

Opening = Callable[[], AbstractContextManager[Session]]
#: Rows that one query names.
_AT_ONCE = 500


class PullEnds:
    """The ends of the pull requests of one store."""

    def __init__(self, reading: Opening, transaction: Opening) -> None:
        """Take what opens the store's sessions."""
        self._reading = reading
        self._transaction = transaction

    def note(self, ended: Ended, now: float) -> None:
        """Note how a pull request ended; what is known already stays as it is."""
        with self._transaction() as session:
            row = session.get(EndRow, ended.run_id)
            if row is not None and (row.state, row.at) == (ended.state, ended.at):
                return
            if row is not None:
                session.delete(row)
                session.flush()
            session.add(EndRow(**ended.model_dump(exclude={"tries"}), not_before=now))

    def forget(self, run_id: str) -> None:
        """Drop an end that is none: the pull request is open again."""
        with self._transaction() as session:
            row = session.get(EndRow, run_id)
            if row is not None:
                session.delete(row)

    def find_due(self, now: float) -> Ended | None:
        """Return the end whose figures are to be put together first; None: none is due."""
        at_work = select(RunRow.follows).where(col(RunRow.active), col(RunRow.follows).is_not(None))
        wanted = (
            select(EndRow)
            .where(col(EndRow.not_before) <= now, col(EndRow.run_id).not_in(at_work))
            .order_by(col(EndRow.not_before), col(EndRow.run_id))
            .limit(1)
        )
        with self._reading() as session:
            row = session.exec(wanted).first()
            return None if row is None else _ended(row)

    def put_off(self, ended: Ended, until: float) -> None:
        """Count a try that came to nothing; the next one is made at `until` (seconds, epoch)."""
        with self._transaction() as session:
            session.execute(_row(ended).values(tries=EndRow.tries + 1, not_before=until))

    def complete(self, ended: Ended, figures: PullEnd) -> None:
        """Keep the figures of an end, unless it has become another one meanwhile."""
        with self._transaction() as session:
            kept = figures.model_dump_json()
            session.execute(_row(ended).values(figures=kept, not_before=None))

    def __iter__(self) -> Iterator[tuple[Ended, PullEnd | None]]:
        """Go through all ends, each with its figures as far as they are known."""
        with self._reading() as session:
            for row in session.exec(select(EndRow)):
                yield _with_figures(row)

    def read_stamps(self) -> dict[str, tuple[object, ...]]:
        """Give of every end what tells whether anything about it is news, by the run's id."""
        wanted = select(EndRow.run_id, EndRow.state, EndRow.at, EndRow.not_before)
        with self._reading() as session:
            return {run_id: tuple(rest) for run_id, *rest in session.execute(wanted)}

    def load(self, run_ids: Sequence[str]) -> Iterator[tuple[Ended, PullEnd | None]]:
        """Go through the ends of these runs."""
        for start in range(0, len(run_ids), _AT_ONCE):
            wanted = select(EndRow).where(col(EndRow.run_id).in_(run_ids[start:][:_AT_ONCE]))
            with self._reading() as session:
                for row in session.exec(wanted):
                    yield _with_figures(row)


def _with_figures(row: EndRow) -> tuple[Ended, PullEnd | None]:
    return _ended(row), PullEnd.model_validate_json(row.figures) if row.figures else None


def _row(ended: Ended) -> Update:
    return update(EndRow).where(
        col(EndRow.run_id) == ended.run_id,
        col(EndRow.state) == ended.state,
        col(EndRow.at).is_not_distinct_from(ended.at),
    )


def _ended(row: EndRow) -> Ended:
    return Ended.model_validate(row.model_dump(include=set(Ended.model_fields)))
