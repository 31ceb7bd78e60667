"""Requests to GitHub: PyGithub's requester, with records, checks and bounded retries.

Every request passes `WatchedRequester.requestJson`: it is counted, recorded if it changes anything,
and its response checked. Redirects are not followed, so that no other server gets a token and no
loop occurs. PyGithub's own retry is off, since it repeats POST after a lost reply.
"""

import hashlib
import json
import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isfunction
from threading import RLock
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from github.Auth import Auth
from github.GithubException import BadAttributeException, GithubException
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
    RequestsResponse,
)

from agent.errors import CodeHostUnavailable
from agent.github import api_errors
from agent.github.api_errors import (
    LostReply,
    RateLimited,
    RefusedRequest,
    UnexpectedAnswer,
)
from agent.models import fence

T = TypeVar("T")
Facts = dict[str, object]
Record = Callable[[str, Facts], None]

_MUTATION = re.compile(r"mutation[^{]*\{\s*(\w+)")
#: PyGithub would follow a 301, and wait on a 202, without end. In their place it gets a status that
#: means the same, and that it leaves to its caller.
_LEFT_TO_US = {301: 308, 202: 503}
#: Errors that PyGithub and our records raise if a response is JSON of another shape.
MALFORMED = (
    BadAttributeException,
    GithubException,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)

# At DEBUG, PyGithub logs whole responses, also those that contain a new token.
logging.getLogger(Requester.__module__).setLevel(logging.INFO)


@dataclass(frozen=True)
class Pacing:
    attempts: int = 4
    first_wait: float = 1.0
    """Seconds before the second attempt; doubled each time."""
    longest_limit: float = 20.0
    """Maximum seconds that we sleep if GitHub asks us to wait; a longer wait ends the step."""
    seconds_between_writes: float = 0.2
    """Minimum pause between writes of one run; GitHub allows 80 new texts a minute."""
    timeout_seconds: int = 20
    """Timeout of one request."""


class _Judged:
    verb: str

    def getresponse(self) -> RequestsResponse:
        response: RequestsResponse = super().getresponse()  # type: ignore[misc]
        if response.status == 301 or self.verb == "GET":
            response.status = _LEFT_TO_US.get(response.status, response.status)
        return response


class _HttpConnection(_Judged, HTTPRequestsConnectionClass):
    """For Enterprise test servers and the simulator."""


class _HttpsConnection(_Judged, HTTPSRequestsConnectionClass):
    pass


class RenewableToken(Auth):
    """A token for each request; `renew` may replace one that GitHub refused."""

    def __init__(
        self,
        token: Callable[[], str],
        renew: Callable[[], bool] = lambda: False,
        kind: str = "token",
        *,
        is_minted: bool = False,
    ) -> None:
        """Prepare a source of tokens; `is_minted`: GitHub has made them for our App."""
        self._source = token
        self.renew = renew
        self.is_minted = is_minted
        self._kind = kind

    @property
    def token_type(self) -> str:
        return self._kind

    @property
    def token(self) -> str:
        return self._source()


@dataclass
class RequestNotes:
    run_id: str
    record: Record
    hide: Callable[[str], str]
    """Removes our own secrets from a text."""


