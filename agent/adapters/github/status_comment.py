"""The one comment that a run keeps on its issue: how far it is, then how it ended.

Found again by the number of its author and the hidden marker it begins with; a stranger's comment
that quotes the marker is never taken for ours.
"""

from __future__ import annotations

import html
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

from agent import cleaning, telemetry
from agent.adapters.github import status_text
from agent.adapters.github.answers import Refused, Unsure
from agent.adapters.github.session import Scope, Session
from agent.domain import Run, Snapshot
from agent.errors import AgentError
from agent.ports import EarlierRun

_log = structlog.get_logger()

_NEEDS = "issues: write"
#: So many comments are looked through from each end: ours is among the first after the approval,
#: or, where the run had to wait through a flood of others, among the last.
_SEARCHED = 1_000
#: The clocks of GitHub's own machines differ a little.
_SLACK = timedelta(minutes=2)
#: Comments of so many runs.
_REMEMBERED = 2_000
_SLOWER = 1.5
_SLOWEST = 15.0
#: A follow-up shows its stages so much more seldom.
_CALMER = 7.5
#: What is finer than a stage is shown with the next edit; so long after the last it has its own.
_FINER_SECONDS = 60.0
#: Below so many requests in this hour, they are kept for what matters more.
_SPARE_REQUESTS = 50
_STATUS = "status"
_ANY_STATUS = f"<!-- mergewright:{_STATUS} run="
_CALL = "call"
#: What a run leaves on its issue.
_ANY_OF_RUNS = (_ANY_STATUS, f"<!-- mergewright:{_CALL} run=")
#: Whoever may write can edit our comments, too: what is no name of a run is none.
_RUN_OF = re.compile(r"<!-- mergewright:status run=(\d{8}-\d{6}-[0-9a-f]{16}) -->")
_FOLDED = "<!-- mergewright:folded -->"
#: Of the first words of a folded comment.
_LINE = 150


def marker(kind: str, key: str) -> str:
    """The hidden line that a comment of ours begins with."""
    return f"<!-- mergewright:{kind} {key} -->"


def find(session: Session, mark: str, since: str | None) -> tuple[int, str] | None:
    """Look for a comment of ours; return its id and text.

    Args:
        since: ISO 8601; it was not made before. None: whenever.
    """
    return session.ask(
        Scope.TALK,
        lambda repository: next(_ours(session, repository, mark, since), None),
        doing=f"read the comments of issue #{session.issue.number}",
        needs=_NEEDS,
    )


def _ours(
    session: Session, repository: Repository, mark: str | tuple[str, ...], since: str | None
) -> Iterator[tuple[int, str]]:
    """Go through our comments that begin with the mark, or one of them: id and text."""
    own = session.access.number(session, Scope.TALK)
    after = _time(since) or NotSet
    for comment in _both_ends(repository.get_issue(session.issue.number).get_comments(since=after)):
        # An account that was deleted is no account of ours.
        author = comment.user.id if comment.user else None
        if author == own and (comment.body or "").startswith(mark):
            yield _number(comment), comment.body


def _both_ends(comments: PaginatedList[IssueComment]) -> Iterator[IssueComment]:
    """Go through the oldest and then, where there are more, the newest; some may come twice."""
    number = 0
    for number, comment in enumerate(islice(comments, _SEARCHED), start=1):  # noqa: B007
        yield comment
    if number == _SEARCHED:
        yield from islice(comments.reversed, _SEARCHED)


def approval_mark(approval: str, *, over: bool) -> str:
    """The hidden line that a status comment ends with: by whose word, and whether it is over."""
    return marker("approval", f"{approval} {'over' if over else 'under-way'}")


def of_approval(session: Session, snapshot: Snapshot) -> EarlierRun | None:
    """Look for the status comment of a run that the same approval has started before."""
    found = session.ask(
        Scope.TALK,
        lambda repository: [
            body for _, body in _ours(session, repository, _ANY_STATUS, snapshot.approved_at)
        ],
        doing=f"read the comments of issue #{session.issue.number}",
        needs=_NEEDS,
    )
    for body in found:
        run_id = _RUN_OF.match(body)
        for over in (True, False):
            if run_id and approval_mark(snapshot.approval, over=over) in body:
                return EarlierRun(run_id=run_id[1], over=over)
    return None


