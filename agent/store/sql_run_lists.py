"""Lists of runs and their figures, as pages show them. A part of the store."""

import json
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel
from sqlalchemy import ColumnElement, String, func, or_, type_coerce
from sqlmodel import col, select

from agent.models.clock import read_clock
from agent.store.database import Database
from agent.store.sql_tables import NARROWED_BY, NEWEST, RunRow, list_sound

UNKNOWN = "unknown"
"""Name of an empty value, in filters and statistics."""
Repositories = Collection[int] | None
"""Numbers of the repositories whose runs count; None: all."""
_MOST_CHOICES = 500
_DAY = 86_400


class RunFilters(BaseModel):
    """Filters of a list of runs; an empty one does not filter."""

    text: str = ""
    repository: str = ""
    state: str = ""
    reason: str = ""
    category: str = ""
    person: str = ""
    origin: str = ""
    model: str = ""
    since: Literal[""] | date = ""
    """The first day, in UTC."""
    until: Literal[""] | date = ""
    """The last day, in UTC."""
    sort: str = "newest"
    page: int = 1


class CountedRun(NamedTuple):
    """The columns of a run's row that statistics read."""

    state: str
    run_id: str
    repository: str
    person: str | None
    reason: str | None
    queued_at: float
    seconds_to_pull: float | None
    category: str | None
    first_round: str | None
    usd: float | None
    costs: str
    """JSON: cost of each model."""
    origin: str | None
    follows_run: str | None


class RunLists:
    """The lists of one database."""

    _database: Database

    def list_runs(
        self, filters: RunFilters, repositories: Repositories, *, per_page: int
    ) -> tuple[RunRow, ...]:
        """List the runs of the page `filters.page` (from 1), in the order `filters.sort`."""
        took = func.coalesce(RunRow.ended_at, read_clock()) - col(RunRow.started_at)
        orders: dict[str, tuple[Any, ...]] = {
            "oldest": (col(RunRow.queued_at), col(RunRow.run_id)),
            "longest": (took.desc().nulls_last(), *NEWEST),
            "costliest": (col(RunRow.usd).desc().nulls_last(), *NEWEST),
        }
        wanted = (
            select(RunRow)
            .where(*_match(filters, repositories))
            .order_by(*orders.get(filters.sort, NEWEST))
        )
        with self._database.read() as session:
            return list_sound(
                session.exec(wanted.limit(per_page).offset((filters.page - 1) * per_page))
            )

    def count_runs(self, filters: RunFilters, repositories: Repositories) -> int:
        counted = select(func.count()).select_from(RunRow).where(*_match(filters, repositories))
        with self._database.read() as session:
            return session.exec(counted).one()

    def list_choices(self, name: str, repositories: Repositories) -> list[str]:
        """List the values of a column by which a list can be narrowed, or of `models`."""
        column = RunRow.costs if name == "models" else getattr(RunRow, name)
        wanted = select(column).where(*_match(RunFilters(), repositories)).distinct()
        with self._database.read() as session:
            values = [str(value) for value in session.exec(wanted) if value]
        if name == "models":
            values = [model for names in values for model in json.loads(names)]
        return sorted(set(values))[:_MOST_CHOICES]

    def list_active(self, repositories: Repositories) -> tuple[RunRow, ...]:
        """List the runs that are not over, the oldest first."""
        wanted = select(RunRow).where(col(RunRow.active), *_match(RunFilters(), repositories))
        with self._database.read() as session:
            return list_sound(session.exec(wanted.order_by(*NEWEST)))[::-1]

    def count_figures(self, filters: RunFilters, repositories: Repositories) -> list[CountedRun]:
        """Read the columns for statistics, in no particular order."""
        columns = [getattr(RunRow, name) for name in CountedRun._fields if name != "state"]
        state = type_coerce(RunRow.state, String)
        wanted = select(state, *columns).where(*_match(filters, repositories))
        with self._database.read() as session:
            # Plain rows: creating the session's objects would take most of the time.
            rows = session.connection().execute(wanted).all()
        return list(map(CountedRun._make, rows))


def _match(filters: RunFilters, repositories: Repositories) -> Iterator[ColumnElement[bool]]:
    if repositories is not None:
        yield col(RunRow.repository_id).in_(repositories)
    for name in NARROWED_BY:
        column, value = col(getattr(RunRow, name)), getattr(filters, name)
        if value == UNKNOWN:
            yield or_(column.is_(None), column == "")
        elif value:
            yield column == value
    if filters.text:
        issue = col(RunRow.repository).concat("#").concat(RunRow.number)
        searched = (col(RunRow.title), issue, col(RunRow.run_id), col(RunRow.sentence))
        yield or_(*(words.icontains(filters.text, autoescape=True) for words in searched))
    if filters.model:
        key = f"{json.dumps(filters.model)}:"
        yield col(RunRow.costs).contains(key, autoescape=True)
    if filters.since:
        yield col(RunRow.queued_at) >= _begin(filters.since)
    if filters.until:
        yield col(RunRow.queued_at) < _begin(filters.until) + _DAY


def _begin(day: date) -> float:
    return datetime.combine(day, time.min, UTC).timestamp()
