"""How tests and the demo set the simulated GitHub up."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.simulator import git_store
from tests.simulator.hooks import Hook
from tests.simulator.records import (
    App,
    Installation,
    Label,
    Permissions,
    Repository,
    Role,
    State,
    Token,
    User,
)

if TYPE_CHECKING:
    from tests.simulator.serving import Answer, Request

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
    "check_suite",
    "push",
    "status",
)
ACTIONS = "github-actions"
_LABELS = {"bug": "d73a4a", "enhancement": "a2eeef", "question": "d876e3"}
_TOKEN_SECONDS = 3600.0


def make_key_pair() -> tuple[str, str]:
    """Make a private key and its public half, both as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


class World(State):
    """The state with what tests and the demo set up; these methods take the lock themselves."""

    def carry_out(self, request: Request, answer: Callable[[], Answer]) -> Answer | None:
        """Return the answer to a request; None: its connection is closed without a word.

        Tests let requests go wrong here.
        """
        return answer()

    def number_next(self, number: int) -> None:
        """Set the number of the next record that is made."""
        with self.lock:
            self._last_id = number - 1

    # people

    def add_user(self, login: str, kind: Literal["User", "Bot", "Organization"] = "User") -> User:
        with self.lock:
            made = User(self.next_id(), login, kind)
            self.users[login.lower()] = made
            return made

    def user(self, login: str) -> User:
        return self.users[login.lower()]

    def token_for(self, login: str) -> str:
        with self.lock:
            made = Token(f"ghp_{secrets.token_hex(18)}", None, self.user(login))
            self.tokens[made.value] = made
            return made.value

    def open_client(self, repository: Repository, login: str) -> httpx.Client:
        """Return a client with which a person uses the API, below a repository."""
        return httpx.Client(
            base_url=repository.api_url,
            headers={"Authorization": f"Bearer {self.token_for(login)}"},
            timeout=30,
        )

    # repositories

    def add_repository(
        self, full_name: str, source: Path | None = None, *, private: bool = False
    ) -> Repository:
        """Add a repository: empty, or from a folder's files, or from a git repository's history."""
        with self.lock:
            login, _, name = full_name.partition("/")
            owner = self.users.get(login.lower()) or self.add_user(login)
            number = self.next_id()
            git_dir = self.folder / f"{number}.git"
            branch = git_store.create(git_dir, source)
            made = Repository(self, number, owner, name, git_dir, private, default_branch=branch)
            self.repositories[number] = made
            for label, color in _LABELS.items():
                self.add_label(made, label, color)
            return made

    def find_repository(self, full_name: str) -> Repository | None:
        """Return a repository by its present OWNER/NAME, in upper or lower case."""
        with self.lock:
            matching = (
                repository
                for repository in self.repositories.values()
                if repository.full_name.lower() == full_name.lower()
            )
            return next(matching, None)

    def set_default_branch(self, repository: Repository, branch: str) -> None:
        """Make a branch the default one; it need not exist."""
        with self.lock:
            repository.default_branch = branch
            git_store.set_default_branch(repository.git_dir, branch)

    def grant(self, repository: Repository, login: str, role: Role) -> None:
        """Set a person's role; "none" takes it away."""
        with self.lock:
            repository.roles[self.user(login).login.lower()] = role

    def add_label(
        self, repository: Repository, name: str, color: str = "ededed", description: str = ""
    ) -> Label:
        with self.lock:
            made = Label(name, color, description)
            repository.labels[name.lower()] = made
            return made

    # apps

    def add_app(
        self,
        slug: str,
        owner: str,
        events: Iterable[str] = APP_EVENTS,
        hook_url: str = "",
        hook_secret: str = "",
    ) -> App:
        """Register an App with a new private key, and its bot account."""
        with self.lock:
            bot = self.add_user(f"{slug}[bot]", "Bot")
            number = bot.app_id = self.next_id()
            private, public = make_key_pair()
            hook = Hook(self.next_id(), hook_url, hook_secret, tuple(events), number)
            made = App(
                number, slug, slug, self.user(owner), bot, private, public,
                dict(APP_PERMISSIONS), hook,
            )  # fmt: skip
            self.apps[number] = made
            return made

    def actions_app(self) -> App:
        """Return GitHub's own App, on whose behalf workflows report their jobs."""
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
        with self.lock:
            chosen = (
                None if repositories is None else {repository.id for repository in repositories}
            )
            held, on = dict(permissions or app.permissions), self.user(account)
            made = Installation(self.next_id(), app, on, held, chosen)
            self.installations[made.id] = made
            return made

    def issue_token(
        self,
        installation: Installation,
        permissions: Permissions | None = None,
        repository_ids: set[int] | None = None,
    ) -> Token:
        """Make an installation token; without permissions it has all that the installation has."""
        with self.lock:
            made = Token(
                f"ghs_{secrets.token_hex(18)}", self.now() + _TOKEN_SECONDS, installation.app.bot,
                installation, dict(permissions or installation.permissions), repository_ids,
            )  # fmt: skip
            self.tokens[made.value] = made
            return made
