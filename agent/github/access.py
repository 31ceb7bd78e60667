"""The way to GitHub of one process: who we are there, and tokens for each run.

In App mode every run gets tokens of its own, for its one repository, minted when first needed and
renewed before they end. None of them is ever stored or shown.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Event, Lock, RLock
from urllib.parse import quote, urlsplit
from weakref import WeakValueDictionary

import jwt
from github.Auth import AppAuth, Auth
from pydantic import SecretStr

from agent import settings as operator
from agent.errors import AccessLost, CodeHostUnavailable, RequestRefused, SettingsInvalid
from agent.github import api_errors, app_registration
from agent.github.api_errors import RefusedRequest, UnexpectedAnswer, ignore_statuses
from agent.github.connection import (
    IMPATIENT,
    Asking,
    Facts,
    Pacing,
    Record,
    RenewableToken,
    RequestNotes,
    WatchedRequester,
)
from agent.github.session import SPARE_SECONDS, Minted, Scope, Session
from agent.models.run import Run
from agent.models.ticket import IssueRef
from agent.settings import Settings
from repo_config.schema import RepoConfig

#: The one that GitHub takes.
_ALGORITHM = "RS256"
_SESSIONS = 200
_SECRETS = 500
_HIDDEN = "(secret removed)"
_LEVELS = ("read", "write", "admin")
_PERMISSIONS = {
    Scope.TALK: {**app_registration.PERMISSIONS, "contents": "read"},
    # Whoever marks a review thread as resolved needs both.
    Scope.PUSH: {"metadata": "read", "contents": "write", "pull_requests": "write"},
}
#: Without it a token is of no use; without the others a run says what could not be had.
_REQUIRED = {Scope.TALK: "issues", Scope.PUSH: "contents"}


class App:
    """Who we are in App mode."""

    def __init__(self, app_id: int, key: str) -> None:
        self.app_id = app_id
        try:
            # Read once: to check the key's numbers takes fifty times as long as to sign.
            prepared = jwt.get_algorithm_by_name(_ALGORITHM).prepare_key(key)
            self.auth = AppAuth(
                app_id, sign_func=lambda payload: jwt.encode(payload, prepared, _ALGORITHM)
            )
            self.auth.create_jwt()
        except (ValueError, TypeError, jwt.PyJWTError):
            # Without its cause, which may quote the key.
            raise SettingsInvalid(
                "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE holds no private key in PEM form; take the"
                " file that GitHub offers when a key is made for the App."
            ) from None


def read_credentials(settings: Settings) -> App | SecretStr:
    """Read who we are from the operator's settings: an App, or whose token it is.

    Raises:
        SettingsInvalid: There is neither App nor token, or both, or the key is none.
    """
    operator.hold_all(
        lambda: operator.read_secret(settings, "github_token"),
        lambda: operator.read_secret(settings, "github_private_key"),
    )
    app_id, token = settings.github_app_id, operator.read_secret(settings, "github_token")
    key = operator.read_secret(settings, "github_private_key")
    if app_id is None and key is None and token is None:
        raise SettingsInvalid(
            "GitHub needs credentials: set MERGEWRIGHT_GITHUB_APP_ID and"
            " MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE for an App, or MERGEWRIGHT_GITHUB_TOKEN_FILE."
        )
    if token is not None and (app_id is not None or key is not None):
        raise SettingsInvalid(
            "Both a GitHub App and MERGEWRIGHT_GITHUB_TOKEN are set. Keep one of them."
        )
    if token is not None:
        return token
    if app_id is None or key is None:
        missing = "GITHUB_APP_ID" if app_id is None else "GITHUB_PRIVATE_KEY_FILE"
        raise SettingsInvalid(f"A GitHub App needs MERGEWRIGHT_{missing} too.")
    return App(app_id, key.get_secret_value())


def connect_to_github(
    settings: Settings,
    *,
    record: Record | None = None,
    pacing: Pacing | None = None,
    stopping: Event | None = None,
) -> Access:
    """Make the way to GitHub that the operator's settings describe; asks GitHub nothing yet.

    Args:
        record: Is told of every write that goes out: its kind and facts, the run among them.
        stopping: Once set, waits for GitHub end at once.

    Raises:
        SettingsInvalid: There is neither App nor token, or both, or the key is none.
    """
    who, given = read_credentials(settings), record or _drop_record
    return Access(settings.github_url, who, given, pacing or Pacing(), stopping, AccessCache())


@dataclass
class AccessCache:
    """What every run of a process may share: it belongs to us, or to a repository."""

    secrets: deque[SecretStr] = field(default_factory=lambda: deque(maxlen=_SECRETS))
    """Every token that we hold, so that none is shown."""
    installations: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    """Number and permissions of our App's installation, by name of the repository."""
    configs: dict[int, tuple[float, RepoConfig | None]] = field(default_factory=dict)
    """What a repository's configuration says, and when that was asked for; None: nothing."""
    comments: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Number and text of status comments, by the issue; one that was deleted is made anew."""
    login: str | None = None
    """Of our account, like the number."""
    number: int | None = None
    lock: RLock = field(default_factory=RLock)
    """Held while login or number are asked for."""
    _talks: WeakValueDictionary[str, RLock] = field(default_factory=WeakValueDictionary)
    _talks_lock: Lock = field(default_factory=Lock)

    def get_comment_lock(self, issue: str) -> RLock:
        """The lock of whoever makes or edits the status comment of an issue."""
        with self._talks_lock:
            return self._talks.setdefault(issue, RLock())


def _drop_record(kind: str, facts: Facts) -> None:
    pass


@dataclass(eq=False, repr=False)
class Access:
    """The way to GitHub of one process; see `connect_to_github`."""

    base_url: str
    who: App | SecretStr
    """An App, or whose token it is."""
    record: Record
    pacing: Pacing
    stopping: Event | None
    known: AccessCache
    _lock: RLock = field(default_factory=RLock, init=False)
    _sessions: OrderedDict[str, Session] = field(default_factory=OrderedDict, init=False)

    def __post_init__(self) -> None:
        """Ask nothing yet."""
        self.base_url = self.base_url.rstrip("/")
        if isinstance(self.who, SecretStr):
            self.known.secrets.append(self.who)

    def recording(self, record: Record) -> Access:
        """Give the same way to GitHub, whose writes are recorded elsewhere."""
        return replace(self, record=record)

    @property
    def app_id(self) -> int | None:
        """Number of our App; None in token mode."""
        return self.who.app_id if isinstance(self.who, App) else None

    def hide(self, text: str) -> str:
        """Take every token that we hold out of a text."""
        for secret in tuple(self.known.secrets):
            text = text.replace(secret.get_secret_value(), _HIDDEN)
        return text

    def login(self) -> str:
        """The login under which our writes show up; asked once."""
        with self.known.lock:
            if self.known.login is None:
                self.known.login = self._login()
            return self.known.login

    def own_logins(self) -> frozenset[str]:
        """The same in lower case, to compare with."""
        return frozenset({self.login().lower()})

    def is_own(self, login: str) -> bool:
        return login.lower() == self.login().lower()

    def address(self, session: Session) -> str:
        """The mail address by which GitHub knows our commits; its number is asked for once."""
        login, us = self.login(), session.requester()
        path = f"/users/{quote(login, safe='')}"
        with self.known.lock:
            if self.known.number is None:
                # A server that does not know bots by their names gets an address without number.
                self.known.number = 0
                with ignore_statuses(404):
                    self.known.number = self.asking().ask(
                        lambda: int(us.requestJsonAndCheck("GET", path)[1]["id"]),
                        doing=f"look {login} up",
                    )
            number = f"{self.known.number}+" if self.known.number else ""
        host = urlsplit(self.base_url).hostname or ""
        known = "github.com" if host == "api.github.com" else host.removeprefix("api.")
        return f"{number}{login}@users.noreply.{known}"

    def open_session(self, issue: IssueRef, purpose: str) -> Session:
        """Hand out what one run, or the intake of one repository, works with.

        Args:
            purpose: The run's id; equal purposes share tokens and counters.
        """
        with self._lock:
            if purpose not in self._sessions:
                self._sessions[purpose] = Session(self, issue, purpose)
            self._sessions.move_to_end(purpose)
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
            return self._sessions[purpose]

    def open_run_session(self, run: Run) -> Session:
        """Hand out what a run works with."""
        if run.snapshot is None:
            raise RequestRefused("This run names no issue; only a run of an issue goes to GitHub.")
        return self.open_session(run.snapshot.issue, run.run_id)

    def open_named_session(self, repository: str, purpose: str, number: int = 0) -> Session:
        """Hand out what is needed where nothing but a repository's name is known yet."""
        unknown = IssueRef(repository=repository, repository_id=0, number=number, issue_id=0)
        return self.open_session(unknown, f"{purpose} {repository}#{number}")

    def calls(self, run_id: str) -> int:
        """How many requests a run has made so far, tokens included."""
        with self._lock:
            session = self._sessions.get(run_id)
            return session.notes.calls if session else 0

    def start_notes(self, purpose: str) -> RequestNotes:
        """Start to count the requests of one purpose."""
        return RequestNotes(purpose, self.record, self.hide)

    def asking(self, *, patient: bool = True) -> Asking:
        """Give the way of asking again; not patient: one attempt, no wait."""
        return Asking(self.pacing if patient else IMPATIENT, self.stopping)

    def as_app(self, notes: RequestNotes) -> WatchedRequester | None:
        """Requests as the App itself, for tokens and its log of deliveries; None in token mode."""
        if isinstance(self.who, SecretStr):
            return None
        return WatchedRequester(self.who.auth, self.base_url, self.pacing, notes)

    def mint_token(self, issue: IssueRef, scope: Scope, notes: RequestNotes) -> Minted:
        """Get a token for one repository.

        Raises:
            AccessLost: The App is not, or no longer, installed there, or lacks a permission.
            SettingsInvalid: GitHub does not know our App by this key.
        """
        if isinstance(self.who, SecretStr):
            return Minted(self.who, float("inf"))
        app = WatchedRequester(self.who.auth, self.base_url, self.pacing, notes)
        was_known = issue.repository in self.known.installations
        try:
            return self._ask_for_token(app, issue, scope, notes)
        except RefusedRequest as problem:
            self.known.installations.pop(issue.repository, None)
            if not was_known:
                raise self._explain_unminted(problem, issue) from problem
        # It may have been installed again, or given other permissions.
        return self.mint_token(issue, scope, notes)

    def _ask_for_token(
        self, app: WatchedRequester, issue: IssueRef, scope: Scope, notes: RequestNotes
    ) -> Minted:
        if issue.repository not in self.known.installations:
            _, found = app.requestJsonAndCheck("GET", f"/repos/{issue.repository}/installation")
            self.known.installations[issue.repository] = int(found["id"]), found["permissions"]
        number, held = self.known.installations[issue.repository]
        permissions = self._limit_permissions(issue, scope, held, notes)
        body: dict[str, object] = {"permissions": permissions}
        if issue.repository_id:
            body["repository_ids"] = [issue.repository_id]
        else:
            body["repositories"] = [issue.repository.partition("/")[2]]
        path = f"/app/installations/{number}/access_tokens"
        headers, data = app.requestJsonAndCheck("POST", path, input=body)
        token, ends = SecretStr(data["token"]), datetime.fromisoformat(str(data["expires_at"]))
        self.known.secrets.append(token)
        lasts = ends.timestamp() - api_errors.server_time(headers)
        # A token that lasts less than our reserve, as an odd server may give, is used at once.
        return Minted(token, time.monotonic() + max(lasts, SPARE_SECONDS + 1.0))

    def _limit_permissions(
        self, issue: IssueRef, scope: Scope, held: dict[str, str], notes: RequestNotes
    ) -> dict[str, str]:
        """Ask no more than the installation may do, if a run can do without the rest."""
        wanted = _PERMISSIONS[scope]
        missing = {
            name: level
            for name, level in wanted.items()
            if held.get(name) not in _LEVELS[_LEVELS.index(level) :]
        }
        if missing:
            # It may be granted at any time.
            self.known.installations.pop(issue.repository, None)
        if (name := _REQUIRED[scope]) in missing:
            raise AccessLost(
                f"Our GitHub App needs the permission {name}: {missing[name]} in"
                f" {issue.repository}; an owner has to accept it on the page of the installation."
            )
        notes.missing |= {f"{name}: {level}" for name, level in missing.items()}
        granted = {name: level for name, level in wanted.items() if name not in missing}
        return granted | {name: held[name] for name in missing if name in held}

    def _explain_unminted(
        self, problem: RefusedRequest, issue: IssueRef
    ) -> AccessLost | SettingsInvalid:
        if problem.status == 401:
            return self._make_unknown_error(problem)
        if problem.has_phrase("suspended"):
            return AccessLost(
                f"Our GitHub App is suspended for {issue.repository}; an owner can lift that."
            )
        return AccessLost(
            f"Our GitHub App has no access to {issue.repository} ({problem.words}): it was removed"
            " there, or the repository is gone or renamed. Install the App, then take the label off"
            " and set it again."
        )

    def _login(self) -> str:
        """Ask what GitHub calls us: the first question of every process.

        Raises:
            SettingsInvalid: It does not know us, or is not what the address leads to.
            CodeHostUnavailable: No usable answer; try again.
        """
        notes, who = self.start_notes("self"), self.who
        if isinstance(who, SecretStr):
            path, name, ending = "/user", "login", ""
            auth: Auth = RenewableToken(who.get_secret_value, lambda: False)
        else:
            path, name, ending, auth = "/app", "slug", "[bot]", who.auth
        us = WatchedRequester(auth, self.base_url, self.pacing, notes)

        def work() -> str:
            found = us.requestJsonAndCheck("GET", path)[1]
            if not isinstance(found, dict) or not isinstance(found.get(name), str):
                raise UnexpectedAnswer(f"its answer has no {name}")
            return f"{found[name]}{ending}"

        try:
            return self.asking().ask(work, doing="name us")
        except CodeHostUnavailable as problem:
            if isinstance(problem.__cause__, UnexpectedAnswer):
                raise self._make_no_api_error(f"{path}: {problem.__cause__}") from problem
            raise
        except RefusedRequest as problem:
            # GitHub says why, in words.
            if problem.status in (401, 403) and problem.words:
                known = problem.status == 403
                raise (
                    problem.make_error() if known else self._make_unknown_error(problem)
                ) from problem
            raise self._make_no_api_error(f"{path}: it answered {problem.status}") from problem

    def _make_unknown_error(self, problem: RefusedRequest) -> SettingsInvalid:
        if self.app_id is None:
            return SettingsInvalid(
                f"GitHub does not accept our token ({problem.words}). Put a new one into"
                " MERGEWRIGHT_GITHUB_TOKEN_FILE."
            )
        return SettingsInvalid(
            f"GitHub does not accept the key of App {self.app_id} ({problem.words}). Check"
            " MERGEWRIGHT_GITHUB_APP_ID and MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE, and that the"
            " clock of this machine is right."
        )

    def _make_no_api_error(self, told: str) -> SettingsInvalid:
        told += f", or there is no App {self.app_id}" if self.app_id is not None else ""
        return app_registration.make_no_api_error(self.base_url, told)
