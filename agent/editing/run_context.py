"""What is worked on in one run, what it may spend on models, and what was spent.

One for each run. All counts come from the results of steps, in their order, so a run that goes on
after a kill counts the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Never, get_args

from agent.desk import Desk
from agent.editing import ahead, rounds
from agent.editing.ahead import Ahead
from agent.editing.rounds import Round
from agent.errors import (
    RUN_ENDS,
    AgentError,
    BudgetSpent,
    ModelRefused,
    ModelUnusable,
    RepositoryUnfit,
    TimeSpent,
)
from agent.llm.budget import BudgetUsage, Limits
from agent.models.change import Change
from agent.models.chat import ChatModel, Reply, Role
from agent.models.checks import CheckReport, Status
from agent.models.environment import Opened, Prepared
from agent.models.model_use import ModelUse, ModelWork
from agent.models.record import Record
from agent.models.sandbox import Stoppable
from agent.models.step import Step, StepRunner
from agent.models.ticket import Decision, Ticket
from repo_config.schema import RepoConfig

#: What judging a change takes beside its checks.
_LEAST_GATE_SECONDS = 30.0


class AttemptLimits(Record):
    """Repairs, and roles that a model is set for: read once, since steps keep their order."""

    repair_rounds: int = 4
    roles: tuple[Role, ...] = ()


@dataclass
class RunContext:
    ticket: Ticket
    decision: Decision
    parameters: str
    """A recipe's parameters."""
    base: Opened
    once: StepRunner
    desk: Desk
    human_changes: Change | None = None
    """What people have committed to the branch besides our work; None: nothing."""
    measure: Measure | None = None
    """Builds the environment and measures the base; None: that is done."""
    prepared: Prepared = field(init=False)
    """The base with its environment, once that is built."""
    baseline: CheckReport = field(init=False)
    """The checks of the base commit, once they have run."""
    rounds: list[Round] = field(default_factory=list)
    latest: Change | None = None
    """As the last calls of a model have left it."""
    idle_attempts: int = 0
    """Attempts from the start that changed nothing."""
    built: set[str] = field(default_factory=set)
    """Marks of the environments that this process has built for what changes declare."""
    budget_share: float = 1.0
    """Of what the run may spend, the part that may be spent by now."""
    reserved_seconds: float = 0.0
    """Of the minutes, kept for later stages."""
    cleanups: list[Callable[[], None]] = field(default_factory=list)
    _replies: list[tuple[Role, Reply]] = field(default_factory=list)
    _given_up: int = 0
    _had_a_try: set[str] = field(default_factory=set)
    _losses: list[str] = field(default_factory=list)
    _ahead: Ahead | None = None

    def __post_init__(self) -> None:
        """Hold requests that get no reply to what the repository allows, too."""
        if self.limits.usd is not None:
            self.desk.lower_limit(self.limits.usd)

    @property
    def models(self) -> ChatModel:
        """The models of the run.

        Raises:
            ModelUnusable: None is configured any more.
        """
        if self.desk.models is None:
            raise ModelUnusable("No model is configured; set MERGEWRIGHT_MODEL, or _EDITOR.")
        return self.desk.models

    @property
    def limits(self) -> Limits:
        return self.desk.budget.find_limits(self.base.contract.config, self.budget_share)

    @cached_property
    def attempt_limits(self) -> AttemptLimits:
        config = self.base.contract.config
        return self.once(Step.TERMS, read_terms, config, self.desk.models)

    @property
    def seconds_left(self) -> float:
        """Of the minutes, what models and their tools may still use.

        Judging a change keeps its part until one has passed.
        """
        kept = 0.0 if self.has_passed else self.reserved_seconds
        return max(0.0, self.once.run_seconds_left - kept)

    @property
    def gate_seconds(self) -> float:
        """Of the minutes, what judging a change may use: what is left, and always some."""
        return max(self.once.run_seconds_left, _LEAST_GATE_SECONDS)

    def begin_preparation(self) -> None:
        """Have the environment built and the base measured from now on, if that is still to do.

        It goes on while a model reads and plans, up to where a model would be asked.
        """
        if (measure := self.measure) is None or self._ahead is not None:
            return

        def prepare(step: Ahead) -> None:
            sandbox = Stoppable(self.desk.sandbox, step.stopped)
            measure(self, step, replace(self.desk, sandbox=sandbox), ahead.need_model)

        self._ahead = Ahead(prepare)
        self.cleanups.append(self._ahead.close)

    def prepare_environment(self) -> None:
        """Have the environment built and the base measured, once; it has minutes of its own."""
        measure, self.measure = self.measure, None
        if measure is None:
            return
        step = self._ahead.attach(self.once, self.desk.say) if self._ahead else self.once
        with self.once.count_apart():
            self.prepared, self.baseline = measure(self, step, self.desk, None)
        self.reserved_seconds = plan_gate_seconds(self.baseline, self.once.run_seconds_left)

    def require_proofs(self) -> None:
        """Refuse to pay for a change that no check could judge.

        Raises:
            RepositoryUnfit: A check of the base commit proves nothing, so no result of it counts.
        """
        self.prepare_environment()
        for result in self.baseline.results:
            if result.status is Status.UNVERIFIED:
                raise RepositoryUnfit(
                    f"The check {result.name} proves nothing on the base commit, so no change could"
                    f" be shown to break nothing: {result.reason.rstrip('.')}. Mend that first, or"
                    " switch the check off in .github/mergewright.yml."
                )

    @property
    def round_number(self) -> int:
        return len(self.rounds) + self._given_up + 1

    @property
    def has_passed(self) -> bool:
        return any(one.is_passed for one in self.rounds)

    @contextmanager
    def attach_best_change(self) -> Iterator[None]:
        """Attach the best change so far to an error that ends the run."""
        try:
            yield
        except AgentError as problem:
            self._attach(problem)
            raise
        finally:
            # One that fails leaves none of the others open, and hides nothing.
            with suppress(AgentError, OSError), ExitStack() as stack:
                for close in self.cleanups:
                    stack.callback(close)

    def _attach(self, problem: AgentError) -> None:
        checked = [one for one in self.rounds if one.cleared is not None]
        problem.change = rounds.choose_best(checked).draft.change if checked else self.latest
        problem.models = self.model_uses

    def record_round(self, judged: Round) -> Round:
        self.rounds.append(judged)
        return judged

    def try_next_model(self) -> None:
        """Put those last who have made an attempt."""
        self._had_a_try.add(self.find_last_model("editor"))

    def give_up(self) -> None:
        """Count a round that came to nothing: the steps of the next have other names."""
        self._given_up += 1

    def keeps_passed_change(self, problem: AgentError) -> bool:
        """Whether a change that has passed is published in spite of an error."""
        return self.has_passed and not isinstance(problem, RUN_ENDS)

    def record_loss(self, sentence: str) -> None:
        """Note for the pull request what could not be done."""
        self._losses.append(sentence)

    def count_reply(self, role: Role, reply: Reply) -> None:
        self._replies.append((role, reply))
        self.desk.facts.note_reply(reply)

    @property
    def usage(self) -> BudgetUsage:
        replies = [reply for _, reply in self._replies]
        return BudgetUsage(
            usd=sum(reply.cost_usd or 0.0 for reply in replies),
            tokens=sum(reply.usage.tokens for reply in replies),
        )

    def find_last_model(self, role: Role) -> str:
        """Name who answered a role last; empty: nobody has."""
        return next((reply.model for one, reply in reversed(self._replies) if one == role), "")

    def first_in_line(self, role: Role) -> str:
        """Name who is asked: who answered last, while it is set; empty: the first of the chain.

        After `try_next_model` somebody who had no try comes first.
        """
        chain = self.models.list_chain(role)
        answered = self.find_last_model(role)
        first = answered if answered in chain else ""
        away = self._had_a_try if role == "editor" else set()
        line = [name for name in (first, *chain) if name] if away else []
        return next((name for name in line if name not in away), first)

    @property
    def model_uses(self) -> tuple[ModelUse, ...]:
        """What each model did in each role, by the order in which they came."""
        kinds = dict.fromkeys((role, reply.model) for role, reply in self._replies)
        return tuple(self._sum_up(role, model) for role, model in kinds)

    def _sum_up(self, role: Role, model: str) -> ModelUse:
        replies = [one for kind, one in self._replies if (kind, one.model) == (role, model)]
        prices = [reply.cost_usd for reply in replies if reply.cost_usd is not None]
        return ModelUse(
            role=role,
            model=model,
            calls=len(replies),
            input_tokens=sum(reply.usage.input_tokens for reply in replies),
            cached_tokens=sum(reply.usage.cache_read_tokens for reply in replies),
            output_tokens=sum(reply.usage.output_tokens for reply in replies),
            usd=sum(prices) if len(prices) == len(replies) else None,
            seconds=round(sum(reply.seconds for reply in replies), 3),
        )

    def summarize_model_work(self, claims: str) -> ModelWork:
        passed_over = (f"{one}." for _, reply in self._replies for one in reply.stands_in)
        return ModelWork(
            uses=self.model_uses,
            claims=claims,
            rounds=tuple(one.feedback for one in self.rounds),
            passed_over=tuple(dict.fromkeys(passed_over)),
            undone=tuple(dict.fromkeys(self._losses)),
        )


