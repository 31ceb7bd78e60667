"""The dollars that requests to models have cost, or may cost, in the store's table."""

from collections.abc import Iterable

from sqlalchemy import delete, func
from sqlmodel import Session, col, select, update

from agent.errors import BudgetSpent, ModelUnavailable
from agent.llm.spendings import require_left
from agent.models.model_use import SpendingLimits
from agent.store.database import Database
from agent.store.sql_tables import RunRow, SpendingRow

_DAY = 86_400.0
#: No run goes on for so long.
_KEPT = 30 * _DAY


class SqlSpendings:
    """The dollars of one store's runs; implements `model_use.Spendings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, usd: float, limits: SpendingLimits, now: float) -> int:
        """Set dollars aside; see `model_use.Spendings`."""
        most = limits.of_day
        if most is not None and usd > most:
            raise BudgetSpent(
                f"One request could cost ${usd:.4f}, but the limit per repository is ${most:.2f}"
                " in 24 hours (MERGEWRIGHT_MODEL_USD_PER_DAY)."
            )
        of_run = select(func.sum(SpendingRow.usd)).where(col(SpendingRow.run_id) == limits.run_id)
        row = SpendingRow(repository_id=limits.repository_id, run_id=limits.run_id, at=now, usd=usd)
        with self._database.write() as session:
            session.execute(delete(SpendingRow).where(col(SpendingRow.at) <= now - _KEPT))
            require_left(session.exec(of_run).one() or 0.0, usd, limits.of_run)
            if most is not None:
                _require_left_today(session, usd, limits.repository_id, most, now)
            session.add(row)
            session.flush()
            return row.number or 0

    def settle(self, number: int, usd: float) -> None:
        asked = update(SpendingRow).where(col(SpendingRow.number) == number).values(usd=usd)
        with self._database.write() as session:
            session.execute(asked)

    def sum_of_repositories(self, now: float) -> dict[str, float]:
        """Add up what the runs of each repository have cost in 24 hours, by its name."""
        summed = (
            select(RunRow.repository, func.sum(SpendingRow.usd))
            .join(RunRow, col(RunRow.run_id) == col(SpendingRow.run_id))
            .where(col(SpendingRow.repository_id) != 0, col(SpendingRow.at) > now - _DAY)
            .group_by(col(RunRow.repository))
        )
        with self._database.read() as session:
            return dict(session.exec(summed).all())

    def sum_of_run(self, run_id: str) -> float:
        """Add up what a run has cost, with what a request under way may cost."""
        asked = select(func.sum(SpendingRow.usd)).where(col(SpendingRow.run_id) == run_id)
        with self._database.read() as session:
            return session.exec(asked).one() or 0.0


def clock_moved(session: Session, seconds: float) -> None:
    """Let what was spent count for as long as it was to, though the clock was put elsewhere."""
    session.execute(update(SpendingRow).values(at=SpendingRow.at + seconds))


def _require_left_today(
    session: Session, usd: float, repository_id: int, most: float, now: float
) -> None:
    rows = session.exec(
        select(SpendingRow)
        .where(col(SpendingRow.repository_id) == repository_id, col(SpendingRow.at) > now - _DAY)
        .order_by(col(SpendingRow.at))
    ).all()
    left = most - sum(row.usd for row in rows)
    if usd > left:
        words = (
            f"This repository has used ${most - left:.2f} of ${most:.2f} in 24 hours"
            " (MERGEWRIGHT_MODEL_USD_PER_DAY)."
            f" The next request could cost ${usd:.4f}."
        )
        raise ModelUnavailable(words, _enough_at(rows, usd - left))


def _enough_at(rows: Iterable[SpendingRow], missing: float) -> float | None:
    """Say when so many dollars are no longer of the last 24 hours; the oldest row comes first."""
    for row in rows:
        missing -= row.usd
        if missing <= 0:
            return row.at + _DAY
    return None
