"""What requests to models may cost, and who counts it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from agent.errors import BudgetSpent
from agent.models.model_use import format_usd


class SpendingLimits(NamedTuple):
    """Whose requests to models are counted, and what they may cost, in US dollars."""

    run_id: str
    repository_id: int
    of_run: float
    of_day: float | None
    """Of all runs of the repository within 24 hours; None: any number."""
    kept: bool = True
    """Whether the run's steps are on record, so that it can go on; chooses the words."""


class Spendings(Protocol):
    """Where dollars are counted: the store for runs of issues, a step file for others."""

    def reserve(self, usd: float, limits: SpendingLimits, now: float) -> int:
        """Set dollars aside; return what they are settled by.

        Raises:
            ModelUnavailable: As much is not left of the day now.
            BudgetSpent: As much is not left to the run, or a whole day does not allow it.
        """
        ...

    def settle(self, number: int, usd: float) -> None: ...


def require_left(spent: float, usd: float, of_run: float, *, bound_by: str, then: str) -> None:
    """Refuse a request that could go beyond what its run may cost.

    Args:
        spent: Dollars that the run may have cost so far.
        usd: What the request could cost.
        bound_by: Keys and settings that bound it.
        then: A sentence on how the run goes on.

    Raises:
        BudgetSpent: As much is not left to the run.
    """
    if spent + usd > of_run:
        raise BudgetSpent(
            f"The run may have cost ${spent:.4f}, with requests that got no reply, and the next one"
            f" could cost ${usd:.4f}; it may cost {format_usd(of_run)} ({bound_by}). {then}"
        )
