"""What a decided run can show to people. Only records."""

from __future__ import annotations

from agent.models.change import Finding
from agent.models.checks import CheckReport, Comparison
from agent.models.environment import Prepared
from agent.models.model_use import ModelWork
from agent.models.outcome import Verdict
from agent.models.record import Record
from agent.models.review import Proof, ReviewNotes
from agent.models.ticket import Ticket


class Evidence(Record):
    """What a decided run can show; every field comes from a step's result."""

    prepared: Prepared
    ticket: Ticket
    title: str
    done: tuple[str, ...]
    """What was done, a sentence each."""
    diff: str
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    after: CheckReport
    review: ReviewNotes
    verdict: Verdict
    proof: Proof = Proof()
    work: ModelWork = ModelWork()
    recipe: str = ""
    """Name of the one that made the change; empty: a model did."""
    sensitive: tuple[tuple[str, str], ...] = ()
    """Files of the change that ask for care: path, and why."""
    unproved: tuple[str, ...] = ()
    """Files of the change that no test was tried for, since they are no Python."""
    branch: str | None
    commit: str | None
    log_path: str
    """Where people find the log: an address, or a file."""
    patch: str = "change.patch"
    """Where they find the change of a dry run, as a patch."""
    digest: str = ""
    """Of the change; empty where no other run will look for it."""
    replaced: tuple[int, ...] = ()
    """Open pull requests of ours for the same issue, which hold another change."""
    left: int = 0
    """How much of what was asked in its review is left to people."""
