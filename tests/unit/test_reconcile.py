"""Deliveries that did not come are asked for again, a few times each, and labels are looked for."""

from __future__ import annotations

from datetime import datetime

import pytest

from agent.conversation.events import Request
from agent.errors import (
    CodeHostLimited,
    CodeHostUnavailable,
    RequestRefused,
)
from agent.github.polling import Changed, Found, SentDelivery, SentPage, Subject
from agent.models.intake import EarlierRun, LiveIssue
from agent.models.run import Run
from agent.models.ticket import Delivery, IssueRef, Snapshot
from agent.service import intake, reconcile
from agent.service.intake import Accepted, Ignored
from agent.service.polling import Polling
from agent.service.reconcile import Redeliveries
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from tests.unit import delivery_samples
from webhooks import app

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
START = 1_790_000_000.0
NOW = "2026-11-20T10:00:00Z"


class CodeHost:
    """A log of deliveries, newest first, and a listener that hears them or does not."""

    def __init__(self, inbox: Inbox, per_page: int = 100) -> None:
        self.inbox = inbox
        self.clock = START
        self.ahead = 0.0
        self.per_page = per_page
        self.listening = True
        self.sent: list[SentDelivery] = []
        self.read: list[str | None] = []
        self.asked: list[str] = []
        self.failing: Exception | None = None
        self.failing_page: int | None = None

    def time(self) -> float:
        return self.clock

    def deliver(self, name: str, action: str | None = "labeled", event: str = "issues") -> None:
        if self.listening:
            self.inbox.append([delivery(name, event, action)])
        self.sent.append(
            SentDelivery(
                number=len(self.sent) + 1, delivery_id=name, event=event, action=action,
                at=self.clock + self.ahead,
            )
        )  # fmt: skip

    def read_page(self, after: str | None = None) -> SentPage:
        self.read.append(after)
        if self.failing and (self.failing_page in (None, len(self.read))):
            raise self.failing
        if after is not None and not after.startswith("v1_"):
            raise RequestRefused("GitHub does not know that page of the log any more.")
        newest = int(after.removeprefix("v1_")) if after else len(self.sent)
        chosen = list(reversed(self.sent[:newest]))
        rest = chosen[self.per_page :]
        return SentPage(
            deliveries=tuple(chosen[: self.per_page]),
            after=f"v1_{rest[0].number}" if rest else None,
            now=self.clock + self.ahead,
        )

    def redeliver(self, number: int) -> bool:
        one = self.sent[number - 1]
        if self.failing:
            raise self.failing
        self.asked.append(one.delivery_id)
        self.deliver(one.delivery_id, one.action, one.event)
        return True


def delivery(name: str, event: str = "issues", action: str | None = "labeled") -> Delivery:
    return Delivery(
        delivery_id=name, event=event, action=action, content_key="", received_at=START, body=b"x"
    )


@pytest.fixture
def code_host(inbox: Inbox) -> CodeHost:
    return CodeHost(inbox)


def reconciler(code_host: CodeHost, minutes: float = 5) -> Redeliveries:
    return Redeliveries(code_host, code_host.inbox, seconds=minutes * MINUTE)


def go_on(made: Redeliveries, code_host: CodeHost, seconds: float) -> None:
    """Let so much time pass, with a turn whenever one is asked for."""
    end = code_host.clock + seconds
    while code_host.clock < end:
        code_host.clock += max(1.0, made.turn())


def test_WH3_what_failed_while_nobody_listened_is_asked_for_once_and_in_its_order(code_host):
    code_host.deliver("before")
    code_host.listening = False
    for name in ("a", "b", "c"):
        code_host.clock += MINUTE
        code_host.deliver(name)
    code_host.clock += HOUR
    code_host.listening = True
    made = reconciler(code_host)
    go_on(made, code_host, HOUR)
    assert code_host.asked == ["a", "b", "c"]
    assert {one.delivery_id for one in code_host.inbox.list_unread()} == {"before", "a", "b", "c"}


def test_what_nobody_acts_on_is_left_alone(code_host):
    code_host.listening = False
    code_host.deliver("a", None, "push")
    code_host.deliver("b", "opened")
    code_host.deliver("c", "labeled", "pull_request")
    code_host.deliver("d", "closed")
    code_host.deliver("e", None, "status")
    reconciler(code_host).turn()
    assert code_host.asked == ["d", "e"]


