"""The ticket, its author, and what people said to its run."""

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

from agent.models.record import Record


class Delivery(Record):
    delivery_id: str
    """The sender's GUID; a redelivery carries the same one."""
    event: str
    received_at: float
    body: bytes
    """The event for the intake (`agent.conversation.events`), as JSON; empty: none."""
    ignored: str = ""
    """Why no action follows; empty: it is for the intake."""


class IssueRef(Record):
    repository: str
    """`owner/name` when the label was set."""
    repository_id: int
    number: int
    issue_id: int

    @property
    def owner(self) -> str:
        """The account or organisation that the repository belongs to, in lower case."""
        return self.repository.partition("/")[0].lower()


class Snapshot(Record):
    """An issue as it was when a person with write permission labelled it."""

    issue: IssueRef
    url: str
    title: str
    body: str
    """The received text; invisible parts are removed when it becomes a Ticket."""
    labels: tuple[str, ...]
    author: str
    actor: str
    """Login of the person who set the label and so approved this text."""
    actor_id: int
    approved_at: str
    """ISO 8601, UTC: `updated_at` of the issue when the label was set."""
    by_label: bool = True
    """False: started by a command of the operator, without a label."""

    @property
    def approval_key(self) -> str:
        """Equal for all deliveries about one approval of an issue."""
        parts = [self.issue.repository_id, self.issue.issue_id, self.actor_id, self.approved_at]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]

    @property
    def digest(self) -> str:
        """sha256 of title, body, sorted labels and the approving account."""
        approved = [self.title, self.body, sorted(self.labels), self.actor_id]
        return hashlib.sha256(json.dumps(approved).encode()).hexdigest()

    def says_the_same(self, title: str, body: str) -> bool:
        return (self.title, self.body) == (title, body)


class Guidance(Record):
    """A comment to a run by a person with write permission, after the ticket was approved."""

    kind: Literal["answer", "change", "approval", "command", "remark"]
    """An answer to questions, a change of the plan, an approval of the plan, a command that was
    carried out, or a remark without effect."""
    words: str
    """The text; of an approval the number of the plan, of a command its name."""
    by: str
    at: str
    comment: str
    """Place and number of the comment, which counts once."""


def find_approval(comments: Sequence[Guidance], plan: str) -> Guidance | None:
    """Find the approval of a plan; one that is older than a later request does not count."""
    for guidance in reversed(comments):
        if guidance.kind in ("answer", "change"):
            return None
        if guidance.kind == "approval" and guidance.words == plan:
            return guidance
    return None


class Ticket(Record):
    """The approved snapshot of a request; data, never instructions."""

    ticket_id: str
    """Short and safe in a branch name: the issue number or the file's stem."""
    title: str
    body: str
    """Visible text, without HTML comments and invisible characters."""
    digest: str
    """sha256 of the approved file, or of an issue's text, labels and actor."""
    removed: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    """Additions by comments, each with its author: `an answer of maria, …`."""


Category = Literal["bug", "feature", "refactor", "tests", "docs", "typing", "dependency"]
