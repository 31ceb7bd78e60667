"""What `mergewright runs cancel | retry | show | pause | resume` say, and with which exit code."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from agent.cli import runs
from agent.models.outcome import Outcome
from agent.models.run import Reason, RunState
from agent.store.sql_run_store import SqlRunStore
from tests.unit.stages import code_host_runs

RUN, OTHER = "20261120-120000-a1b2c3d4e5f60718", "20261120-130000-a1b2c3d4e5f60718"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def store(home):
    made = SqlRunStore(home)
    made.add_run(code_host_runs.run().model_copy(update={"run_id": RUN}), 100.0)
    yield made
    made.close()


def called(*words):
    return CliRunner().invoke(runs.app, [*words], env={"COLUMNS": "100"})


def over(store, reason=Reason.ENVIRONMENT, at="environment", run_id=RUN):
    ended = Outcome.for_stopped_run(run_id, reason, "Not to be had.")
    store.finish_run(run_id, ended.model_copy(update={"stopped_at": at}), 200.0)


def test_a_cancel_keeps_the_words_of_who_asked_and_is_refused_after_the_end(store):
    done = called("cancel", "20261120", "--reason", "not\nwanted \x1b[31m")
    assert done.exit_code == 0, done.output
    stopped = store.get_run(RUN).stop_request
    assert "not wanted" in stopped
    assert "\x1b" not in stopped
    over(store, Reason.CANCELLED)
    assert called("cancel", RUN).exit_code == 1


@pytest.mark.parametrize(
    ("at", "words", "begin_with"),
    [("environment", (), "environment"), ("environment", ("--from-start",), "")],
)
def test_a_retry_goes_on_with_the_step_that_it_stopped_at(store, at, words, begin_with):
    over(store, at=at)
    done = called("retry", RUN, *words)
    assert done.exit_code == 0, done.stderr
    again = store.get_run(RUN)
    assert (again.active, again.begin_with, again.segment) == (True, begin_with, 2)
    assert (again.retries, again.outcome, again.state) == (1, None, RunState.RECEIVED)


@pytest.mark.parametrize(
    ("reason", "grants"), [(Reason.MODEL_UNUSABLE, 1), (Reason.BUDGET_SPENT, 2)]
)
def test_a_retry_allows_as_much_again_only_after_a_cap(store, reason, grants):
    over(store, reason)
    assert called("retry", RUN).exit_code == 0
    assert (store.get_run(RUN).retries, store.get_run(RUN).grants) == (
        1,
        grants,
    )


def test_pause_and_resume_say_what_they_changed_and_lists_show_it(store, home):
    assert called("pause", "--reason", "new disk").exit_code == 0
    again = called("pause", "--reason", "other").stdout
    assert "paused before" in again
    assert "new disk" in again
    for command in (("list",), ("show", RUN)):
        done = called(*command)
        assert done.exit_code == 0
        assert "new disk" in done.stderr
    assert store.pauses.find().words == "new disk"
    assert called("resume").exit_code == 0
    assert "not paused" in called("resume").stdout
    assert "paused" not in called("list").stderr


def test_a_run_is_not_tried_again_beside_another_of_its_issue(store):
    over(store)
    store.add_run(code_host_runs.run().model_copy(update={"run_id": OTHER}), 300.0)
    done = called("retry", RUN)
    assert OTHER in str(done.exception)