def test_what_never_comes_is_asked_for_ever_less_often_also_after_restarts(code_host):
    code_host.listening = False
    code_host.deliver("a")
    for _ in range(20):
        reconciler(code_host).turn()
        code_host.clock += 10 * MINUTE
    assert len(code_host.asked) <= 7
    go_on(reconciler(code_host), code_host, 6 * DAY)
    assert len(code_host.asked) < 110


def test_GH2_what_was_given_up_is_not_asked_for_again_though_the_log_still_tells_of_it(
    code_host, monkeypatch
):
    asked: list[int] = []
    monkeypatch.setattr(code_host, "redeliver", asked.append)
    code_host.listening = False
    code_host.deliver("a")
    go_on(reconciler(code_host), code_host, HOUR)
    assert asked == [1]


def test_GH3_a_log_that_breaks_off_is_read_again(inbox):
    code_host = CodeHost(inbox, per_page=2)
    code_host.listening = False
    for number in range(7):
        code_host.clock += MINUTE
        code_host.deliver(f"d{number}")
    code_host.listening = True
    code_host.failing, code_host.failing_page = CodeHostUnavailable("away"), 2
    made = reconciler(code_host)
    with pytest.raises(CodeHostUnavailable):
        made.turn()
    code_host.failing = None
    go_on(made, code_host, 10 * MINUTE)
    assert sorted(code_host.asked) == [f"d{number}" for number in range(7)]


def test_PF8_a_clock_of_ours_that_is_wrong_by_days_changes_nothing(code_host):
    code_host.ahead = 5 * DAY
    code_host.listening = False
    code_host.deliver("a")
    code_host.clock += HOUR
    code_host.listening = True
    reconciler(code_host).turn()
    assert code_host.asked == ["a"]


# --- labels ----------------------------------------------------------------------------------------


def labelled(number: int = 1, event_id: int = 5) -> Found:
    there = delivery_samples.snapshot(number)
    repository = {"id": there.issue.repository_id, "full_name": there.issue.repository}
    payload = {
        "action": "labeled",
        "label": {"name": "mergewright"},
        "sender": {"login": there.actor, "id": there.actor_id},
        "repository": {**repository, "clone_url": "https://h/o/r.git"},
        "issue": {
            "id": there.issue.issue_id, "number": number, "html_url": there.url,
            "title": there.title, "body": there.body, "user": {"login": there.author},
            "labels": [{"name": name} for name in there.labels], "updated_at": there.approved_at,
        },
    }  # fmt: skip
    return Found(name=f"label-event-{event_id}", event="issues", action="labeled", payload=payload)


class Changes:
    """A list of what has changed, by repository; an error is raised."""

    def __init__(self, **found: list[Found] | Exception) -> None:
        self.found = found

    def list_changed(self, repository: str, since: str | None) -> Changed:
        found = self.found[repository.replace("/", "_")]
        if isinstance(found, Exception):
            raise found
        subjects = tuple(
            Subject(facts={}, raw={"found": one}, ref=delivery_samples.snapshot(number).issue,
                    on_pull=False, updated_at=NOW)
            for number, one in enumerate(found, 1)
        )  # fmt: skip
        return Changed(subjects=subjects, whole=True, now=NOW)

    def find(self, subject: Subject, since: str) -> list[Found]:
        return [subject.raw["found"]]


class Gate(delivery_samples.Open):
    """A code host that answers as it was told."""

    def __init__(self) -> None:
        super().__init__({})
        self.changes: dict[str, object] = {}
        self.failing: Exception | None = None

    def read_issue(self, issue: IssueRef) -> LiveIssue:
        self.asked.append(issue.number)
        if self.failing:
            raise self.failing
        return super().read_issue(issue).model_copy(update=self.changes)


@pytest.fixture
def poll(inbox: Inbox, store: SqlRunStore):
    def turn(changes: Changes, *repositories: str, gate: Gate | None = None) -> list[int]:
        rung: list[int] = []
        made = Polling(
            changes, gate or Gate(), inbox, store, repositories, seconds=300,
            found=lambda: rung.append(1),
        )  # fmt: skip
        assert made.turn() == 300
        return rung

    return turn


def test_a_label_that_was_found_is_a_request_as_a_webhook_makes_it(inbox, poll):
    assert poll(Changes(o_r=[labelled()]), "o/r") == [1]
    (kept,) = inbox.list_unread()
    request = Request.model_validate_json(kept.body)
    assert request.snapshot == delivery_samples.snapshot(1)
    assert (kept.event, kept.action) == ("issues", "labeled")
    assert kept.content_key == request.content_key


