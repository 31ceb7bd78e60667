"""What a run has found out so far, as its flow says it: for the texts about it."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from agent.models.change import Change, Finding, Plan
from agent.models.checks import AnyComparison
from agent.models.environment import Checkout, Contract
from agent.models.model_use import ModelAccount
from agent.models.run import Reason
from agent.models.ticket import Ticket


class StageMark(NamedTuple):
    stage: str
    state: Literal["waiting", "running", "done"]
    detail: str = ""
    begun: float | None = None
    """When the running one began, in seconds since the epoch."""


class Progress(NamedTuple):
    """How far a run is and what it has used, for readers of the issue."""

    stages: tuple[StageMark, ...] = ()
    plan: Plan | None = None
    seconds: float = 0.0
    """Seconds of its finished steps when this was written."""
    at: float | None = None
    """When that one began, in seconds since the epoch."""
    most_minutes: int | None = None
    """Maximum minutes of its steps; None: not known yet."""
    replies: int = 0
    usd: float | None = 0.0
    """Cost of the replies; None: some have no known price."""
    most_usd: float | None = None
    """Maximum dollars for models; None: not known yet, or unbounded."""
    again: int = 0
    waits_for: Literal["", "time", "operator"] = ""
    """What the run waits for, so that this attempt ends; empty: it is at work."""


@dataclass
class RunFacts:
    """Unknown facts are None; a run that goes on after a kill collects all of them again."""

    ticket: Ticket | None = None
    recipe: str | None = None
    """Recipe of the ticket; "": it is for a model."""
    checkout: Checkout | None = None
    contract: Contract | None = None
    suite_seconds: float = 0.0
    plan: Plan | None = None
    compared: tuple[AnyComparison, ...] = ()
    """The checks once they were compared: they are proved, however the run ends."""
    findings: tuple[Finding, ...] = ()
    """What policy has found in the change, and the verdict after it."""
    first_round: Reason | None = None
    change: Change | None = None
    """The best one that a model has made, for people who go on by hand."""
    account: ModelAccount = field(default_factory=ModelAccount)
    progress: Progress = field(default_factory=Progress)
    """As it was last shown, without secrets."""

    def note_round(self, reason: Reason, findings: tuple[Finding, ...] = ()) -> None:
        self.findings = findings
        self.first_round = self.first_round or reason
