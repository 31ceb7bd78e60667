"""The dollars that requests to models have cost, or may cost, in the store's table."""

from sqlalchemy import delete, func
from sqlmodel import Session, col, select, update

from agent.errors import BudgetReached, BudgetSpent
from agent.llm.spendings import require_left
from agent.models.model_use import SpendingBudget, SpendingLimits
from agent.store.database import Database
from agent.store.sql_tables import SpendingRow

_DAY = 86_400.0
#: Seconds after which a row is deleted; no run lasts, and no budget counts, longer.
_KEPT = 30 * _DAY
#: Seconds until a run looks again whether a budget that is used up has enough left.
_LOOK_SECONDS = 3600.0
#: Dollars by which sums of the same costs may differ because they were added in another order.
_ROUNDING = 1e-9


class SqlSpendings:
    """The dollars of one store's runs; implements `model_use.Spendings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, usd: float, limits: SpendingLimits, now: float) -> int:
        """Set dollars aside; see `model_use.Spendings`."""
        for budget in limits.budgets:
            if usd > budget.usd:
                raise BudgetSpent(
                    f"{budget.title} is less than one request could cost: ${usd:.4f}."
                )
        row = SpendingRow(
            repository_id=limits.repository_id,
            owner=limits.owner,
            run_id=limits.run_id,
            at=now,
            usd=usd,
        )
        of_run = select(func.sum(SpendingRow.usd)).where(col(SpendingRow.run_id) == limits.run_id)
        with self._database.write() as session:
            session.execute(delete(SpendingRow).where(col(SpendingRow.at) <= now - _KEPT))
            require_left(session.exec(of_run).one() or 0.0, usd, limits.of_run)
            for budget in limits.budgets:
                if _sum_spent(session, budget, now) + usd > budget.usd + _ROUNDING:
                    raise BudgetReached(
                        f"{budget.title} is used up. The run continues automatically when enough"
                        f" is left: its next request could cost ${usd:.4f}.",
                        now + _LOOK_SECONDS,
                    )
            session.add(row)
            session.flush()
            return row.number or 0

    def record_cost(self, number: int, usd: float) -> None:
        asked = update(SpendingRow).where(col(SpendingRow.number) == number).values(usd=usd)
        with self._database.write() as session:
            session.execute(asked)

    def sum_of_run(self, run_id: str) -> float:
        """Sum up the cost of a run, including the maximum of a request that is under way."""
        asked = select(func.sum(SpendingRow.usd)).where(col(SpendingRow.run_id) == run_id)
        with self._database.read() as session:
            return session.exec(asked).one() or 0.0


def _sum_spent(session: Session, budget: SpendingBudget, now: float) -> float:
    spent = select(func.sum(SpendingRow.usd)).where(col(SpendingRow.at) > now - budget.days * _DAY)
    if budget.repository_id is not None:
        spent = spent.where(col(SpendingRow.repository_id) == budget.repository_id)
    elif budget.owner:
        spent = spent.where(col(SpendingRow.owner) == budget.owner)
    return session.exec(spent).one() or 0.0
