"""One way of sending requests to GitHub: PyGithub's requester, watched.

Every request of ours passes `Watched.requestJson`: it is counted, written down if it changes
something, and its answer judged. Redirects are not followed, so that a token goes to no other place
and no loop runs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from threading import RLock
from typing import Any
from urllib.parse import urlsplit

import requests
from github.Auth import Auth
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
    RequestsResponse,
)

from agent.github import api_errors
from agent.github.api_errors import LostReply, UnexpectedAnswer
from agent.github.retrying import Pacing
from agent.telemetry import metrics

Facts = dict[str, object]
Record = Callable[[str, Facts], None]

_USER_AGENT = "mergewright"
_API_VERSION = "2022-11-28"
_MUTATION = re.compile(r"mutation[^{]*\{\s*(\w+)")
#: PyGithub would follow a 301, and wait on a 202, by itself and without end. It is told a status
#: that says the same and that it leaves to us.
_LEFT_TO_US = {301: 308, 202: 503}

# At DEBUG, PyGithub logs whole answers; that of a minted token is the token.
logging.getLogger(Requester.__module__).setLevel(logging.INFO)

#: TCP and TLS connections outlive a run; a session holds no credentials.
_CONNECTIONS = requests.Session()
_CONNECTIONS.auth = Requester.noopAuth
_CONNECTIONS.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))


class _Shared:
    """A connection over the session that all share."""

    verb: str

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.session = _CONNECTIONS

    def getresponse(self) -> RequestsResponse:
        response: RequestsResponse = super().getresponse()  # type: ignore[misc]
        if response.status == 301 or self.verb == "GET":
            response.status = _LEFT_TO_US.get(response.status, response.status)
        return response

    def close(self) -> None:
        """Keep what is shared open."""


class _Plain(_Shared, HTTPRequestsConnectionClass):
    """Over http, for Enterprise test servers and the simulator."""


class _Sealed(_Shared, HTTPSRequestsConnectionClass):
    """Over https."""


class Renewable(Auth):
    """A token that can be had anew."""

    def __init__(self, token: Callable[[], str], renew: Callable[[], bool]) -> None:
        """Take how to get the token, and how to drop it; the latter says whether that helps."""
        self._source = token
        self.renew = renew

    @property
    def token_type(self) -> str:
        """How the header names it."""
        return "token"

    @property
    def token(self) -> str:
        """The token as of now."""
        return self._source()


@dataclass
class Notice:
    """What is kept about the requests of one run."""

    run_id: str
    record: Record
    hide: Callable[[str], str]
    """Takes our own secrets out of a text."""
    calls: int = 0
    behind: float = 0.0
    """Seconds that our clock is behind GitHub's, as its last answer said."""
    missing: frozenset[str] = frozenset()
    """Permissions that would be used if our App had them, as `checks: write`."""


class Watched(Requester):
    """PyGithub's requester for one token of one run."""

    def __init__(self, auth: Auth, base_url: str, pacing: Pacing, notice: Notice) -> None:
        """Open nothing yet."""
        super().__init__(
            auth=auth,
            base_url=base_url,
            timeout=pacing.timeout_seconds,
            user_agent=_USER_AGENT,
            per_page=100,
            verify=True,
            retry=0,
            pool_size=None,
            seconds_between_writes=pacing.seconds_between_writes,
            # Objects ask for nothing by themselves.
            lazy=True,
            api_version=_API_VERSION,
        )
        self._notice = notice
        # PyGithub keeps a request in its connection until it is sent; two threads could swap.
        self._one_at_a_time = RLock()

    def requestJson(  # noqa: N802 - PyGithub's name
        self,
        verb: str,
        url: str,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        input: Any | None = None,  # noqa: A002 - as above
        cnx: HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass | None = None,
        follow_302_redirect: bool = False,  # noqa: FBT001, FBT002 - as above
    ) -> tuple[int, dict[str, Any], str]:
        """Send one request; return only what succeeded."""

        def send() -> tuple[int, dict[str, Any], str]:
            if isinstance(self.auth, Renewable):
                # Minted before the request counts as sent.
                _ = self.auth.token
            self._notice.calls += 1
            with (
                self._one_at_a_time,
                self._written_down(verb, url, input) as told,
                _hide_network_errors(),
            ):
                status, answered, body = super(Watched, self).requestJson(
                    verb, url, parameters, dict(headers or {}), input, cnx
                )
                told["status"] = status
            metrics.github_allows(answered)
            self._notice.behind = api_errors.server_time(answered) - time.time()
            return status, answered, body

        status, answered, body = send()
        if status == 401 and isinstance(self.auth, Renewable) and self.auth.renew():
            status, answered, body = send()
        # What is refused is told to people; a server may repeat what we have sent.
        told = self._notice.hide(body) if status >= 400 else body
        api_errors.raise_for_answer(status, answered, _read_answer(status, told))
        return status, answered, body

    def query(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Ask GraphQL, and judge the errors that it sends with status 200."""
        answered, data = self.requestJsonAndCheck(
            "POST", self.graphql_url, input={"query": query, "variables": variables}
        )
        if data.get("errors"):
            api_errors.judge_query(answered, json.loads(self._notice.hide(json.dumps(data))))
        return dict(data["data"])

    @contextmanager
    def _written_down(self, verb: str, url: str, body: object) -> Iterator[Facts]:
        """Count a request and record it if it changes something, also when its reply is lost."""
        told: Facts = {"status": None}
        try:
            yield told
        finally:
            status = told["status"]
            metrics.github_asked(verb, url, status if isinstance(status, int) else None)
            asked = body.get("query") if isinstance(body, dict) else None
            named = _MUTATION.search(str(asked))
            # What GraphQL is only asked is a POST as well.
            if verb != "GET" and (asked is None or named):
                path = urlsplit(url).path
                if named:
                    path = f"{path}#{named[1]}"
                raw = json.dumps(body, sort_keys=True).encode()
                told |= {"run": self._notice.run_id, "method": verb, "path": path}
                told["sha256"] = hashlib.sha256(raw).hexdigest()
                self._notice.record("github write", told)


Watched.injectConnectionClasses(_Plain, _Sealed)


@contextmanager
def _hide_network_errors() -> Iterator[None]:
    """Turn what the network does into a lost reply; no message repeats an address."""
    try:
        yield
    except (requests.RequestException, OSError) as problem:
        raise LostReply(f"no reply ({_find_cause(problem)})") from problem
    except (UnicodeError, AssertionError, RuntimeError) as problem:
        raise LostReply(f"its reply cannot be read ({type(problem).__name__})") from problem


def _find_cause(problem: BaseException) -> str:
    """The name of what went wrong, as deep as libraries have wrapped it."""
    args = getattr(problem, "args", ())
    inner = next((arg for arg in args if isinstance(arg, BaseException)), None)
    inner = getattr(problem, "reason", None) or inner
    return _find_cause(inner) if isinstance(inner, BaseException) else type(problem).__name__


def _read_answer(status: int, body: str) -> object:
    """The answer's JSON; a text that is none is without sense where JSON was promised."""
    if not body.strip():
        if status == 204 or status >= 300:
            return None
        raise LostReply("its answer is empty")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as problem:
        if status < 300:
            raise UnexpectedAnswer("its answer is no JSON") from problem
        return body
