"""Our identity on GitHub: an App, with a token for each repository and purpose, or one token."""

import time
from collections import deque
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

import jwt
from pydantic import SecretStr

from agent import secret_values
from agent.errors import AccessLost, CodeHostUnavailable, SettingsInvalid
from agent.github import api_errors
from agent.github.api_errors import RefusedRequest, UnexpectedAnswer
from agent.github.connection import (
    Pacing,
    RenewableToken,
    RequestNotes,
    WatchedRequester,
    retry_request,
)
from agent.models.clock import read_clock
from agent.models.ticket import IssueRef
from agent.secret_values import RotatingSecret
from agent.settings import Settings

#: The algorithm of signatures that GitHub accepts.
_ALGORITHM = "RS256"
#: Minimum seconds that a token must still be valid to be used, since a clone may take a while.
_SPARE_SECONDS = 600.0
#: GitHub accepts a new token everywhere only after some seconds; octokit waits for five.
_NEW_SECONDS = 10.0
_SECRETS = 500
_LEVELS = ("read", "write", "admin")


class TokenScope(Enum):
    TALK = "talk"
    """Read everything that a run reads, and write all but contents."""
    PUSH = "push"
    """Write contents."""


#: The link in `deploy/README.md` that registers our App requests these.
PERMISSIONS = {
    TokenScope.TALK: {
        "metadata": "read",
        "contents": "read",
        "issues": "write",
        "pull_requests": "write",
        "checks": "write",
        "statuses": "read",
        "actions": "read",
    },
    # Resolving a review thread takes both.
    TokenScope.PUSH: {"metadata": "read", "contents": "write", "pull_requests": "write"},
}
#: Without these a token is useless; without others a run says what is missing.
_REQUIRED = {
    TokenScope.TALK: ("issues",),
    TokenScope.PUSH: ("contents", "pull_requests"),
}


class App:
    """Our App, whose requests carry a token that it signs itself."""

    def __init__(self, app_id: int, settings: Settings) -> None:
        """Read the key. Raises SettingsInvalid if it cannot be used."""
        self.app_id = app_id
        self.auth = RenewableToken(self._sign, kind="Bearer")
        self._key = RotatingSecret(settings, "github_private_key", lambda: _prepare_key(settings))

    def _sign(self) -> str:
        now = int(read_clock())
        # GitHub accepts at most ten minutes.
        claims = {"iat": now - 60, "exp": now + 300, "iss": str(self.app_id)}
        return jwt.encode(claims, self._key(), _ALGORITHM)


def _prepare_key(settings: Settings) -> Any:
    """Parse the App's key once: parsing takes fifty times as long as signing."""
    key = secret_values.read_secret(settings, "github_private_key")
    try:
        made = jwt.get_algorithm_by_name(_ALGORITHM).prepare_key(
            key.get_secret_value() if key else ""
        )
        jwt.encode({}, made, _ALGORITHM)
    except (ValueError, TypeError, jwt.PyJWTError):
        # Without its cause, which may quote the key.
        raise SettingsInvalid(
            "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE contains no private key in PEM format. Use"
            " the file that GitHub provides when you generate a key for the App."
        ) from None
    return made


def read_credentials(settings: Settings) -> App | SecretStr:
    """Read our App or token from the settings; SettingsInvalid: there is not exactly one."""
    app_id, token = settings.github_app_id, secret_values.read_secret(settings, "github_token")
    key = secret_values.read_secret(settings, "github_private_key")
    if token is not None and app_id is None and key is None:
        return token
    if token is None and app_id is not None and key is not None:
        return App(app_id, settings)
    present = {"GITHUB_APP_ID": app_id, "GITHUB_PRIVATE_KEY_FILE": key, "GITHUB_TOKEN": token}
    named = [f"MERGEWRIGHT_{name}" for name, value in present.items() if value is not None]
    raise SettingsInvalid(
        "GitHub needs credentials: set MERGEWRIGHT_GITHUB_APP_ID and"
        " MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE for an App, or MERGEWRIGHT_GITHUB_TOKEN_FILE alone."
        f" Now set: {', '.join(named) or 'none'}."
    )


class IssuedToken(NamedTuple):
    """A token and its end, by our own monotonic clock."""

    token: SecretStr
    ends: float
    made: float = 0.0

    @property
    def is_fresh(self) -> bool:
        return self.ends - time.monotonic() > _SPARE_SECONDS

    @property
    def is_new(self) -> bool:
        """Whether some of GitHub's servers may not accept it yet."""
        return time.monotonic() - self.made < _NEW_SECONDS


