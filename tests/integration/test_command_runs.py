"""Runs that a command carries, when the command is killed or interrupted at the worst moment."""

import threading
from contextlib import closing

import pytest

from agent.models.outcome import Outcome
from agent.models.run import Reason, Run
from agent.models.step import Step
from agent.runs import commands, executor
from agent.settings import Settings
from agent.store.sql_run_store import SqlRunStore, open_store
from tests.unit.editing.desks import Watcher


def test_a_check_is_no_run_of_a_ticket_that_goes_on(home):
    with closing(open_store(Settings(home=home))) as store:
        for run_id, ticket in (("r1", "/t.md"), ("r2", "")):
            store.add_run(Run(run_id=run_id, repository="/shop", ticket=ticket, started=0), 0)
        found = [commands.find_latest(store, "/shop", ticket) for ticket in (None, "/t.md", "")]
    assert [each.run.run_id for each in found] == ["r1", "r1", "r2"]


def test_one_that_was_over_before_that_was_noted_ends_so_and_is_not_carried_again(
    home, monkeypatch
):
    ended = Outcome.for_stopped_run("r1", Reason.UNAVAILABLE, "No index answers.")
    carried = []

    def carry(stored, *given, **more):
        carried.append(stored.run.run_id)
        return ended, {}

    def resume():
        with commands.resume_run("r1", settings) as kept:
            return commands.execute_run(*kept, settings, None, Watcher(), say=print)

    settings = Settings(home=home)
    run = Run(run_id="r1", repository="/shop", ticket="/t.md", started=0)
    monkeypatch.setattr(executor, "execute_run", carry)
    with monkeypatch.context() as killed:
        killed.setattr(SqlRunStore, "finish_run", lambda *given: None)
        with commands.begin_run(run, settings) as kept:
            commands.execute_run(*kept, settings, None, Watcher(), say=print)
    assert resume() == (ended, {})
    assert carried == ["r1"]
    resume()
    assert carried == ["r1", "r1"], "what has ended goes on"


@pytest.mark.parametrize("step", [Step.ENVIRONMENT, Step.PUBLISH])
def test_an_interrupted_run_waits_for_what_others_can_see_and_for_nothing_else_that_hangs(
    home, monkeypatch, step
):
    begun, released = threading.Event(), threading.Event()

    def carry(stored, keeper, settings, compose, remember, *watchers, **more):
        begun.set()
        remember(step, lambda: str(released.wait(30)))
        return Outcome.for_stopped_run("r1", Reason.READY, ""), {}

    def interrupt(*_):
        assert begun.wait(10)
        if step.is_lasting:
            threading.Timer(0.5, released.set).start()
        raise KeyboardInterrupt

    monkeypatch.setattr(executor, "execute_run", carry)
    monkeypatch.setattr(commands, "stop_if_asked", interrupt)
    monkeypatch.setattr(commands, "BREAK_OFF_SECONDS", 0.2)
    run = Run(run_id="r1", repository="/shop", ticket="/t.md", started=0)
    settings = Settings(home=home)
    with commands.begin_run(run, settings) as kept:
        outcome, _ = commands.execute_run(*kept, settings, None, Watcher(), say=print)
    released.set()
    assert outcome.reason is (Reason.READY if step.is_lasting else Reason.INTERRUPTED)
