"""The context of a run's work: task, base, budget for models, and judged changes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import get_args

from agent.desk import Desk
from agent.editing import preparation
from agent.editing.preparation import LEAST_GATE_SECONDS, MeasuredBase, Preparation
from agent.editing.rounds import Draft, Round, RoundHistory
from agent.errors import AgentError
from agent.llm.budget import SpendingCaps
from agent.models.change import Change
from agent.models.chat import ChatModel, Role
from agent.models.checks import CheckReport
from agent.models.environment import OpenedRepository, Prepared
from agent.models.model_use import AuthorWords, ModelAccount, ModelWork
from agent.models.step import StepRunner
from agent.models.task import Task


@dataclass(frozen=True)
class RunContext:
    task: Task
    base: OpenedRepository
    once: StepRunner
    desk: Desk
    preparation: Preparation
    judge: Callable[[Draft], Round]
    """Judges a change by rules, checks and the decision, and adds the round to the history."""
    roles: tuple[Role, ...] = ()
    """Roles with a configured model; read once, so that the order of steps never changes."""
    budget_share: float = 1.0
    """Part of the run's budget that may be used."""
    history: RoundHistory = field(default_factory=RoundHistory)
    resources: ExitStack = field(default_factory=ExitStack)
    """Closes resources at the end of the run."""

    @property
    def unchanged(self) -> Change:
        """An empty change."""
        return Change(base_commit=self.base.checkout.commit, files=())

    @property
    def account(self) -> ModelAccount:
        return self.desk.facts.account

    @property
    def caps(self) -> SpendingCaps:
        """Limits of what the run's models may use."""
        return self.desk.budget.find_limits(self.base.contract.config, self.budget_share)

    @property
    def prepared(self) -> Prepared:
        """The base with its environment; it must be prepared."""
        return self._ready().prepared

    @property
    def baseline(self) -> CheckReport:
        """The checks of the base commit; it must be prepared."""
        return self._ready().baseline

    def _ready(self) -> MeasuredBase:
        assert self.preparation.ready is not None, "the base is not prepared yet"  # noqa: S101
        return self.preparation.ready

    @property
    def seconds_left(self) -> float:
        """Seconds left for models and their tools.

        Until a change has passed, the time for judging one is reserved.
        """
        ready = self.preparation.ready
        kept = 0.0 if ready is None or self.history.has_passed else ready.reserved_seconds
        return max(0.0, self.once.run_seconds_left - kept)

    @property
    def gate_seconds(self) -> float:
        """Seconds for judging a change: what is left of the run, but at least 30."""
        return max(self.once.run_seconds_left, LEAST_GATE_SECONDS)

    def require_proofs(self) -> None:
        """Refuse a base on which no change can be judged; see `preparation.require_proofs`."""
        preparation.require_proofs(self.preparation.finish().baseline)

    @contextmanager
    def close_at_end(self) -> Iterator[None]:
        """Close the resources after the block, and record the best change."""
        self.resources.callback(self.preparation.close)
        try:
            yield
        finally:
            self.desk.facts.change = self.history.best_change
            # If closing one fails, the others are closed, and an error of the block is kept.
            with suppress(AgentError, OSError):
                self.resources.close()

    def find_words(self, change: Change) -> AuthorWords:
        """Return the model's last description of a change; empty: no model edited it."""
        return self.history.words.get(change.digest, AuthorWords())

    def summarize_model_work(self, change: Change) -> ModelWork:
        return ModelWork(
            uses=self.account.uses,
            claims=self.find_words(change),
            rounds=tuple(judged.summary for judged in self.history.rounds),
            undone=tuple(dict.fromkeys(self.history.losses)),
        )


def list_roles(models: ChatModel | None) -> tuple[Role, ...]:
    return tuple(role for role in get_args(Role) if models and models.list_chain(role))
