"""What is asked before a run is made, and where runs are kept."""

from __future__ import annotations

from collections.abc import Iterator
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


class Permission(Record):
    """What the account that has a login now may do in a repository."""

    level: Literal["admin", "maintain", "write", "triage", "read", "none"]
    account_id: int | None = None
    """Numeric id of that account, since a login can change hands; None: nobody has the login."""


class IssueText(Record):
    issue_id: int
    title: str
    body: str
    labels: tuple[str, ...]
    author: str
    url: str
    closed: bool
    """Or locked: nothing begins on it."""
    changed_at: str | None
    """ISO 8601, UTC: when title or text were last edited; None: never."""


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


class IntakeApi(Protocol):
    """What intake asks and tells the code host. Raises CodeHostUnavailable, CodeHostLimited."""

    def read_permission(self, issue: IssueRef, login: str) -> Permission: ...

    def read_start_label(self, issue: IssueRef) -> str:
        """Return the label that starts a run in this repository: its configuration's, or ours."""
        ...

    def read_runs_per_day(self, issue: IssueRef) -> int | None:
        """Return how many runs a day the repository's configuration allows; None: any number."""
        ...

    def read_issue(self, issue: IssueRef) -> LiveIssue | None:
        """Read the issue now; None: it is not there any more, or in another repository."""
        ...

    def find_issue(self, repository: str, number: int) -> LiveIssue | None:
        """Look an issue up by `owner/name` and number alone; None: it is not there."""
        ...

    def find_earlier_run(self, snapshot: Snapshot) -> EarlierRun | None:
        """Look on the code host for what a run of the same approval has left there before."""
        ...

    def own_logins(self) -> frozenset[str]: ...

    def explain_refusal(self, issue: IssueRef, words: str, *, key: str) -> None:
        """Leave one comment for a refused start; the same key never makes a second one."""
        ...

    def read_text(self, issue: IssueRef) -> IssueText | None:
        """Read the text of an issue; None: it is not there any more, or in another repository."""
        ...

    def read_pull(self, pull: IssueRef) -> LivePull | None:
        """Read a pull request now; None: it is not there.

        Args:
            pull: Its repository and number.
        """
        ...

    def set_label(self, issue: IssueRef, label: str) -> bool:
        """Set a label on an issue; return False where the code host refuses it."""
        ...

    def add_reaction(
        self, subject: IssueRef, comment: int, content: Reaction, *, inline: bool
    ) -> None:
        """React to a comment; what the code host refuses is logged, since it is only a sign.

        Args:
            inline: Whether it stands on a line of a pull request.
        """
        ...

    def show_queued(self, run: Run, ahead: int, because: str = "") -> None:
        """Let people see that a run waits; its own `CodeHost.begin` goes on with what this leaves.

        Args:
            ahead: How many runs come before it.
            because: What else it waits for, as a sentence.
        """
        ...


class SentDelivery(Record):
    """One attempt of the code host at a delivery, as its log tells of it."""

    number: int
    """Of the attempt; by it the delivery is asked for again."""
    delivery_id: str
    event: str
    action: str | None
    at: float
    was_handled: bool
    """Whether it was answered as if it had been taken."""


class SentPage(Record):
    """A page of the log of deliveries, newest first."""

    deliveries: tuple[SentDelivery, ...]
    after: str | None
    """What the next page, with older ones, is asked for with; None: there is none."""
    now: float
    """The code host's clock, in seconds since the epoch."""


class DeliveryLog(Protocol):
    """The code host's own log of what it has delivered to us.

    Raises CodeHostUnavailable, CodeHostLimited.
    """

    def read_page(self, after: str | None = None) -> SentPage:
        """Read a page of the log.

        Args:
            after: Of the page before; None: the newest.
        """
        ...

    def redeliver(self, number: int) -> bool:
        """Ask for a delivery again; return False where the code host does not have it any more."""
        ...


class Labelled(Record):
    event_id: int
    """Of the setting of the label; another one when it is set anew."""
    snapshot: Snapshot
    label: str
    actor_is_bot: bool
    clone_url: str
    edited: bool = False
    """Whether the text was edited after that, so that nobody has approved it."""


class LabelledIssues(Protocol):
    """Looks for labels where no code host tells of them.

    Raises CodeHostUnavailable, CodeHostLimited.
    """

    def find_new(self, repository: str) -> Iterator[Labelled]:
        """Go through the open issues that carry the starting label, as far as they have changed.

        One counts as seen when the next is asked for.

        Args:
            repository: `owner/name`.
        """
        ...


class Subject(Record):
    """An issue or pull request, as a list of those that have changed tells of it."""

    ref: IssueRef
    on_pull: bool
    is_closed: bool
    updated_at: str
    """ISO 8601, UTC, in whole seconds, as every time here."""
    clone_url: str


class Changed(Record):
    subjects: tuple[Subject, ...]
    whole: bool
    """Whether these are all; else those that come after them are listed another time."""
    now: str
    """The code host's clock before it was asked."""


class Written(Record):
    place: Literal["issue", "review", "inline"]
    comment_id: int
    author: str
    author_id: int
    body: str
    """Empty for a review that is a verdict alone."""
    at: str
    edited: bool
    """Whether it was edited after that, by whomever."""
    verdict: str = ""
    """Of a review: approved, changes_requested, commented, dismissed."""


class Conversations(Protocol):
    """Looks for words where no code host tells of them.

    Raises CodeHostUnavailable, CodeHostLimited.
    """

    def list_changed(self, repository: str, since: str | None) -> Changed:
        """List issues and pull requests that have changed at that time or later.

        Args:
            repository: `owner/name`.
            since: None: only what time it is there is of interest.
        """
        ...

    def list_written(self, subject: Subject, since: str) -> tuple[Written, ...]:
        """List what people have written there at that time or later; what programs wrote is not."""
        ...