def test_WH2_no_request_can_use_up_the_id_of_a_label_that_is_found_later(inbox, poll):
    poll(Changes(o_r=[labelled()]), "o/r")
    (kept,) = inbox.list_unread()
    assert not app._DELIVERY_ID.fullmatch(kept.delivery_id)


def test_WH3_a_label_that_is_found_again_and_again_is_one_delivery(inbox, poll):
    for _ in range(3):
        poll(Changes(o_r=[labelled(), labelled()]), "o/r")
    assert len(inbox.list_unread()) == 1
    assert poll(Changes(o_r=[labelled(event_id=6, number=2)]), "o/r") == [1]


@pytest.mark.parametrize("where", ["list", "issue"])
def test_GH2_a_forge_that_limits_us_ends_the_turn(inbox, poll, store, where):
    limited, gate = CodeHostLimited("wait", until=1.0), Gate()
    changes = Changes(o_a=limited if where == "list" else [], o_r=[labelled()])
    if where == "issue":
        gate.failing = limited
        store.add_run(run(), START)
    with pytest.raises(CodeHostLimited):
        poll(changes, "o/a", "o/r", gate=gate)
    assert inbox.list_unread() == ()


def run(number: int = 1) -> Run:
    return Run(
        run_id=f"20261120-10000{number}-0123456789abcdef", repository="https://h/o/r.git",
        ticket=f"#{number}", snapshot=delivery_samples.snapshot(number), started=1,
    )  # fmt: skip


@pytest.mark.parametrize("change", [{"state": "closed"}, {"labels": ()}, {"locked": True}])
def test_GH7_a_run_whose_issue_is_taken_back_is_stopped_without_a_webhook(poll, store, change):
    store.add_run(run(), START)
    gate = Gate()
    poll(Changes(), gate=gate)
    assert store.get_run(run().run_id).stop_request is None
    gate.changes = change
    poll(Changes(), gate=gate)
    assert store.get_run(run().run_id).stop_request
    poll(Changes(), gate=gate)
    assert gate.asked == [1, 1]


# --- what an old backup has forgotten --------------------------------------------------------------


class Remembering(Gate):
    """A code host that shows what a run has left there."""

    def __init__(self, earlier: EarlierRun | None) -> None:
        super().__init__()
        self.found = earlier
        self.looked = 0

    def find_earlier_run(self, snapshot: Snapshot) -> EarlierRun | None:
        self.looked += 1
        return self.found


LABELLED_AT = datetime.fromisoformat("2026-11-20T10:00:00Z").timestamp()
LOST = "20261120-100003-0123456789abcdef"


def accept(gate: Remembering, store: SqlRunStore, after: float):
    request = Request(
        snapshot=delivery_samples.snapshot(1), label="mergewright", clone_url="https://h/o/r.git"
    )
    return intake.accept_request(request, gate, store, now=LABELLED_AT + after)  # type: ignore[arg-type]


def test_PF2_a_label_that_a_run_has_answered_starts_none_though_we_have_forgotten_it(store):
    gate = Remembering(EarlierRun(run_id=LOST, over=True))
    assert isinstance(accept(gate, store, HOUR), Ignored)
    assert store.list_latest(10) == ()


def test_PF2_a_run_that_was_lost_half_way_goes_on_under_its_own_name_and_time(store):
    accepted = accept(Remembering(EarlierRun(run_id=LOST, over=False)), store, HOUR)
    assert isinstance(accepted, Accepted)
    # Branch, comment and commit are found by these.
    assert (accepted.run.run_id, accepted.run.started) == (LOST, int(LABELLED_AT) + 3)


def test_what_one_turn_could_not_read_is_not_lost(inbox, monkeypatch):
    code_host = CodeHost(inbox, per_page=2)
    code_host.listening = False
    for number in range(7):
        code_host.clock += MINUTE
        code_host.deliver(f"d{number}")
    code_host.clock += HOUR
    code_host.listening = True
    made = reconciler(code_host)
    with monkeypatch.context() as few:
        few.setattr(reconcile, "_MOST_PAGES", 2)
        made.turn()
    assert len(code_host.asked) == 4
    go_on(made, code_host, 10 * MINUTE)
    assert sorted(code_host.asked) == [f"d{number}" for number in range(7)]
