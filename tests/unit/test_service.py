"""The worker's two loops: what is kept for later, what is settled, and who waits for whom."""

from __future__ import annotations

import threading
import time

import pytest

from agent import service, worker
from agent.adapters.sql_inbox import Inbox
from agent.adapters.sql_store import SqlStore
from agent.domain import Delivery, IssueRef, Outcome, Reason, Run, RunState, Snapshot
from agent.errors import (
    AccessLost,
    ForgeLimited,
    ForgeUnavailable,
    SettingsInvalid,
    StoreUnavailable,
)
from agent.intake import Request
from agent.telemetry import RunLog
from agent.worker import Postponed


def snapshot(number=1):
    return Snapshot(
        issue=IssueRef(repository="o/r", repository_id=7, number=number, issue_id=90 + number),
        url=f"https://h/o/r/issues/{number}", title="Add a field", body="nickname",
        labels=("mergewright",), author="carl", actor="maria", actor_id=5,
        approved_at="2026-11-20T10:00:00Z",
    )  # fmt: skip


def delivery(number, received=None):
    request = Request(snapshot=snapshot(number), label="mergewright", clone_url="https://h/o/r.git")
    return Delivery(
        delivery_id=f"d{number}", event="issues", action="labeled", content_key=f"k{number}",
        received_at=time.time() if received is None else received,
        body=request.model_dump_json().encode(),
    )  # fmt: skip


def run(number=1):
    return Run(
        run_id=f"2026-{number}", repository="https://h/o/r.git", ticket=f"#{number}",
        snapshot=snapshot(number), started=0,
    )  # fmt: skip


class Gate:
    """A forge that has the same to say about everything, or trouble with single issues."""

    def __init__(self, problems):
        self.problems = problems
        self.asked = []

    def label(self, issue):
        self.asked.append(issue.number)
        if issue.number in self.problems:
            raise self.problems[issue.number]
        return "another label"

    def own_logins(self):
        return frozenset()


