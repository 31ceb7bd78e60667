"""Records that are read from a code host before a run is created."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from agent.models.record import Record
from agent.models.ticket import IssueRef, Snapshot


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
    """ISO 8601, UTC: last edit of title or text; None: never edited, or not requested."""

    def take_snapshot(self) -> Snapshot:
        """Make the snapshot of a run that no label starts; no person has approved it."""
        return Snapshot(
            issue=self.issue,
            url=self.url,
            title=self.title,
            body=self.body,
            labels=self.labels,
            author=self.author,
            actor="",
            actor_id=0,
            approved_at=self.updated_at,
            by_label=False,
        )


def explain_withdrawal(
    snapshot: Snapshot, live: LiveIssue | None, read_label: Callable[[IssueRef], str]
) -> str | None:
    """Explain why the approval of an issue no longer counts; None: it does.

    Args:
        read_label: Returns the label that starts a run in the issue's repository.
    """
    number = snapshot.issue.number
    if live is None:
        return f"Issue #{number} was deleted or transferred, or its repository renamed"
    ends = {
        "is a pull request": live.is_pull_request,
        "was closed": live.state == "closed",
        "was locked": live.locked,
    }
    if what := next((what for what, is_so in ends.items() if is_so), None):
        return f"Issue #{number} {what}"
    present = {name.lower() for name in live.labels}
    if not snapshot.by_label or present >= {name.lower() for name in snapshot.labels}:
        # All labels are still there, so the one that started the run is.
        return None
    label = read_label(snapshot.issue)
    was_removed = label.lower() not in present
    return f"The label {label} was removed from issue #{number}" if was_removed else None


class Permission(Record):
    """Repository permission of the account that currently has a login."""

    level: Literal["admin", "maintain", "write", "triage", "read", "none"]
    account_id: int | None = None
    """Numeric id of that account, since a login can be transferred; None: no account has it."""
    is_listed: bool = True
    """Whether the operator's list allows the account to start runs there."""

    @property
    def may_write(self) -> bool:
        """Whether the level is enough to start runs; triage, which can set labels, is not."""
        return self.level in ("admin", "maintain", "write")


class EarlierRun(NamedTuple):
    run_id: str
    over: bool


Reaction = Literal["eyes", "+1", "confused"]
