"""Polling: labels and words are looked for where no webhook tells of them, with a personal token.

What is found is laid into the inbox as the listener does, so that it goes through the intake as
any delivery: all but the approved text is looked up anew. Where a webhook tells of it as well, it
has the same content key, and counts once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import ValidationError

from agent.conversation.events import Comment, Event
from agent.errors import AgentError, CodeHostLimited
from agent.github.polling import (
    Changed,
    GithubConversations,
    GithubLabelledIssues,
    Labelled,
    Subject,
    Written,
)
from agent.models.clock import read_clock
from agent.models.intake import IntakeApi
from agent.models.outcome import StoredRun
from agent.models.record import Record
from agent.models.run import RunState
from agent.models.ticket import Delivery, IssueRef
from agent.service import intake
from agent.service.intake import Request, StoppedRun, Withdrawal
from agent.store.sql_inbox import Inbox, ReceiptKind
from agent.store.sql_store import SqlStore

_log = structlog.get_logger()

FILE_NAME = "listening.json"
#: Times there have no fractions: what is said in the second of a look may come after it.
_UNSETTLED_SECONDS = 2
#: What has changed is looked at so far in one look; the rest is in the next.
_MOST_SUBJECTS = 50
#: Where a run stands whose pull request is there, and no more is to be done for it.
_OF_PULLS = frozenset({RunState.OPEN, RunState.CLOSED, RunState.MERGED})
_EVENTS = {
    "issue": ("issue_comment", "created"),
    "review": ("pull_request_review", "submitted"),
    "inline": ("pull_request_review_comment", "created"),
}


class Mark(Record):
    """How far a repository was listened to; both are times of the code host's, ISO 8601."""

    changed: str
    """What has not changed since then is not asked for."""
    said: str
    """What was written before is not heard."""


class Marks(Record):
    """What is remembered across restarts: a mark by `owner/name` as the operator has it."""

    version: int = 1
    marks: dict[str, Mark] = {}


