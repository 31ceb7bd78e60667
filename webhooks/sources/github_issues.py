"""GitHub's `issues` deliveries: a label was set, or what was asked for is taken back. Pure.

Owns which deliveries can start or stop a run at all and which facts of them are kept. Whether this
label starts one here, whether this person may, and how the issue stands by now, is the intake's to
decide.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from agent.domain import IssueRef, Record, Snapshot
from agent.intake import STATE_LABELS, TAKES_BACK, Request, Withdrawal
from webhooks import shapes

_ACTION = re.compile(r"[a-z_]{1,64}")
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


class Ignored(Record):
    """A delivery on which nobody has to act."""

    action: str | None
    reason: str
    """In words, with nothing of the delivery in them but checked names."""


def parse(event: str, body: bytes) -> IssueLabeled | IssueTakenBack | Ignored:
    """Read a delivery whose signature is verified.

    Raises:
        Refused: 400 the body is not JSON that we read; 422 it does not fit the event.
    """
    payload = shapes.read(event, body)
    action = _action(payload)
    if event == "ping":
        return Ignored(action=None, reason="ping: the webhook is set up")
    if event != "issues":
        return Ignored(action=action, reason=f"nothing here acts on the event {event}")
    if action not in _ASKS | TAKES_BACK:
        told = f"issues.{action}" if action else "an unnamed action on issues"
        return Ignored(action=action, reason=f"nothing here acts on {told}")
    try:
        if action in TAKES_BACK:
            return _taken_back(action, _TakenBack.model_validate(payload))
        # Only the first of them tells of a label.
        shape = _Labeled if action == "labeled" else _OpenedAgain
        asked = shape.model_validate(payload)
    except ValidationError as problem:
        place = ".".join(str(part) for part in problem.errors(include_input=False)[0]["loc"])
        return Ignored(action=action, reason=f"issues.{action} without a usable {place}")
    if asked.issue.pull_request is not None:
        subject = "the label is on" if action == "labeled" else "it is"
        return Ignored(action=action, reason=f"{subject} a pull request")
    return _kept(action, asked)


def _action(payload: dict[str, Any]) -> str | None:
    action = payload.get("action")
    return action if isinstance(action, str) and _ACTION.fullmatch(action) else None


def _taken_back(action: str, told: _TakenBack) -> IssueTakenBack | Ignored:
    if told.issue.pull_request is not None:
        return Ignored(action=action, reason="it is a pull request")
    label = told.label.name if told.label else ""
    if label.lower().startswith(STATE_LABELS):
        return Ignored(action=action, reason="a label of ours that tells the state of a run")
    withdrawal = Withdrawal(
        issue=_reference(told), action=action, actor=told.sender.login, label=label
    )
    return IssueTakenBack(action=action, withdrawal=withdrawal)


def _reference(told: _TakenBack | _OpenedAgain) -> IssueRef:
    issue, repository = told.issue, told.repository
    return IssueRef(
        repository=repository.full_name,
        repository_id=repository.id,
        number=issue.number,
        issue_id=issue.id,
        installation_id=told.installation.id if told.installation else None,
    )


def _kept(action: str, labeled: _OpenedAgain) -> IssueLabeled:
    issue, repository = labeled.issue, labeled.repository
    return IssueLabeled(
        action=action,
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


def _is_address(value: str) -> str:
    # No user, no password, no white space: it is handed to git and shown to people.
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-:\[\]]+/[^\s@?#\\\"'<>]*", value):
        raise ValueError("no plain web address")
    return value


_Number = Annotated[int, Field(ge=1, lt=2**63)]
_Address = Annotated[str, Field(max_length=2000), AfterValidator(_is_address)]
# Names below become parts of API addresses.
_Login = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?\z")]
_FullName = Annotated[
    str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}\z")
]
_Moment = Annotated[str, StringConstraints(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\z")]


class _Part(BaseModel):
    # Strict: "1" is no number and 1 is no name, whatever sent it.
    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)


class _Account(_Part):
    id: _Number
    login: _Login
    type: str = Field(default="User", max_length=40)


class _Author(_Part):
    login: _Login


class _Label(_Part):
    name: str = Field(min_length=1, max_length=100)


class _Issue(_Part):
    id: _Number
    number: _Number
    title: str = Field(max_length=4000)
    body: str | None = None
    user: _Author | None = None
    labels: list[_Label] = []
    state: Literal["open", "closed"]
    locked: bool = False
    updated_at: _Moment
    html_url: _Address
    pull_request: dict[str, Any] | None = None


class _Repository(_Part):
    id: _Number
    full_name: _FullName
    private: bool
    archived: bool = False
    clone_url: _Address
    default_branch: str = Field(min_length=1, max_length=255)


class _Installation(_Part):
    id: _Number


class _OpenedAgain(_Part):
    issue: _Issue
    repository: _Repository
    sender: _Account
    installation: _Installation | None = None


class _Labeled(_OpenedAgain):
    label: _Label


class _Which(_Part):
    id: _Number
    number: _Number
    pull_request: dict[str, Any] | None = None


class _Where(_Part):
    id: _Number
    full_name: _FullName


class _TakenBack(_Part):
    issue: _Which
    repository: _Where
    sender: _Author
    label: _Label | None = None
    installation: _Installation | None = None
