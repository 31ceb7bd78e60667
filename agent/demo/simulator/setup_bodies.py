"""What set-up over HTTP may be sent: every field is checked, unknown ones are refused.

The fields are told in the package's docstring, with the end points.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agent.demo.simulator.faults import Kind
from agent.demo.simulator.hooks import HookFaultKind
from agent.demo.simulator.records import Role, RuleKind
from agent.demo.simulator.world import APP_EVENTS


class Sent(BaseModel):
    """What may be sent anywhere here."""

    model_config = ConfigDict(extra="forbid")


class User(Sent):
    """A new account."""

    login: str
    kind: str = Field("User", pattern="^(User|Bot|Organization)$")
    name: str | None = None


class Token(Sent):
    """A new personal token."""

    login: str
    scopes: list[str] = ["repo", "workflow"]
    seconds: float | None = None


class Repository(Sent):
    """A new repository."""

    full_name: str
    source: Path | None = None
    private: bool = False
    drafts: bool = True
    description: str | None = None
    default_branch: str = "main"


class Changed(Sent):
    """What changes in a repository."""

    name: str | None = None
    archived: bool | None = None
    private: bool | None = None
    drafts: bool | None = None
    default_branch: str | None = None
    issues: bool | None = None


class Granted(Sent):
    """A role in a repository."""

    role: Role


class Label(Sent):
    """A new label."""

    name: str
    color: str = "ededed"
    description: str | None = None


class Rule(Sent):
    """A new rule."""

    pattern: str
    kinds: list[RuleKind]
    classic: bool = False
    exempt: list[str] = []


class Hook(Sent):
    """A new hook of a repository."""

    url: str
    secret: str = ""
    events: list[str] = ["*"]


class App(Sent):
    """A new App."""

    slug: str
    owner: str
    permissions: dict[str, str] | None = None
    events: list[str] = list(APP_EVENTS)
    hook_url: str = ""
    hook_secret: str = ""


class ChangedApp(Sent):
    """What changes in an App."""

    hook_url: str | None = None
    hook_secret: str | None = None
    hook_active: bool | None = None
    events: list[str] | None = None


class Installation(Sent):
    """A new installation."""

    app_id: int
    account: str
    repositories: list[str] | None = None
    permissions: dict[str, str] | None = None


class ChangedInstallation(Sent):
    """What changes in an installation."""

    repositories: list[str] | None = None
    permissions: dict[str, str] | None = None
    suspended: bool | None = None


class Transfer(Sent):
    """An issue that moves."""

    repository: str
    number: int
    to: str
    by: str | None = None


class Expire(Sent):
    """Whose tokens end."""

    login: str | None = None
    installation_id: int | None = None


class Clock(Sent):
    """By how much the time goes on."""

    advance: float


class Limits(Sent):
    """Figures of the rate limits."""

    core: int | None = None
    points: int | None = None
    content: int | None = None
    content_hourly: int | None = None
    concurrent: int | None = None
    token_seconds: float | None = None


class Fault(Sent):
    """A fault of the API or of git."""

    kind: Kind
    method: str = "*"
    path: str = "*"
    contains: str = ""
    after: int = 0
    count: int | None = 1
    status: int | None = Field(None, ge=200, le=599)
    body: Any = None
    headers: dict[str, str] = {}
    seconds: float | None = None
    location: str = ""


class HookFault(Sent):
    """A fault of deliveries."""

    kind: HookFaultKind
    event: str = "*"
    count: int = 1
    seconds: float = 1.0


class Drain(Sent):
    """How long to wait."""

    seconds: float = 10.0
