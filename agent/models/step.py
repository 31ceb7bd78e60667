"""The steps of a run: their names in records, and their properties."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import ParamSpec, Protocol, Self, TypeVar

from agent.models.run import RunState

T = TypeVar("T")
P = ParamSpec("P")


class Stage(StrEnum):
    """The stages of a run that people see, in order."""

    READ = "Read the issue and the repository"
    ENVIRONMENT = "Build the environment"
    BASE = "Run the checks on the base branch"
    CHANGE = "Make the change"
    CHECKS = "Run the checks with the change"
    PUBLISH = "Publish"


class Step(StrEnum):
    """A kind of step; steps of a repeated kind have names, such as `Step.CHECKS.named(2)`.

    Attributes:
        stage: Stage that people see during the step; None: it belongs to none.
        state: State of the run during the step; None: the state does not change.
        is_lasting: Whether the step has effects outside: once begun, it is completed.
    """

    stage: Stage | None
    state: RunState | None
    is_lasting: bool

    READ_TICKET = "read ticket", Stage.READ, RunState.TRIAGING
    READ_PULL = "read pull", Stage.READ
    ANNOUNCE = "announce", Stage.READ, RunState.TRIAGING
    TRIAGE = "triage", Stage.READ, RunState.TRIAGING
    CHECKOUT = "checkout", Stage.READ, RunState.PREPARING
    READ_THREADS = "read threads", Stage.READ
    READ_CONFIG = "read config", Stage.READ, RunState.PREPARING
    ROLES = "roles", Stage.READ
    CLARIFY = "clarify", Stage.READ, RunState.PREPARING
    PLAN = "plan", Stage.READ, RunState.PLANNING
    APPROVAL = "approval", Stage.READ
    KNOWN = "known set-up", Stage.ENVIRONMENT
    READ_LINES = "read lines", Stage.ENVIRONMENT
    ENVIRONMENT = "environment", Stage.ENVIRONMENT, RunState.PREPARING
    BASELINE = "baseline", Stage.BASE, RunState.PREPARING
    LEFT_OUT = "left out", Stage.BASE
    OTHER_CHECKS = "other checks", Stage.BASE
    SCOUT = "scout", Stage.ENVIRONMENT, RunState.PREPARING
    CHOOSE = "choose environment", Stage.BASE
    REPORT = "report base", Stage.BASE
    PROPOSE = "propose configuration", Stage.ENVIRONMENT
    EDIT = "edit", Stage.CHANGE, RunState.EDITING
    ANSWER = "answer", Stage.CHANGE, RunState.EDITING
    SETTLE = "settle", Stage.CHANGE
    DRAFT = "draft", Stage.CHANGE
    POLICY = "policy", Stage.CHANGE, RunState.EDITING
    CHECKS = "checks", Stage.CHECKS, RunState.CHECKING
    DECIDE = "decide", Stage.CHECKS, RunState.REVIEWING
    REVIEW = "review", Stage.CHECKS, RunState.REVIEWING
    BRING_UP = "bring up"
    PUBLISH = "publish", Stage.PUBLISH, RunState.PUBLISHING, True
    DELIVER = "deliver", None, None, True
    NOTIFY = "notify", None, None, True

    def __new__(
        cls,
        name: str,
        stage: Stage | None = None,
        state: RunState | None = None,
        is_lasting: bool = False,  # noqa: FBT001, FBT002  a column of the table above
    ) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.stage, member.state, member.is_lasting = stage, state, is_lasting
        return member

    @property
    def step(self) -> Step:
        """Return itself: a kind that is done once needs no other name."""
        return self

    def named(self, detail: object) -> StepName:
        return StepName(self, str(detail))


class StepName(str):
    """A step by its kind and a detail that is unique for the kind, as in `checks 2`."""

    __slots__ = ("detail", "step")
    step: Step
    detail: str

    def __new__(cls, step: Step, detail: str = "") -> Self:
        name = super().__new__(cls, f"{step.value} {detail}".strip())
        name.step, name.detail = step, detail
        return name

    def named(self, detail: object) -> StepName:
        return StepName(self.step, f"{self.detail} {detail}".strip())


AnyStep = Step | StepName


class Once(Protocol):
    """Does work once and stores its result under a stable, unique name."""

    def __call__(
        self, name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...


class StepRunner(Once, Protocol):
    @property
    def run_seconds_left(self) -> float:
        """Seconds left of the run's minutes, or in `count_apart` of the set-up's; at least 0."""
        ...

    def sum_up_uses(self) -> dict[str, float]:
        """Return the seconds that checks, commands and models took, without set-up."""
        ...

    def count_apart(self) -> AbstractContextManager[None]:
        """Count steps in the block against the set-up's minutes, which are as many as the run's."""
        ...

    def rename(self, detail: str) -> AbstractContextManager[None]: ...


#: The longest come first, since one name may begin with another one.
_BY_LENGTH = sorted(Step, key=len, reverse=True)


def read_step_name(text: str) -> StepName | None:
    """Read the name of a step from a record; None: another version recorded it."""
    for step in _BY_LENGTH:
        if text == step or text.startswith(f"{step} "):
            return StepName(step, text[len(step) + 1 :])
    return None
