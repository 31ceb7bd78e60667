"""The one status comment of an issue: the progress of its run, then its end."""

import re
import time

import structlog

from agent.errors import AgentError
from agent.github import comments
from agent.github.access import RepositorySession
from agent.github.api_errors import RefusedRequest
from agent.models.intake import EarlierRun
from agent.models.run import RUN_ID, Run
from agent.models.ticket import Snapshot

_log = structlog.get_logger()

#: Seconds between edits within a stage, while costs and turns change.
_REFRESH_SECONDS = 25.0
#: Seconds without edits after GitHub refused one despite retries, since these delay the run.
_SILENT_SECONDS = 300.0
_STATUS = "<!-- mergewright:status run="
#: People with write access can edit our comments: only a valid id of a run counts.
_HEAD = re.compile(rf"<!-- mergewright:status run=({RUN_ID.pattern})(?: call=[a-z0-9_-]+)? -->")
_APPROVAL = re.compile(r"<!-- mergewright:approval ([0-9a-f]+) (?:\S+ )?(over|under-way) -->\s*$")


def find_earlier_run(session: RepositorySession, snapshot: Snapshot) -> EarlierRun | None:
    """Find in the status comment the run that the same approval has started."""
    own_comments = comments.list_comments(session, _STATUS)
    body = own_comments[-1].body if own_comments else ""
    run, approval = _HEAD.match(body), _APPROVAL.search(body)
    if run is None or approval is None or approval[1] != snapshot.approval_key:
        return None
    return EarlierRun(run_id=run[1], over=approval[2] == "over")


class StatusComment:
    """The status comment of an issue, for one run: edited in place, with a minimum pause.

    An edit notifies nobody. If a person has to act, a new comment replaces it. Its first line names
    run and occasion, so that the comment of a killed attempt is found again.
    """

    def __init__(self, session: RepositorySession, run: Run) -> None:
        self._session = session
        self._issue = f"{session.name}#{session.issue.number}"
        # A follow-up continues the run that opened the pull request. That run is over, so its label
        # starts no other run.
        self._begun = "over" if run.follow_up is not None else "under-way"
        self._state = self._begun
        self._run_id = run.first
        self._mark = f"{_STATUS}{run.first} "
        self._snapshot = run.snapshot
        self._known = session.access.cache.comments
        self._edited = self._silent_until = 0.0
        self._is_closed = False
        # The intake and the run may edit it at the same time.
        locks = session.access.cache.comment_locks
        self._lock = locks[hash(self._issue) % len(locks)]

    def begin(self, text: str, *, occasion: str = "") -> None:
        """Create the comment, or continue an earlier one; `occasion` as for `finish`."""
        with self._lock:
            self._is_closed, self._state = False, self._begun
            self._put(text, occasion=occasion)

    def update(self, text: str, *, is_news: bool) -> None:
        """Show a newer text: news at once, others after a pause; failures are only logged."""
        with self._lock:
            now = time.monotonic()
            is_due = is_news or now - self._edited >= _REFRESH_SECONDS
            if is_due and not self._is_closed and now >= self._silent_until:
                self._try_edit(text)

    def show_last(self, text: str) -> None:
        """Show a text at once, and no other until `begin`; failures are only logged."""
        with self._lock:
            self._is_closed = True
            self._try_edit(text)

    def finish(self, text: str, *, make: bool = True, occasion: str = "") -> None:
        """Show the last text; with `make` create a comment if there is none.

        `occasion` names the reason why a person has to act: for each, the person is notified once.
        Empty: nobody is notified.
        """
        with self._lock:
            self._is_closed, self._state = True, "over"
            self._put(text, make=make, occasion=occasion)

    def _put(self, text: str, *, make: bool = True, occasion: str = "") -> None:
        if occasion and self._snapshot is not None:
            actor = f"@{self._snapshot.actor} " if self._snapshot.actor else ""
            self._replace(f"{actor}{text}", occasion)
        elif not self._edit(text) and make:
            self._create(self._whole(text, f"{self._mark}-->"))

    def _replace(self, text: str, occasion: str) -> None:
        """Create a new comment, then delete the earlier ones; may be done twice."""
        head = f"{self._mark}call={occasion} -->"
        earlier = comments.list_comments(self._session, _STATUS)
        made = next((comment for comment in earlier if comment.body.startswith(head)), None)
        if made is None:
            self._create(self._whole(text, head))
        else:
            self._known[self._issue] = made.number, made.body
            self._edit(text)
        for comment in earlier:
            if comment.number != self._known[self._issue][0]:
                comments.delete_comment(self._session, comment.number)

    def _create(self, whole: str) -> None:
        mark, _, rest = whole.partition("\n")
        made = comments.create_comment(self._session, mark, rest)
        self._known[self._issue], self._edited = (made.number, made.body), time.monotonic()

    def _find_comment(self) -> tuple[int | None, str]:
        """Find the comment, and share it with other runs of this process."""
        if own_comments := comments.list_comments(self._session, _STATUS):
            self._known[self._issue], self._edited = own_comments[-1][:2], time.monotonic()
        return self._known.get(self._issue, (None, ""))

    def _try_edit(self, text: str) -> None:
        try:
            self._edit(text)
        except (AgentError, RefusedRequest) as problem:
            # Edits pause for a while, since the run waits for each of these requests.
            self._silent_until = time.monotonic() + _SILENT_SECONDS
            _log.warning("status comment not updated", reason=str(problem))

    def _edit(self, text: str) -> bool:
        """Edit the comment unless it has this text; return whether there is one."""
        comment, shown = self._known.get(self._issue) or self._find_comment()
        if comment is None:
            return False
        head = _HEAD.match(shown)
        if head is not None and head[1] > self._run_id:
            return True  # a newer run of the issue has it; ids of runs sort by time
        of_run = head is not None and shown.startswith(self._mark)
        whole = self._whole(text, head[0] if head and of_run else f"{self._mark}-->")
        self._edited = time.monotonic()
        if whole == shown:
            return True
        try:
            comments.edit_comment(self._session, comment, whole)
        except RefusedRequest as problem:
            if problem.status != 404:
                raise
            # A person has deleted it meanwhile.
            del self._known[self._issue]
            return self._find_comment()[0] not in (None, comment) and self._edit(text)
        self._known[self._issue] = comment, whole
        return True

    def _whole(self, text: str, head: str) -> str:
        last = ""
        if self._snapshot is not None:
            key = f"{self._snapshot.approval_key} {self._state}"
            last = f"\n\n{comments.make_marker('approval', key)}"
        return self._session.hide(f"{head}\n{text}{last}")
