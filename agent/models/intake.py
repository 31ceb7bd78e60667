"""What is asked of a code host before a run is made."""

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
    """ISO 8601, UTC: when title or text were last edited; None: never, or that was not asked."""

    def take_snapshot(self) -> Snapshot:
        """Do not compare it with a snapshot: no person's label starts the run."""
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
    """Say why an issue is no longer what was approved; None: it still is.

    `read_label` names the label that starts a run in its repository.
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
        # Whichever label it was, it is there.
        return None
    label = read_label(snapshot.issue)
    was_removed = label.lower() not in present
    return f"The label {label} was removed from issue #{number}" if was_removed else None


class Permission(Record):
    """What the account that has a login now may do in a repository."""

    level: Literal["admin", "maintain", "write", "triage", "read", "none"]
    account_id: int | None = None
    """Numeric id of that account, since a login can change hands; None: nobody has the login."""
    is_listed: bool = True
    """Whether the operator lets the account start runs there, of those who may write."""

    @property
    def may_write(self) -> bool:
        """Whether it lets a person start us; the triage role can label, no more."""
        return self.level in ("admin", "maintain", "write")


class EarlierRun(NamedTuple):
    run_id: str
    over: bool


Reaction = Literal["eyes", "+1", "confused"]
