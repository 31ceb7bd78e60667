"""What the simulated GitHub remembers. Plain mutable records; `world.World` sets them up.

Issues and pull requests of a repository share one numbering and one mapping (`Repository.issues`);
a pull request is an `Issue` with `pull` set. Each knows what it is part of, up to the world. Times
are seconds since the epoch (`World.now`).
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.simulator.hooks import Hook, Hooks

Role = Literal["none", "read", "triage", "write", "maintain", "admin"]
ROLES: tuple[Role, ...] = ("none", "read", "triage", "write", "maintain", "admin")
"""From least to most."""

Permissions = dict[str, str]
"""Area ("contents", "pull_requests" ...) to "read" or "write"."""


@dataclass(eq=False)
class User:
    """An account: a person, an organisation, or the bot of an App."""

    id: int
    login: str
    kind: Literal["User", "Bot", "Organization"]
    app_id: int | None = None
    """Set on the bot of an App."""


@dataclass(eq=False)
class Label:
    name: str
    color: str
    description: str


@dataclass(eq=False)
class Reaction:
    id: int
    user: User
    content: str


@dataclass(eq=False)
class Comment:
    id: int
    body: str
    author: User
    created: float
    updated: float
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(eq=False)
class ReviewComment:
    id: int
    review_id: int
    body: str
    author: User
    path: str
    diff_hunk: str
    created: float
    line: int | None
    """None once a push has changed the line."""
    original_line: int
    start_line: int | None = None
    in_reply_to: int | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(eq=False)
class Thread:
    id: int
    comments: list[ReviewComment] = field(default_factory=list)
    resolved_by: User | None = None


@dataclass(eq=False)
class Review:
    id: int
    author: User
    body: str
    state: str
    """APPROVED, CHANGES_REQUESTED or COMMENTED."""
    submitted: float


@dataclass(eq=False)
class Pull:
    id: int
    issue: Issue
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool
    merged: float | None = None
    merged_by: User | None = None
    merge_sha: str | None = None
    requested: list[User] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)

    def review_comments(self) -> list[ReviewComment]:
        """Return the comments of all threads, oldest first."""
        comments = [comment for thread in self.threads for comment in thread.comments]
        return sorted(comments, key=lambda comment: comment.id)


@dataclass(eq=False)
class Happening:
    """One entry of an issue's time line besides its comments and reviews."""

    id: int
    event: str
    """labeled, unlabeled, closed, reopened, renamed, locked, merged ..."""
    actor: User
    created: float
    label: Label | None = None
    was: str = ""
    """Of a renaming: the title before."""


@dataclass(eq=False)
class Issue:
    """An issue, or a pull request where `pull` is set."""

    repository: Repository
    id: int
    number: int
    title: str
    body: str | None
    author: User
    created: float
    updated: float
    edited: float | None = None
    """When the body was last edited."""
    texts: list[tuple[float, str]] = field(default_factory=list)
    """Once it was edited: every text that it has had, the first one too, and since when."""
    state: Literal["open", "closed"] = "open"
    closed: float | None = None
    locked: bool = False
    labels: list[Label] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    pull: Pull | None = None

    @property
    def page_url(self) -> str:
        return f"{self.repository.page_url}/{'pull' if self.pull else 'issues'}/{self.number}"


@dataclass(eq=False)
class CheckRun:
    id: int
    suite_id: int
    app_id: int
    name: str
    head_sha: str
    status: str
    conclusion: str | None = None
    external_id: str | None = None
    details_url: str | None = None
    title: str | None = None
    summary: str | None = None
    log: str | None = None
    """Of a job of GitHub Actions that is over."""


@dataclass(eq=False)
class Status:
    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None


@dataclass(eq=False)
class WorkflowRun:
    id: int
    suite_id: int
    name: str
    head_sha: str
    conclusion: str | None = None
    """None while it is not over; `action_required` if it waits for approval."""
    status: str = "completed"
    event: str = "pull_request"
    fork: int = 0
    """Number of the fork whose pull request it is of; 0: of a branch of the repository itself."""


@dataclass(eq=False)
class Repository:
    """A repository: its settings, people, issues, and the bare git repository on disk."""

    world: State
    id: int
    owner: User
    name: str
    git_dir: Path
    private: bool = False
    archived: bool = False
    default_branch: str = "main"
    roles: dict[str, Role] = field(default_factory=dict)
    """Login in lower case to role; the owner is admin without an entry."""
    labels: dict[str, Label] = field(default_factory=dict)
    """By name in lower case."""
    issues: dict[int, Issue] = field(default_factory=dict)
    last_number: int = 0
    check_runs: dict[int, CheckRun] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    workflow_runs: list[WorkflowRun] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def page_url(self) -> str:
        return f"{self.world.base_url}/{self.full_name}"

    @property
    def api_url(self) -> str:
        return f"{self.world.base_url}/api/v3/repos/{self.full_name}"

    def pulls(self) -> list[Issue]:
        """Return the pull requests, oldest first."""
        return [issue for issue in self.issues.values() if issue.pull]


@dataclass(eq=False)
class App:
    id: int
    slug: str
    name: str
    owner: User
    bot: User
    private_key: str
    """PEM."""
    public_key: str
    permissions: Permissions
    hook: Hook
    client_id: str = field(default_factory=lambda: f"Iv23{secrets.token_hex(8)}")
    client_secret: str = field(default_factory=lambda: secrets.token_hex(20))
    """With these it signs people in."""


@dataclass(eq=False)
class Installation:
    """An App on an account, for all of its repositories or some."""

    id: int
    app: App
    account: User
    permissions: Permissions
    repository_ids: set[int] | None
    """None: all of the account."""

    def covers(self, repository: Repository) -> bool:
        if repository.owner is not self.account:
            return False
        return self.repository_ids is None or repository.id in self.repository_ids


@dataclass(eq=False)
class Token:
    """What a client shows: a personal token, or one of an installation."""

    value: str
    expires: float | None
    user: User
    """The person, or the App's bot."""
    installation: Installation | None = None
    permissions: Permissions = field(default_factory=dict)
    repository_ids: set[int] | None = None
    made: float = field(default_factory=time.monotonic)


class State:
    """Everything the simulated GitHub knows; every reader and writer holds `lock` (re-entrant)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base_url = "http://127.0.0.1"
        """Where the server answers, without slash."""
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        """By login in lower case."""
        self.repositories: dict[int, Repository] = {}
        self.apps: dict[int, App] = {}
        self.sign_ins: dict[str, tuple[App, User, str]] = {}
        """People who have said that an App may know them, and its challenge (PKCE), by code."""
        self.installations: dict[int, Installation] = {}
        self.tokens: dict[str, Token] = {}
        self.token_lag = float(os.environ.get("TOKEN_LAG", "0"))
        """Seconds for which a new token of an installation is refused."""
        self._last_id = 1_000
        self.hooks = Hooks(self.next_id, self.now)
        self.logs: dict[str, str] = {}
        """Logs of jobs by the name under which anybody may fetch them."""

    def now(self) -> float:
        return time.time()

    def next_id(self) -> int:
        """Return a number that was not used before."""
        with self.lock:
            self._last_id += 1
            return self._last_id

    def role(self, repository: Repository, user: User) -> Role:
        """Return a person's role in a repository; public ones can be read by all."""
        if user is repository.owner:
            return "admin"
        role = repository.roles.get(user.login.lower(), "none")
        return "read" if role == "none" and not repository.private else role
