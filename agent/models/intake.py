"""What is asked before a run is made, and where runs are kept."""

from __future__ import annotations

from typing import Literal, Protocol

from agent.models.outcome import StoredRun
from agent.models.record import Record
from agent.models.run import Reason, Run
from agent.models.ticket import IssueRef, Snapshot


class RunStore(Protocol):
    """Where runs are kept. Raises StoreUnavailable, StorageFull."""

    def add_run(self, run: Run, now: float, *, delivery_id: str | None = None) -> Run:
        """Queue a run of an issue as its next attempt, or find the one of the same delivery.

        Raises:
            ActiveRun: The issue has one that is not over.
        """
        ...

    def note_labels(self, snapshot: Snapshot) -> None:
        """Let the labels that an issue has by now decide whether its run has priority."""
        ...

    def find_run(self, run_id: str) -> StoredRun | None: ...

    def find_newest_run(self, repository_id: int, number: int) -> StoredRun | None: ...

    def request_stop(self, run_id: str, words: str, reason: Reason = Reason.CANCELLED) -> bool:
        """Ask for a run to be stopped; return whether it is not over yet.

        Args:
            words: Who or what asks for it, as a sentence.
            reason: That it ends with.
        """
        ...


class LiveIssue(Record):
    issue: IssueRef
    state: Literal["open", "closed"]
    locked: bool
    labels: tuple[str, ...]
    title: str
    body: str
    author: str
    updated_at: str
    url: str
    is_pull_request: bool = False
    changed_at: str | None = None
    """ISO 8601, UTC: when title or text were last edited; None: never, or that was not asked."""


class Permission(Record):
    """What the account that has a login now may do in a repository."""

    level: Literal["admin", "maintain", "write", "triage", "read", "none"]
    account_id: int | None = None
    """Numeric id of that account, since a login can change hands; None: nobody has the login."""


class EarlierRun(Record):
    """What a code host still shows of a run that the same label has started before."""

    run_id: str
    over: bool


class LivePull(Record):
    state: Literal["open", "closed", "merged"]
    head: str
    ended_at: str | None = None
    """ISO 8601, UTC: when it was merged or closed."""
    merged_by: str = ""
    """Login; empty: it was not merged, or that is not told."""
    merge_commit: str = ""
    """By which it was merged; empty: it was not, or that is not told."""
    base: str = ""
    """Commit of the base branch, as it was last compared with."""


Reaction = Literal["eyes", "+1", "confused"]
