"""What the intake does about issues that are taken back, quotas, and a pause."""

from __future__ import annotations

import os
import time

import pytest

from agent.conversation.events import Request, Withdrawal
from agent.models.outcome import Outcome
from agent.models.run import Reason, Run
from agent.models.ticket import Delivery
from agent.runs import commands
from agent.service import deliveries
from agent.service.dispatch import Bounds
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import name_command
from tests.processes import wait_until
from tests.unit.delivery_samples import Open, snapshot


def now(later=0.0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + later))


class Gate(Open):
    """A code host on which everybody may start a run; one issue stands as it is told."""

    def __init__(self):
        super().__init__({})
        self.signs = []
        self.state = "open"

    def read_issue(self, issue):
        return super().read_issue(issue).model_copy(update={"state": self.state})

    def show_queued(self, run, ahead, because=""):
        self.signs.append((run.snapshot.issue.number, ahead, because))


class World:
    def __init__(self, home, **bounds):
        self.inbox, self.store, self.gate = Inbox(home), SqlRunStore(home), Gate()
        self.bounds = Bounds(**bounds)
        self.restart()

    def restart(self):
        self.intake = deliveries.Intake(self.inbox, self.store, self.gate, bounds=self.bounds)

    def comes(self, name, action="labeled", number=1, **changes):
        if action == "labeled":
            body = Request(
                snapshot=snapshot(number).model_copy(update={"approved_at": now(), **changes}),
                label="mergewright",
                clone_url="https://h/o/r",
            )
        else:
            body = Withdrawal(issue=snapshot(number).issue)
        delivery = Delivery(
            delivery_id=name, event="issues", action=action, content_key="",
            received_at=time.time(), body=body.model_dump_json().encode(),
        )  # fmt: skip
        self.inbox.append([delivery])
        self.intake.turn()

    def outcome(self, name):
        found = self.inbox.find(name)
        return found.outcome, found.reason

    def end(self, run_id, reason=Reason.SUPERSEDED):
        self.store.finish_run(run_id, Outcome.for_stopped_run(run_id, reason, "Over."), time.time())


@pytest.fixture
def world(tmp_path):
    made = []

    def make(**bounds):
        made.append(World(tmp_path, **bounds))
        return made[-1]

    yield make
    for one in made:
        one.inbox.close()
        one.store.close()


def test_a_label_set_anew_waits_for_the_end_of_the_old_run_and_holds_no_other_up(world):
    one = world(most=5)
    one.comes("a")
    (old,) = one.store.list_latest(9)
    one.comes("b", body="surname", approved_at=now(5))
    assert one.outcome("b")[0] is None
    assert one.store.get_run(old.run.run_id).stop_reason is Reason.SUPERSEDED
    one.comes("c", number=2)
    assert one.outcome("c")[0] == "accepted"
    time.sleep(0.6)
    one.intake.turn()
    assert one.outcome("b")[0] is None, "it is not over yet"
    one.end(old.run.run_id)
    one.restart()  # what was put off is known from the inbox alone
    one.intake.turn()
    assert one.outcome("b")[0] == "accepted"
    newest = one.store.find_newest_run(7, 1)
    assert (newest.run.snapshot.body, newest.run.attempt) == ("surname", 2)


def test_what_is_over_the_quota_says_so_at_once(world):
    one = world(most=5, per_day=1)
    one.comes("a")
    assert one.store.claim_run(time.time(), most=5, per_day=1) is not None
    one.comes("b", number=2)
    ((number, ahead, because),) = [sign for sign in one.gate.signs if sign[2]]
    assert (number, ahead) == (2, 0)
    assert "begun or queued its 1 run of 24 hours" in because


def test_a_command_that_carries_a_run_hears_that_it_is_to_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "_LOOK_SECONDS", 0.02)
    store = SqlRunStore(tmp_path)
    run = Run(
        run_id="r1", repository="https://h/o/r", ticket="#1", snapshot=snapshot(), started=0
    )  # fmt: skip
    store.add_run(run, 1.0, worker=name_command(os.getpid()))
    with commands._watch_for_stop(store, "r1") as cancellation:
        time.sleep(0.1)
        assert not cancellation.is_set()
        store.request_stop("r1", "Not wanted.")
        wait_until(cancellation.is_set, 5)
        assert cancellation.problem.message == "Not wanted."
    store.close()