class Tokens:
    """Creates tokens, and remembers the newest ones, to remove them from texts."""

    def __init__(self, who: App | SecretStr, base_url: str, pacing: Pacing) -> None:
        self.who = who
        self._base_url = base_url
        self._pacing = pacing
        self._secrets: deque[SecretStr] = deque(maxlen=_SECRETS)
        if isinstance(who, SecretStr):
            self._secrets.append(who)

    @property
    def app_id(self) -> int | None:
        """Number of our App; None with a token."""
        return self.who.app_id if isinstance(self.who, App) else None

    def hide(self, text: str) -> str:
        for secret in tuple(self._secrets):
            text = text.replace(secret.get_secret_value(), "(secret removed)")
        return text

    def as_app(self, notes: RequestNotes) -> WatchedRequester:
        """Return a requester with the App's own identity, for tokens and its log of deliveries."""
        assert isinstance(self.who, App)  # noqa: S101  only an App may do these
        return WatchedRequester(self.who.auth, self._base_url, self._pacing, notes)

    def fetch_login(self, notes: RequestNotes) -> str:
        """Ask GitHub for our login. Raises SettingsInvalid if it does not know us."""
        who = self.who
        if isinstance(who, SecretStr):
            path, name, ending = "/user", "login", ""
            auth = RenewableToken(who.get_secret_value)
        else:
            path, name, ending, auth = "/app", "slug", "[bot]", who.auth
        us = WatchedRequester(auth, self._base_url, self._pacing, notes)

        def work() -> str:
            account = us.requestJsonAndCheck("GET", path)[1]
            if not isinstance(account, dict) or not isinstance(account.get(name), str):
                raise UnexpectedAnswer(f"its response has no {name}")
            return f"{account[name]}{ending}"

        try:
            return retry_request(self._pacing, work, doing="name us")
        except CodeHostUnavailable as problem:
            if isinstance(problem.__cause__, UnexpectedAnswer):
                raise self._explain_unknown(f"{path}: {problem.__cause__}") from problem
            raise
        except RefusedRequest as problem:
            if problem.status == 403 and "by integration" in problem.words:
                # A token of a job of GitHub Actions belongs to no account and not to our App.
                return "github-actions[bot]"
            if problem.status == 403:
                raise problem.make_agent_error() from problem
            raise self._explain_unknown(f"{path}: {problem.status} {problem.words}") from problem

    def mint(self, issue: IssueRef, scope: TokenScope, notes: RequestNotes) -> IssuedToken:
        """Create a token for one repository.

        Raises:
            AccessLost: The App is not, or no longer, installed there, or lacks a permission.
            SettingsInvalid: GitHub does not know our App by this key.
        """
        if isinstance(self.who, SecretStr):
            return IssuedToken(self.who, float("inf"))
        app = self.as_app(notes)
        try:
            _, installation = app.requestJsonAndCheck(
                "GET", f"/repos/{issue.repository}/installation"
            )
            body: dict[str, object] = {
                "permissions": self._limit(issue, scope, installation["permissions"])
            }
            if issue.repository_id:
                body["repository_ids"] = [issue.repository_id]
            else:
                body["repositories"] = [issue.repository.partition("/")[2]]
            path = f"/app/installations/{int(installation['id'])}/access_tokens"
            headers, data = app.requestJsonAndCheck("POST", path, input=body)
        except RefusedRequest as problem:
            if problem.status == 401:
                raise self._explain_unknown(problem.words) from problem
            raise AccessLost(
                f"Our GitHub App has no access to {issue.repository} ({problem.words}): it was"
                " removed or suspended there, or the repository is gone or renamed."
            ) from problem
        token, ends = SecretStr(data["token"]), datetime.fromisoformat(str(data["expires_at"]))
        self._secrets.append(token)
        lasts = ends.timestamp() - api_errors.server_time(headers)
        # A token that lasts less than our reserve, which some servers create, is used at once.
        now = time.monotonic()
        return IssuedToken(token, now + max(lasts, _SPARE_SECONDS + 1.0), made=now)

    def _limit(
        self, issue: IssueRef, scope: TokenScope, granted_levels: dict[str, str]
    ) -> dict[str, str]:
        """Return the permissions to request: those granted, if a run can do without the rest."""
        wanted = PERMISSIONS[scope]
        missing = {
            name: level
            for name, level in wanted.items()
            if granted_levels.get(name) not in _LEVELS[_LEVELS.index(level) :]
        }
        for name in filter(missing.get, _REQUIRED[scope]):
            raise AccessLost(
                f"Our GitHub App needs the permission {name}: {missing[name]} in"
                f" {issue.repository}. An owner has to accept it on the App's installation page."
            )
        granted = {name: level for name, level in wanted.items() if name not in missing}
        return granted | {name: granted_levels[name] for name in missing if name in granted_levels}

    def _explain_unknown(self, reply: str) -> SettingsInvalid:
        ours = "MERGEWRIGHT_GITHUB_TOKEN_FILE has a valid token"
        if self.app_id is not None:
            ours = (
                "MERGEWRIGHT_GITHUB_APP_ID and MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE are an App's,"
                " and this machine's clock is right"
            )
        return SettingsInvalid(
            f"MERGEWRIGHT_GITHUB_URL: {self._base_url} does not know us ({reply.strip()}). Check"
            " that it is https://api.github.com, or https://HOST/api/v3 for Enterprise Server,"
            f" and that {ours}."
        )
