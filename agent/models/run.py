"""A run, its states, and the reasons for its end."""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, Protocol, Self

from agent.models.record import Record
from agent.models.ticket import Snapshot


class RunState(StrEnum):
    RECEIVED = "received"
    TRIAGING = "triaging"
    PREPARING = "preparing"
    PLANNING = "planning"
    AWAITING_APPROVAL = "awaiting_approval"
    EDITING = "editing"
    CHECKING = "checking"
    REVIEWING = "reviewing"
    PUBLISHING = "publishing"
    OPEN = "open"
    FOLLOWING_UP = "following_up"
    MERGED = "merged"
    CLOSED = "closed"
    DECLINED = "declined"
    NEEDS_HUMAN = "needs_human"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: States of runs that are over; only a person can change them.
ENDS = frozenset(
    {
        RunState.MERGED,
        RunState.CLOSED,
        RunState.DECLINED,
        RunState.NEEDS_HUMAN,
        RunState.FAILED,
        RunState.CANCELLED,
    }
)


_OPEN, _HUMAN = RunState.OPEN, RunState.NEEDS_HUMAN
_DECLINED, _CANCELLED, _FAILED = RunState.DECLINED, RunState.CANCELLED, RunState.FAILED


class Reason(StrEnum):
    """Why a run ended, for programs; the outcome's sentence is for people.

    Attributes:
        headline: Description for people.
        state: Final state of the run.
        is_settled: Whether a run that is resumed would end in the same way, since ticket,
            repository and all replies are on record.
    """

    headline: str
    state: RunState
    is_settled: bool

    READY = "ready", "The change passed; it is on a branch or in a pull request.", _OPEN, True
    DRY_RUN = "dry_run", "Dry run: the change passed and nothing was published.", _CANCELLED, True
    CHECKED = "checked", "The base commit was set up and its checks ran.", _CANCELLED, True
    UNCLEAR = "unclear", "This run is waiting for your answers.", _HUMAN, True
    NO_RECIPE = "no_recipe", "No model is configured for this change.", _HUMAN, True
    REFUSED = "refused", "This request is not supported.", _DECLINED, True
    TOO_LARGE = "too_large", "This is too large for one change.", _DECLINED, True
    FOR_PEOPLE = "for_people", "This change needs a person.", _DECLINED, True
    UNFIT = "repository_unfit", "This repository is not supported as it is.", _FAILED, True
    CONFIG_INVALID = "config_invalid", "The repository's configuration is invalid.", _HUMAN, True
    ENVIRONMENT = "environment_failed", "The environment could not be built.", _FAILED, True
    EDIT_FAILED = "edit_failed", "The requested edit could not be made.", _FAILED, True
    UNASKED_OPERATIONS = "unasked_operations", "The change would do more than asked.", _HUMAN, True
    POLICY = "policy", "A rule of this repository blocks the change.", _DECLINED, True
    NEW_FAILURES = "new_failures", "No pull request: the change fails the checks."
    UNVERIFIED = "unverified", "No pull request: a check's result could not be verified."
    CHECK_UNFINISHED = "check_unfinished", "The base branch's tests do not finish.", _FAILED, True
    NO_TESTS = "no_tests", "The repository has no tests to verify the change.", _FAILED, True
    NO_SANDBOX = "no_sandbox", "No sandbox can be started on the machine."
    SETTINGS_INVALID = "settings_invalid", "An operator setting is invalid."
    STORAGE_FULL = "storage_full", "The service's disk is full."
    TIME_SPENT = "time_spent", "The run reached its time limit."
    BUDGET_SPENT = "budget_spent", "The run reached its model budget."
    MODEL_REFUSED = "model_refused", "The model declined this task."
    MODEL_REQUEST_REJECTED = "model_request_rejected", "The model's provider rejected the request."
    MODEL_UNUSABLE = "model_unusable", "The service cannot use its model right now."
    CONFLICT = "merge_conflict", "The branch conflicts with its base branch.", _HUMAN
    UNANSWERED = "unanswered", "The plan was not approved within two weeks.", _HUMAN
    INTERRUPTED = "interrupted", "The command was interrupted.", _CANCELLED
    SUPERSEDED = "superseded", "The issue or pull request is not as it was approved.", _CANCELLED
    ACCESS_LOST = "access_lost", "GitHub refused what this run needs."
    CANCELLED = "cancelled", "The run was stopped.", _CANCELLED
    VERSION_UNKNOWN = "version_unknown", "Another version of Mergewright began it.", _FAILED, True
    UNAVAILABLE = "unavailable", "A system that the run needs did not respond."
    INTERNAL = "internal_error", "The run failed because of a bug in Mergewright."

    def __new__(
        cls,
        code: str,
        headline: str,
        state: RunState = _FAILED,
        is_settled: bool = False,  # noqa: FBT001, FBT002  a column of the table above
    ) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.headline, member.state, member.is_settled = headline, state, is_settled
        return member


