"""What a run may spend on models, held before each request with the worst that it can cost.

Owns the caps of one run: money, tokens and replies, the lower of what operator and repository
allow. Its minutes are counted by `agent.steps`; what is left of them bounds each request, with all
its tries. What a request can cost at worst is known to the adapter.
"""

from __future__ import annotations

import math
from typing import get_args

from agent.chat import LEAST_SECONDS, Reply, Role, Worst
from agent.domain import Category, Record, money
from agent.errors import BudgetSpent, TimeSpent
from agent.ports import ChatModel
from agent.settings import Settings
from repo_config.schema import RepoConfig


class Limits(Record):
    """The most that one run may use; None: no limit."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    """Replies, however many tries each takes."""
    seconds: float | None = None
    """Left of its minutes: the next reply has to be there by then."""
    kept: bool = True
    """Whether the run's steps are on record, for the words about its end."""
    here: bool = False
    """Whether the run is one of a file on this machine, for the same words."""
    grants: int = 1
    """So often it was granted what is allowed once."""

    def times(self, grants: int, share: float = 1.0) -> Limits:
        """Return what a part of the work may use when all was granted so often."""
        return Limits(
            usd=None if self.usd is None else self.usd * grants * share,
            tokens=None if self.tokens is None else int(self.tokens * grants * share),
            calls=None if self.calls is None else int(self.calls * grants * share),
            grants=grants,
        )

    def within(self, seconds: float, *, kept: bool, here: bool = False) -> Limits:
        """Return it for a request, of which the reply has to be there after so many seconds."""
        return self.model_copy(update={"seconds": seconds, "kept": kept, "here": here})

    @property
    def way_on(self) -> str:
        """What whoever allows more can do, after a sentence."""
        if not self.kept:
            return _NOT_KEPT
        return _KEPT_HERE if self.here else _KEPT

    def spent(self, words: str, least: tuple[str, str], *, in_vain: bool) -> BudgetSpent:
        """Make the error for a request that does not fit, with what would let it be asked.

        Args:
            least: The limit, and what it has to be at least.
            in_vain: Whether as much again would not be enough.
        """
        limit, setting = f"limits.{least[0]}", f"MERGEWRIGHT_MODEL_{least[0].upper()}"
        words = f"{words} are left to the run ({limit}, {setting})."
        more = f"`{setting}` (and `{limit}`, where it is set) to at least {least[1]}"
        if in_vain:
            return BudgetSpent(
                f"{words} As much again would not be enough: raise {more}.",
                f"Raise {more}, then {_GO_ON} Else make the ticket smaller.",
            )
        return BudgetSpent(
            f"{words}{self.way_on}",
            f"If it may spend as much again, {_GO_ON} Else raise {more}, or make the ticket"
            " smaller.",
        )


def limits(config: RepoConfig, settings: Settings) -> Limits:
    """Say what a run may use: the lower of what operator and repository allow."""
    asked = config.limits
    return Limits(
        usd=min(asked.usd or settings.model_usd, settings.model_usd),
        tokens=min(
            (most for most in (asked.tokens, settings.model_tokens) if most is not None),
            default=None,
        ),
        calls=settings.model_calls,
    )


class Terms(Record):
    """How often things are tried, and by whom: read once, since the order of steps has to stay."""

    repair_rounds: int = 4
    candidates: int = 2
    roles: tuple[Role, ...] = ()
    """For which a model is set."""


def read_terms(config: RepoConfig, models: ChatModel, category: Category) -> Terms:
    """Read what the repository asks for, and who is set to do it."""
    roles: tuple[Role, ...] = get_args(Role)
    return Terms(
        repair_rounds=config.limits.repair_rounds,
        candidates=config.limits.candidates,
        roles=tuple(role for role in roles if models.chain(role, category)),
    )


class Spent(Record):
    """What the replies of a run have used so far."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0

    def and_then(self, reply: Reply) -> Spent:
        """Add a reply."""
        return Spent(
            usd=self.usd + (reply.cost_usd or 0.0),
            tokens=self.tokens + reply.usage.tokens,
            calls=self.calls + 1,
        )


def require(spent: Spent, worst: Worst, caps: Limits, *, purpose: str) -> None:
    """Refuse a request that could take the run over one of its caps.

    Args:
        purpose: What is about to be asked, for the words.

    Raises:
        BudgetSpent: It names the cap, what is left of it and what the request could cost.
        TimeSpent: Too little is left of the run's minutes to wait for a reply.
    """
    if caps.seconds is not None and caps.seconds < LEAST_SECONDS:
        raise TimeSpent(
            f"The run has {caps.seconds:.0f} s left of its minutes (limits.minutes), before"
            f" {purpose}; nobody is asked with less than {LEAST_SECONDS:.0f} s.{caps.way_on}"
        )
    if caps.calls is not None and spent.calls >= caps.calls:
        raise BudgetSpent(
            f"The run has used its {caps.calls:,} replies of models"
            f" (MERGEWRIGHT_MODEL_CALLS), before {purpose}.{caps.way_on}"
        )
    if caps.usd is not None and worst.usd is None and caps.tokens is None:
        raise BudgetSpent(
            f"No price is known of a model that would be asked for {purpose}, and no cap of tokens"
            " is set. Set its price (MERGEWRIGHT_MODEL_PRICES) or limits.tokens."
        )
    if caps.tokens is not None and (needed := spent.tokens + worst.tokens) > caps.tokens:
        raise caps.spent(
            f"{purpose.capitalize()} could take {worst.tokens:,} tokens, and"
            f" {max(0, caps.tokens - spent.tokens):,} of {caps.tokens:,}",
            ("tokens", f"{math.ceil(needed / 1000) * 1000}"),
            in_vain=needed > caps.tokens / caps.grants * (caps.grants + 1),
        )
    if caps.usd is None or worst.usd is None:
        return
    if (cost := spent.usd + worst.usd) > caps.usd:
        raise caps.spent(
            f"{purpose.capitalize()} could cost ${worst.usd:.4f}, and"
            f" ${max(0.0, caps.usd - spent.usd):.4f} of {money(caps.usd)}",
            ("usd", f"{math.ceil(cost * 100) / 100:.2f}"),
            in_vain=cost > caps.usd / caps.grants * (caps.grants + 1),
        )


_GO_ON = "go on where it was: `mergewright run --resume {run}`."
_KEPT_HERE = " What was done so far is kept: `mergewright run --resume` lets the run go on."
_KEPT = " What was done so far is kept: `mergewright runs retry` lets the run go on."
_NOT_KEPT = " No steps of it are on record: `mergewright runs retry` begins it anew."
