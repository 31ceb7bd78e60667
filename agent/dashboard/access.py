"""Visitors of the dashboard and their permissions: sessions, forms, and the context of pages.

A session is a random id in a cookie. Everything else is in memory: signing out ends the session
everywhere, and after a restart people sign in again.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import jwt
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent.dashboard import pages, run_record
from agent.dashboard.github_people import GithubPeople, Person
from agent.errors import AccessLost, CodeHostUnavailable
from agent.models.clock import read_clock
from agent.settings import HEARTBEAT
from agent.store.sql_queue import ONLY, WORKER
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import COMMAND, OPERATOR, RunRow

_SESSION_SECONDS, _STATE_SECONDS = 8 * 3600, 600
#: Seconds until permissions are read again.
_ASK_SECONDS = 60.0
_SILENT = "GitHub could not confirm your permissions. Try again in a minute."
#: A worker without a heartbeat for so many seconds counts as gone.
_SILENT_WORKER = 30.0
_FORM_BYTES = 64 * 1024


class SignInNeeded(Exception):
    """The visitor is not signed in, or not any more."""


class ActionRefused(Exception):
    """A rejected form; the message says why."""


class PageMissing(Exception):
    """There is no such page, or not for this visitor: both get the same response."""


@dataclass(frozen=True)
class Visitor:
    login: str
    is_operator: bool
    repositories: Mapping[int, bool] = field(default_factory=dict)
    """Whether the visitor may write, by the number of each repository that they may read; empty for
    the operator, who always may."""
    find_starters: Callable[[str], tuple[str, ...] | None] = lambda repository: None
    """Returns the people who may start runs in a repository; None: all who may write."""

    @property
    def readable(self) -> Collection[int] | None:
        """Numbers of the repositories with visible runs; None: all."""
        return None if self.is_operator else self.repositories.keys()

    def may_write(self, repository_id: int) -> bool:
        return self.is_operator or self.repositories.get(repository_id, False)

    def may_start(self, repository: str) -> bool:
        """Whether the operator allows this visitor to start runs in a repository, given by name."""
        listed = None if self.is_operator else self.find_starters(repository)
        return listed is None or self.login.lower() in {name.lower() for name in listed}


@dataclass
class _Session:
    person: Person | None
    """None: the operator."""
    ends_at: float
    asked_at: float
    """When GitHub last confirmed the permissions."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while GitHub is asked."""


class SignIns:
    """Signs people in, and finds who sent a request; safe to use from several threads."""

    def __init__(
        self,
        github: GithubPeople | None,
        address: str,
        find_starters: Callable[[str], tuple[str, ...] | None],
    ) -> None:
        """Prepare sessions; `github` None: people cannot sign in by GitHub.

        All ports of a host share cookies, so names of cookies contain a digest of the address.
        """
        self.github, self._find_starters = github, find_starters
        self._is_https = address.startswith("https://")
        mark = hashlib.sha256(address.encode()).hexdigest()[:8]
        self._cookie = "__Host-mergewright" if self._is_https else f"mergewright-{mark}"
        self._state_cookie = f"{self._cookie}-state"
        self._state_key = secrets.token_bytes(32)
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def find_visitor(self, request: Request, *, is_action: bool = False) -> Visitor:
        """Find who sent a request; for an action, their permissions are read from GitHub now.

        Raises SignInNeeded, or CodeHostUnavailable if GitHub could not confirm permissions.
        """
        session_id = request.cookies.get(self._cookie, "")
        session = self._sessions.get(session_id)
        if session is None or session.ends_at < time.monotonic():
            raise SignInNeeded
        if session.person is None:
            return Visitor(OPERATOR, is_operator=True)
        with session.lock:
            if is_action or time.monotonic() - session.asked_at > _ASK_SECONDS:
                self._refresh_permissions(session_id, session)
        return Visitor(
            session.person.login,
            is_operator=False,
            repositories=session.person.repositories,
            find_starters=self._find_starters,
        )

    def _refresh_permissions(self, session_id: str, session: _Session) -> None:
        try:
            if session.person is not None:
                session.person = self._require_github().refresh(session.person)
        except AccessLost as problem:
            self._sessions.pop(session_id, None)
            raise SignInNeeded from problem
        except CodeHostUnavailable as problem:
            raise CodeHostUnavailable(_SILENT) from problem
        session.asked_at = time.monotonic()

    def sign_out(self, request: Request, response: Response) -> None:
        self._sessions.pop(request.cookies.get(self._cookie, ""), None)
        response.delete_cookie(self._cookie, secure=self._is_https)

    def begin_github(self, back_to: str) -> Response:
        """Redirect a browser to GitHub; a cookie has the page to return to. Raises AccessLost."""
        state = secrets.token_urlsafe(24)
        claims = {"state": state, "next": back_to, "exp": int(read_clock()) + _STATE_SECONDS}
        address = self._require_github().authorize_url(state, self._make_verifier(state))
        answer = RedirectResponse(address, 303)
        cookie = jwt.encode(claims, self._state_key, "HS256")
        self._set_cookie(answer, self._state_cookie, cookie, _STATE_SECONDS)
        return answer

    def end_github(self, request: Request, state: str, code: str) -> tuple[Person, str]:
        """Return the person that GitHub has signed in, and the page that they came from.

        Raises SignInNeeded for another browser or after ten minutes, AgentError for a wrong code.
        """
        cookie = request.cookies.get(self._state_cookie, "")
        try:
            claims: dict[str, Any] = jwt.decode(cookie, self._state_key, ["HS256"])
        except jwt.InvalidTokenError as problem:
            raise SignInNeeded from problem
        if not hmac.compare_digest(str(claims["state"]).encode(), state.encode()):
            raise SignInNeeded
        person = self._require_github().exchange(code, self._make_verifier(state))
        return person, str(claims["next"])

    def forget_state(self, response: Response) -> None:
        """Delete the cookie of a sign-in by GitHub, which counts once."""
        response.delete_cookie(self._state_cookie, secure=self._is_https)

    def _make_verifier(self, state: str) -> str:
        """Make the secret of a sign-in that only we know (PKCE)."""
        return hmac.new(self._state_key, state.encode(), "sha256").hexdigest()

    def _require_github(self) -> GithubPeople:
        if self.github is None:
            raise AccessLost("GitHub sign-in is not set up here.")
        return self.github

    def add_session(self, response: Response, person: Person | None) -> None:
        """Sign a person in; None: the operator."""
        now, session_id = time.monotonic(), secrets.token_urlsafe(32)
        with self._lock:
            for old_id, old in list(self._sessions.items()):
                if old.ends_at < now:
                    del self._sessions[old_id]
            self._sessions[session_id] = _Session(person, now + _SESSION_SECONDS, now)
        self._set_cookie(response, self._cookie, session_id, _SESSION_SECONDS)

    def _set_cookie(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name, value, max_age=seconds, httponly=True, samesite="lax", secure=self._is_https
        )


