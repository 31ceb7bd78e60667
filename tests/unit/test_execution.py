"""One run of an issue: where it stands, and what is left of an attempt that is over."""

import time

import pytest

from agent.desk import Desk
from agent.errors import (
    CodeHostLimited,
    CodeHostUnavailable,
    IndexUnavailable,
    ModelUnavailable,
    SandboxMissing,
)
from agent.models.run import Reason, Wait
from agent.models.step import Step
from agent.models.ticket import Ticket
from agent.runs import executor
from agent.runs.waiting import RunPostponed
from agent.settings import Settings
from agent.telemetry.run_events import EventsClosed
from tests.fakes import FakeCodeHost, FakeKeeper, FakeSandbox, make_stored_run
from tests.run_samples import run
from tests.unit.delivery_samples import done

SECRET = "Zq8" * 9


def stored(**facts):
    return make_stored_run(run(), **facts)


def direct(name, attempt):
    return attempt()


def with_forge(home, code_host, keep=lambda events: None, sandbox=None):
    """Settings, and what makes the services of a run with that code host and a secret in hand."""
    settings = Settings(home=home)

    def compose(**own):
        keep(own["events"])
        own["redactor"].learn(SECRET)
        return Desk(settings=settings, code_host=code_host, sandbox=sandbox, index=None, **own)

    return settings, compose


def test_foreign_lines_reach_log_and_terminal_without_secrets(home, monkeypatch):
    secret, shown = SECRET, []

    def carry(run, step, desk, log, *, waited):
        step._watchers[0].started(Step.BASELINE)
        desk.say(f"tests | {secret}")
        return done(run)

    monkeypatch.setattr(executor, "run_workflow", carry)
    settings, compose = with_forge(home, FakeCodeHost(None))
    executor.execute_run(stored(), FakeKeeper(), settings, compose, direct, say=shown.append)
    folder = home / "runs" / "r1"
    line = "tests | [secret removed]"
    assert shown == [line]
    assert line in (folder / "run.log").read_text()


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (ModelUnavailable(f"No model answered: {SECRET}."), "No model answered: [secret removed]."),
        (IndexUnavailable("pypi.org: timed out"), "pypi.org: timed out"),
        (CodeHostLimited("GitHub asks us to wait.", 0.0), "GitHub asks us to wait."),
        (CodeHostUnavailable("GitHub is silent."), ""),
    ],
)
def test_what_is_waited_for_is_told_on_the_issue_where_that_answers(
    home, monkeypatch, problem, told
):
    code_host = FakeCodeHost(None)

    def carry(run, step, desk, log, *, waited):
        step._watchers[0].started(Step.EDIT.named("1 1 reply"))
        wait = Wait(reason=problem.message, until=time.time() + 900, begin_with="edit 1 1 reply")
        raise RunPostponed(wait) from problem

    monkeypatch.setattr(executor, "run_workflow", carry)
    settings, compose = with_forge(home, code_host)
    with pytest.raises(RunPostponed):
        executor.execute_run(stored(worker=None), FakeKeeper(), settings, compose, direct)
    assert len(code_host.marks) == (2 if told else 1)
    words = code_host.marks[-1].replace("\\", "")
    assert (" UTC. " in words, told in words) == (bool(told), True)


def test_where_no_sandbox_opens_the_service_waits_and_a_command_ends_before_any_checkout(home):
    def refuse(order):
        raise SandboxMissing("bubblewrap is not installed.")

    words = Ticket(ticket_id="1", title="The page is slow", body="", digest="")
    code_host = FakeCodeHost(words)
    settings, compose = with_forge(home, code_host, sandbox=FakeSandbox(refuse))
    with pytest.raises(RunPostponed) as put_off:
        executor.execute_run(stored(worker=None), FakeKeeper(), settings, compose, direct)
    assert put_off.value.wait.begin_with == Step.TRIAGE
    outcome, _ = executor.execute_run(stored(), FakeKeeper(), settings, compose, direct)
    assert (outcome.reason, outcome.stopped_at) == (Reason.NO_SANDBOX, Step.TRIAGE)


def test_an_attempt_that_is_put_off_writes_nothing_any_more(home):
    class Silent(FakeCodeHost):
        def read_ticket(self, run):
            raise CodeHostLimited("wait", time.time() + 60)

    code_host, kept = Silent(None), []
    settings, compose = with_forge(home, code_host, kept.append)
    with pytest.raises(RunPostponed):
        executor.execute_run(stored(worker=None), FakeKeeper(), settings, compose, direct)
    (events,) = kept
    path = home / "runs" / "r1" / "events.jsonl"
    before = path.read_bytes()
    with pytest.raises(EventsClosed):
        events.append("forge", "github write")
    assert path.read_bytes() == before
