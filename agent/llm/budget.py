"""What one run may use: minutes, and money or tokens for models, as often as that was granted."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from agent.errors import BudgetSpent, ModelUnavailable, TimeSpent
from agent.models.chat import LEAST_SECONDS, LEAST_TOKENS, ChatRequest, WorstCase
from agent.models.model_account import ModelAccount
from agent.models.model_use import format_usd
from agent.models.record import Record, replace
from agent.settings import Settings
from repo_config.schema import RepoConfig

T = TypeVar("T")
#: Minutes of a run, unless the repository sets them, and a multiple of its tests' time.
_MINUTES, _SUITES = 30, 4


class SpendingCaps(Record):
    """The most that models may use in one run; None: no limit."""

    usd: float | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Budget:
    settings: Settings
    grants: int = 1
    """Times that the run was allowed its money and minutes."""

    def find_minutes(self, config: RepoConfig | None, suite_seconds: float = 0.0) -> int:
        """Return the lower of what operator and repository allow.

        Args:
            config: Of the repository; None: it is not known yet.
            suite_seconds: Of the tests on base, as far as they are measured.
        """
        most = self.settings.max_minutes
        asked = config.limits.minutes if config else most
        if asked == "auto":
            asked = _MINUTES + math.ceil(_SUITES * suite_seconds / 60)
        return min(asked, most) * self.grants

    def find_usd(self, config: RepoConfig | None = None) -> float:
        """Return the lower of what operator and repository allow; see `find_minutes`."""
        most = self.settings.model_usd
        return (min(config.limits.usd or most, most) if config else most) * self.grants

    def find_limits(self, config: RepoConfig, share: float = 1.0) -> SpendingCaps:
        """Return what may be spent on models.

        Args:
            share: The part of it that may be spent by now.
        """
        tokens = self.settings.model_tokens
        return SpendingCaps(
            usd=self.find_usd(config) * share,
            tokens=int(tokens * self.grants * share) if tokens else None,
        )


def fit_request(request: ChatRequest, grant: Callable[[ChatRequest], T]) -> tuple[ChatRequest, T]:
    """Lower what a request may use until it is granted; return it with what it is granted by.

    A second try is what goes first: it is only made after a reply that broke off, which is rare,
    and without it the run waits and asks again. Then the limit of the reply is halved.

    Raises:
        BudgetSpent, ModelUnavailable: The smallest is not granted either.
    """
    tokens = request.most_tokens
    while True:
        try:
            return request, grant(request)
        except (BudgetSpent, ModelUnavailable):
            if request.paid_tries == 1:
                tokens //= 2
            if tokens < LEAST_TOKENS:
                raise
        request = replace(request, paid_tries=1, most_tokens=tokens)


def require_budget(
    spent: ModelAccount, worst: WorstCase, caps: SpendingCaps, seconds: float, *, purpose: str
) -> WorstCase:
    """Refuse a request that could take the run over one of its caps; else return its worst case.

    Args:
        seconds: Left of the run's minutes.
    """
    if seconds < LEAST_SECONDS:
        raise TimeSpent(
            f"Only {seconds:.0f} s are left (limits.minutes) before {purpose}; a request"
            f" needs at least {LEAST_SECONDS:.0f} s."
        )
    if caps.usd is not None and worst.usd is None and caps.tokens is None:
        raise BudgetSpent(
            f"A model for {purpose} has no known price, and there is no token limit. Set its"
            " price (MERGEWRIGHT_MODEL_PRICES) or a limit (MERGEWRIGHT_MODEL_TOKENS)."
        )
    if caps.tokens is not None and (needed := spent.tokens + worst.tokens) > caps.tokens:
        raise BudgetSpent(
            f"{purpose.capitalize()} could take {worst.tokens:,} tokens, but only"
            f" {max(0, caps.tokens - spent.tokens):,} of {caps.tokens:,} are left"
            f" (MERGEWRIGHT_MODEL_TOKENS). It needs {needed:,} in total."
        )
    if caps.usd is None or worst.usd is None:
        return worst
    if (cost := spent.usd + worst.usd) > caps.usd:
        raise BudgetSpent(
            f"{purpose.capitalize()} could cost ${worst.usd:.4f}, but only"
            f" ${max(0.0, caps.usd - spent.usd):.4f} of {format_usd(caps.usd)} are left"
            f" (limits.usd, MERGEWRIGHT_MODEL_USD). It needs ${cost:.4f} in total."
        )
    return worst
