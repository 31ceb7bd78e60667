"""What is asked of a code host before a run is made."""

from __future__ import annotations

from typing import Literal

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
        """Take it as it stands, where what starts the run is no person's label."""
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


class Permission(Record):
    """What the account that has a login now may do in a repository."""

    level: Literal["admin", "maintain", "write", "triage", "read", "none"]
    account_id: int | None = None
    """Numeric id of that account, since a login can change hands; None: nobody has the login."""


class EarlierRun(Record):
    """What a code host still shows of a run that the same label has started before."""

    run_id: str
    over: bool


Reaction = Literal["eyes", "+1", "confused"]