def fold(session: Session, run_id: str) -> None:
    """Fold what earlier runs of the issue have left to one line each; this run's stays open."""
    number = session.issue.number

    def unfolded(repository: Repository) -> dict[int, str]:
        found = _ours(session, repository, _ANY_OF_RUNS, None)
        return {
            one: body
            for one, body in found
            if f" run={run_id} " not in body.partition("\n")[0]
            and _FOLDED not in body.partition("<details>")[0]
        }

    earlier = session.ask(
        Scope.TALK,
        unfolded,
        doing=f"read the comments of issue #{number}",
        needs=_NEEDS,
        patient=False,
    )
    for comment, body in earlier.items():
        _edit(session, comment, folded(body), patient=False)


def folded(body: str) -> str:
    """Put a comment of ours below one line that says what it was about; the marker stays first."""
    mark, _, text = body.replace("\r\n", "\n").partition("\n")
    run_id = mark.partition("run=")[2].partition(" ")[0]
    # Inside of HTML there is no Markdown, so that nothing but words is left of the first line.
    said = html.unescape(text.strip().partition("\n")[0])
    line = " ".join(re.sub(r"[^\w\s.,:;()#'/-]", "", said.lstrip("#")).split())[:_LINE]
    summary = f"Earlier run {run_id}: {line}" if line else f"Earlier run {run_id}"
    text = cleaning.cut_markdown(text, cleaning.TEXT_LIMIT - 500, where="in its folder")
    return f"{mark}\n{_FOLDED}\n<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def call(session: Session, run: Run, text: str, about: str) -> None:
    """Make a comment that tells people to look at the status comment, once for what it is about."""
    mark = marker(_CALL, f"run={run.run_id} about={about}")
    since = run.snapshot.approved_at if run.snapshot else None
    if find(session, mark, since) is None:
        create(session, mark, f"{mark}\n{text}", since)


def _edit(session: Session, comment: int, body: str, *, patient: bool) -> None:
    number = session.issue.number
    session.ask(
        Scope.TALK,
        lambda repository: repository.get_issue(number).get_comment(comment).edit(body),
        doing=f"edit our comment on issue #{number}",
        needs=_NEEDS,
        patient=patient,
    )


def create(session: Session, mark: str, text: str, since: str | None = None) -> int:
    """Make a comment, once also when GitHub's reply is lost; return its id.

    Args:
        since: As for `find`, by GitHub's clock; ours may be wrong.
    """
    number = session.issue.number
    body = session.access.hide(text)

    def found() -> int | None:
        hit = find(session, mark, since)
        return hit[0] if hit else None

    return session.tell(
        Scope.TALK,
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
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC) - _SLACK
    except ValueError:
        return None


