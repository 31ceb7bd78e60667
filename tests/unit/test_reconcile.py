"""Deliveries that did not arrive are fetched from GitHub's log, each once."""

from datetime import datetime

import pytest

from agent.conversation.events import Request
from agent.errors import CodeHostUnavailable, RequestRefused
from agent.github.app_deliveries import SentDelivery, SentPage
from agent.models.intake import EarlierRun
from agent.models.ticket import Delivery, Snapshot
from agent.service import intake
from agent.service.reconcile import MissedDeliveries
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from tests import run_samples
from tests.unit import delivery_samples

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
START = 1_790_000_000.0


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
        self.fetched: list[str] = []
        self.failing: Exception | None = None
        self.failing_page: int | None = None

    def time(self) -> float:
        return self.clock

    def deliver(self, name: str, action: str | None = "labeled", event: str = "issues") -> None:
        if self.listening:
            self.inbox.append([delivery(name)])
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

    def read_payload(self, number: int) -> dict[str, object]:
        sent = self.sent[number - 1]
        self.fetched.append(sent.delivery_id)
        if self.failing:
            raise self.failing
        return labelled(number)


def labelled(number: int) -> dict[str, object]:
    there = run_samples.snapshot(number)
    repository = {"id": there.issue.repository_id, "full_name": there.issue.repository}
    return {
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


def delivery(name: str) -> Delivery:
    return Delivery(delivery_id=name, event="issues", received_at=START, body=b"x")


@pytest.fixture
def code_host(inbox: Inbox) -> CodeHost:
    return CodeHost(inbox)


def reconciler(code_host: CodeHost) -> MissedDeliveries:
    return MissedDeliveries(
        code_host,  # type: ignore[arg-type]
        code_host.inbox,
        seconds=300.0,
    )


def test_WH3_what_did_not_arrive_is_fetched_once_and_in_its_order(code_host):
    code_host.deliver("before")
    code_host.listening = False
    for name in ("a", "b", "c"):
        code_host.clock += MINUTE
        code_host.deliver(name)
    made = reconciler(code_host)
    for _ in range(3):
        assert made.run_once() == 300.0
        code_host.clock += HOUR
    assert code_host.fetched == ["a", "b", "c"]
    _, *kept = code_host.inbox.list_unread(9)
    assert [one.delivery_id for one in kept] == ["a", "b", "c"]
    request = Request.model_validate_json(kept[0].body)
    assert request.snapshot == run_samples.snapshot(2)


def test_what_nobody_acts_on_is_left_alone(code_host):
    code_host.listening = False
    for name, action, event in (
        ("a", None, "fork"), ("b", "opened", "issues"), ("c", "labeled", "pull_request"),
        ("d", "labeled", "issues"),
    ):  # fmt: skip
        code_host.deliver(name, action, event)
    reconciler(code_host).run_once()
    assert code_host.fetched == ["d"]


def miss_seven(inbox: Inbox) -> CodeHost:
    code_host = CodeHost(inbox, per_page=2)
    code_host.listening = False
    for number in range(7):
        code_host.clock += MINUTE
        code_host.deliver(f"d{number}")
    return code_host


def test_GH3_a_log_that_breaks_off_is_read_again(inbox):
    code_host = miss_seven(inbox)
    code_host.failing, code_host.failing_page = CodeHostUnavailable("away"), 2
    made = reconciler(code_host)
    with pytest.raises(CodeHostUnavailable):
        made.run_once()
    code_host.failing = None
    made.run_once()
    assert code_host.fetched == [f"d{number}" for number in range(7)]


def test_PF8_a_clock_of_ours_that_is_wrong_by_days_changes_nothing(code_host):
    code_host.ahead = 5 * DAY
    code_host.listening = False
    code_host.deliver("a")
    code_host.clock += HOUR
    reconciler(code_host).run_once()
    assert code_host.fetched == ["a"]


# --- what an old backup has forgotten --------------------------------------------------------------


class Remembering(delivery_samples.Open):
    """A code host that shows what a run has left there."""

    def __init__(self, earlier: EarlierRun | None) -> None:
        super().__init__({})
        self.found = earlier
        self.looked = 0

    def find_earlier_run(self, snapshot: Snapshot) -> EarlierRun | None:
        self.looked += 1
        return self.found


LABELLED_AT = datetime.fromisoformat("2026-11-20T10:00:00Z").timestamp()
LOST = "20261120-100003-0123456789abcdef"


def accept(gate: Remembering, store: SqlRunStore, after: float):
    request = Request(
        snapshot=run_samples.snapshot(1), label="mergewright", clone_url="https://h/o/r.git"
    )
    return intake.accept_request(request, gate, store, now=LABELLED_AT + after)  # type: ignore[arg-type]


def test_PF2_a_label_that_a_run_has_answered_starts_none_though_we_have_forgotten_it(store):
    gate = Remembering(EarlierRun(run_id=LOST, over=True))
    assert accept(gate, store, HOUR).outcome == "ignored"
    assert store.list_latest(10) == ()


def test_PF2_a_run_that_was_lost_half_way_goes_on_under_its_own_name_and_time(store):
    accepted = accept(Remembering(EarlierRun(run_id=LOST, over=False)), store, HOUR)
    assert accepted.outcome == "accepted"
    # Branch, comment and commit are found by these.
    assert (accepted.run.run_id, accepted.run.started) == (LOST, int(LABELLED_AT) + 3)
