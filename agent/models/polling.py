"""What is looked for where no webhook tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from agent.models.record import Record
from agent.models.ticket import IssueRef, Snapshot


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
    """Address of the repository for git, without credentials."""


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
    """When it was written."""
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
