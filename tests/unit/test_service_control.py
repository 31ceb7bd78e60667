"""What the intake does about issues that are taken back, quotas, and a pause."""

import os
import time

from agent.conversation.events import Request
from agent.models.outcome import Outcome
from agent.models.record import replace
from agent.models.run import Reason
from agent.models.ticket import Delivery
from agent.runs import commands
from agent.service.deliveries import Intake
from agent.steps import Cancellation
from agent.store.sql_tables import name_command
from tests.run_samples import run, snapshot
from tests.unit.delivery_samples import SETTINGS, Open, delivery


def now(later=0.0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + later))


def comes(inbox, intake, name, number=1, **changes):
    """Label an issue."""
    update = {"approved_at": now(), **changes}
    body = Request(
        snapshot=replace(snapshot(number), **update),
        label="mergewright",
        clone_url="https://h/o/r",
    )
    told = delivery(number).model_dump() | {"delivery_id": name}
    inbox.append([Delivery.model_validate(told | {"body": body.model_dump_json().encode()})])
    intake.run_once()


def test_a_label_set_anew_waits_for_the_end_of_the_old_run_and_holds_no_other_up(inbox, store):
    intake = Intake(inbox, store, Open({}), SETTINGS)
    comes(inbox, intake, "a")
    (old,) = store.list_latest(9)
    comes(inbox, intake, "b", body="surname", approved_at=now(5))
    assert inbox.find("b").outcome is None
    assert store.get_run(old.run.run_id).stop_reason is Reason.SUPERSEDED
    comes(inbox, intake, "c", number=2)
    assert inbox.find("c").outcome == "accepted"
    time.sleep(0.6)
    intake.run_once()
    assert inbox.find("b").outcome is None, "it is not over yet"
    over = Outcome.for_stopped_run(old.run.run_id, Reason.SUPERSEDED, "Over.")
    store.finish_run(old.run.run_id, over, time.time())
    # Another one: what was put off is known from the inbox alone.
    Intake(inbox, store, Open({}), SETTINGS).run_once()
    assert inbox.find("b").outcome == "accepted"
    newest = store.find_newest_run(7, 1)
    assert (newest.run.snapshot.body, newest.run.attempt) == ("surname", 2)


def test_WH2_fresh_ids_with_the_same_content_make_one_run(inbox, store):
    intake, at = Intake(inbox, store, Open({}), SETTINGS), now()
    comes(inbox, intake, "a", approved_at=at)
    comes(inbox, intake, "b", approved_at=at)
    (run,) = store.list_latest(9)
    over = Outcome.for_stopped_run(run.run_id, Reason.UNCLEAR, "Over.")
    store.finish_run(run.run_id, over, time.time())
    comes(inbox, intake, "c", approved_at=at)
    assert [inbox.find(name).outcome for name in "abc"] == ["accepted", "ignored", "ignored"]
    assert len(store.list_latest(9)) == 1


def test_a_command_that_carries_a_run_hears_that_it_is_to_stop(store):
    store.add_run(run(), 1.0, worker=name_command(os.getpid()))
    cancellation = Cancellation()
    commands.stop_if_asked(store, "r1", cancellation)
    assert not cancellation.is_set()
    store.request_stop("r1", "Not wanted.")
    commands.stop_if_asked(store, "r1", cancellation)
    assert cancellation.problem.message == "Not wanted."
