"""What requests to models may cost: set aside in advance, and counted also without a reply."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from agent.errors import BudgetSpent, ModelRequestRejected, ModelUnavailable, ModelUnusable
from agent.models.chat import ChatModel, ChatRequest, Reply, Role, Worst
from agent.models.model_use import format_usd
from agent.models.sandbox import Flag


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


class CountedModels:
    """The models of one run, of which each request is paid for in advance.

    What a request can cost at worst is set aside before it is sent, and what it did cost is noted
    after it. So runs of a repository that go on at a time cannot spend the same dollars, and what a
    provider may charge for without a reply counts, as does a request in which the worker was
    killed.
    """

    def __init__(self, models: ChatModel, store: Spendings, limits: SpendingLimits) -> None:
        self._models = models
        self._store = store
        self._limits = limits

    def lower_limit(self, usd: float) -> None:
        """Lower what the run may spend: a repository may allow less than the operator does."""
        self._limits = self._limits._replace(of_run=min(usd, self._limits.of_run))

    def list_chain(self, role: Role, category: str = "") -> tuple[str, ...]:
        return self._models.list_chain(role, category)

    def explain_missing(self, role: Role, category: str = "") -> str:
        return self._models.explain_missing(role, category)

    def estimate_worst(self, request: ChatRequest) -> Worst:
        return self._models.estimate_worst(request)

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        hear: Callable[[str], None] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Ask, if that cannot go beyond what is left; see `ChatModel`.

        Raises:
            ModelUnavailable: Too little is left of the day; `until` says when there will be enough.
            BudgetSpent: The request could go beyond what the run may spend, or a whole day.
        """
        worst = self._models.estimate_worst(request).usd
        if not worst:
            # It costs nothing, or nobody knows how much: then tokens bound it.
            return self._models.reply(request, stopped, hear, seconds)
        number = self._store.reserve(worst, self._limits, time.time())
        try:
            reply = self._models.reply(request, stopped, hear, seconds)
        except ModelUnavailable as problem:
            self._store.settle(number, problem.usd)
            raise
        except (ModelRequestRejected, ModelUnusable):
            self._store.settle(number, 0.0)
            raise
        # Of one that was broken off nobody knows what it cost: all of it stays aside.
        self._store.settle(number, reply.cost_usd or 0.0)
        return reply
