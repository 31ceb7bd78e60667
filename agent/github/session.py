"""What one run has on GitHub: its repository, its tokens, its counters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from github.Repository import Repository
from pydantic import SecretStr

from agent.errors import CodeHostUnavailable
from agent.github.api_errors import RefusedRequest
from agent.github.connection import Renewable, Watched
from agent.github.retrying import SENSELESS
from agent.models.ticket import IssueRef

if TYPE_CHECKING:
    from agent.github.access import Access

T = TypeVar("T")

Raw = Mapping[str, Any]
"""An object of GitHub's, as its JSON has it."""

_log = structlog.get_logger()

#: A token is not handed out when it ends sooner than this; a clone may take a while.
SPARE_SECONDS = 600.0
_PER_PAGE = 100


class Scope(Enum):
    """What a token may do."""

    TALK = "talk"
    """Read everything that a run reads, and write all but contents."""
    PUSH = "push"
    """Write contents."""


class Minted:
    """A token and when it ends, by our own steady clock."""

    def __init__(self, token: SecretStr, ends: float) -> None:
        self.token = token
        self.ends = ends

    @property
    def is_fresh(self) -> bool:
        """Whether it still lasts a while."""
        return self.ends - time.monotonic() > SPARE_SECONDS


class Session:
    """What one run has on GitHub: its repository, its tokens, its counters."""

    def __init__(self, access: Access, issue: IssueRef, purpose: str) -> None:
        """Use `Access.session`."""
        self.access = access
        self.issue = issue
        self.name = issue.repository
        self.notice = access.start_notice(purpose)
        self._tokens: dict[Scope, Minted] = {}
        self._requesters: dict[Scope, Watched] = {}
        self._lock = RLock()

    def token(self, scope: Scope) -> str:
        """A token that still lasts a while; asks GitHub for one at most once per call."""
        with self._lock:
            minted = self._tokens.get(scope)
            if minted is None or not minted.is_fresh:
                minted = self._tokens[scope] = self.access.mint_token(
                    self.issue, scope, self.notice
                )
            return minted.token.get_secret_value()

    def requester(self, scope: Scope = Scope.TALK) -> Watched:
        """Requests with a token of that scope."""
        with self._lock:
            if scope not in self._requesters:
                auth = Renewable(lambda: self.token(scope), lambda: self._drop(scope))
                self._requesters[scope] = Watched(
                    auth, self.access.base_url, self.access.pacing, self.notice
                )
            return self._requesters[scope]

    def ask(
        self,
        work: Callable[[Repository], T],
        *,
        doing: str,
        needs: str = "",
        found: Callable[[], T | None] | None = None,
        scope: Scope = Scope.TALK,
        patient: bool = True,
    ) -> T:
        """Do the work on the repository as PyGithub knows it; see `Asking.ask`."""
        asking = self.access.asking(patient=patient)
        return asking.ask(
            lambda: work(Repository(self.requester(scope), url=f"/repos/{self.name}")),
            doing=doing,
            needs=needs,
            found=found,
        )

    def call(
        self,
        verb: str,
        path: str,
        read: Callable[[Any], T] = lambda answer: answer,
        *,
        body: object = None,
        parameters: Raw | None = None,
        **how: Any,
    ) -> T:
        """Ask for what PyGithub lacks, or takes more requests for.

        Args:
            path: Below the repository.
            read: Takes what is wanted out of the answer's JSON.
            how: As for `ask`.
        """

        def work(repository: Repository) -> T:
            _, answer = repository.requester.requestJsonAndCheck(
                verb, f"{repository.url}/{path}", parameters=dict(parameters or {}), input=body
            )
            return read(answer)

        answered: T = self.ask(work, **how)
        return answered

    def query(
        self,
        query: str,
        variables: dict[str, Any],
        read: Callable[[Any], T],
        *,
        scope: Scope = Scope.TALK,
        **how: Any,
    ) -> T:
        """Ask GraphQL, and read the answer's data; see `ask`."""
        work = self.requester(scope).query
        answered: T = self.ask(lambda _: read(work(query, variables)), scope=scope, **how)
        return answered

    def pages(
        self, path: str, parameters: Raw, *, most: int, key: str = "", **how: Any
    ) -> Iterator[Raw]:
        """Go through a list page by page.

        Args:
            most: Number of pages; what lies behind them is left out, and that logged.
            key: Under which an answer has the list; empty: it is the answer.
        """
        for page in range(1, most + 1):
            wanted = {**parameters, "per_page": _PER_PAGE, "page": page}
            some = self.call(
                "GET", path, lambda raw: list(raw[key] if key else raw), parameters=wanted, **how
            )
            yield from some
            if len(some) < _PER_PAGE:
                return
        _log.warning("a list at GitHub goes on", repository=self.name, path=path, pages=most)

    def _drop(self, scope: Scope) -> bool:
        """Forget a token that GitHub refused; a personal one cannot be had anew."""
        with self._lock:
            if self.access.app_id is None:
                return False
            self._tokens.pop(scope, None)
            return True


@contextmanager
def in_our_words() -> Iterator[None]:
    """Make an error of ours of what GitHub refuses, or answers without sense.

    Raises:
        CodeHostUnavailable: An answer is not of the promised shape.
    """
    try:
        yield
    except RefusedRequest as problem:
        raise problem.make_error() from problem
    except SENSELESS as problem:
        name = type(problem).__name__
        raise CodeHostUnavailable(f"GitHub's answer makes no sense ({name}).") from problem


def all_in_our_words(port: type[T]) -> type[T]:
    """Have every public method of a class that implements a port fail in our words."""
    for name, method in vars(port).copy().items():
        if not name.startswith("_"):
            setattr(port, name, in_our_words()(method))
    return port
