"""What a run may spend on models, held before each request with the worst that it can cost.

Owns the caps of one run: money and tokens, the lower of what operator and repository
allow. Its minutes are counted by `agent.steps`.
"""

from __future__ import annotations

from typing import get_args

from agent.errors import BudgetSpent, TimeSpent
from agent.models.chat import LEAST_SECONDS, Role, Worst
from agent.models.chat_model import ChatModel
from agent.models.model_use import format_usd
from agent.models.record import Record
from agent.models.ticket import Category
from agent.settings import Settings
from repo_config.schema import RepoConfig


class Limits(Record):
    """The most that one run may use; None: no limit."""

    usd: float | None = None
    tokens: int | None = None


def compute_limits(
    config: RepoConfig, settings: Settings, budget_multiplier: int = 1, share: float = 1.0
) -> Limits:
    """Say what a run may use: the lower of what operator and repository allow.

    Args:
        budget_multiplier: How often it was granted.
        share: The part of it that is meant.
    """
    asked = config.limits
    tokens = [most for most in (asked.tokens, settings.model_tokens) if most is not None]
    return Limits(
        usd=min(asked.usd or settings.model_usd, settings.model_usd) * budget_multiplier * share,
        tokens=int(min(tokens) * budget_multiplier * share) if tokens else None,
    )


class AttemptLimits(Record):
    """How often things are tried, and by whom: read once, since the order of steps has to stay."""

    repair_rounds: int = 4
    candidates: int = 2
    roles: tuple[Role, ...] = ()
    """For which a model is set."""


def read_terms(config: RepoConfig, models: ChatModel | None, category: Category) -> AttemptLimits:
    """Read what the repository asks for, and who is set to do it."""
    limits, every = config.limits, get_args(Role)
    roles = tuple(role for role in every if models and models.list_chain(role, category))
    return AttemptLimits(
        repair_rounds=limits.repair_rounds, candidates=limits.candidates, roles=roles
    )


class BudgetUsage(Record):
    """What the replies of a run have used so far."""

    usd: float = 0.0
    tokens: int = 0


def require_budget(
    spent: BudgetUsage, worst: Worst, caps: Limits, seconds: float, *, purpose: str
) -> None:
    """Refuse a request that could take the run over one of its caps.

    Args:
        seconds: Left of the run's minutes.
        purpose: What is about to be asked, for the words.

    Raises:
        BudgetSpent: It names the cap, what is left of it and what the request could cost.
        TimeSpent: Too little is left of the run's minutes to wait for a reply.
    """
    if seconds < LEAST_SECONDS:
        raise TimeSpent(
            f"The run has {seconds:.0f} s left of its minutes (limits.minutes), before {purpose};"
            f" nobody is asked with less than {LEAST_SECONDS:.0f} s."
        )
    if caps.usd is not None and worst.usd is None and caps.tokens is None:
        raise BudgetSpent(
            f"No price is known of a model that would be asked for {purpose}, and no cap of tokens"
            " is set. Set its price (MERGEWRIGHT_MODEL_PRICES) or limits.tokens."
        )
    if caps.tokens is not None and (needed := spent.tokens + worst.tokens) > caps.tokens:
        raise BudgetSpent(
            f"{purpose.capitalize()} could take {worst.tokens:,} tokens, and"
            f" {max(0, caps.tokens - spent.tokens):,} of {caps.tokens:,} are left to the run"
            f" (limits.tokens, MERGEWRIGHT_MODEL_TOKENS). It needs {needed:,} in all."
        )
    if caps.usd is None or worst.usd is None:
        return
    if (cost := spent.usd + worst.usd) > caps.usd:
        raise BudgetSpent(
            f"{purpose.capitalize()} could cost ${worst.usd:.4f}, and"
            f" ${max(0.0, caps.usd - spent.usd):.4f} of {format_usd(caps.usd)} are left to the run"
            f" (limits.usd, MERGEWRIGHT_MODEL_USD). It needs ${cost:.4f} in all."
        )
