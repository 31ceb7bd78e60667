"""What GitHub's payloads have in common, read strictly, and what comes of one. Pure.

Owns the shapes of the parts that several sources need. GitHub adds fields at any time: what is not
named is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from agent.conversation.events import Comment, Event
from agent.models.record import Record
from agent.service.intake import Request, Withdrawal


class Ignored(Record):
    """A delivery on which nobody has to act."""

    action: str | None
    reason: str
    """In words, with nothing of the delivery in them but checked names."""


class ParsedEvent(Record):
    """A delivery for the intake."""

    action: str | None
    about: Comment | Event | Request | Withdrawal


Reads = Mapping[
    str, Mapping[str | None, Callable[[str | None, dict[str, Any]], ParsedEvent | Ignored]]
]
"""By event and action, how a payload is read; None: the event has no such word."""


def _is_address(value: str) -> str:
    # No user, no password, no white space: it is handed to git and shown to people.
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-:\[\]]+/[^\s@?#\\\"'<>]*", value):
        raise ValueError("no plain web address")
    return value


Number = Annotated[int, Field(ge=1, lt=2**63)]
Address = Annotated[str, Field(max_length=2000), AfterValidator(_is_address)]
# Names below become parts of API addresses.
Login = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?\z")]
FullName = Annotated[
    str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}\z")
]
Moment = Annotated[str, StringConstraints(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\z")]
#: SHA-1 or SHA-256, in full.
Commit = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{40}([0-9a-f]{24})?\z")]


class Part(BaseModel):
    """Strict: "1" is no number and 1 is no name, whatever sent it."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)


class Named(Part):
    """An account of which the name is enough."""

    login: Login


class Account(Named):
    """An account; its number stays when its name changes."""

    id: Number
    type: str = Field(default="User", max_length=40)
    """GitHub's word: `User`, `Bot`, `Organization`, `Mannequin`."""

    @property
    def is_bot(self) -> bool:
        """Whether it is the account of an App; no person's name can end like theirs."""
        return self.type == "Bot" or self.login.endswith("[bot]")


class Repository(Part):
    """A repository; its number stays when its name changes."""

    id: Number
    full_name: FullName


class Cloned(Repository):
    """A repository and where git finds it."""

    clone_url: Address


class Installation(Part):
    """Of the App, in a repository."""

    id: Number


class Issue(Part):
    """An issue, or what GitHub tells of a pull request as one."""

    id: Number
    number: Number
    pull_request: dict[str, Any] | None = None
    """Set: it is a pull request."""


class Pull(Part):
    """A pull request under its own id, which is not the one that it has as an issue."""

    id: Number
    number: Number
