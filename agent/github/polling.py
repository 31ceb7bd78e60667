"""What GitHub knows that no webhook told us: labels, comments, and its own log of deliveries.

Only what has changed since the last look is looked at. Who set a label, and when, is in an issue's
events; whether the text was edited after that, is found by those events and by the time of the
body's last edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from agent.errors import CodeHostUnavailable
from agent.github import api_errors, issues, repositories
from agent.github.access import Access, Raw, RepositorySession
from agent.github.api_errors import ignore_statuses
from agent.github.connection import translating_errors
from agent.github.intake_api import GithubIntakeApi
from agent.models.clock import read_clock
from agent.models.record import Record
from agent.models.ticket import IssueRef
from agent.settings import Settings

_PER_PAGE = 100
_LABELLED_PAGES = 20
#: Of what has changed; the rest is listed at the next look.
_CHANGED_PAGES = 2
_DELIVERIES = "/app/hook/deliveries"
#: GitHub does not have the delivery any more, or not for so long that it sends it again.
_NOT_SENT = (400, 404, 410, 422)


class Found(Record):
    """Something that a webhook would report."""

    name: str
    """The same for the same thing however often it is found."""
    event: str
    action: str
    payload: dict[str, Any]
    """As the webhook's, as far as it is read."""
    edited: bool = False
    """Whether the text was edited since the label was set or the words were written."""


class Subject(Record):
    """An issue or pull request, as a list of those that have changed tells of it."""

    facts: dict[str, Any]
    """Of its repository."""
    raw: dict[str, Any]
    ref: IssueRef
    on_pull: bool
    updated_at: str
    """ISO 8601, UTC, in whole seconds, as every time here."""


class Changed(Record):
    subjects: tuple[Subject, ...]
    whole: bool
    """Whether these are all; else those that come after them are listed another time."""
    now: str
    """The code host's clock before it was asked."""


