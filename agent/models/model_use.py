"""Use of models and its cost."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, Self

from agent.models.chat import Reply, Role
from agent.models.record import Record, replace


class ModelTotal(Record):
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    usd: float | None
    """None: a price is unknown."""

    @classmethod
    def from_uses(cls, uses: Iterable[Self]) -> Self:
        several = tuple(uses)
        prices = [use.usd for use in several if use.usd is not None]
        return cls(
            calls=sum(use.calls for use in several),
            input_tokens=sum(use.input_tokens for use in several),
            cached_tokens=sum(use.cached_tokens for use in several),
            output_tokens=sum(use.output_tokens for use in several),
            usd=round(sum(prices), 6) if len(prices) == len(several) else None,
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


def sum_by_model(uses: Iterable[ModelUse]) -> tuple[ModelUse, ...]:
    """Add the uses of each model in each role, in the order of their first use."""
    kinds: dict[tuple[str, str], list[ModelUse]] = {}
    for use in uses:
        kinds.setdefault((use.role, use.model), []).append(use)
    return tuple(
        ModelUse(
            **dict(ModelTotal.from_uses(same)),
            role=role,
            model=model,
            seconds=round(sum(use.seconds for use in same), 3),
        )
        for (role, model), same in kinds.items()
    )


class ModelAccount:
    """Counts the replies of a run's models and their cost.

    Replies are counted as results of steps, in order, so a run that resumes after a kill counts
    the same.
    """

    def __init__(self) -> None:
        self._uses: list[ModelUse] = []
        """One for each reply."""

    def count_reply(self, role: Role, reply: Reply) -> None:
        self._uses.append(
            ModelUse(
                role=role,
                model=reply.model,
                calls=1,
                input_tokens=reply.usage.input_tokens + reply.lost_tokens,
                cached_tokens=reply.usage.cache_read_tokens,
                output_tokens=reply.usage.output_tokens,
                usd=reply.cost_usd,
                seconds=reply.seconds,
            )
        )

    @property
    def usd(self) -> float:
        return sum(use.usd or 0.0 for use in self._uses)

    @property
    def tokens(self) -> int:
        return sum(use.input_tokens + use.output_tokens for use in self._uses)

    def find_last_model(self, role: Role) -> str:
        """Return the model that answered a role last; empty: none has."""
        return next((use.model for use in reversed(self._uses) if use.role == role), "")

    def choose_model(self, role: Role, chain: Sequence[str]) -> str:
        """Return the model that answered last if it is in the chain, else "": the chain's first."""
        answered = self.find_last_model(role)
        return answered if answered in chain else ""

    @property
    def uses(self) -> tuple[ModelUse, ...]:
        return sum_by_model(self._uses)


class ChangedBehaviour(Record):
    before: str
    after: str


class AuthorWords(Record):
    """The editing model's description of its change; its claims are not verified."""

    summary: str = ""
    behaviour: tuple[ChangedBehaviour, ...] = ()
    left_out: str = ""

    @property
    def text(self) -> str:
        changed = (f"Before: {line.before}\nNow: {line.after}" for line in self.behaviour)
        left_out = f"Left out: {self.left_out}" if self.left_out else ""
        return "\n\n".join(filter(None, (self.summary, *changed, left_out)))


class ModelWork(Record):
    """Work of models in a run: our figures, and their own descriptions."""

    uses: tuple[ModelUse, ...] = ()
    claims: AuthorWords = AuthorWords()
    rounds: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    """Sentences of ours about steps that were not reached, with the reasons."""

    @property
    def usd(self) -> float:
        return sum(use.usd or 0.0 for use in self.uses)

    def add_earlier(self, earlier: Iterable[ModelUse]) -> Self:
        return replace(self, uses=sum_by_model((*earlier, *self.uses)))


class SpendingBudget(NamedTuple):
    """A maximum for all runs of a repository or of an owner; with neither: for all runs."""

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
    """Limits of a run's requests to models, in US dollars."""

    run_id: str
    repository_id: int
    of_run: float
    budgets: tuple[SpendingBudget, ...] = ()
    owner: str = ""


class Spendings(Protocol):
    """Counts dollars: in the store for runs of issues, in a step file for others."""

    def reserve(self, usd: float, limits: SpendingLimits, now: float) -> int:
        """Reserve dollars; return the number under which the real cost is recorded.

        Raises:
            BudgetReached: A budget has less left now.
            BudgetSpent: The run has less left, or it is more than a whole budget.
        """
        ...

    def record_cost(self, number: int, usd: float) -> None: ...


def format_usd(usd: float) -> str:
    """Format dollars with cents, or with four digits if that is more precise."""
    return f"${usd:.2f}" if f"{usd:.4f}".endswith("00") else f"${usd:.4f}"
