"""Events from deliveries: a label, a comment, or a change on the code host.

Deliveries may be late, duplicated, out of order or lost. So an event only causes a check of the
current state on the code host.
"""

from pydantic import TypeAdapter

from agent.models.outcome import Place
from agent.models.record import Record
from agent.models.ticket import IssueRef, Snapshot


class Request(Record):
    """A label was set on an issue, by a delivery or by the command line."""

    snapshot: Snapshot
    label: str
    actor_is_bot: bool = False
    clone_url: str
    """Address of the repository for git, without credentials."""
    plan_first: bool = False
    """Whether the plan is shown for approval before the first edit."""


class Withdrawal(Record):
    """A change of an issue that may withdraw its request."""

    issue: IssueRef


class Comment(Record):
    """A new comment on an issue or a pull request; edits are no events."""

    subject: IssueRef
    """The issue or pull request; `issue_id` is the id in GitHub's payload."""
    on_pull: bool
    place: Place
    comment_id: int
    """Unique among comments of its place."""
    author: str
    author_id: int
    body: str
    """As received, at most 65,536 characters."""
    verdict: str = ""
    """Verdict of a review, in lower case: approved, changes_requested, commented."""
    at: str
    """ISO 8601, UTC: when the comment was written."""
    clone_url: str
    """Address of the repository for git, without credentials."""


class ConversationEvent(Record):
    """A change of a pull request, of the checks of a commit, or of a branch."""

    repository: str
    """`owner/name`."""
    repository_id: int
    number: int | None = None
    """Number of the pull request; None: only the commit or the branch is known."""
    commit: str = ""
    """Commit of failed or waiting checks; empty: the event is about something else."""
    app_id: int | None = None
    """The App that reported the checks; None: another reporter, or not known."""
    branch: str = ""
    """Branch with new commits, which may be the base of pull requests."""


Event = Request | Withdrawal | Comment | ConversationEvent
_ANY: TypeAdapter[Event] = TypeAdapter(Event)


def read_event(body: bytes) -> Event:
    """Read the event of a delivery. Raises ValidationError if it is no event."""
    return _ANY.validate_json(body)
