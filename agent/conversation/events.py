"""What deliveries tell: a label, a person's words, or that something happened.

Deliveries may be late, doubled, out of order or lost. So both only cause a look: the state of the
code host at that time counts.
"""

from pydantic import TypeAdapter

from agent.models.outcome import Place
from agent.models.record import Record
from agent.models.ticket import IssueRef, Snapshot


class Request(Record):
    """Somebody set a label on an issue; from a delivery or from the command line."""

    snapshot: Snapshot
    label: str
    actor_is_bot: bool = False
    clone_url: str
    """Address of the repository for git, without credentials."""
    plan_first: bool = False
    """The plan is to be shown before anything is edited."""


class Withdrawal(Record):
    """Something was done to an issue that may take back what was asked for."""

    issue: IssueRef


class Comment(Record):
    """Somebody wrote a comment on an issue or a pull request; edits of it are no events."""

    subject: IssueRef
    """The issue or pull request; `issue_id` is the number that GitHub's payload has as its id."""
    on_pull: bool
    place: Place
    comment_id: int
    """Unique among those of its place."""
    author: str
    author_id: int
    body: str
    """As it arrived, at most 65,536 characters."""
    verdict: str = ""
    """Verdict of a review, in lower case: approved, changes_requested, commented."""
    at: str
    """ISO 8601, UTC: when it was written."""
    clone_url: str
    """Address of the repository for git, without credentials."""


class ConversationEvent(Record):
    """Something happened to a pull request, to the checks of a commit, or to a branch."""

    repository: str
    """`owner/name`."""
    repository_id: int
    number: int | None = None
    """Number of the pull request; None: only the commit is known."""
    commit: str = ""
    """Commit of red or waiting checks; empty: the event is about something else."""
    app_id: int | None = None
    """The App whose checks they are; None: another reporter, or not known."""
    branch: str = ""
    """Branch that has moved, which may be the base of pull requests."""


Event = Request | Withdrawal | Comment | ConversationEvent
_ANY: TypeAdapter[Event] = TypeAdapter(Event)


def read_event(body: bytes) -> Event:
    """Read the event of a delivery; ValidationError: it is none of the events."""
    return _ANY.validate_json(body)