class Polling:
    """Looks for labelled issues and comments, and lays them into the inbox as a webhook would.

    What was taken back is looked for too: the issues of the runs that are not over.
    """

    def __init__(
        self,
        issues: GithubLabelledIssues,
        conversations: GithubConversations,
        intake_api: IntakeApi,
        inbox: Inbox,
        store: SqlStore,
        repositories: tuple[str, ...],
        *,
        seconds: float,
        found: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what it works with.

        Args:
            repositories: `owner/name` of each.
            seconds: From one look to the next.
            found: Called when there is something new in the inbox.
        """
        self._issues = issues
        self._listener = Listener(conversations, inbox, store, found)
        self._intake_api = intake_api
        self._inbox = inbox
        self._store = store
        self._repositories = repositories
        self._seconds = seconds
        self._found = found

    def turn(self) -> float:
        """Look through all repositories; one that cannot be looked through holds up no other.

        Raises:
            CodeHostLimited: The code host wants to be left alone; what it told before is kept.
        """
        for run_id in sorted(self._store.active_ids()):
            snapshot = self._store.get_run(run_id).run.snapshot
            if snapshot is not None:
                self._look_after(snapshot.issue)
        for repository in self._repositories:
            try:
                for one in self._issues.find_new(repository):
                    self._lay_in(one)
                self._listener.look(repository)
            except CodeHostLimited:
                raise
            except AgentError as problem:
                told = {"repository": repository, "problem": problem.message}
                _log.error("repository not looked through", **told)
        return self._seconds

    def _look_after(self, issue: IssueRef) -> None:
        seen = Withdrawal(issue=issue)
        try:
            decided = intake.reconsider_run(seen, self._intake_api, self._store)
        except CodeHostLimited:
            raise
        except AgentError as problem:
            told = {"issue": f"{issue.repository}#{issue.number}", "problem": problem.message}
            _log.error("issue not looked at", **told)
        else:
            if isinstance(decided, StoppedRun):
                _log.info("stopped", run=decided.run_id, reason=decided.reason)

    def _lay_in(self, one: Labelled) -> None:
        request = Request(
            snapshot=one.snapshot,
            label=one.label,
            actor_is_bot=one.actor_is_bot,
            clone_url=one.clone_url,
            edited=one.edited,
        )
        delivery = Delivery(
            # The same for the same label however often it is seen, also after a restart.
            delivery_id=f"label-event-{one.event_id}",
            event="issues",
            action="labeled",
            content_key=request.content_key,
            received_at=read_clock(),
            body=request.model_dump_json().encode(),
        )
        (receipt,) = self._inbox.append([delivery])
        if receipt.kept is ReceiptKind.ACCEPTED:
            _log.info("label found", delivery=delivery.delivery_id, issue=one.snapshot.url)
            self._found()


class Listener:
    """Looks for what people say, and lays it into the inbox as a webhook would.

    The first look into a repository hears nothing: what was said before is nobody's word to us.
    """

    def __init__(
        self,
        conversations: GithubConversations,
        inbox: Inbox,
        store: SqlStore,
        found: Callable[[], None] = lambda: None,
    ) -> None:
        """Read what is remembered; it is beside the inbox."""
        self._conversations = conversations
        self._inbox = inbox
        self._store = store
        self._found = found
        self._path = inbox.path.parent / FILE_NAME
        self._marks = _read_marks(self._path)
        self._seen: dict[tuple[str, int], str] = {}
        """When what was looked at had changed last."""

    def look(self, repository: str) -> None:
        """Listen in one repository.

        Raises:
            CodeHostUnavailable: What was found before is kept, and the rest looked for again.
        """
        mark = self._marks.marks.get(repository)
        changed = self._conversations.list_changed(repository, mark.changed if mark else None)
        if mark is None:
            self._note(repository, Mark(changed=changed.now, said=changed.now))
            return
        settled = _subtract_seconds(changed.now, _UNSETTLED_SECONDS)
        asked = 0
        for subject in changed.subjects:
            key = (repository, subject.ref.number)
            if self._seen.get(key) != subject.updated_at:
                if asked == _MOST_SUBJECTS:
                    changed = changed.model_copy(update={"whole": False})
                    break
                asked += 1
                self._listen(subject, mark.said)
            if subject.updated_at < settled:
                self._seen[key] = subject.updated_at
            mark = mark.model_copy(update={"changed": min(subject.updated_at, settled)})
            self._note(repository, mark)
        if changed.whole:
            self._note(repository, mark.model_copy(update={"said": mark.changed}))
            self._forget(repository, changed)

    def _listen(self, subject: Subject, since: str) -> None:
        run = None
        if subject.on_pull:
            run = self._store.of_pull(subject.ref.repository_id, subject.ref.number)
            if run is None:
                return
            self._end(subject, run)
        for written in self._conversations.list_written(subject, since):
            if written.place == "review" and not written.body.strip():
                continue  # what it says stands in remarks on lines
            name = f"{written.place}-comment-{subject.ref.repository_id}-{written.comment_id}"
            self._lay_in(name, *_EVENTS[written.place], _make_comment(subject, written))

    def _end(self, subject: Subject, run: StoredRun) -> None:
        """Tell that a pull request of ours was closed or opened again, if that is news."""
        state = self._store.get_run(run.run.first).state
        if state not in _OF_PULLS or subject.is_closed == (state is not RunState.OPEN):
            return
        action = "closed" if subject.is_closed else "reopened"
        name = f"pull-{subject.ref.repository_id}-{subject.ref.number}-{subject.updated_at}"
        happened = Event(
            repository=subject.ref.repository,
            repository_id=subject.ref.repository_id,
            number=subject.ref.number,
            event=f"pull_request.{action}",
            actor="",
        )
        self._lay_in(name, "pull_request", action, happened)

    def _lay_in(self, name: str, event: str, action: str, told: Comment | Event) -> None:
        delivery = Delivery(
            delivery_id=name,
            event=event,
            action=action,
            content_key=told.content_key,
            received_at=read_clock(),
            body=told.model_dump_json().encode(),
        )
        (receipt,) = self._inbox.append([delivery])
        if receipt.kept is ReceiptKind.ACCEPTED:
            _log.info("words found", delivery=delivery.delivery_id)
            self._found()

    def _forget(self, repository: str, changed: Changed) -> None:
        """Keep of what was seen only what the next look lists again."""
        there = {(repository, one.ref.number) for one in changed.subjects}
        others = {key: at for key, at in self._seen.items() if key[0] != repository}
        self._seen = others | {key: at for key, at in self._seen.items() if key in there}

    def _note(self, repository: str, mark: Mark) -> None:
        if self._marks.marks.get(repository) == mark:
            return
        self._marks = Marks(marks={**self._marks.marks, repository: mark})
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(self._marks.model_dump_json(), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as problem:
            # After a restart, more is looked through than needs be.
            _log.warning("not written how far was listened", problem=problem.strerror)


def _read_marks(path: Path) -> Marks:
    try:
        return Marks.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Marks()
    except (OSError, ValidationError) as problem:
        _log.warning("not read how far was listened", problem=type(problem).__name__)
        return Marks()


def _subtract_seconds(at: str, seconds: float) -> str:
    moment = datetime.fromtimestamp(intake.parse_moment(at) - seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _make_comment(subject: Subject, written: Written) -> Comment:
    return Comment(
        subject=subject.ref,
        on_pull=subject.on_pull,
        clone_url=subject.clone_url,
        **written.model_dump(),
    )