class WatchedRequester(Requester):
    def __init__(self, auth: Auth, base_url: str, pacing: Pacing, notes: RequestNotes) -> None:
        super().__init__(
            auth=auth,
            base_url=base_url,
            timeout=pacing.timeout_seconds,
            user_agent="mergewright",
            per_page=100,
            verify=True,
            retry=0,
            pool_size=None,
            # Objects send no requests by themselves.
            lazy=True,
            api_version="2022-11-28",
        )
        self._notes = notes
        # In place of PyGithub's own pause, which lasts for hours if the clock is put back.
        self._between_writes, self._next_write = pacing.seconds_between_writes, 0.0
        # PyGithub keeps a request in its connection until it is sent; threads could swap theirs.
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
        """Send one request; raise for every response but success."""

        def send() -> tuple[int, dict[str, Any], str]:
            if isinstance(self.auth, RenewableToken):
                # A token is created before the request counts as sent.
                _ = self.auth.token
            with self._one_at_a_time:
                if verb != "GET":
                    time.sleep(max(0.0, self._next_write - time.monotonic()))
                    self._next_write = time.monotonic() + self._between_writes
                if _changes_something(verb, input):
                    # After every wait, in which the process may have hung and lost its lease.
                    fence.require_lease()
                with self._recorded(verb, url, input) as facts, _hide_network_errors():
                    status, answered, body = super(WatchedRequester, self).requestJson(
                        verb, url, parameters, dict(headers or {}), input, cnx
                    )
                    facts["status"] = status
            return status, answered, body

        status, answered, body = send()
        auth = self.auth
        if status == 401 and isinstance(auth, RenewableToken) and auth.renew():
            status, answered, body = send()
        # Refusals are shown to people, and a server may quote our request, with a secret.
        shown = self._notes.hide(body) if status >= 400 else body
        path = urlsplit(url).path.removeprefix(urlsplit(self.base_url).path.rstrip("/"))
        if status == 401 and isinstance(auth, RenewableToken) and auth.is_minted:
            # For some seconds, that is usual.
            raise LostReply(f"{verb} {path} answered 401 to a token that GitHub has just made")
        api_errors.raise_for_answer(status, answered, _read_json(status, shown), f"{verb} {path}")
        return status, answered, body

    def query(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Send a GraphQL query, and raise for the errors that come with status 200."""
        answered, data = self.requestJsonAndCheck(
            "POST", self.graphql_url, input={"query": query, "variables": variables}
        )
        if data.get("errors"):
            api_errors.raise_for_query(answered, json.loads(self._notes.hide(json.dumps(data))))
        return dict(data["data"])

    @contextmanager
    def _recorded(self, verb: str, url: str, body: object) -> Iterator[Facts]:
        """Record a request if it changes something, also when its reply is lost."""
        facts: Facts = {"status": None}
        try:
            yield facts
        finally:
            if _changes_something(verb, body):
                path = urlsplit(url).path
                if named := _find_mutation(body):
                    path = f"{path}#{named}"
                raw = json.dumps(body, sort_keys=True).encode()
                facts |= {"run": self._notes.run_id, "method": verb, "path": path}
                facts["sha256"] = hashlib.sha256(raw).hexdigest()
                self._notes.record("github write", facts)


def _find_mutation(body: object) -> str:
    """Return the name of a GraphQL mutation; empty: the request is none."""
    asked = body.get("query") if isinstance(body, dict) else None
    named = _MUTATION.search(str(asked))
    return named[1] if named else ""


def _changes_something(verb: str, body: object) -> bool:
    # Queries of GraphQL are POST requests as well.
    is_query = isinstance(body, dict) and body.get("query") is not None
    return verb != "GET" and (not is_query or bool(_find_mutation(body)))


WatchedRequester.injectConnectionClasses(_HttpConnection, _HttpsConnection)


@contextmanager
def _hide_network_errors() -> Iterator[None]:
    """Convert network errors to LostReply; no message repeats an address."""
    try:
        yield
    except (requests.RequestException, OSError) as problem:
        raise LostReply(f"no reply ({_find_cause(problem)})") from problem
    except (UnicodeError, AssertionError, RuntimeError) as problem:
        raise LostReply(f"its response cannot be read ({type(problem).__name__})") from problem


def _find_cause(problem: BaseException) -> str:
    """Return the name of the innermost error that libraries have wrapped."""
    args = getattr(problem, "args", ())
    inner = next((arg for arg in args if isinstance(arg, BaseException)), None)
    inner = getattr(problem, "reason", None) or inner
    return _find_cause(inner) if isinstance(inner, BaseException) else type(problem).__name__


def _read_json(status: int, body: str) -> object:
    if not body.strip():
        if status == 204 or status >= 300:
            return None
        raise LostReply("its response is empty")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as problem:
        if status < 300:
            raise UnexpectedAnswer("its response is not JSON") from problem
        return body


# --- asking again ------------------------------------------------------------------------------


def retry_request(
    pacing: Pacing,
    work: Callable[[], T],
    *,
    doing: str,
    find_effect: Callable[[], T | None] | None = None,
) -> T:
    """Do the work, with retries after a lost reply; `doing` describes it, after "to".

    `find_effect` looks for the effect of an earlier attempt, if only one effect is wanted.
    Raises RefusedRequest, CodeHostUnavailable after all attempts, or CodeHostLimited if GitHub
    asks for a longer wait than we sleep here.
    """
    attempt = 0
    while True:
        attempt += 1
        is_last = attempt == pacing.attempts
        try:
            effect = find_effect() if find_effect and attempt > 1 else None
            return work() if effect is None else effect
        except RefusedRequest as problem:
            problem.doing = doing
            raise
        except RateLimited as problem:
            if is_last or problem.wait > pacing.longest_limit:
                raise problem.make_agent_error(doing) from problem
            pause = problem.wait
        except (LostReply, *MALFORMED) as problem:
            if is_last:
                cause = f"its response is invalid ({type(problem).__name__})"
                cause = str(problem) if isinstance(problem, LostReply) else cause
                message = f"Could not {doing} on GitHub: {cause}"
                raise CodeHostUnavailable(message) from problem
            # By default 1, 2 and 4 s: as long as a new token needs to spread at GitHub.
            pause = pacing.first_wait * 2 ** (attempt - 1)
            pause *= random.uniform(0.75, 1.25)  # noqa: S311 - spreads callers, no secret
        time.sleep(pause)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise our errors for GitHub's refusals, and for a response that has another shape."""
    try:
        yield
    except RefusedRequest as problem:
        raise problem.make_agent_error() from problem
    except MALFORMED as problem:
        name = type(problem).__name__
        raise CodeHostUnavailable(f"GitHub's response is invalid ({name}).") from problem


def translating_errors(port: type[T]) -> type[T]:
    """Wrap every public method of a class that implements a port in `translate_errors`."""
    for name, method in vars(port).copy().items():
        if isfunction(method) and not name.startswith("_"):
            setattr(port, name, translate_errors()(method))
    return port
