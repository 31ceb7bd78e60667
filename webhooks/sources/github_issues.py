"""GitHub's `issues` deliveries: a label was set, or what was asked for is taken back. Pure.

Owns which deliveries can start or stop a run at all and which facts of them are kept. Whether this
label starts one here, whether this person may, and how the issue stands by now, is the intake's to
decide.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from agent.domain import IssueRef, Record, Snapshot
from agent.intake import STATE_LABELS, TAKES_BACK, Request, Withdrawal
from webhooks.sources import github_payloads as parts
from webhooks.sources.github_payloads import Ignored

#: By these, somebody who may write asks for a run: the last two only for one that was ended by
#: their contrary.
_ASKS = frozenset({"labeled", "reopened", "unlocked"})


class IssueLabeled(Record):
    """Somebody set a label on an issue, or opened or unlocked it again."""

    snapshot: Snapshot
    """The issue as it stood then; its actor is who set the label."""
    label: str
    """The label that was set; empty where it was none that was set."""
    action: str = "labeled"
    actor_type: str
    """GitHub's word: `User`, `Bot`, `Organization`, `Mannequin`."""
    state: Literal["open", "closed"]
    locked: bool
    private: bool
    archived: bool
    clone_url: str
    """Address for git, without credentials."""
    default_branch: str

    @property
    def content_key(self) -> str:
        """Equal for deliveries that tell of the same label on the same version of the issue."""
        return self.request().content_key

    def request(self) -> Request:
        """Give what the intake decides on; what may have changed meanwhile it looks up itself."""
        return Request(
            snapshot=self.snapshot,
            label=self.label,
            actor_is_bot=self.actor_type == "Bot",
            clone_url=self.clone_url,
            resumes=self.action != "labeled",
        )


class IssueTakenBack(Record):
    """Somebody closed, locked, moved or deleted an issue, or took a label off."""

    action: str
    withdrawal: Withdrawal

    @property
    def content_key(self) -> str:
        """Empty: it is only an occasion to look, which may be had twice."""
        return ""

    def request(self) -> Withdrawal:
        """Give what the intake decides on."""
        return self.withdrawal


def _asked(action: str | None, payload: dict[str, Any]) -> IssueLabeled | Ignored:
    # Only the first of them tells of a label.
    shape = _Labeled if action == "labeled" else _OpenedAgain
    asked = shape.model_validate(payload)
    if asked.issue.pull_request is not None:
        subject = "the label is on" if action == "labeled" else "it is"
        return Ignored(action=action, reason=f"{subject} a pull request")
    return _kept(asked)


def _taken_back(action: str | None, payload: dict[str, Any]) -> IssueTakenBack | Ignored:
    told = _TakenBack.model_validate(payload)
    if told.issue.pull_request is not None:
        return Ignored(action=action, reason="it is a pull request")
    label = told.label.name if told.label else ""
    if label.lower().startswith(STATE_LABELS):
        return Ignored(action=action, reason="a label of ours that tells the state of a run")
    withdrawal = Withdrawal(
        issue=_reference(told), action=told.action, actor=told.sender.login, label=label
    )
    return IssueTakenBack(action=told.action, withdrawal=withdrawal)


def _reference(told: _TakenBack | _OpenedAgain) -> IssueRef:
    issue, repository = told.issue, told.repository
    return IssueRef(
        repository=repository.full_name,
        repository_id=repository.id,
        number=issue.number,
        issue_id=issue.id,
        installation_id=told.installation.id if told.installation else None,
    )


def _kept(labeled: _OpenedAgain) -> IssueLabeled:
    issue, repository = labeled.issue, labeled.repository
    return IssueLabeled(
        action=labeled.action,
        snapshot=Snapshot(
            issue=_reference(labeled),
            url=issue.html_url,
            title=issue.title,
            body=issue.body or "",
            labels=tuple(label.name for label in issue.labels),
            # Whoever deleted the account is shown by GitHub as this one.
            author=issue.user.login if issue.user else "ghost",
            actor=labeled.sender.login,
            actor_id=labeled.sender.id,
            approved_at=issue.updated_at,
        ),
        label=labeled.label.name if isinstance(labeled, _Labeled) else "",
        actor_type=labeled.sender.type,
        state=issue.state,
        locked=issue.locked,
        private=repository.private,
        archived=repository.archived,
        clone_url=repository.clone_url,
        default_branch=repository.default_branch,
    )


# --- what we need of the payload; GitHub adds fields at any time --------------------------------


class _Label(parts.Part):
    name: str = Field(min_length=1, max_length=100)


class _Issue(parts.Part):
    id: parts.Number
    number: parts.Number
    title: str = Field(max_length=4000)
    body: str | None = None
    user: parts.Named | None = None
    labels: list[_Label] = []
    state: Literal["open", "closed"]
    locked: bool = False
    updated_at: parts.Moment
    html_url: parts.Address
    pull_request: dict[str, Any] | None = None


class _Repository(parts.Cloned):
    private: bool
    archived: bool = False
    default_branch: str = Field(min_length=1, max_length=255)


class _OpenedAgain(parts.Part):
    action: str
    issue: _Issue
    repository: _Repository
    sender: parts.Account
    installation: parts.Installation | None = None


class _Labeled(_OpenedAgain):
    label: _Label


class _TakenBack(parts.Part):
    action: str
    issue: parts.Issue
    repository: parts.Repository
    sender: parts.Named
    label: _Label | None = None
    installation: parts.Installation | None = None


READS: parts.Reads[IssueLabeled | IssueTakenBack] = {
    "issues": {**dict.fromkeys(_ASKS, _asked), **dict.fromkeys(TAKES_BACK, _taken_back)}
}
"""What is read here, by event and action."""
