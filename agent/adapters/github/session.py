"""What one run has on GitHub: its repository, its tokens, its counters."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from enum import Enum
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

from github.Repository import Repository
from pydantic import SecretStr

from agent.adapters.github.answers import Refused
from agent.adapters.github.connection import Moved, Renewable, Watched
from agent.domain import IssueRef

if TYPE_CHECKING:
    from agent.adapters.github.access import Access

T = TypeVar("T")

#: A token is not handed out when it ends sooner than this; a clone may take a while.
SPARE_SECONDS = 600.0
_OF_REPOSITORY = re.compile(r"/repositories/(\d+)/issues/")


class Scope(Enum):
    """What a token may do; each value is asked of GitHub as it is."""

    READ = "read"
    TALK = "talk"
    REVIEW = "review"
    PUSH = "push"
    PUBLISH = "publish"
    CI = "ci"


class Minted:
    """An installation token and when it ends, by our own steady clock."""

    def __init__(self, token: SecretStr, ends: float) -> None:
        self.token = token
        self.ends = ends

    @property
    def fresh(self) -> bool:
        """Whether it still lasts a while."""
        return self.ends - time.monotonic() > SPARE_SECONDS


class Session:
    """What one run has on GitHub: its repository, its tokens, its counters."""

    def __init__(self, access: Access, issue: IssueRef, purpose: str) -> None:
        """Use `Access.session`."""
        self.access = access
        self.issue = issue
        self.notice = access.notice(purpose)
        self.branches: set[str] = set()
        """Default branches that were seen to be there."""
        self._name = issue.repository
        self._certain = False
        self._tokens: dict[Scope, Minted] = {}
        self._requesters: dict[Scope, Watched] = {}
        self._lock = RLock()

    @property
    def name(self) -> str:
        """`owner/name` as far as known now."""
        return self._name

    def token(self, scope: Scope) -> str:
        """A token that still lasts a while; asks GitHub for one at most once per call."""
        with self._lock:
            minted = self._tokens.get(scope)
            if minted is None or not minted.fresh:
                minted = self._tokens[scope] = self.access.mint(self.issue, scope, self.notice)
            return minted.token.get_secret_value()

    def requester(self, scope: Scope) -> Watched:
        """Requests with a token of that scope."""
        with self._lock:
            if scope not in self._requesters:
                auth = Renewable(lambda: self.token(scope), lambda: self._drop(scope))
                self._requesters[scope] = Watched(
                    auth, self.access.base_url, self.access.pacing, self.notice, scope.value
                )
            return self._requesters[scope]

    def repository(self, scope: Scope) -> Repository:
        """The repository under its present name, as PyGithub knows it.

        A token of the App reaches this repository alone. A personal one may reach whatever has
        taken its name, so then the name is looked up first, once.
        """
        number = self.issue.repository_id
        if number and self.access.app_id is None and not self._certain:
            self._look_name_up(scope)
        return Repository(self.requester(scope), url=f"/repos/{self._name}")

    def ask(
        self,
        scope: Scope,
        work: Callable[[Repository], T],
        *,
        doing: str,
        needs: str = "",
        patient: bool = True,
    ) -> T:
        """Do what may be repeated, on the repository; follow it once if it has moved."""
        asking = self.access.asking(patient=patient)
        return asking.ask(lambda: self._there(scope, work), doing=doing, needs=needs)

    def tell(
        self,
        scope: Scope,
        work: Callable[[Repository], T],
        *,
        found: Callable[[], T | None],
        doing: str,
        needs: str = "",
    ) -> T:
        """Do what must have one effect, on the repository; follow it once if it has moved."""
        asking = self.access.asking()
        return asking.tell(lambda: self._there(scope, work), found=found, doing=doing, needs=needs)

    def rename(self, name: str) -> None:
        """Go on under the name that the repository is known to have now."""
        self._name, self._certain = name, True

    def _there(self, scope: Scope, work: Callable[[Repository], T]) -> T:
        """Do the work on the repository; where it has another name by now, under that.

        Whoever is sent elsewhere or refused has changed nothing yet.
        """
        try:
            return work(self.repository(scope))
        except Moved as moved:
            self._follow(scope, moved)
        except Refused as problem:
            # Ours may be called otherwise, and another have its name, which our token is not for.
            doubtful = problem.status in (403, 404) and scope is not Scope.READ
            if self._certain or not doubtful or not self._follows(scope):
                raise
        return work(self.repository(scope))

    def _follow(self, scope: Scope, moved: Moved) -> None:
        """Go on under the repository's present name, which is looked up by its number.

        Raises:
            Refused: It is the issue that has moved, to another repository.
            Moved: It is called as before, so we were sent nowhere.
        """
        number = self.issue.repository_id
        target = _OF_REPOSITORY.search(moved.location)
        if target and int(target[1]) != number:
            raise Refused(410, {"message": "it is in another repository now"}, {}) from moved
        if not self._follows(scope):
            raise moved

    def _follows(self, scope: Scope) -> bool:
        """Look up what the repository is called now; say whether that is news."""
        before = self._name
        if self.issue.repository_id:
            try:
                self._look_name_up(scope)
            except Refused:
                return False
        return self._name != before

    def _look_name_up(self, scope: Scope) -> None:
        _, data = self.requester(scope).requestJsonAndCheck(
            "GET", f"/repositories/{self.issue.repository_id}"
        )
        self.rename(str(data["full_name"]))

    def _drop(self, scope: Scope) -> bool:
        """Forget a token that GitHub refused; a personal one cannot be had anew."""
        with self._lock:
            if self.access.app_id is None:
                return False
            self._tokens.pop(scope, None)
            return True
