"""What requests to models may cost: set aside in advance, and counted also without a reply."""

import structlog

from agent.errors import (
    AgentError,
    BudgetSpent,
    ModelRequestRejected,
    ModelUnavailable,
    ModelUnusable,
)
from agent.llm.budget import fit_request
from agent.models.chat import ChatModel, ChatRequest, Reply, Role, WorstCase
from agent.models.clock import read_clock
from agent.models.model_use import SpendingLimits, Spendings, format_usd
from agent.models.sandbox import Flag

_log = structlog.get_logger()


def require_left(spent: float, usd: float, of_run: float) -> None:
    """Refuse a request that could go beyond what its run may cost.

    Args:
        spent: Dollars that the run may have cost so far.
    """
    if spent + usd > of_run:
        raise BudgetSpent(
            f"The run has cost up to ${spent:.4f}, including requests without a reply. The next"
            f" request could cost ${usd:.4f}. The limit is {format_usd(of_run)} (limits.usd,"
            " MERGEWRIGHT_MODEL_USD). Finished work is kept."
        )


class CountedModels:
    """The models of one run: the highest possible cost of a request is reserved before it is sent.

    So concurrent runs of a repository cannot spend the same dollars. A request counts even if no
    reply came, or if the worker was killed during it.
    """

    def __init__(self, models: ChatModel, store: Spendings, limits: SpendingLimits) -> None:
        self._models, self._store, self._limits = models, store, limits

    def lower_limit(self, usd: float) -> None:
        """Lower what the run may spend: a repository may allow less than the operator does."""
        self._limits = self._limits._replace(of_run=min(usd, self._limits.of_run))

    def list_chain(self, role: Role) -> tuple[str, ...]:
        return self._models.list_chain(role)

    def explain_missing(self, role: Role) -> str:
        return self._models.explain_missing(role)

    def find_window(self, model: str) -> int:
        return self._models.find_window(model)

    def estimate_worst(self, request: ChatRequest, now: float | None = None) -> WorstCase:
        return self._models.estimate_worst(request, now)

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Ask, if that cannot go beyond what is left; raises what `Spendings.reserve` does."""
        if not self._models.estimate_worst(request).usd:
            # It costs nothing, or nobody knows how much: then tokens bound it.
            return self._models.reply(request, stopped, seconds)
        # The caller has fitted it to what replies have cost. Where requests without a reply have
        # cost more, or the provider's cache is cold, it becomes smaller here.
        request, number = fit_request(request, self._reserve)
        try:
            reply = self._models.reply(request, stopped, seconds)
        except ModelUnavailable as problem:
            self._record_cost(number, problem.usd)
            raise
        except (ModelRequestRejected, ModelUnusable):
            self._record_cost(number, 0.0)
            raise
        # The cost of a request that was broken off is unknown: all of it stays aside.
        self._record_cost(number, reply.cost_usd or 0.0)
        return reply

    def _reserve(self, request: ChatRequest) -> int:
        now = read_clock()
        worst = self._models.estimate_worst(request, now).usd or 0.0
        return self._store.reserve(worst, self._limits, now)

    def _record_cost(self, number: int, usd: float) -> None:
        """Note what a request cost; where that fails, all of it stays aside."""
        try:
            self._store.record_cost(number, usd)
        except (AgentError, OSError) as problem:
            _log.warning("the cost of a request could not be stored", problem=str(problem))
