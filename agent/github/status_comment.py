"""The one comment that an issue keeps: how far its run is, then how it ended."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import structlog

from agent.errors import AgentError
from agent.github import comments, status_text
from agent.github.api_errors import RefusedRequest
from agent.github.session import Session
from agent.models.intake import EarlierRun
from agent.models.run import Run
from agent.models.ticket import Snapshot
from agent.telemetry import run_log

_log = structlog.get_logger()

_SLOWER, _SLOWEST = 1.5, 15.0
#: So long after the last edit comes another one: elapsed times and turns of a model move on.
_REFRESH_SECONDS = 25.0
_STATUS = "<!-- mergewright:status run="
_CALL = "<!-- mergewright:call "
#: Whoever may write can edit our comments, too: what is no name of a run is none.
_RUN_OF = re.compile(r"<!-- mergewright:status run=(\d{8}-\d{6}-[0-9a-f]{16}) -->")
_APPROVAL = re.compile(r"<!-- mergewright:approval ([0-9a-f]+) (\S+) (over|under-way) -->\s*$")


def find_earlier_run(session: Session, snapshot: Snapshot) -> EarlierRun | None:
    """Look in the status comment for a run that the same approval, or a later one, has started."""
    comment = comments.find_comment(session, _STATUS)
    body = comment.body if comment else ""
    run, approval = _RUN_OF.match(body), _APPROVAL.search(body)
    if run is None or approval is None:
        return None
    if approval[1] == snapshot.approval_key:
        return EarlierRun(run_id=run[1], over=approval[3] == "over")
    shown, asked = comments.parse_moment(approval[2]), comments.parse_moment(snapshot.approved_at)
    return EarlierRun(run_id=run[1], over=True) if shown and asked and shown > asked else None


class StatusComment:
    """The status comment of an issue, for one run; edited in place, not too often."""

    def __init__(self, session: Session, run: Run) -> None:
        self._session = session
        self._issue = f"{session.name}#{session.issue.number}"
        # A follow-up goes on for the run that opened the pull request, which is over: the same
        # label starts no other.
        self._follows = self._is_over = run.follow_up is not None
        self._run_id = run.run_id
        self._mark = f"{_STATUS}{run.first} "
        self._snapshot = run.snapshot
        self._pause = session.access.pacing.mark_seconds
        self._shown = ""
        self._render: Callable[[], str] = str
        self._edited = 0.0
        self._timer: threading.Timer | None = None
        self._due = 0.0
        self._is_closed = False
        # The intake and the run itself may be at it at the same time.
        self._lock = session.access.known.get_comment_lock(self._issue)

    @property
    def number(self) -> int | None:
        """Of the comment, once it is known."""
        return self._session.access.known.comments.get(self._issue)

    def wait(self, text: str) -> None:
        """Show that a run is not begun yet; where it is, the comment says more."""
        with self._lock:
            self._look()
            if status_text.WAITS in self._shown or not self._shown.startswith(self._mark):
                self._put(text)

    def begin(self, text: str) -> None:
        """Make the comment, or go on with that of an earlier attempt or run."""
        with self._lock:
            # An edit that is due would put what was to be said before in the place of this.
            self.pause()
            self._is_closed, self._is_over = False, self._follows
            self._put(text)

    def update(self, render: Callable[[], str], *, soon: bool = True) -> None:
        """Show newer texts from now on: the first one soon or with the next refresh."""
        with self._lock:
            self._render = render
            if not self._is_closed:
                pause = self._pause if soon else max(self._pause, _REFRESH_SECONDS)
                self._schedule(self._edited + pause)

    def finish(self, text: str, *, make: bool = True) -> None:
        """Show the last text.

        Args:
            make: Also where there is no comment.
        """
        with self._lock:
            self.pause()
            self._is_over = True
            self._put(text, make=make)

    def call_person(self, occasion: str, what: str) -> None:
        """Tell who set the label that it is their turn, once: an edit notifies nobody.

        Args:
            occasion: One word; each is told of once.
            what: Continues "Mergewright".
        """
        if self._snapshot is not None:
            text = f"@{self._snapshot.actor} Mergewright {what}; its comment above says more."
            mark = comments.make_marker("call", f"{self._run_id} {occasion}")
            comments.leave_comment(self._session, mark, text)

    def withdraw_call(self) -> None:
        """Delete the comment that told of a stop, now that the issue is worked on again."""
        if call := comments.find_comment(self._session, _CALL):
            self._session.ask(
                lambda repository: (
                    repository.get_issue(self._session.issue.number)
                    .get_comment(call.number)
                    .delete()
                ),
                doing=f"delete our comment on issue #{self._session.issue.number}",
            )

    def _schedule(self, due: float) -> None:
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due, later = due, run_log.carried_along(self._edit_later)
        self._timer = threading.Timer(max(0.0, due - time.monotonic()), later)
        self._timer.daemon = True
        self._timer.start()

    def pause(self) -> None:
        """Leave the comment as it is; an edit that is due is dropped until `begin`."""
        with self._lock:
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _put(self, text: str, *, make: bool = True) -> None:
        """Have the comment say this."""
        try:
            self._edit(text)
        except RefusedRequest as problem:
            if problem.status != 404:
                raise
            # Somebody has deleted it meanwhile.
            self._session.access.known.comments.pop(self._issue, None)
        if self.number is None and make:
            self._create(self._whole(text))

    def _create(self, whole: str) -> None:
        mark, _, rest = whole.partition("\n")
        self._note(comments.create_comment(self._session, mark, rest))

    def _look(self) -> None:
        if comment := comments.find_comment(self._session, _STATUS):
            self._note(comment)

    def _note(self, comment: comments.Comment) -> None:
        """Remember which comment it is, for other runs of this process as well."""
        self._session.access.known.comments[self._issue] = comment.number
        self._shown, self._edited = comment.body, time.monotonic()

    def _edit_later(self) -> None:
        """Edit without patience: the next edit says more than this one."""
        with self._lock:
            if self._timer is None or self._is_closed:
                return
            self._timer = None
            self._pause = min(_SLOWEST, self._pause * _SLOWER)
            try:
                self._edit(self._render(), patient=False)
            except (AgentError, RefusedRequest) as problem:
                _log.warning("status comment not updated", reason=str(problem))
            self._schedule(time.monotonic() + _REFRESH_SECONDS)

    def _edit(self, text: str, *, patient: bool = True) -> None:
        """Have the comment say this, where there is one that says something else."""
        if self.number is None:
            self._look()
        number, comment, whole = self._session.issue.number, self.number, self._whole(text)
        self._edited = time.monotonic()
        if comment is None or whole == self._shown:
            return
        self._session.ask(
            lambda repository: repository.get_issue(number).get_comment(comment).edit(whole),
            doing=f"edit our comment on issue #{number}",
            patient=patient,
        )
        self._shown = whole

    def _whole(self, text: str) -> str:
        state, last = "over" if self._is_over else "under-way", ""
        if self._snapshot is not None:
            key = f"{self._snapshot.approval_key} {self._snapshot.approved_at} {state}"
            last = f"\n\n{comments.make_marker('approval', key)}"
        mark = f"{self._mark}-->"
        return self._session.access.hide(f"{mark}\n{text}{last}")
