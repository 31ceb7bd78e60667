"""Deliveries: what is settled, and what is kept for later."""

import time

import pytest

from agent.conversation.events import ConversationEvent
from agent.errors import CodeHostUnavailable
from agent.models.run import RunState
from agent.models.ticket import Delivery
from agent.service import deliveries
from tests.run_samples import run
from tests.unit.delivery_samples import SETTINGS, Gate, delivery, done


def outcomes(inbox, count):
    return [inbox.find(f"d{number}").outcome for number in range(1, count + 1)]


@pytest.mark.parametrize("problem", [CodeHostUnavailable("away"), ZeroDivisionError()])
def test_a_delivery_that_cannot_be_decided_now_holds_no_other_up(inbox, store, problem):
    gate = Gate({1: problem})
    inbox.append([delivery(1), delivery(2)])
    intake = deliveries.Intake(inbox, store, gate, SETTINGS)
    assert intake.run_once()
    assert outcomes(inbox, 2) == [None, "ignored"]
    assert not intake.run_once()
    assert gate.asked == [1, 2], "it is not asked again at once"


def test_checks_that_wait_for_a_follow_up_hold_no_label_up(inbox, store, monkeypatch):
    now = time.time()
    store.add_run(run(1), 1.0)
    store.claim_run(1.0, most=1)
    store.set_state("r1", RunState.FOLLOWING_UP)
    red = ConversationEvent(repository="o/r", repository_id=7, commit="a" * 40)
    of_event = {"event": "status", "received_at": now}
    body = red.model_dump_json().encode()
    inbox.append(
        [Delivery(delivery_id=f"c{n}", body=body, **of_event) for n in range(150)] + [delivery(2)]
    )
    intake = deliveries.Intake(inbox, store, Gate({}), SETTINGS)
    monkeypatch.setattr(deliveries, "read_clock", lambda: now)
    for _ in range(3):
        intake.run_once()
        now += 1.0
    assert inbox.find("d2").outcome == "ignored"


def test_a_delivery_that_could_not_be_decided_for_a_day_is_given_up_with_the_reason(inbox, store):
    gate = Gate({1: CodeHostUnavailable("away")})
    inbox.append([delivery(1, received=time.time() - 90_000)])
    deliveries.Intake(inbox, store, gate, SETTINGS).run_once()
    settled = inbox.find("d1")
    assert settled.outcome == "ignored"
    assert "for a day: away" in settled.reason


@pytest.mark.parametrize("over", [False, True])
def test_a_worker_killed_before_it_settled_makes_no_second_run(inbox, store, over):
    inbox.append([delivery(1)])
    store.add_run(run(1), 1.0, delivery_id="d1")
    assert outcomes(inbox, 1) == [None]
    if over:
        store.finish_run("r1", done(run(1)), 2.0)
    gate = Gate({})
    assert deliveries.Intake(inbox, store, gate, SETTINGS).run_once()
    settled = inbox.find("d1")
    assert (settled.outcome, settled.reason) == ("accepted", "r1")
    assert [one.run.run_id for one in store.list_latest(9)] == ["r1"]
    assert gate.asked == [], "what was decided is not decided anew"
