"""What one run has on GitHub: its repository, its tokens, its counters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from github.Repository import Repository
from pydantic import SecretStr

from agent.errors import AgentError
from agent.github.connection import RenewableToken, WatchedRequester, translate_errors
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
#: What a server without GraphQL answers there.
NO_GRAPHQL = (404, 405, 410)


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
        self.access = access
        self.issue = issue
        self.name = issue.repository
        self.notes = access.start_notes(purpose)
        self._niceties: dict[str, tuple[str, Callable[[], object]]] = {}
        """What could not be done: what it is and how, by the note on it."""
        self._noted: set[str] = set()
        self._tokens: dict[Scope, Minted] = {}
        self._requesters: dict[Scope, WatchedRequester] = {}
        self._lock = RLock()

    def token(self, scope: Scope) -> str:
        """A token that still lasts a while; asks GitHub for one at most once per call."""
        with self._lock:
            minted = self._tokens.get(scope)
            if minted is None or not minted.is_fresh:
                minted = self._tokens[scope] = self.access.mint_token(self.issue, scope, self.notes)
            return minted.token.get_secret_value()

    def requester(self, scope: Scope = Scope.TALK) -> WatchedRequester:
        """Requests with a token of that scope."""
        with self._lock:
            if scope not in self._requesters:
                auth = RenewableToken(lambda: self.token(scope), lambda: self._drop(scope))
                self._requesters[scope] = WatchedRequester(
                    auth, self.access.base_url, self.access.pacing, self.notes
                )
            return self._requesters[scope]

    def ask(
        self,
        work: Callable[[Repository], T],
        *,
        doing: str,
        found: Callable[[], T | None] | None = None,
        scope: Scope = Scope.TALK,
        patient: bool = True,
    ) -> T:
        """Do the work on the repository as PyGithub knows it; see `Asking.ask`."""
        asking = self.access.asking(patient=patient)
        return asking.ask(
            lambda: work(Repository(self.requester(scope), url=f"/repos/{self.name}")),
            doing=doing,
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

    def try_nicety(self, what: str, work: Callable[[], object]) -> str:
        """Do what a run can do without; return why it could not be done, or an empty text.

        It is tried once more by `retry_niceties`.

        Args:
            what: What is not there then, as "the check".
        """
        try:
            with translate_errors():
                work()
        except AgentError as problem:
            note = f"{what} is missing: {problem.message}"
            if note not in self._noted:
                _log.warning("left out at GitHub", run=self.notes.run_id, note=note)
            self._noted.add(note)
            self._niceties[note] = what, work
            return note
        return ""

    def retry_niceties(self) -> frozenset[str]:
        """Try once more what could not be done; return the notes of what is there by now."""
        tried, self._niceties = self._niceties, {}
        return frozenset(note for note, one in tried.items() if not self.try_nicety(*one))

    def _drop(self, scope: Scope) -> bool:
        """Forget a token that GitHub refused; a personal one cannot be had anew."""
        with self._lock:
            if self.access.app_id is None:
                return False
            self._tokens.pop(scope, None)
            return True