class StatusComment:
    """The status comment of one run; edited in place, not too often."""

    def __init__(self, session: Session, run: Run) -> None:
        """Ask nothing yet."""
        self._session = session
        # A follow-up goes on with the comment of the run that opened the pull request, which is
        # over: the same label starts no other.
        self._follows = run.follow_up is not None
        self._mark = marker(_STATUS, f"run={run.first}")
        self._approval = run.snapshot.approval if run.snapshot else ""
        self._over = self._follows
        self._since = run.snapshot.approved_at if run.snapshot else None
        # People read the pull request by then.
        pace = _CALMER if self._follows else 1.0
        self._pause = min(_SLOWEST, pace * session.access.pacing.mark_seconds)
        self._id: int | None = None
        self._shown = ""
        self._wanted = ""
        self._edited = 0.0
        self._timer: threading.Timer | None = None
        self._due = 0.0
        self._closed = False
        # The intake and the run itself may be at it at the same time.
        self._lock = session.access.known.talking(self._mark)

    def wait(self, text: str, *, anew: bool = False) -> None:
        """Make the comment of a run that is not begun yet, unless it is there.

        Where the run is beginning just now, it says more than this would.

        Args:
            anew: Whether a comment that says that the run waits is to say this instead.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            if not self._found():
                self._make(text)
            elif anew and status_text.WAITS in self._shown:
                self._put(text, make=False)
        finally:
            self._lock.release()

    def begin(self, text: str) -> None:
        """Make the comment, or find the one of an earlier attempt."""
        with self._lock:
            # An edit that is due would put what was to be said before in the place of this.
            self.pause()
            self._closed, self._over = False, self._follows
            self._put(text, make=True)

    def update(self, text: str, *, soon: bool = True) -> None:
        """Show a newer text: at once if the last edit is long ago, else a little later.

        Args:
            soon: False: it is only finer than what is shown, and mostly comes with a later one.
        """
        with self._lock:
            self._wanted = text
            if self._closed or self._whole(text) == self._shown or not (soon or self._id):
                return
            now = time.monotonic()
            due = self._edited + (self._pause if soon else max(self._pause, _FINER_SECONDS))
            if self._timer is not None:
                if self._due <= due:
                    return
                self._timer.cancel()
                self._timer = None
            if due <= now:
                self._edit_now()
                return
            # A stage that takes long would else be shown as what came before it.
            self._due = due
            self._timer = threading.Timer(due - now, telemetry.carried_along(self._edit_later))
            self._timer.daemon = True
            self._timer.start()

    def finish(self, text: str, *, make: bool = True) -> bool:
        """Show the last text; nothing changes it afterwards. Return whether it is a new comment.

        Args:
            make: Whether a comment is made where there is none, or it was deleted.
        """
        with self._lock:
            self.pause()
            self._over = True
            return self._put(text, make=make)

    @property
    def number(self) -> int | None:
        """Of the comment, once it is known."""
        return self._id

    def pause(self) -> None:
        """Leave the comment as it is; an edit that is due is dropped until `begin`."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _put(self, text: str, *, make: bool) -> bool:
        """Have the comment say this; return whether it was made for it."""
        if self._known():
            if self._whole(text) == self._shown:
                return False
            try:
                self._edit(text, patient=True)
            except Refused as problem:
                if problem.status != 404:
                    raise
                # Somebody has deleted it meanwhile.
                self._note(None)
                self._shown = ""
        if self._id is None and make:
            self._make(text)
            return True
        return False

    def _make(self, text: str) -> None:
        whole = self._whole(text)
        self._note(create(self._session, self._mark, whole, self._since))
        self._shown = whole
        self._edited = time.monotonic()

    def _known(self) -> bool:
        """Whether there is a comment; what it shows may not be known."""
        if self._id is None:
            self._id = self._session.access.known.comments.get(self._mark)
        return self._id is not None or self._found()

    def _found(self) -> bool:
        """Whether there is one, of which is known what it shows."""
        if not self._shown and (hit := find(self._session, self._mark, self._since)):
            number, body = hit
            self._note(number)
            self._shown = body.replace("\r\n", "\n")
        return bool(self._shown)

    def _note(self, number: int | None) -> None:
        """Remember which comment it is, for other attempts of this process as well."""
        self._id, known = number, self._session.access.known.comments
        known.pop(self._mark, None)
        if number is not None:
            known[self._mark] = number
            if len(known) > _REMEMBERED:
                known.pop(next(iter(known)))

    def _edit_later(self) -> None:
        with self._lock:
            if self._timer is None:
                return
            self._timer = None
            if not self._closed and self._whole(self._wanted) != self._shown:
                self._edit_now()

    def _edit_now(self) -> None:
        """Edit without patience: the next edit says more than this one."""
        remaining = self._session.notice.remaining
        if remaining is not None and remaining < _SPARE_REQUESTS:
            return
        self._pause = min(_SLOWEST, self._pause * _SLOWER)
        self._edited = time.monotonic()
        try:
            if self._known():
                self._edit(self._wanted, patient=False)
        except (AgentError, Refused) as problem:
            _log.warning("status comment not updated", reason=str(problem))

    def _edit(self, text: str, *, patient: bool) -> None:
        whole = self._whole(text)
        _edit(self._session, self._id or 0, whole, patient=patient)
        self._shown = whole
        self._edited = time.monotonic()

    def _whole(self, text: str) -> str:
        last = approval_mark(self._approval, over=self._over)
        return self._session.access.hide(f"{self._mark}\n{text}\n\n{last}")
