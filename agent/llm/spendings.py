"""The cost of requests to models: reserved in advance, and counted even without a reply."""

import time

import structlog

from agent.errors import (
    AgentError,
    BudgetReached,
    BudgetSpent,
    ModelRequestRejected,
    ModelUnavailable,
    ModelUnusable,
)
from agent.models.chat import LEAST_TOKENS, ChatModel, ChatRequest, Reply, Role, WorstCase
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


class ReplyLost(ModelUnavailable):
    """A reply was interrupted and may be billed."""

    def __init__(
        self,
        problem: ModelUnavailable,
        lost: WorstCase,
        next_model: str,
        passed_over: tuple[str, ...] = (),
    ) -> None:
        """Describe the loss.

        Args:
            lost: Maximum that may be billed.
            next_model: Model that is asked next; the same one if the chain has no other.
            passed_over: As in `Reply`.
        """
        super().__init__(problem.message, problem.until)
        self.lost, self.next_model, self.passed_over = lost, next_model, passed_over


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
        """Send a request if its cost fits the limits; raises what `Spendings.reserve` raises.

        If a reply is interrupted, the next model is asked once, with a new reservation.
        """
        begun = time.monotonic()
        try:
            return self._request(request, stopped, seconds)
        except ReplyLost as problem:
            broken = problem
        left = None if seconds is None else seconds - (time.monotonic() - begun)
        try:
            reply = self._request(replace(request, model=broken.next_model), stopped, left)
        except ReplyLost as problem:
            raise ModelUnavailable(problem.message, problem.until) from problem
        usd = (reply.cost_usd or 0.0) + (broken.lost.usd or 0.0)
        return replace(
            reply,
            cost_usd=usd or reply.cost_usd,
            lost_tokens=broken.lost.tokens,
            passed_over=(*broken.passed_over, *reply.passed_over),
        )

    def _request(self, request: ChatRequest, stopped: Flag | None, seconds: float | None) -> Reply:
        request, number = self._reserve(request)
        try:
            reply = self._models.reply(request, stopped, seconds)
        except ReplyLost as problem:
            self._record_cost(number, problem.lost.usd or 0.0)
            raise
        except (ModelUnavailable, ModelRequestRejected, ModelUnusable):
            self._record_cost(number, 0.0)
            raise
        # After any other error the cost is unknown, so the whole reservation stays.
        self._record_cost(number, reply.cost_usd or 0.0)
        return reply

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
