"""Who looks at the dashboard, and what they may see and do: sessions, and the proof of a form.

A session is a signed cookie with a random id. What GitHub lets a person do is kept in memory under
that id, and asked anew from time to time; after a restart such a person signs in again, which
GitHub answers without a question.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from starlette.requests import Request
from starlette.responses import Response

from agent.dashboard.github_people import GithubPeople, Person
from agent.errors import AccessLost, AgentError

SESSION_SECONDS = 8 * 3600
_STATE_SECONDS = 600
#: What GitHub lets people do is asked anew after the first, and forgotten after the second.
_ASK_SECONDS, _KEEP_SECONDS = 300.0, 900.0
_MOST_SESSIONS = 1_000
_OPERATOR = "the operator"
_COOKIE, _STATE_COOKIE = "mergewright", "mergewright_state"


class SignInNeeded(Exception):
    """Nobody is signed in, or not any more."""


class ActionRefused(Exception):
    """A form that is not taken; the words say why."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in."""

    login: str
    is_operator: bool
    form_proof: str
    """Shown in every form, and held against what a form brings back."""
    repositories: Mapping[int, bool] = field(default_factory=dict)
    """By number, whether they may write there; nothing for the operator, who may everywhere."""

    def may_read(self, repository_id: int) -> bool:
        """Whether they may see runs of a repository."""
        return self.is_operator or repository_id in self.repositories

    def may_write(self, repository_id: int) -> bool:
        """Whether they may act on runs of a repository."""
        return self.is_operator or self.repositories.get(repository_id, False)


@dataclass
class _Session:
    """What is remembered of somebody whom GitHub has named."""

    person: Person
    asked_at: float


class Gate:
    """Signs people in, and says who sent a request."""

    def __init__(self, key: bytes, github: GithubPeople | None, *, is_https: bool) -> None:
        """Take what signs cookies.

        Args:
            github: Asks GitHub who somebody is; None: nobody signs in there.
            is_https: Whether cookies are for encrypted connections alone.
        """
        self._key = key
        self.github = github
        self._is_https = is_https
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def find_visitor(self, request: Request) -> Visitor:
        """Say who sent a request.

        Raises:
            SignInNeeded: Nobody who is signed in.
        """
        claims = self._read(request.cookies.get(_COOKIE, ""), "session")
        session_id = str(claims["id"])
        proof = self._sign(f"form {session_id}")
        if claims["operator"]:
            return Visitor(_OPERATOR, is_operator=True, form_proof=proof)
        person = self._find_person(session_id)
        return Visitor(
            person.login, is_operator=False, form_proof=proof, repositories=person.repositories
        )

    def sign_in_operator(self, response: Response) -> None:
        """Give whoever followed a one-time link a session."""
        self._give_session(response, secrets.token_urlsafe(16), is_operator=True)

    def sign_in_person(self, response: Response, code: str) -> None:
        """Give whoever GitHub has sent back a session.

        Raises:
            AgentError: GitHub does not know the code, or does not answer.
        """
        if self.github is None:
            raise AccessLost("Nobody signs in by GitHub here.")
        person, session_id = self.github.exchange(code), secrets.token_urlsafe(16)
        with self._lock:
            while len(self._sessions) >= _MOST_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[session_id] = _Session(person, time.monotonic())
        self._give_session(response, session_id, is_operator=False)

    def sign_out(self, request: Request, response: Response) -> None:
        """End a session."""
        try:
            claims = self._read(request.cookies.get(_COOKIE, ""), "session")
        except SignInNeeded:
            return
        self._sessions.pop(str(claims["id"]), None)
        response.delete_cookie(_COOKIE)

    def begin_github(self, response: Response, state: str, back_to: str) -> None:
        """Remember in the browser that it was sent to GitHub, and from which page."""
        claims = {"state": state, "next": back_to}
        self._set_cookie(response, _STATE_COOKIE, claims, "state", _STATE_SECONDS)

    def end_github(self, request: Request, state: str) -> str:
        """Hold what GitHub sends back against what was sent there; return the page to go on with.

        Raises:
            SignInNeeded: It is another browser, or too late.
        """
        claims = self._read(request.cookies.get(_STATE_COOKIE, ""), "state")
        if not hmac.compare_digest(str(claims["state"]), state):
            raise SignInNeeded
        return str(claims["next"])

    def require_form(self, request: Request, visitor: Visitor, given: str) -> None:
        """Let a form pass only if one of our own pages has shown it to this session.

        Raises:
            ActionRefused: It comes from elsewhere.
        """
        site = request.headers.get("sec-fetch-site", "same-origin")
        if site != "same-origin" or not hmac.compare_digest(visitor.form_proof, given):
            raise ActionRefused(
                "This form is too old, or comes from elsewhere. Load the page anew."
            )

    def _find_person(self, session_id: str) -> Person:
        session = self._sessions.get(session_id)
        if session is None or self.github is None:
            raise SignInNeeded
        age = time.monotonic() - session.asked_at
        if age > _ASK_SECONDS:
            try:
                session.person = self.github.ask_again(session.person)
                session.asked_at = time.monotonic()
            except AgentError as problem:
                if isinstance(problem, AccessLost) or age > _KEEP_SECONDS:
                    self._sessions.pop(session_id, None)
                    raise SignInNeeded from problem
        return session.person

    # --- cookies ---------------------------------------------------------------------------------

    def _give_session(self, response: Response, session_id: str, *, is_operator: bool) -> None:
        claims = {"id": session_id, "operator": is_operator}
        self._set_cookie(response, _COOKIE, claims, "session", SESSION_SECONDS)
        response.delete_cookie(_STATE_COOKIE)

    def _set_cookie(
        self, response: Response, name: str, claims: dict[str, Any], kind: str, seconds: int
    ) -> None:
        whole = {**claims, "aud": kind, "exp": int(time.time()) + seconds}
        response.set_cookie(
            name,
            jwt.encode(whole, self._key, "HS256"),
            max_age=seconds,
            httponly=True,
            samesite="lax",
            secure=self._is_https,
        )

    def _read(self, cookie: str, kind: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                cookie, self._key, ["HS256"], {"require": ["exp", "aud"]}, audience=kind
            )
        except jwt.InvalidTokenError as problem:
            raise SignInNeeded from problem
        return claims

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
