"""The one comment that a run keeps on its issue: how far it is, then how it ended.

Found again by its author and the hidden marker it begins with; a stranger's comment that quotes
the marker is never taken for ours.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

import structlog
from github.GithubObject import NotSet
from github.IssueComment import IssueComment
from github.Repository import Repository

from agent import cleaning
from agent.adapters.github.answers import Refused, Unsure
from agent.adapters.github.session import Scope, Session
from agent.domain import Outcome, Run
from agent.errors import AgentError
from agent.ports import StageMark

_log = structlog.get_logger()

_NEEDS = "issues: write"
#: Ours is among the first after the approval; a flood of comments later does not matter.
_SEARCHED = 1_000
#: The clocks of GitHub's own machines differ a little.
_SLACK = timedelta(minutes=2)
_SLOWER = 1.5
_SLOWEST = 15.0
#: Below so many requests in this hour, they are kept for what matters more.
_SPARE_REQUESTS = 50


def marker(kind: str, key: str) -> str:
    """The hidden line that a comment of ours begins with."""
    return f"<!-- mergewright:{kind} {key} -->"


def find(session: Session, mark: str, since: str | None) -> tuple[int, str] | None:
    """Look for a comment of ours; return its id and text.

    Args:
        since: ISO 8601; it was not made before. None: the newest comments are searched.
    """
    own = session.access.own_logins()
    start = _time(since)

    def work(repository: Repository) -> tuple[int, str] | None:
        comments = repository.get_issue(session.issue.number).get_comments(since=start or NotSet)
        for comment in islice(comments if start else comments.reversed, _SEARCHED):
            # An account that was deleted is no account of ours.
            author = comment.user.login if comment.user else ""
            if author.lower() in own and (comment.body or "").startswith(mark):
                return _number(comment), comment.body
        return None

    return session.ask(
        Scope.TALK, work, doing=f"read the comments of issue #{session.issue.number}", needs=_NEEDS
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
        self._mark = marker("status", f"run={run.run_id}")
        self._since = run.snapshot.approved_at if run.snapshot else None
        self._pause = session.access.pacing.mark_seconds
        self._id: int | None = None
        self._shown = ""
        self._wanted = ""
        self._edited = 0.0
        self._timer: threading.Timer | None = None
        self._closed = False
        self._lock = threading.RLock()

    def begin(self, text: str) -> None:
        """Make the comment, or find the one of an earlier attempt."""
        with self._lock:
            self._closed = False
            self._put(text, make=True)

    def update(self, text: str) -> None:
        """Show a newer text soon: at once if the last edit is long ago, else a little later."""
        with self._lock:
            self._wanted = text
            if self._closed or self._timer is not None or text == self._shown:
                return
            left = self._edited + self._pause - time.monotonic()
            if left <= 0:
                self._edit_now()
                return
            # A stage that takes long would else be shown as what came before it.
            self._timer = threading.Timer(left, self._edit_later)
            self._timer.daemon = True
            self._timer.start()

    def finish(self, text: str, *, make: bool = True) -> None:
        """Show the last text; nothing changes it afterwards.

        Args:
            make: Whether a comment is made where there is none, or it was deleted.
        """
        with self._lock:
            self.pause()
            self._put(text, make=make)

    def pause(self) -> None:
        """Leave the comment as it is; an edit that is due is dropped until `begin`."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _put(self, text: str, *, make: bool) -> None:
        if self._known():
            if text == self._shown:
                return
            try:
                self._edit(text, patient=True)
            except Refused as problem:
                if problem.status != 404:
                    raise
                # Somebody has deleted it meanwhile.
                self._id = None
        if self._id is None and make:
            self._id = create(self._session, self._mark, self._whole(text), self._since)
            self._shown = text
            self._edited = time.monotonic()

    def _known(self) -> bool:
        if self._id is None and (hit := find(self._session, self._mark, self._since)):
            self._id, body = hit
            self._shown = body.replace("\r\n", "\n").removeprefix(f"{self._mark}\n")
        return self._id is not None

    def _edit_later(self) -> None:
        with self._lock:
            if self._timer is None:
                return
            self._timer = None
            if not self._closed and self._wanted != self._shown:
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
        number, body = self._id or 0, self._whole(text)

        def comment(repository: Repository) -> IssueComment:
            return repository.get_issue(self._session.issue.number).get_comment(number)

        self._session.ask(
            Scope.TALK,
            lambda repository: comment(repository).edit(body),
            doing=f"edit our comment on issue #{self._session.issue.number}",
            needs=_NEEDS,
            patient=patient,
        )
        self._shown = text
        self._edited = time.monotonic()

    def _whole(self, text: str) -> str:
        return self._session.access.hide(f"{self._mark}\n{text}")


def progress(run: Run, marks: tuple[StageMark, ...], page: str | None) -> str:
    """Write the text of a run that is under way."""
    lines = ["**Mergewright is working on this issue.**", "", *_checklist(marks)]
    lines += ["", _origin(run, page)] if marks else [_origin(run, page)]
    return "\n".join(lines)


def ended(run: Run, outcome: Outcome, marks: tuple[StageMark, ...], page: str | None) -> str:
    """Write the text of a run that has ended: where the result is, or why there is none."""
    # The stage that is under way is the one that ends with these words.
    marks = tuple(
        mark.model_copy(update={"state": "done" if outcome.done else "failed"})
        if outcome.done or mark.state == "running"
        else mark
        for mark in marks
    )
    after = "\n".join((*_checklist(marks), *([""] if marks else []), _origin(run, page)))
    if outcome.done and outcome.pull_request is not None:
        pull = outcome.pull_request
        draft = " (draft)" if pull.draft else ""
        head = f"**A checked pull request is ready: #{pull.number}**{draft}"
        head += "".join(f"\n\n_{cleaning.words(note)}_" for note in pull.notes)
        return f"{head}\n\n{after}"
    text = outcome.pull_request_text or cleaning.words(outcome.sentence)
    where = page or "the log of the run"
    after = f"<details><summary>Stages</summary>\n\n{after}\n\n</details>" if marks else after
    return f"{cleaning.cut(text, cleaning.TEXT_LIMIT - len(after) - 200, where=where)}\n\n{after}"


_BOXES: dict[str, Callable[[str], str]] = {
    "done": lambda stage: f"- [x] {stage}",
    "waiting": lambda stage: f"- [ ] {stage}",
    "running": lambda stage: f"- [ ] **{stage}** …",
    "failed": lambda stage: f"- [ ] **{stage}** (not done)",
}


def _checklist(marks: tuple[StageMark, ...]) -> list[str]:
    lines = []
    for mark in marks:
        line = _BOXES[mark.state](cleaning.words(mark.stage))
        lines.append(f"{line}: {cleaning.words(mark.detail[:300])}" if mark.detail else line)
    return lines


def _origin(run: Run, page: str | None) -> str:
    """Whose word started it, and what is being done: the text as it stood then."""
    named = f"[Run {run.run_id}]({page})" if page else f"Run {run.run_id}"
    if run.snapshot is None:
        return named
    # The name without an @, which would call the person.
    who = f"started by {cleaning.code(run.snapshot.actor)}, " if run.snapshot.actor else ""
    return f"{named}, {who}on the text of {run.snapshot.approved_at}"
