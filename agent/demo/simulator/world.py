"""The state of the simulated GitHub, and its set-up in Python.

Every reader and writer holds `World.lock` (re-entrant). Set-up methods take it themselves. What
comes in over HTTP as set-up (`control`) calls the same methods. Shape of the state: `users` by
login in lower case, `repositories` by id, `apps` and `installations` by id, `tokens` by value;
`find_repository("owner/name")` for a name. `base_url` is where the server answers, without slash.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from agent.demo.simulator import credentials, git_store
from agent.demo.simulator.faults import Faults
from agent.demo.simulator.hooks import Hooks
from agent.demo.simulator.limits import Limits
from agent.demo.simulator.records import (
    ROLES,
    App,
    Hook,
    Installation,
    Issue,
    Label,
    Permissions,
    Registration,
    Repository,
    Role,
    Rule,
    RuleKind,
    Token,
    User,
)
from agent.demo.simulator.request_log import RequestLog

APP_PERMISSIONS: Permissions = {
    "metadata": "read",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "checks": "write",
    "statuses": "read",
    "actions": "read",
}
APP_EVENTS = (
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "check_run",
    "check_suite",
    "status",
    "workflow_run",
)
ACTIONS = "github-actions"
DEFAULT_LABELS = (
    ("bug", "d73a4a", "Something isn't working"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("duplicate", "cfd3d7", "This issue or pull request already exists"),
    ("enhancement", "a2eeef", "New feature or request"),
    ("good first issue", "7057ff", "Good for newcomers"),
    ("help wanted", "008672", "Extra attention is needed"),
    ("invalid", "e4e669", "This doesn't seem right"),
    ("question", "d876e3", "Further information is requested"),
    ("wontfix", "ffffff", "This will not be worked on"),
)


class SetupError(ValueError):
    """What set-up asked for cannot be; the text says why."""


class World:
    """Everything the simulated GitHub knows."""

    def __init__(self, folder: Path, base_url: str = "http://127.0.0.1") -> None:
        self.folder = folder
        self.base_url = base_url
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.repositories: dict[int, Repository] = {}
        self.renamed: dict[str, int] = {}
        """Former full names in lower case to repository id."""
        self.apps: dict[int, App] = {}
        self.registrations: dict[str, Registration] = {}
        """By the code that GitHub leads back with."""
        self.installations: dict[int, Installation] = {}
        self.tokens: dict[str, Token] = {}
        self.token_seconds = 3600.0
        self.clock_offset = 0.0
        self._last_id = 1_000
        self.limits = Limits(self.now)
        self.faults = Faults()
        self.requests = RequestLog()
        self.hooks = Hooks(self)
        self.blobs: dict[str, tuple[float, str]] = {}
        """What whoever knows the name may fetch for a while: until when, and the text."""

    def now(self) -> float:
        """Give the time of this world, which set-up can advance."""
        return time.time() + self.clock_offset

    def next_id(self) -> int:
        """Give a number never given before."""
        with self.lock:
            self._last_id += 1
            return self._last_id

    def number_next(self, number: int) -> None:
        """Let the next thing that is made have this number, as one had elsewhere."""
        with self.lock:
            self._last_id = number - 1

    # people

    def add_user(
        self,
        login: str,
        kind: Literal["User", "Bot", "Organization"] = "User",
        name: str | None = None,
    ) -> User:
        """Add an account."""
        with self.lock:
            if login.lower() in self.users:
                raise SetupError(f"there is an account {login} already")
            made = User(self.next_id(), login, kind, name or login, self.now())
            self.users[login.lower()] = made
            return made

    def user(self, login: str) -> User:
        """Give an account by login.

        Raises:
            SetupError: There is none.
        """
        with self.lock:
            found = self.users.get(login.lower())
        if found is None:
            raise SetupError(f"there is no account {login}")
        return found

    def token_for(
        self, login: str, scopes: Sequence[str] = ("repo", "workflow"), seconds: float | None = None
    ) -> str:
        """Give a new personal access token of an account."""
        with self.lock:
            expires = None if seconds is None else self.now() + seconds
            made = Token(credentials.token("ghp_"), expires, self.user(login), scopes=tuple(scopes))
            self.tokens[made.value] = made
            return made.value

    def role(self, repository: Repository, user: User) -> Role:
        """Give what a person may do in a repository; public ones can be read by all."""
        if user is repository.owner:
            return "admin"
        given = repository.roles.get(user.login.lower(), "none")
        return "read" if given == "none" and not repository.private else given

    # repositories

    def add_repository(
        self,
        full_name: str,
        source: Path | None = None,
        *,
        private: bool = False,
        drafts: bool = True,
        default_branch: str = "main",
        description: str | None = None,
    ) -> Repository:
        """Add a repository: empty, or from a folder's files, or from a git repository's history."""
        with self.lock:
            owner_login, _, name = full_name.partition("/")
            if not name or self.find_repository(full_name):
                raise SetupError(f"{full_name}: exists already or is no OWNER/NAME")
            if source is not None and not source.is_dir():
                raise SetupError(f"{source}: no such folder")
            owner = self.users.get(owner_login.lower()) or self.add_user(owner_login)
            number, now = self.next_id(), self.now()
            git_dir = self.folder / f"{number}.git"
            branch = git_store.create(git_dir, default_branch, source)
            made = Repository(
                number, owner, name, git_dir, now, now, now,
                private=private, drafts=drafts, description=description, default_branch=branch,
            )  # fmt: skip
            self.repositories[number] = made
            for label, color, words in DEFAULT_LABELS:
                self.add_label(made, label, color, words, default=True)
            return made

    def find_repository(self, full_name: str) -> Repository | None:
        """Give a repository by its present OWNER/NAME, whatever the case."""
        wanted = full_name.lower()
        with self.lock:
            for repository in self.repositories.values():
                if repository.full_name.lower() == wanted:
                    return repository
        return None

    def repository(self, full_name: str) -> Repository:
        """Give a repository by name.

        Raises:
            SetupError: There is none.
        """
        found = self.find_repository(full_name)
        if found is None:
            raise SetupError(f"there is no repository {full_name}")
        return found

    def moved_repository(self, full_name: str) -> Repository | None:
        """Give the repository that once had this name."""
        with self.lock:
            return self.repositories.get(self.renamed.get(full_name.lower(), 0))

    def rename(self, repository: Repository, name: str) -> None:
        """Rename a repository; its old name redirects."""
        with self.lock:
            if self.find_repository(f"{repository.owner.login}/{name}"):
                raise SetupError(f"there is a repository {name} already")
            self.renamed[repository.full_name.lower()] = repository.id
            repository.name = name

    def set_default_branch(self, repository: Repository, branch: str) -> None:
        """Make a branch the default one; it need not exist."""
        with self.lock:
            repository.default_branch = branch
            git_store.set_default_branch(repository.git_dir, branch)

    def remove_repository(self, repository: Repository) -> None:
        """Delete a repository; the bare git repository stays on disk until the folder goes."""
        with self.lock:
            del self.repositories[repository.id]

    def grant(self, repository: Repository, login: str, role: Role) -> None:
        """Give a person a role; "none" takes it away."""
        if role not in ROLES:
            raise SetupError(f"{role}: a role is one of {', '.join(ROLES)}")
        with self.lock:
            repository.roles[self.user(login).login.lower()] = role

    def add_label(
        self,
        repository: Repository,
        name: str,
        color: str = "ededed",
        description: str | None = None,
        *,
        default: bool = False,
    ) -> Label:
        """Add a label to a repository."""
        with self.lock:
            if name.lower() in repository.labels:
                raise SetupError(f"there is a label {name} already")
            made = Label(self.next_id(), name, color, description, default)
            repository.labels[name.lower()] = made
            return made

    def add_rule(
        self,
        repository: Repository,
        pattern: str,
        kinds: Iterable[RuleKind],
        *,
        classic: bool = False,
        exempt: Iterable[str] = (),
    ) -> Rule:
        """Forbid things on branches that match a pattern.

        Args:
            exempt: Logins of accounts that may bypass the rule; an App's is `SLUG[bot]`.
        """
        with self.lock:
            spared = frozenset(self.user(login).login.lower() for login in exempt)
            made = Rule(self.next_id(), pattern, tuple(kinds), classic, spared)
            repository.rules.append(made)
            return made

    def add_repository_hook(
        self, repository: Repository, url: str, secret: str = "", events: Iterable[str] = ("*",)
    ) -> Hook:
        """Deliver a repository's events to an address, without any App."""
        with self.lock:
            made = Hook(self.next_id(), url, secret, tuple(events), "repository", repository.id)
            repository.hooks.append(made)
            return made

    # apps

    def add_app(
        self,
        slug: str,
        owner: str,
        permissions: Permissions | None = None,
        events: Iterable[str] = APP_EVENTS,
        hook_url: str = "",
        hook_secret: str = "",
    ) -> App:
        """Register an App with a new private key, and its bot account."""
        with self.lock:
            if any(app.slug == slug for app in self.apps.values()):
                raise SetupError(f"there is an App {slug} already")
            bot = self.add_user(f"{slug}[bot]", "Bot")
            number = self.next_id()
            private, public = credentials.key_pair()
            hook = Hook(self.next_id(), hook_url, hook_secret, tuple(events), "integration", number)
            made = App(
                number, slug, slug, self.user(owner), bot, private, public,
                {"metadata": "read", **(permissions or APP_PERMISSIONS)}, hook, self.now(),
            )  # fmt: skip
            bot.app_id = number
            self.apps[number] = made
            return made

    def actions_app(self) -> App:
        """Give GitHub's own App, on whose behalf workflows report their jobs."""
        with self.lock:
            for app in self.apps.values():
                if app.slug == ACTIONS:
                    return app
            if "github" not in self.users:
                self.add_user("github", "Organization")
            return self.add_app(ACTIONS, "github", events=())

    def install(
        self,
        app: App,
        account: str,
        repositories: Iterable[Repository] | None = None,
        permissions: Permissions | None = None,
    ) -> Installation:
        """Install an App on an account, for all of its repositories or some, and deliver that."""
        from agent.demo.simulator import events

        with self.lock:
            chosen = None if repositories is None else {one.id for one in repositories}
            made = Installation(
                self.next_id(), app, self.user(account), dict(permissions or app.permissions),
                chosen, self.now(),
            )  # fmt: skip
            self.installations[made.id] = made
            events.installation_changed(self, made, "created")
            return made

    def uninstall(self, installation: Installation) -> None:
        """Remove an installation; its tokens end at once."""
        from agent.demo.simulator import events

        with self.lock:
            events.installation_changed(self, installation, "deleted")
            del self.installations[installation.id]
            self.expire_tokens(installation=installation)

    def narrow(self, installation: Installation, repositories: Iterable[Repository]) -> None:
        """Change the repositories that an installation reaches, and deliver that."""
        from agent.demo.simulator import events

        with self.lock:
            before = [one for one in self.repositories.values() if installation.covers(one)]
            installation.repository_ids = {one.id for one in repositories}
            after = [one for one in self.repositories.values() if installation.covers(one)]
            events.installation_repositories_changed(
                self,
                installation,
                added=[one for one in after if one not in before],
                removed=[one for one in before if one not in after],
            )

    def installations_for(self, repository: Repository) -> list[Installation]:
        """Give the installations that reach a repository and are not suspended."""
        return [
            one
            for one in self.installations.values()
            if one.covers(repository) and one.suspended is None
        ]

    def issue_token(
        self,
        installation: Installation,
        permissions: Permissions | None = None,
        repository_ids: set[int] | None = None,
    ) -> Token:
        """Make an installation token; without permissions it has all that the installation has."""
        with self.lock:
            made = Token(
                credentials.token("ghs_"),
                self.now() + self.token_seconds,
                installation.app.bot,
                installation,
                dict(permissions or installation.permissions),
                repository_ids,
            )
            self.tokens[made.value] = made
            return made

    def expire_tokens(
        self, *, installation: Installation | None = None, user: User | None = None
    ) -> int:
        """End tokens now: of an installation, of a person, or all; give how many."""
        with self.lock:
            ended = [
                token
                for token in self.tokens.values()
                if (installation is None or token.installation is installation)
                and (user is None or token.user is user)
            ]
            for token in ended:
                token.expires = self.now() - 1
            return len(ended)

    def transfer(self, repository: Repository, number: int, to: Repository, by: User) -> Issue:
        """Move an issue to another repository; its old number redirects."""
        from agent.demo.simulator import actions

        with self.lock:
            issue = repository.issues.get(number)
            if issue is None or issue.pull:
                raise SetupError(f"there is no issue {number} in {repository.full_name}")
            return actions.transfer(self, repository, issue, to, by)
