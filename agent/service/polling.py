"""Polling: look for labels and comments where no webhook reports them, with a personal token.

Findings go into the inbox, as the listener's do, and through the intake like any delivery. All but
the approved text is read again. If a webhook reports the same, the content key is equal, and it
counts once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from agent.conversation import deliveries
from agent.conversation.deliveries import Ignored
from agent.conversation.events import Comment, Event, Request, Withdrawal
from agent.errors import AgentError, CodeHostLimited
from agent.github.intake_api import GithubIntakeApi
from agent.github.polling import Changed, Found, GithubChanges, Subject
from agent.models.clock import read_clock
from agent.models.outcome import StoredRun
from agent.models.record import Record
from agent.models.run import RunState
from agent.models.ticket import Delivery, IssueRef
from agent.service import intake
from agent.service.intake import StoppedRun
from agent.store.sql_inbox import Inbox, ReceiptKind
from agent.store.sql_run_store import SqlRunStore

_log = structlog.get_logger()

#: Times there have no fractions: what is said in the second of a look may come after it.
_UNSETTLED_SECONDS = 2
#: What has changed is looked at so far in one look; the rest is in the next.
_MOST_SUBJECTS = 50
#: Before what could not be read is tried again; doubled each time.
_FIRST_WAIT, _LONGEST_WAIT = 60.0, 3_600.0
#: Where a run stands whose pull request is there, and no more is to be done for it.
_OF_PULLS = frozenset({RunState.OPEN, RunState.CLOSED, RunState.MERGED})


class Mark(Record):
    """How far a repository was listened to; both are times of the code host's, ISO 8601.

    Remembered across restarts, and by whichever worker looks next, as a note of the inbox.
    """

    changed: str
    """What has not changed since then is not asked for."""
    said: str
    """What was written before is not heard."""
    unread: dict[int, str] = {}
    """What could not be read, by number, with its own `said`."""


class Polling:
    """Looks for labels and comments, and lays them into the inbox as a webhook would.

    What was taken back is looked for too: the issues of the runs that are not over. The first look
    into a repository hears no comment: what was said before is nobody's word to us.
    """

    def __init__(
        self,
        changes: GithubChanges,
        intake_api: GithubIntakeApi,
        inbox: Inbox,
        store: SqlRunStore,
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
        self._changes, self._intake_api = changes, intake_api
        self._inbox, self._store = inbox, store
        self._repositories = repositories
        self._seconds = seconds
        self._found = found
        self._seen: dict[tuple[str, int], str] = {}
        """When what was looked at had changed last."""
        self._tries: dict[tuple[str, int], tuple[int, float]] = {}
        """How often what is unread was tried, and when it is tried again."""

    def turn(self) -> float:
        """Look through all repositories; one that cannot be looked through holds up no other."""
        for run_id in sorted(self._store.list_active_ids()):
            snapshot = self._store.get_run(run_id).run.snapshot
            if snapshot is not None:
                self._look_after(snapshot.issue)
        for repository in self._repositories:
            try:
                self.listen(repository)
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

    def _lay_in_found(self, one: Found) -> None:
        parsed = deliveries.parse_payload(one.event, one.action, one.payload)
        if isinstance(parsed, Ignored):
            _log.debug("ignored", what=one.name, reason=parsed.reason)
        elif isinstance(parsed.about, Request | Comment):
            about = parsed.about.model_copy(update={"edited": one.edited})
            self._lay_in(one.name, one.event, one.action, about)

    def _lay_in(self, name: str, event: str, action: str, about: Request | Comment | Event) -> None:
        delivery = Delivery(
            # The listener takes no id with a colon, so no request can use one of these up.
            delivery_id=f"poll:{name}",
            event=event,
            action=action,
            content_key=about.content_key,
            received_at=read_clock(),
            body=about.model_dump_json().encode(),
        )
        (receipt,) = self._inbox.append([delivery])
        if receipt.kept is ReceiptKind.ACCEPTED:
            _log.info("found by polling", delivery=delivery.delivery_id, what=event)
            self._found()

    # --- one repository ------------------------------------------------------------------------

    def listen(self, repository: str) -> None:
        """Look for what is new in one repository; what cannot be read is looked at again."""
        known = self._read_mark(repository)
        changed = self._changes.list_changed(repository, known.changed if known else None)
        mark = known or Mark(changed=changed.now, said=changed.now)
        settled = _subtract_seconds(changed.now, _UNSETTLED_SECONDS)
        asked = 0
        for subject in changed.subjects:
            number = subject.ref.number
            if self._seen.get((repository, number)) != subject.updated_at:
                if asked == _MOST_SUBJECTS and known:
                    changed = changed.model_copy(update={"whole": False})
                    break
                # Pull requests of others cost no request.
                asked += not subject.on_pull
                mark = self._try_to_hear(repository, number, subject, mark)
            if subject.updated_at < settled:
                self._seen[repository, number] = subject.updated_at
            if known:
                mark = mark.model_copy(update={"changed": min(subject.updated_at, settled)})
                self._note(repository, mark)
        for number in mark.unread:
            if time.monotonic() >= self._tries.get((repository, number), (0, 0.0))[1]:
                mark = self._try_to_hear(repository, number, None, mark)
        if changed.whole:
            mark = mark.model_copy(update={"said": mark.changed})
            self._forget(repository, changed)
        self._note(repository, mark)

    def _try_to_hear(
        self, repository: str, number: int, subject: Subject | None, mark: Mark
    ) -> Mark:
        """Hear one issue or pull request; one that cannot be read holds up no other.

        Args:
            subject: None: it could not be read before.
        """
        unread, key = dict(mark.unread), (repository, number)
        since = unread.pop(number, mark.said)
        try:
            if subject := subject or self._changes.read_again(repository, number):
                self._hear(subject, since)
            self._tries.pop(key, None)
        except CodeHostLimited:
            raise
        except AgentError as problem:
            tries = self._tries.get(key, (0, 0.0))[0]
            wait = min(_FIRST_WAIT * 2**tries, _LONGEST_WAIT)
            self._tries[key], unread[number] = (tries + 1, time.monotonic() + wait), since
            told = {"issue": f"{repository}#{number}", "again_in_seconds": wait}
            _log.error("issue not read", **told, problem=problem.message)
        return mark.model_copy(update={"unread": unread})

    def _hear(self, subject: Subject, since: str) -> None:
        if subject.on_pull:
            run = self._store.find_run_of_pull(subject.ref.repository_id, subject.ref.number)
            if run is None:
                return
            self._tell_end(subject, run)
        for found in self._changes.find(subject, since):
            self._lay_in_found(found)

    def _tell_end(self, subject: Subject, run: StoredRun) -> None:
        """Tell that a pull request of ours was closed or opened again, if that is news."""
        state = self._store.get_run(run.run.first).state
        is_closed = subject.raw["state"] == "closed"
        if state not in _OF_PULLS or is_closed == (state is not RunState.OPEN):
            return
        action = "closed" if is_closed else "reopened"
        name = f"pull-{subject.ref.repository_id}-{subject.ref.number}-{subject.updated_at}"
        happened = Event(
            repository=subject.ref.repository,
            repository_id=subject.ref.repository_id,
            number=subject.ref.number,
            event=f"pull_request.{action}",
        )
        self._lay_in(name, "pull_request", action, happened)

    def _forget(self, repository: str, changed: Changed) -> None:
        """Keep of what was seen only what the next look lists again."""
        there = {(repository, one.ref.number) for one in changed.subjects}
        others = {key: at for key, at in self._seen.items() if key[0] != repository}
        self._seen = others | {key: at for key, at in self._seen.items() if key in there}

    def _note(self, repository: str, mark: Mark) -> None:
        self._inbox.put_note(_name_note(repository), mark.model_dump_json())

    def _read_mark(self, repository: str) -> Mark | None:
        note = self._inbox.find_note(_name_note(repository))
        return Mark.model_validate_json(note.words) if note else None


def _name_note(repository: str) -> str:
    """Name the note about a repository; `owner/name` as the operator has it."""
    return f"listening {repository}"


def _subtract_seconds(at: str, seconds: float) -> str:
    moment = datetime.fromtimestamp(intake.parse_moment(at) - seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