# --- the context of pages ------------------------------------------------------------------------


class Worker(NamedTuple):
    """A worker of the service, or a command that carries a run."""

    name: str
    process: str
    """Machine and process, if known."""
    seen_at: float | None
    """Time of its last heartbeat; None: not known."""
    is_alive: bool
    run_ids: list[str]
    """Active runs."""

    @property
    def advice(self) -> str:
        """Advice if the worker is gone; empty: it is alive."""
        if self.is_alive:
            return ""
        start = "`mergewright serve` starts one that continues its runs."
        return f"The worker gives no sign of life. {start}"


@dataclass(frozen=True)
class Dashboard:
    """The data that pages read, and the store that actions are written to."""

    home: Path
    store: SqlRunStore
    sessions: SignIns

    def render(self, template: str, who: Visitor, **values: object) -> Response:
        return pages.render(template, 200, who=who, paused=self.store.pauses.find(), **values)

    def find_run(self, run_id: str, visitor: Visitor) -> RunRow:
        """Read a run as the store has it now; PageMissing also if the visitor may not see it."""
        try:
            run = self.store.get_run(run_id)
        except KeyError:  # or another version has written it
            raise PageMissing from None
        if visitor.readable is not None and run.repository_id not in visitor.readable:
            raise PageMissing
        return run

    def find_folder(self, run_id: str) -> Path | None:
        """Return the folder of a run; None: it has none. Of a fleet, a copy from the database."""
        if self.store.files is None:
            return run_record.find_folder(self.home, run_id)
        copies = self.home / "dashboard"
        self.store.files.show(run_id, copies / "runs" / run_id)
        return run_record.find_folder(copies, run_id)

    def list_workers(self) -> list[Worker]:
        """List the workers, including dead ones with runs; a command counts as alive."""
        carried = defaultdict[str, list[str]](list)
        for run_id, carrier in self.store.list_carriers().items():
            carried[carrier].append(run_id)
        if self.store.files is not None:
            seen = {name: (process, at) for name, process, at in self.store.list_workers()}
        else:
            heartbeat = self.home / HEARTBEAT
            at = heartbeat.stat().st_mtime if heartbeat.exists() else 0.0
            seen = {f"{WORKER}{ONLY}": ("", at)} if at else {}
        workers = []
        for name in (*seen, *sorted(carried.keys() - seen.keys())):
            process, at = seen.get(name, ("", 0.0))
            is_alive = name.startswith(COMMAND) or read_clock() - at < _SILENT_WORKER
            workers.append(Worker(name, process, at or None, is_alive, carried[name]))
        return workers


def _get_dashboard(request: Request) -> Dashboard:
    dashboard: Dashboard = request.app.state.dashboard
    return dashboard


def _get_visitor(request: Request) -> Visitor:
    return _get_dashboard(request).sessions.find_visitor(request)


async def _read_form(request: Request) -> dict[str, str]:
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > _FORM_BYTES:
            raise ActionRefused("The form data is too long.")
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


def is_from_our_page(request: Request) -> bool:
    """Whether a page of this dashboard sent the request, according to the browser.

    Browsers send `Sec-Fetch-Site` only with TLS or to this machine; else `Origin` shows it.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    if site is not None:
        return site == "same-origin"
    return urlsplit(origin).netloc == request.headers.get("host")


def _get_actor(request: Request) -> Visitor:
    """Find who sent a form of one of our pages; their permissions are read from GitHub now."""
    if not is_from_our_page(request):
        raise ActionRefused("This form came from another site.")
    return _get_dashboard(request).sessions.find_visitor(request, is_action=True)


Here = Annotated[Dashboard, Depends(_get_dashboard)]
Who = Annotated[Visitor, Depends(_get_visitor)]
Form = Annotated[dict[str, str], Depends(_read_form)]
Actor = Annotated[Visitor, Depends(_get_actor)]
