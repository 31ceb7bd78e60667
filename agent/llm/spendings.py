"""The cost of requests to models: reserved in advance, and counted even without a reply."""

import time
from collections import deque

import structlog

from agent.errors import AgentError, BudgetReached, BudgetSpent
from agent.llm.model_failure import NOTHING, ModelFailure, explain_failures
from agent.models.chat import (
    LEAST_SECONDS,
    LEAST_TOKENS,
    ChatModel,
    ChatRequest,
    Reply,
    Role,
    WorstCase,
)
from agent.models.clock import read_clock
from agent.models.model_use import SpendingLimits, Spendings, format_usd
from agent.models.record import replace
from agent.models.sandbox import Flag

_log = structlog.get_logger()


def require_left(spent: float, usd: float, of_run: float) -> None:
    """Refuse a request that could exceed the limit of its run.

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
    """The models of one run. The maximum cost of a request is reserved before it is sent.

    So concurrent runs of a repository cannot spend the same dollars. A request counts even if it
    has no reply, or if the worker was killed during it.
    """

    def __init__(self, models: ChatModel, store: Spendings, limits: SpendingLimits) -> None:
        self._models, self._store, self._limits = models, store, limits

    def list_chain(self, role: Role) -> tuple[str, ...]:
        return self._models.list_chain(role)

    def explain_missing(self, role: Role) -> str:
        return self._models.explain_missing(role)

    def find_window(self, model: str) -> int:
        return self._models.find_window(model)

    def estimate_worst(self, request: ChatRequest) -> WorstCase:
        return self._models.estimate_worst(request)

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Ask the models in order until one replies; raises what `Spendings.reserve` raises, too.

        A reply that was interrupted may be billed: after the first, one more model is asked, or the
        same one if the chain has no other.
        """
        begun, failed, lost = time.monotonic(), list[tuple[str, ModelFailure]](), NOTHING
        names = deque(filter(None, dict.fromkeys((request.model, *self.list_chain(request.role)))))

        def is_late() -> bool:
            return seconds is not None and seconds - (time.monotonic() - begun) < LEAST_SECONDS

        while names and not (failed and is_late()):
            left = None if seconds is None else seconds - (time.monotonic() - begun)
            name = names.popleft()
            asked, number = self._reserve(replace(request, model=name))
            try:
                reply = self._models.reply(asked, stopped, left)
            except ModelFailure as failure:
                failed.append((name, failure))
                self._record_cost(number, failure.lost.usd or 0.0)
                if lost.tokens and failure.lost.tokens:
                    break
                if failure.lost.tokens:
                    lost = failure.lost
                    names = deque([*names, *[name] * (failure.why == "unavailable")][:1])
                continue
            # After any other error the cost is unknown, so the whole reservation stays.
            self._record_cost(number, reply.cost_usd or 0.0)
            usd = (reply.cost_usd or 0.0) + (lost.usd or 0.0)
            why = dict.fromkeys(f"{model}: {failure}" for model, failure in failed)
            return replace(
                reply,
                cost_usd=usd or reply.cost_usd,
                lost_tokens=lost.tokens,
                passed_over=tuple(why),
            )
        raise explain_failures(request.role, failed, is_late=is_late())

    def _reserve(self, request: ChatRequest) -> tuple[ChatRequest, int | None]:
        """Reserve the maximum cost of a request; halve the limit of its reply until the cost fits.

        Returns:
            The request, and the number of the reservation; None: the request costs nothing, or its
            price is unknown.
        """
        limits = self._limits
        if request.most_usd is not None:
            limits = limits._replace(of_run=min(limits.of_run, request.most_usd))
        while True:
            worst = self._models.estimate_worst(request)
            try:
                _require_tokens(worst, request)
                reserved = (
                    self._store.reserve(worst.usd, limits, read_clock()) if worst.usd else None
                )
            except (BudgetSpent, BudgetReached):
                half = request.most_tokens // 2
                if half < LEAST_TOKENS:
                    raise
                request = replace(request, most_tokens=half)
            else:
                return request, reserved

    def _record_cost(self, number: int | None, usd: float) -> None:
        """Record the cost of a request; if that fails, the whole reservation stays."""
        if number is None:
            return
        try:
            self._store.record_cost(number, usd)
        except (AgentError, OSError) as problem:
            _log.warning("the cost of a request could not be stored", problem=str(problem))


def _require_tokens(worst: WorstCase, request: ChatRequest) -> None:
    """Refuse a request that could use more tokens than the run has left."""
    left = request.tokens_left
    if left is not None and worst.tokens > left:
        raise BudgetSpent(
            f"The next request could take {worst.tokens:,} tokens, but only {max(0, left):,} are"
            " left (MERGEWRIGHT_MODEL_TOKENS)."
        )
