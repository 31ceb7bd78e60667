"""What a run has decided, and what it can show of it to people. Only records."""

from agent.models.change import ClearedChange, Finding, Plan
from agent.models.checks import AnyComparison, CheckReport
from agent.models.environment import Prepared
from agent.models.model_use import ModelWork
from agent.models.outcome import Verdict
from agent.models.record import Record
from agent.models.review import Proof, ReviewNotes
from agent.models.ticket import Ticket
from agent.telemetry.signature import Seal


class DecidedChange(Record):
    ticket: Ticket
    plan: Plan
    cleared: ClearedChange
    after: CheckReport
    compared: tuple[AnyComparison, ...]
    notes: ReviewNotes
    verdict: Verdict
    proof: Proof = Proof()
    work: ModelWork = ModelWork()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of rules, checks and the verdict, in this order."""
        found = (finding for check in self.compared for finding in check.findings)
        return (*self.cleared.findings, *found, *self.verdict.findings)


class Evidence(DecidedChange):
    """What a decided run can show; every field comes from a step's result."""

    prepared: Prepared
    done: tuple[str, ...]
    """The edits that were made, a sentence each."""
    sensitive: tuple[tuple[str, str], ...] = ()
    """Files and packages of the change that ask for care, each with the reason."""
    diff: str
    branch: str | None
    commit: str | None
    log_path: str
    """Where people find the log: an address, or a file."""
    seal: Seal | None = None
    """Seal of the log, as of this text."""
    patch: str = "change.patch"
    """Where they find the change of a dry run, as a patch."""
    earlier_rounds: int = 0
    """Runs of the same pull request before this one; what they cost is in the sums."""
    left: int = 0
    """How much of what was asked in its review is left to people."""
    base_head: str | None = None
    """Commit of the base branch when the change was pushed; None: not known."""
