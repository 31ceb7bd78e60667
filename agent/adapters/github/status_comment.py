"""The one comment that an issue keeps: how far its run is, then how it ended.

Found again by the number of its author and the hidden marker it begins with; a stranger's comment
that quotes the marker is never taken for ours.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import structlog
from github.GithubObject import NotSet
from github.IssueComment import IssueComment
from github.PaginatedList import PaginatedList
from github.Repository import Repository

from agent import telemetry
from agent.adapters.github import status_text
from agent.adapters.github.answers import Refused, Unsure
from agent.adapters.github.session import Session
from agent.domain import Run, Snapshot
from agent.errors import AgentError
from agent.ports import EarlierRun

_log = structlog.get_logger()

_NEEDS = "issues: write"
#: So many comments are looked through from each end.
_SEARCHED = 1_000
#: The clocks of GitHub's own machines differ a little.
_SLACK = timedelta(minutes=2)
#: Status comments of so many issues.
_REMEMBERED = 2_000
_SLOWER = 1.5
_SLOWEST = 15.0
#: A follow-up shows its stages so much more seldom: people read the pull request by then.
_CALMER = 7.5
#: What is finer than a stage is shown with the next edit; so long after the last it has its own.
_FINER_SECONDS = 60.0
_STATUS = "<!-- mergewright:status run="
#: Whoever may write can edit our comments, too: what is no name of a run is none.
_RUN_OF = re.compile(r"<!-- mergewright:status run=(\d{8}-\d{6}-[0-9a-f]{16}) -->")
_APPROVAL = re.compile(r"<!-- mergewright:approval ([0-9a-f]+) (\S+) (over|under-way) -->\s*$")


def marker(kind: str, key: str) -> str:
    """The hidden line that a comment of ours begins with."""
    return f"<!-- mergewright:{kind} {key} -->"


def find(session: Session, mark: str, since: str | None) -> tuple[int, str] | None:
    """Look for a comment of ours that begins with a mark; return its id and text.

    Args:
        since: ISO 8601; it was not made before. None: whenever.
    """
    own, after = session.access.number(session), _time(since) or NotSet

    def work(repository: Repository) -> tuple[int, str] | None:
        issue = repository.get_issue(session.issue.number)
        for comment in _both_ends(issue.get_comments(since=after)):
            # An account that was deleted is no account of ours.
            author = comment.user.id if comment.user else None
            if author == own and (comment.body or "").startswith(mark):
                return _number(comment), comment.body.replace("\r\n", "\n")
        return None

    doing = f"read the comments of issue #{session.issue.number}"
    return session.ask(work, doing=doing, needs=_NEEDS)


def _both_ends(comments: PaginatedList[IssueComment]) -> Iterator[IssueComment]:
    """Go through the oldest and then, where there are more, the newest; some may come twice."""
    number = 0
    for number, comment in enumerate(islice(comments, _SEARCHED), start=1):  # noqa: B007
        yield comment
    if number == _SEARCHED:
        yield from islice(comments.reversed, _SEARCHED)


def of_approval(session: Session, snapshot: Snapshot) -> EarlierRun | None:
    """Look in the status comment for a run that the same approval, or a later one, has started."""
    _, body = find(session, _STATUS, None) or (0, "")
    run, approval = _RUN_OF.match(body), _APPROVAL.search(body)
    if run is None or approval is None:
        return None
    if approval[1] == snapshot.approval:
        return EarlierRun(run_id=run[1], over=approval[3] == "over")
    shown, asked = _time(approval[2]), _time(snapshot.approved_at)
    is_later = shown is not None and asked is not None and shown > asked
    return EarlierRun(run_id=run[1], over=True) if is_later else None


def call(session: Session, run: Run, text: str, about: str) -> None:
    """Make a comment that tells people to look at the status comment, once for what it is about."""
    mark = marker("call", f"run={run.run_id} about={about}")
    since = run.snapshot.approved_at if run.snapshot else None
    if find(session, mark, since) is None:
        create(session, mark, f"{mark}\n{text}", since)


def create(session: Session, mark: str, text: str, since: str | None = None) -> int:
    """Make a comment, once also when GitHub's reply is lost; return its id.

    Args:
        since: As for `find`, by GitHub's clock; ours may be wrong.
    """
    number, body = session.issue.number, session.access.hide(text)

    def found() -> int | None:
        hit = find(session, mark, since)
        return hit[0] if hit else None

    return session.ask(
        lambda repository: _number(repository.get_issue(number).create_comment(body)),
        found=found,
        doing=f"comment on issue #{number}",
        needs=_NEEDS,
    )


def _number(comment: IssueComment) -> int:
    if not isinstance(comment.id, int):
        raise Unsure("its answer names no comment")
    return comment.id


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC) - _SLACK
    except ValueError:
        return None


class StatusComment:
    """The status comment of an issue, for one run; edited in place, not too often."""

    def __init__(self, session: Session, run: Run) -> None:
        """Ask nothing yet."""
        self._session = session
        self._issue = f"{session.name}#{session.issue.number}"
        # A follow-up goes on for the run that opened the pull request, which is over: the same
        # label starts no other.
        self._follows = self._is_over = run.follow_up is not None
        self._mark = f"{_STATUS}{run.first} -->"
        self._snapshot = run.snapshot
        pace = _CALMER if self._follows else 1.0
        self._pause = min(_SLOWEST, pace * session.access.pacing.mark_seconds)
        self._shown = ""
        self._wanted = ""
        self._edited = 0.0
        self._timer: threading.Timer | None = None
        self._due = 0.0
        self._is_closed = False
        # The intake and the run itself may be at it at the same time.
        self._lock = session.access.known.talking(self._issue)

    @property
    def number(self) -> int | None:
        """Of the comment, once it is known."""
        return self._session.access.known.comments.get(self._issue)

    def wait(self, text: str, *, anew: bool = False) -> None:
        """Show that a run is not begun yet; where it is beginning just now, that says more.

        Args:
            anew: Whether a text that says that the run waits is to say this instead.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._look()
            waits = anew and status_text.WAITS in self._shown
            if waits or not self._shown.startswith(self._mark):
                self._put(text)
        finally:
            self._lock.release()

    def begin(self, text: str) -> None:
        """Make the comment, or go on with that of an earlier attempt or run."""
        with self._lock:
            # An edit that is due would put what was to be said before in the place of this.
            self.pause()
            self._is_closed, self._is_over = False, self._follows
            self._put(text)

    def update(self, text: str, *, soon: bool = True) -> None:
        """Show a newer text: at once if the last edit is long ago, else a little later.

        Args:
            soon: False: it is only finer than what is shown, and mostly comes with a later one.
        """
        with self._lock:
            self._wanted = text
            if self._is_closed or self._whole(text) == self._shown:
                return
            now = time.monotonic()
            due = self._edited + (self._pause if soon else max(self._pause, _FINER_SECONDS))
            if self._timer is not None:
                if self._due <= due:
                    return
                self._timer.cancel()
            # A stage that takes long would else be shown as what came before it.
            self._due = due
            later = telemetry.carried_along(self._edit_later)
            self._timer = threading.Timer(max(0.0, due - now), later)
            self._timer.daemon = True
            self._timer.start()

    def finish(self, text: str, *, make: bool = True) -> bool:
        """Show the last text; nothing changes it afterwards. Return whether it is a new comment.

        Args:
            make: Whether a comment is made where there is none, or it was deleted.
        """
        with self._lock:
            self.pause()
            self._is_over = True
            return self._put(text, make=make)

    def pause(self) -> None:
        """Leave the comment as it is; an edit that is due is dropped until `begin`."""
        with self._lock:
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _put(self, text: str, *, make: bool = True) -> bool:
        """Have the comment say this; return whether it was made for it."""
        if self.number is None:
            self._look()
        if self.number is not None:
            try:
                self._edit(text)
            except Refused as problem:
                if problem.status != 404:
                    raise
                # Somebody has deleted it meanwhile.
                self._note(None, "")
        if self.number is not None or not make:
            return False
        whole = self._whole(text)
        self._note(create(self._session, _STATUS, whole), whole)
        return True

    def _look(self) -> None:
        if hit := find(self._session, _STATUS, None):
            self._note(*hit)

    def _note(self, number: int | None, shown: str) -> None:
        """Remember which comment it is, for other runs of this process as well."""
        self._shown, known = shown, self._session.access.known.comments
        known.pop(self._issue, None)
        if number is not None:
            known[self._issue] = number
        while len(known) > _REMEMBERED:
            known.pop(next(iter(known)))

    def _edit_later(self) -> None:
        """Edit without patience: the next edit says more than this one."""
        with self._lock:
            if self._timer is None or self._is_closed:
                return
            self._timer = None
            self._pause = min(_SLOWEST, self._pause * _SLOWER)
            try:
                if self.number is None:
                    self._look()
                if self.number is not None:
                    self._edit(self._wanted, patient=False)
            except (AgentError, Refused) as problem:
                _log.warning("status comment not updated", reason=str(problem))

    def _edit(self, text: str, *, patient: bool = True) -> None:
        number, comment, whole = self._session.issue.number, self.number or 0, self._whole(text)
        self._edited = time.monotonic()
        if whole == self._shown:
            return
        self._session.ask(
            lambda repository: repository.get_issue(number).get_comment(comment).edit(whole),
            doing=f"edit our comment on issue #{number}",
            needs=_NEEDS,
            patient=patient,
        )
        self._shown = whole

    def _whole(self, text: str) -> str:
        state, last = "over" if self._is_over else "under-way", ""
        if self._snapshot is not None:
            key = f"{self._snapshot.approval} {self._snapshot.approved_at} {state}"
            last = f"\n\n{marker('approval', key)}"
        return self._session.access.hide(f"{self._mark}\n{text}{last}")
