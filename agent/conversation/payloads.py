"""The parts of GitHub's payloads that we use, parsed strictly.

Unknown fields are ignored, since GitHub adds fields at any time. Types are not converted: "1" is no
number and 1 is no name.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

# --- parts -------------------------------------------------------------------------------------


def _require_address(value: str) -> str:
    # No user, password or white space: the address is passed to git and shown to people.
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-:\[\]]+/[^\s@?#\\\"'<>]*", value):
        raise ValueError("not a plain web address")
    return value


Number = Annotated[int, Field(ge=1, lt=2**63)]
Address = Annotated[str, Field(max_length=2000), AfterValidator(_require_address)]
# Names below become parts of API addresses.
Login = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?\z")]
FullName = Annotated[
    str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}\z")
]
Moment = Annotated[str, StringConstraints(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\z")]
#: A full hash, SHA-1 or SHA-256.
Commit = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{40}([0-9a-f]{24})?\z")]


class PayloadPart(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)


class AccountName(PayloadPart):
    """An account of which only the name is read."""

    login: Login


class Account(AccountName):
    """An account; its id stays when its name changes."""

    id: Number
    type: str = Field(default="User", max_length=40)
    """GitHub's type: `User`, `Bot`, `Organization`, `Mannequin`."""

    @property
    def is_bot(self) -> bool:
        """Whether the account is an App's; names of people cannot end with `[bot]`."""
        return self.type == "Bot" or self.login.endswith("[bot]")


class Repository(PayloadPart):
    """A repository; its id stays when its name changes."""

    id: Number
    full_name: FullName


class CloneableRepository(Repository):
    clone_url: Address


class Label(PayloadPart):
    name: str = Field(min_length=1, max_length=100)


class Subject(PayloadPart):
    """An issue or a pull request; the id of a pull request is not that of its issue."""

    id: Number
    number: Number
    pull_request: dict[str, Any] | None = None
    """Set if the issue is a pull request."""


class IssueDetails(Subject):
    title: str = Field(max_length=4000)
    body: str | None = None
    user: AccountName | None = None
    labels: list[Label] = []
    updated_at: Moment
    html_url: Address


class PostedText(PayloadPart):
    """A comment, or the text of a review."""

    id: Number
    user: Account
    body: str | None = None
    at: Moment = Field(validation_alias=AliasChoices("created_at", "submitted_at"))
    state: str = Field(default="", max_length=40)
    """Verdict of a review."""


class GithubApp(PayloadPart):
    id: int


class ProjectCheckResult(PayloadPart):
    app: GithubApp | None = None
    head_sha: Commit
    conclusion: str | None = Field(default=None, max_length=40)


# --- whole payloads ----------------------------------------------------------------------------


class IssuePayload(PayloadPart):
    """A request on an issue, or its withdrawal."""

    repository: Repository
    issue: Subject


class LabelledIssue(IssuePayload):
    issue: IssueDetails
    repository: CloneableRepository
    sender: Account
    label: Label


class TextPayload(PayloadPart):
    """A review, or a comment on an issue, on a pull request or on a line of one."""

    repository: CloneableRepository
    sender: Account
    subject: Subject = Field(validation_alias=AliasChoices("issue", "pull_request"))
    text: PostedText = Field(validation_alias=AliasChoices("comment", "review"))


class PullRequestPayload(PayloadPart):
    repository: Repository
    pull_request: Subject


class CheckSuitePayload(PayloadPart):
    repository: Repository
    check_suite: ProjectCheckResult


class PushPayload(PayloadPart):
    repository: Repository
    ref: str = Field(max_length=1000)


class StatusPayload(PayloadPart):
    repository: Repository
    sha: Commit
    state: Literal["pending", "success", "failure", "error"]