@pytest.fixture
def inbox(tmp_path):
    made = Inbox(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(tmp_path):
    made = SqlStore(tmp_path)
    yield made
    made.close()


def outcomes(inbox, count):
    return [inbox.find(f"d{number}").outcome for number in range(1, count + 1)]


def test_a_delivery_that_cannot_be_decided_now_holds_no_other_up(inbox, store):
    gate = Gate({1: ForgeUnavailable("away")})
    inbox.append([delivery(1), delivery(2)])
    intake = service.Intake(inbox, store, gate)
    assert intake.turn()
    assert outcomes(inbox, 2) == [None, "ignored"]
    assert not intake.turn()
    assert gate.asked == [1, 2], "it is not asked again at once"


def test_it_comes_again_after_a_while(inbox, store, monkeypatch):
    monkeypatch.setattr(service, "_RETRY_SECONDS", (0.05,))
    gate = Gate({1: ForgeUnavailable("away")})
    inbox.append([delivery(1)])
    intake = service.Intake(inbox, store, gate)
    assert not intake.turn()
    gate.problems.clear()
    time.sleep(0.06)
    assert intake.turn()
    assert outcomes(inbox, 1) == ["ignored"]


def test_a_forge_that_says_when_is_asked_then(inbox, store):
    gate = Gate({1: ForgeLimited("wait", until=time.time() + 0.2)})
    inbox.append([delivery(1)])
    intake = service.Intake(inbox, store, gate)
    intake.turn()
    intake.turn()
    assert gate.asked == [1]
    time.sleep(0.21)
    intake.turn()
    assert gate.asked == [1, 1]


def test_a_forge_that_is_away_altogether_is_not_asked_about_everything(inbox, store):
    away = ForgeUnavailable("away")
    gate = Gate(dict.fromkeys(range(1, 20), away))
    inbox.append([delivery(number) for number in range(1, 20)])
    service.Intake(inbox, store, gate).turn()
    assert gate.asked == [1, 2, 3]


def test_an_operators_mistake_loses_no_delivery_however_old(inbox, store):
    gate = Gate({1: SettingsInvalid("the key is wrong")})
    inbox.append([delivery(1, received=0.0)])
    service.Intake(inbox, store, gate).turn()
    assert outcomes(inbox, 1) == [None]


def test_a_delivery_that_could_not_be_decided_for_a_day_is_given_up_with_the_reason(inbox, store):
    gate = Gate({1: ForgeUnavailable("away")})
    inbox.append([delivery(1, received=time.time() - 90_000)])
    service.Intake(inbox, store, gate).turn()
    settled = inbox.find("d1")
    assert settled.outcome == "ignored"
    assert "for a day: away" in settled.reason


def test_access_that_is_lost_is_told_in_its_words(inbox, store):
    gate = Gate({1: AccessLost("Our App has no access to o/r.")})
    inbox.append([delivery(1)])
    service.Intake(inbox, store, gate).turn()
    assert inbox.find("d1").reason == "Our App has no access to o/r."


def test_a_postponed_run_waits_in_the_store_and_the_next_is_carried(store):
    later = time.time() + 3_000
    carried = []

    def carry(one):
        carried.append(one.run_id)
        if one.run_id == "2026-1":
            raise Postponed("limit", later)
        return done(one)

    store.add(run(1), 1.0)
    store.add(run(2), 2.0)
    carrier = service.Carrier(store, carry)
    assert carrier.turn()
    assert carrier.turn()
    assert not carrier.turn()
    assert carried == ["2026-1", "2026-2"]
    waiting = store.find("2026-1")
    assert (waiting.active, waiting.not_before) == (True, later)


def test_a_wrong_setting_postpones_the_run_and_ends_it_not(store):
    def carry(one):
        raise SettingsInvalid("the key is wrong")

    store.add(run(), 1.0)
    carrier = service.Carrier(store, carry)
    assert carrier.turn()
    assert not carrier.turn()
    kept = store.find("2026-1")
    assert kept.active
    assert 50 < kept.not_before - time.time() <= 60


def test_a_bug_ends_the_run_and_not_the_worker(store):
    def carry(one):
        raise ZeroDivisionError

    store.add(run(), 1.0)
    assert service.Carrier(store, carry).turn()
    ended = store.find("2026-1")
    assert (ended.active, ended.state) == (False, RunState.FAILED)
    assert ended.outcome.reason is Reason.INTERNAL


def test_an_end_that_cannot_be_noted_now_is_noted_before_the_next_run(store, monkeypatch):
    store.add(run(1), 1.0)
    store.add(run(2), 2.0)
    carrier = service.Carrier(store, done)
    finish, away = store.finish, [True]

    def noting(*args):
        if away:
            raise StoreUnavailable
        finish(*args)

    monkeypatch.setattr(store, "finish", noting)
    with pytest.raises(StoreUnavailable):
        carrier.turn()
    with pytest.raises(StoreUnavailable):
        carrier.turn()
    assert store.find("2026-2").started_at is None
    away.clear()
    assert carrier.turn()
    assert not store.find("2026-1").active
    assert not store.find("2026-2").active


def test_the_bell_wakes_a_loop_that_waits(monkeypatch):
    monkeypatch.setattr(service, "_IDLE_SECONDS", 30.0)
    turns, stop, bell = [], threading.Event(), threading.Event()

    def turn():
        turns.append(time.monotonic())
        return False

    thread = threading.Thread(target=service.loop, args=("x", turn, stop, bell), daemon=True)
    thread.start()
    time.sleep(0.2)
    bell.set()
    time.sleep(0.2)
    stop.set()
    bell.set()
    thread.join(5)
    assert len(turns) == 2
    assert not thread.is_alive()


@pytest.mark.parametrize(("age", "pause"), [(0, 5), (120, 60), (5 * 3600, 900)])
def test_a_silent_forge_is_asked_ever_less_often(tmp_path, age, pause):
    old = run().model_copy(update={"started": int(time.time()) - age})
    with pytest.raises(Postponed) as stopped:
        worker._postpone(old, ForgeUnavailable("no reply"), RunLog(tmp_path / "run.log"))
    assert stopped.value.until - time.time() == pytest.approx(pause, abs=2)
    assert "no reply" in (tmp_path / "run.log").read_text()


def test_a_silent_forge_is_not_waited_for_for_ever_and_other_trouble_not_at_all(tmp_path):
    log = RunLog(tmp_path / "run.log")
    old = run().model_copy(update={"started": int(time.time()) - 7 * 3600})
    worker._postpone(old, ForgeUnavailable("no reply"), log)
    worker._postpone(run(), OSError("disk"), log)
    worker._postpone(run(), AccessLost("gone"), log)


def done(one):
    return Outcome(run_id=one.run_id, state=RunState.OPEN, reason=Reason.READY, sentence="Ready.")
