"""Access of one process to GitHub, with a session for each run: repository, tokens, counters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from threading import RLock
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import structlog
from github.Repository import Repository

from agent.errors import AgentError, RequestRefused, StoreUnavailable
from agent.github.api_errors import ignore_statuses
from agent.github.connection import (
    Pacing,
    Record,
    RenewableToken,
    RequestNotes,
    WatchedRequester,
    retry_request,
    translate_errors,
)
from agent.github.tokens import IssuedToken, Tokens, TokenScope, read_credentials
from agent.models.run import Run
from agent.models.ticket import IssueRef, Snapshot
from agent.settings import Settings, find_website
from repo_config.schema import RepoConfig

T = TypeVar("T")

Raw = Mapping[str, Any]
"""An object of GitHub, as read from its JSON."""

_log = structlog.get_logger()

_PER_PAGE = 100


def connect_to_github(
    settings: Settings, *, record: Record | None = None, pacing: Pacing | None = None
) -> Access:
    """Return access to GitHub as the operator's settings describe it; request nothing yet.

    `record` is called with the kind and facts of every write that is sent. Raises SettingsInvalid
    if there is neither App nor token, or both, or the key cannot be used.
    """
    base_url, pacing = settings.github_url.rstrip("/"), pacing or Pacing()
    tokens = Tokens(read_credentials(settings), base_url, pacing)
    record = record or (lambda kind, facts: None)
    return Access(base_url, tokens, record, pacing, AccessCache())


@dataclass
class AccessCache:
    """Caches that all runs of a process share: about us, or about a repository."""

    configs: dict[int, tuple[float, RepoConfig | None]] = field(default_factory=dict)
    """Configurations of repositories, with the time of the request; None: no valid one."""
    comments: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Number and text of status comments, by issue; a deleted comment is recreated."""
    login: str | None = None
    """Login of our account."""
    number: int | None = None
    lock: RLock = field(default_factory=RLock)
    """Locked while login or number are requested."""
    comment_locks: tuple[RLock, ...] = field(
        default_factory=lambda: tuple(RLock() for _ in range(16))
    )
    """Locked while a status comment is edited; an issue's lock is chosen by the issue's hash."""


@dataclass(eq=False, repr=False)
class Access:
    """Access of one process to GitHub; see `connect_to_github`."""

    base_url: str
    tokens: Tokens
    record: Record
    pacing: Pacing
    cache: AccessCache

    def __post_init__(self) -> None:
        # A limited number, since each session keeps a connection open.
        self._make_session = lru_cache(maxsize=32)(RepositorySession)

    def recording(self, record: Record) -> Access:
        """Return a copy that records its writes with `record`."""
        return replace(self, record=record)

    def login(self) -> str:
        """Return the login of our account, which is requested once."""
        with self.cache.lock:
            if self.cache.login is None:
                notes = self.start_notes("self")
                self.cache.login = self.tokens.fetch_login(notes)
            return self.cache.login

    def own_logins(self) -> frozenset[str]:
        """Return our logins in lower case, for comparisons."""
        return frozenset({self.login().lower()})

    def is_own(self, login: str) -> bool:
        return login.lower() == self.login().lower()

    def address(self, session: RepositorySession) -> str:
        """Return our e-mail address, by which GitHub attributes commits; it is requested once."""
        login, us = self.login(), session.requester()
        path = f"/users/{quote(login, safe='')}"
        with self.cache.lock:
            if self.cache.number is None:
                # If the server does not know bots by their names, the address has no number.
                self.cache.number = 0
                with ignore_statuses(404):
                    self.cache.number = self.ask(
                        lambda: int(us.requestJsonAndCheck("GET", path)[1]["id"]),
                        doing=f"look {login} up",
                    )
            number = f"{self.cache.number}+" if self.cache.number else ""
        host = urlsplit(find_website(self.base_url)).hostname
        return f"{number}{login}@users.noreply.{host}"

    def open_session(self, issue: IssueRef, purpose: str) -> RepositorySession:
        """Return the session of a run, or of an intake; equal arguments share one."""
        return self._make_session(self, issue, purpose)

    def open_run_session(self, run: Run) -> RepositorySession:
        return self.open_session(require_snapshot(run).issue, run.run_id)

    def open_named_session(
        self, repository: str, purpose: str, number: int = 0
    ) -> RepositorySession:
        """Open the session of a repository of which only the name is known yet."""
        unknown = IssueRef(repository=repository, repository_id=0, number=number, issue_id=0)
        return self.open_session(unknown, f"{purpose} {repository}#{number}")

    def start_notes(self, purpose: str) -> RequestNotes:
        return RequestNotes(purpose, self.record, self.tokens.hide)

    def ask(
        self,
        work: Callable[[], T],
        *,
        doing: str,
        find_effect: Callable[[], T | None] | None = None,
    ) -> T:
        """Do work that sends requests; see `retry_request`."""
        return retry_request(self.pacing, work, doing=doing, find_effect=find_effect)


