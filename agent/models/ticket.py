"""The ticket, who asked for it, and what people said to its run."""

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
    """Why nobody has to act on it, in words; empty: it is for the intake."""


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
    """An issue as it was when somebody with write permission labelled it."""

    issue: IssueRef
    url: str
    title: str
    body: str
    """As it arrived; what a reader does not see is taken out when it becomes a Ticket."""
    labels: tuple[str, ...]
    author: str
    actor: str
    """Login of who set the label, which approves this text."""
    actor_id: int
    approved_at: str
    """ISO 8601, UTC: `updated_at` of the issue when the label was set."""
    by_label: bool = True
    """False: started by a command of the operator, without a label."""

    @property
    def approval_key(self) -> str:
        """Equal for all deliveries about the same person's word on the same issue."""
        parts = [self.issue.repository_id, self.issue.issue_id, self.actor_id, self.approved_at]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]

    @property
    def digest(self) -> str:
        """sha256 over what was approved: title, body, labels in any order, and who approved it."""
        approved = [self.title, self.body, sorted(self.labels), self.actor_id]
        return hashlib.sha256(json.dumps(approved).encode()).hexdigest()

    def says_the_same(self, title: str, body: str) -> bool:
        return (self.title, self.body) == (title, body)


class Guidance(Record):
    """What a person with write permission said to a run after its text was approved."""

    kind: Literal["answer", "change", "approval", "command", "remark"]
    """An answer to its questions, another wish for its plan, the word to carry that out; a command
    that has had its effect; or other words, which had none."""
    words: str
    """As they were written; of an approval the number of the plan, of a command its name."""
    by: str
    at: str
    comment: str
    """Which comment it is, by place and number: one counts once."""


def find_approval(said: Sequence[Guidance], plan: str) -> Guidance | None:
    """Find who approved a plan; an approval that is older than another request does not count."""
    for guidance in reversed(said):
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
    """Visible text only: HTML comments and invisible characters are removed."""
    digest: str
    """sha256 of what was approved, as it arrived: a file, or an issue's text, labels and actor."""
    removed: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    """What people have added to it by comments, and who: as `an answer of maria, …`."""


Category = Literal["bug", "feature", "refactor", "tests", "docs", "typing", "dependency"]
