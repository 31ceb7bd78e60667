"""Facts of a run that its flow has collected so far, for texts about the run."""

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
    """Start of a running stage, in seconds since the epoch."""


class Progress(NamedTuple):
    """Progress and use of a run, for readers of the issue."""

    stages: tuple[StageMark, ...] = ()
    plan: Plan | None = None
    seconds: float = 0.0
    """Duration of the finished steps."""
    most_minutes: int | None = None
    """Maximum minutes of its steps; None: not known yet."""
    replies: int = 0
    usd: float | None = 0.0
    """Cost of the replies; None: some have no known price."""
    most_usd: float | None = None
    """Maximum dollars for models; None: not known yet, or unbounded."""
    again: int = 0
    waits_for: Literal["", "time", "operator"] = ""
    """What the run waits for; empty: it does not wait."""


@dataclass
class RunFacts:
    """Unknown facts are None; a run that goes on after a kill collects all of them again."""

    ticket: Ticket | None = None
    recipe: str | None = None
    """Recipe of the ticket; "": a model handles it."""
    checkout: Checkout | None = None
    contract: Contract | None = None
    suite_seconds: float = 0.0
    plan: Plan | None = None
    compared: tuple[AnyComparison, ...] = ()
    """Compared checks; these results count, however the run ends."""
    findings: tuple[Finding, ...] = ()
    """Findings of the rules in the change, then those of the verdict."""
    first_round: Reason | None = None
    change: Change | None = None
    """Best change of a model, for people who continue by hand."""
    account: ModelAccount = field(default_factory=ModelAccount)
    progress: Progress = field(default_factory=Progress)
    """Progress as last shown, without secrets."""

    def note_round(self, reason: Reason, findings: tuple[Finding, ...] = ()) -> None:
        self.findings = findings
        self.first_round = self.first_round or reason