def require_snapshot(run: Run) -> Snapshot:
    if run.snapshot is None:
        raise RequestRefused("This run has no issue; only runs of issues use GitHub.")
    return run.snapshot


class RepositorySession:
    """Access of one run to GitHub: its repository, its tokens, its counters."""

    def __init__(self, access: Access, issue: IssueRef, purpose: str) -> None:
        self.access = access
        self.issue = issue
        self.name = issue.repository
        self.notes = access.start_notes(purpose)
        self._tokens: dict[TokenScope, IssuedToken] = {}
        self._requesters: dict[TokenScope, WatchedRequester] = {}
        self._lock = RLock()

    def hide(self, text: str) -> str:
        return self.access.tokens.hide(text)

    def token(self, scope: TokenScope) -> str:
        """Return a token that is valid for a while; at most one request to GitHub."""
        with self._lock:
            minted = self._tokens.get(scope)
            if minted is None or not minted.is_fresh:
                minted = self._tokens[scope] = self.access.tokens.mint(
                    self.issue, scope, self.notes
                )
            return minted.token.get_secret_value()

    def requester(self, scope: TokenScope = TokenScope.TALK) -> WatchedRequester:
        with self._lock:
            if scope not in self._requesters:
                auth = RenewableToken(
                    lambda: self.token(scope),
                    lambda: self._drop(scope),
                    is_minted=self.access.tokens.app_id is not None,
                )
                self._requesters[scope] = WatchedRequester(
                    auth, self.access.base_url, self.access.pacing, self.notes
                )
            return self._requesters[scope]

    def ask(
        self,
        work: Callable[[Repository], T],
        *,
        doing: str,
        find_effect: Callable[[], T | None] | None = None,
        scope: TokenScope = TokenScope.TALK,
    ) -> T:
        """Do the work with PyGithub's object of the repository; see `retry_request`."""
        return self.access.ask(
            lambda: work(Repository(self.requester(scope), url=f"/repos/{self.name}")),
            doing=doing,
            find_effect=find_effect,
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
        """Call the REST API: `path` is below the repository, `read` converts the JSON response."""

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
        scope: TokenScope = TokenScope.TALK,
        **how: Any,
    ) -> T:
        """Send a GraphQL query with `$owner` and `$name` set; `read` converts its data."""
        work = self.requester(scope).query
        owner, _, name = self.name.partition("/")
        variables = {"owner": owner, "name": name, **variables}
        answered: T = self.ask(lambda _: read(work(query, variables)), scope=scope, **how)
        return answered

    def query_pages(
        self, query: str, variables: Raw, read: Callable[[Any], Raw], *, most: int, **how: Any
    ) -> Iterator[Raw]:
        """Read a list page by page, at most `most` pages, without entries that we may not see.

        `query` takes `$cursor`, and calls the fields of `pageInfo` `more` and `cursor`; `read`
        returns the part of the answer's data that has `nodes` and `pageInfo`.
        """
        cursor = None
        for _ in range(most):
            page = self.query(query, {**variables, "cursor": cursor}, read, **how)
            yield from filter(None, page["nodes"])
            if not page["pageInfo"]["more"]:
                return
            cursor = page["pageInfo"]["cursor"]

    def pages(
        self, path: str, parameters: Raw, *, most: int, key: str = "", **how: Any
    ) -> Iterator[Raw]:
        """Read a list page by page; entries after `most` pages are left out, which is logged.

        `key` names the list in a response; empty: the response is the list.
        """
        for page in range(1, most + 1):
            wanted = {**parameters, "per_page": _PER_PAGE, "page": page}
            items = self.call(
                "GET", path, lambda raw: list(raw[key] if key else raw), parameters=wanted, **how
            )
            yield from items
            if len(items) < _PER_PAGE:
                return
        _log.warning("a GitHub list has more pages", repository=self.name, path=path, pages=most)

    def try_nicety(self, what: str, work: Callable[[], object]) -> str:
        """Do optional work; return why `what` is missing if it fails, or an empty text."""
        try:
            with translate_errors():
                work()
        except StoreUnavailable:
            raise  # whether this worker may still write is not known
        except AgentError as problem:
            note = f"{what} is missing: {problem.message}"
            _log.warning("skipped on GitHub", run=self.notes.run_id, note=note)
            return note
        return ""

    def _drop(self, scope: TokenScope) -> bool:
        """Forget a token that GitHub refused; return whether we can get another one now.

        A personal token cannot be replaced; nor a new one, since GitHub would refuse the next, too.
        """
        with self._lock:
            minted = self._tokens.get(scope)
            if self.access.tokens.app_id is None or (minted and minted.is_new):
                return False
            self._tokens.pop(scope, None)
            return True