WITHHELD = frozenset({Reason.NEW_FAILURES, Reason.UNVERIFIED, Reason.POLICY, Reason.NO_TESTS})

CAPS_REACHED = frozenset({Reason.BUDGET_SPENT, Reason.TIME_SPENT})
"""A run that is continued after one of these gets its budget again."""


Kind = Literal["review", "ci", "update"]
"""Cause of a follow-up: comments in the pull request, the project's own checks, or new commits on
the base branch."""


class FollowUp(Record):
    of: str
    """Id of the run that opened the pull request."""
    pull: int
    round: int
    """Number of the follow-up for the pull request, from 1."""
    kind: Kind
    by: str = ""


class Run(Record):
    run_id: str
    """Time-ordered and unique; also names the run's folder."""
    repository: str
    """Absolute path of the user's repository, or a clone address without credentials."""
    ticket: str
    """Source of the ticket: a path, or `#` and the number of an issue; empty: there is none, and
    only the base is set up and checked."""
    snapshot: Snapshot | None = None
    """The approved issue; None for a run on this machine."""
    attempt: int = 1
    """Number of the run for its issue; a follow-up has that of the run that it continues."""
    base: str | None = None
    """Branch, tag or commit to start from; None: the checked-out commit, on a code host the default
    branch."""
    config_text: str | None = None
    """Content of a configuration file in place of the repository's own."""
    config_name: str | None = None
    dry_run: bool = False
    plan_first: bool = False
    runs_per_day: int | None = None
    """Maximum runs of its repository within 24 hours, from the configuration when the label was
    set; None: the operator's maximum."""
    follow_up: FollowUp | None = None
    """None: the run begins with the ticket."""
    models: str | None = None
    """Models from the command line, as `openai:NAME`; None: those of the settings."""
    started: int
    """Seconds since the epoch; also the date of the commit, so that a repeated publication makes
    the same commit."""

    @property
    def about(self) -> FollowUp:
        if self.follow_up is None:
            raise ValueError(f"{self.run_id} begins with its ticket")
        return self.follow_up

    @property
    def repository_name(self) -> str:
        """`owner/name`, or the repository's path for a run on this machine."""
        return self.snapshot.issue.repository if self.snapshot else self.repository

    @property
    def first(self) -> str:
        """Id of the run that began with the ticket: of a follow-up, the one that it continues."""
        return self.follow_up.of if self.follow_up else self.run_id


class Wait(Record):
    """Why a run waits, and the step that its next segment begins with."""

    reason: str
    until: float = 0.0
    """Seconds since the epoch."""
    begin_with: str | None = None
    """Step that is tried again; None: the first one without a record."""
    plan_asked: str | None = None
    """Number of the plan that waits for approval."""


class Remember(Protocol):
    def __call__(self, name: str, attempt: Callable[[], str]) -> str: ...


RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{16}")


def make_run_id(started: int) -> str:
    """Make the id of a run from its start, in seconds since the epoch, and a random part."""
    stamp = datetime.fromtimestamp(started, UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{secrets.token_hex(8)}"


def read_run_start(run_id: str) -> int:
    """Read the start from the id of a run, in seconds since the epoch; 0: it has none."""
    try:
        begun = datetime.strptime(f"{run_id.rpartition('-')[0]} +0000", "%Y%m%d-%H%M%S %z")
    except ValueError:
        return 0
    return int(begun.timestamp())