#: Builds the environment and measures the base by steps; the last stands for what asks a model.
Measure = Callable[
    [RunContext, StepRunner, Desk, Callable[..., Never] | None], tuple[Prepared, CheckReport]
]


def explain_stop(problem: AgentError) -> str:
    """Say why no model is asked any more, for people who get a change all the same."""
    match problem:
        case ModelRefused():
            return "The model would not go on"
        case TimeSpent():
            return "The run had used its minutes (limits.minutes)"
        case BudgetSpent():
            return "The run had used what it may spend on models"
        case ModelUnusable():
            return "The model could not be asked; whoever runs the service finds why in its log"
    return problem.message.partition("\n")[0].rstrip(".:")


# --- minutes and money -------------------------------------------------------------------------


def plan_gate_seconds(baseline: CheckReport, left: float) -> float:
    """Say how much of the seconds left is kept for judging a change: twice what base took.

    Half of them at most, so that there is time to make one.
    """
    took = max((result.seconds for result in baseline.results), default=0.0)
    return min(2 * took + _LEAST_GATE_SECONDS, left / 2)


def read_terms(config: RepoConfig, models: ChatModel | None) -> AttemptLimits:
    roles = (role for role in get_args(Role) if models and models.list_chain(role))
    return AttemptLimits(repair_rounds=config.limits.repair_rounds, roles=tuple(roles))
