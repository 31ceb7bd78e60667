"""What a run has found out so far, as its flow says it: for the texts about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.models.change import Change, ClearedChange, Finding, Plan
from agent.models.checks import AnyComparison
from agent.models.environment import Checkout, Contract
from agent.models.model_account import ModelAccount
from agent.models.outcome import FirstRound, Verdict
from agent.models.run import Reason
from agent.models.ticket import Category, Decision, Ticket


@dataclass
class RunFacts:
    """What is not known yet is None; a run that goes on after a kill learns all of it again."""

    ticket: Ticket | None = None
    decision: Decision | None = None
    checkout: Checkout | None = None
    contract: Contract | None = None
    plan: Plan | None = None
    compared: tuple[AnyComparison, ...] = ()
    """The checks once they were compared: they are proved, however the run ends."""
    findings: tuple[Finding, ...] = ()
    """What policy has found in the change, and the verdict after it."""
    first_round: FirstRound | None = None
    """What became of the first change, once it was judged."""
    change: Change | None = None
    """The best one that a model has made, for people who go on by hand."""
    account: ModelAccount = field(default_factory=ModelAccount)

    @property
    def category(self) -> Category | None:
        """Of the plan; before there is one, by the labels."""
        if self.plan is not None:
            return self.plan.category
        return self.decision.category if self.decision else None

    def note_cleared(self, cleared: ClearedChange) -> None:
        self.findings = cleared.findings

    def note_refusal(self, reason: Reason) -> None:
        """Note that rules did not let a change pass."""
        self._note_round(reason, passed=False)

    def note_verdict(self, verdict: Verdict) -> None:
        self.findings += verdict.findings
        self._note_round(verdict.reason, passed=verdict.publish)

    def _note_round(self, reason: Reason, *, passed: bool) -> None:
        if self.first_round is None:
            self.first_round = FirstRound(passed=passed, reason=reason)
