"""What models did, and what it cost."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol, Self

from agent.models.record import Record, replace


class ModelTotal(Record):
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    usd: float | None
    """None: no price is known of some of it."""

    @classmethod
    def from_uses(cls, uses: Iterable[Self]) -> Self:
        several = tuple(uses)
        prices = [use.usd for use in several]
        known = [price for price in prices if price is not None]
        return cls(
            calls=sum(use.calls for use in several),
            input_tokens=sum(use.input_tokens for use in several),
            cached_tokens=sum(use.cached_tokens for use in several),
            output_tokens=sum(use.output_tokens for use in several),
            usd=sum(known) if len(known) == len(prices) else None,
        )

    @property
    def cost(self) -> str:
        if not self.calls:
            return "$0.00, no model used"
        if self.usd is None:
            return "an unknown amount (a model has no known price)"
        return f"{format_usd(self.usd)} for models"

    @property
    def summary(self) -> str:
        if not self.calls:
            return f"{self.cost}."
        requests = f"{self.calls:,} request{'s' * (self.calls != 1)}"
        tokens = f"{self.input_tokens:,} tokens in, {self.output_tokens:,} out"
        return f"{self.cost}, {requests}, {tokens}."


class ModelUse(ModelTotal):
    role: str
    model: str
    seconds: float


class ChangedBehaviour(Record):
    before: str
    after: str


class AuthorWords(Record):
    """The editing model's description of its change; claims, no facts."""

    summary: str = ""
    behaviour: tuple[ChangedBehaviour, ...] = ()
    left_out: str = ""

    @property
    def text(self) -> str:
        changed = (f"Before: {one.before}\nNow: {one.after}" for one in self.behaviour)
        left_out = f"Left out: {self.left_out}" if self.left_out else ""
        return "\n\n".join(filter(None, (self.summary, *changed, left_out)))


class ModelWork(Record):
    """What models did in a run: figures of ours, and words of theirs."""

    uses: tuple[ModelUse, ...] = ()
    claims: AuthorWords = AuthorWords()
    rounds: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    """Steps that were not reached and why, as sentences of ours."""

    @property
    def usd(self) -> float:
        return sum(use.usd or 0.0 for use in self.uses)

    def add_earlier(self, earlier: Iterable[ModelUse]) -> Self:
        found: dict[tuple[str, str], list[ModelUse]] = {}
        for use in (*earlier, *self.uses):
            found.setdefault((use.role, use.model), []).append(use)
        uses = tuple(
            ModelUse(
                **dict(ModelTotal.from_uses(some)),
                role=role,
                model=model,
                seconds=sum(use.seconds for use in some),
            )
            for (role, model), some in found.items()
        )
        return replace(self, uses=uses)


class SpendingBudget(NamedTuple):
    """A maximum for all runs of a repository, of an owner, or of both unset: of everybody."""

    usd: float
    days: int
    key: str
    repository_id: int | None = None
    owner: str = ""

    @property
    def title(self) -> str:
        named = "this repository" if self.repository_id is not None else self.owner
        period = "24 hours" if self.days == 1 else f"{self.days} days"
        whose = named or "all repositories"
        return f"The budget of {whose} ({format_usd(self.usd)} in {period}, {self.key})"


class SpendingLimits(NamedTuple):
    """Whose requests to models are counted, and what they may cost, in US dollars."""

    run_id: str
    repository_id: int
    of_run: float
    budgets: tuple[SpendingBudget, ...] = ()
    owner: str = ""


class Spendings(Protocol):
    """Where dollars are counted: the store for runs of issues, a step file for others."""

    def reserve(self, usd: float, limits: SpendingLimits, now: float) -> int:
        """Set dollars aside; return the number under which the real cost is recorded.

        Raises:
            BudgetReached: As much is not left of a budget now.
            BudgetSpent: As much is not left to the run, or more than a whole budget.
        """
        ...

    def record_cost(self, number: int, usd: float) -> None: ...


def format_usd(usd: float) -> str:
    """Write dollars with as many digits as tell them from nothing, at least cents."""
    return f"${usd:.2f}" if f"{usd:.4f}".endswith("00") else f"${usd:.4f}"