@translating_errors
class GithubChanges:
    """Looks for labels and comments in the repositories that the operator names."""

    def __init__(self, access: Access, settings: Settings) -> None:
        self._access = access
        self._intake_api = GithubIntakeApi(access, settings)

    def list_changed(self, repository: str, since: str | None) -> Changed:
        """List what has changed, the oldest change first; None: the issues that have the label."""
        session = self._access.open_named_session(repository, "look through")
        facts = repositories.read_facts(session)
        now = datetime.fromtimestamp(read_clock() + session.notes.behind, UTC)
        wanted: dict[str, object] = {"sort": "updated", "direction": "asc"}
        if since is None:
            named = {"repository": facts["full_name"], "repository_id": facts["id"]}
            label = self._intake_api.read_start_label(session.issue.model_copy(update=named))
            wanted |= {"state": "open", "labels": label}
        else:
            wanted |= {"state": "all", "since": since}
        most = _CHANGED_PAGES if since else _LABELLED_PAGES
        how = {"doing": "look for labels and comments"}
        listed = list(session.pages("issues", wanted, most=most, **how))
        found = [_make_subject(facts, raw) for raw in listed]
        return Changed(
            # The same one may have come to the next page while they were read.
            subjects=tuple({one.ref.number: one for one in found}.values()),
            whole=len(listed) < most * _PER_PAGE,
            now=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def read_again(self, repository: str, number: int) -> Subject | None:
        session = self._access.open_named_session(repository, "look through")
        facts = repositories.read_facts(session)
        with ignore_statuses(*repositories.GONE):
            doing = f"read issue #{number}"
            return _make_subject(facts, session.call("GET", f"issues/{number}", doing=doing))
        return None

    def find(self, subject: Subject, since: str) -> list[Found]:
        """Find the label, and what was written since then."""
        session = self._access.open_session(subject.ref, f"look at {subject.ref.repository}")
        label = self._intake_api.read_start_label(subject.ref).lower()
        is_labelled = label in {str(one["name"]).lower() for one in subject.raw["labels"]}
        found: list[Found] = []
        if is_labelled and subject.raw["state"] == "open" and not subject.on_pull:
            found += _find_label(session, subject, label)
        return [*found, *_find_comments(session, subject, since)]


def _find_label(session: RepositorySession, subject: Subject, label: str) -> Iterator[Found]:
    """Find who set the label, and the text; nothing where the label is off again."""
    raw, number = subject.raw, subject.ref.number
    event, renamed = _find_label_event(session, number, label)
    if not event:
        return
    # After the events: what is edited in between counts as edited.
    text = issues.read_text(session, number)
    if text is None:
        raise CodeHostUnavailable("GitHub lists the issue and does not show it.")
    at, edited = str(event["created_at"]), text["lastEditedAt"]
    approved = {"title": text["title"], "body": text["body"], "updated_at": at}
    told = {"issue": {**raw, **approved}, "label": event["label"], "sender": event["actor"]}
    yield Found(
        name=f"label-event-{event['id']}",
        event="issues",
        action="labeled",
        payload={**told, "action": "labeled", "repository": subject.facts},
        # Times have no fractions: within one second, an edit counts as the later one.
        edited=renamed or text["title"] != raw["title"] or (edited or "") >= at,
    )


def _find_label_event(session: RepositorySession, number: int, label: str) -> tuple[Raw, bool]:
    """Find the event that has set the label, and say whether the title was changed afterwards.

    The event is empty where the label was taken off meanwhile, or set by nobody.
    """
    renamed = False
    for event in issues.newest_events(session, number):
        renamed = renamed or event["event"] == "renamed"
        named = str((event.get("label") or {}).get("name") or "")
        if named.lower() == label:
            # An account that was deleted has no permission any more.
            there = event["event"] == "labeled" and event["actor"] is not None
            return (event if there else {}), renamed
    return {}, renamed


def _find_comments(session: RepositorySession, subject: Subject, since: str) -> Iterator[Found]:
    number = subject.ref.number
    for raw in issues.list_comments(session, number, since):
        # GitHub lists by the last edit.
        if raw["created_at"] >= since:
            yield _make_found(subject, "issue_comment", "created", "comment", raw)
    if not subject.on_pull:
        return
    new = set()
    for raw in issues.list_reviews(session, number):
        if raw["submitted_at"] >= since:
            new.add(raw["id"])
            yield _make_found(subject, "pull_request_review", "submitted", "review", raw)
    for raw in issues.list_remarks(session, number):
        # Remarks of a new review may have been written long before it.
        if raw["created_at"] >= since or raw["pull_request_review_id"] in new:
            event = "pull_request_review_comment"
            yield _make_found(subject, event, "created", "comment", raw)


def _make_subject(facts: Raw, raw: Raw) -> Subject:
    named = {"repository": facts["full_name"], "repository_id": facts["id"]}
    return Subject(
        facts=dict(facts),
        raw=dict(raw),
        ref=IssueRef(**named, number=raw["number"], issue_id=raw["id"]),
        on_pull=raw.get("pull_request") is not None,
        updated_at=raw["updated_at"],
    )


def _make_found(subject: Subject, event: str, action: str, part: str, raw: Raw) -> Found:
    about = "issue" if event == "issue_comment" else "pull_request"
    told = {about: subject.raw, part: raw, "sender": raw["user"], "repository": subject.facts}
    return Found(
        name=f"{event}-{subject.ref.repository_id}-{raw['id']}",
        event=event,
        action=action,
        payload=told,
        # Of a review that is not told.
        edited=part != "review" and raw["updated_at"] != raw["created_at"],
    )


# --- deliveries --------------------------------------------------------------------------------


class SentDelivery(Record):
    """One attempt of the code host at a delivery, as its log tells of it."""

    number: int
    """Of the attempt; by it the delivery is asked for again."""
    delivery_id: str
    event: str
    action: str | None
    at: float


class SentPage(Record):
    """A page of the log of deliveries, newest first."""

    deliveries: tuple[SentDelivery, ...]
    after: str | None
    """What the next page, with older ones, is asked for with; None: there is none."""
    now: float
    """The code host's clock, in seconds since the epoch."""


@translating_errors
class AppDeliveries:
    """The log of the App's webhook; only the App itself may read it."""

    def __init__(self, access: Access) -> None:
        """Ask nothing yet.

        Raises:
            ValueError: We are no App, so that there is no such log.
        """
        self._access = access
        app = access.tokens.as_app(access.start_notes("deliveries"))
        if app is None:
            raise ValueError("a person has no log of deliveries")
        self._app = app

    def read_page(self, after: str | None = None) -> SentPage:
        wanted: dict[str, Any] = {"per_page": _PER_PAGE}
        if after is not None:
            wanted["cursor"] = after

        def work() -> SentPage:
            headers, found = self._app.requestJsonAndCheck("GET", _DELIVERIES, parameters=wanted)
            return SentPage(
                deliveries=tuple(_make_sent_delivery(one) for one in found),
                after=api_errors.read_next_link(headers, "next").get("cursor"),
                now=api_errors.server_time(headers),
            )

        return self._access.asking().ask(work, doing="read the log of deliveries")

    def redeliver(self, number: int) -> bool:
        """Ask for a delivery again; return False where GitHub does not send it any more.

        Should the answer be lost, it is asked for twice: that does no harm, since both carry the
        same GUID.
        """
        with ignore_statuses(*_NOT_SENT):
            self._access.asking().ask(
                lambda: self._app.requestJsonAndCheck("POST", f"{_DELIVERIES}/{number}/attempts"),
                doing=f"deliver {number} again",
            )
            return True
        return False


def _make_sent_delivery(raw: Raw) -> SentDelivery:
    return SentDelivery(
        number=int(raw["id"]),
        delivery_id=str(raw["guid"]).lower(),
        event=str(raw["event"]),
        action=None if raw["action"] is None else str(raw["action"]),
        at=datetime.fromisoformat(str(raw["delivered_at"])).timestamp(),
    )
