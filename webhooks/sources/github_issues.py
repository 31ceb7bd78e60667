"""GitHub's `issues` deliveries: a label was set, or what was asked for is taken back. Pure.

Owns which deliveries can start or stop a run at all and which facts of them are kept. Whether this
label starts one here, whether this person may, and how the issue stands by now, is the intake's to
decide.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from agent.models.ticket import IssueRef, Snapshot
from agent.service.intake import TAKES_BACK, Request, Withdrawal
from webhooks.sources import github_payloads as parts
from webhooks.sources.github_payloads import Ignored, ParsedEvent

#: By these, somebody who may write asks for a run: the last two only for one that was ended by
#: their contrary.
_ASKS = frozenset({"labeled", "reopened", "unlocked"})


def _parse_request(action: str | None, payload: dict[str, Any]) -> ParsedEvent | Ignored:
    # Only the first of them tells of a label.
    shape = _Labeled if action == "labeled" else _OpenedAgain
    asked = shape.model_validate(payload)
    if asked.issue.pull_request is not None:
        subject = "the label is on" if action == "labeled" else "it is"
        return Ignored(action=action, reason=f"{subject} a pull request")
    return _make_event(asked)


def _taken_back(action: str | None, payload: dict[str, Any]) -> ParsedEvent | Ignored:
    told = _TakenBack.model_validate(payload)
    if told.issue.pull_request is not None:
        return Ignored(action=action, reason="it is a pull request")
    return ParsedEvent(action=told.action, about=Withdrawal(issue=_reference(told)))


def _reference(told: _TakenBack | _OpenedAgain) -> IssueRef:
    issue, repository = told.issue, told.repository
    return IssueRef(
        repository=repository.full_name,
        repository_id=repository.id,
        number=issue.number,
        issue_id=issue.id,
        installation_id=told.installation.id if told.installation else None,
    )


def _make_event(asked: _OpenedAgain) -> ParsedEvent:
    issue = asked.issue
    snapshot = Snapshot(
        issue=_reference(asked),
        url=issue.html_url,
        title=issue.title,
        body=issue.body or "",
        labels=tuple(label.name for label in issue.labels),
        # Whoever deleted the account is shown by GitHub as this one.
        author=issue.user.login if issue.user else "ghost",
        actor=asked.sender.login,
        actor_id=asked.sender.id,
        approved_at=issue.updated_at,
    )
    request = Request(
        snapshot=snapshot,
        label=asked.label.name if isinstance(asked, _Labeled) else "",
        actor_is_bot=asked.sender.type == "Bot",
        clone_url=asked.repository.clone_url,
        resumes=asked.action != "labeled",
    )
    return ParsedEvent(action=asked.action, about=request)


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
    updated_at: parts.Moment
    html_url: parts.Address
    pull_request: dict[str, Any] | None = None


class _OpenedAgain(parts.Part):
    action: str
    issue: _Issue
    repository: parts.Cloned
    sender: parts.Account
    installation: parts.Installation | None = None


class _Labeled(_OpenedAgain):
    label: _Label


class _TakenBack(parts.Part):
    action: str
    issue: parts.Issue
    repository: parts.Repository
    label: _Label | None = None
    installation: parts.Installation | None = None


READS: parts.Reads = {
    "issues": {**dict.fromkeys(_ASKS, _parse_request), **dict.fromkeys(TAKES_BACK, _taken_back)}
}
"""What is read here, by event and action."""
