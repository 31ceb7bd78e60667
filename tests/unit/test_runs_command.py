"""What `mergewright runs` shows of the runs that were kept."""

import json
import os
from contextlib import closing

import pytest
from typer.testing import CliRunner

from agent.cli import runs
from agent.errors import LogUnusable, RequestRefused
from agent.models.outcome import Outcome, PullRequest
from agent.models.record import replace
from agent.models.run import Reason, Run, RunState
from agent.settings import Settings
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import PauseRow, name_command
from agent.telemetry import signature
from agent.telemetry.run_events import RunEvents
from tests.outcomes import make_outcome
from tests.unit.stages import code_host_runs

TITLE = "Customers that buy often need a nickname they can be greeted by, long as that may be"
OLD, NEW, OTHER = (
    "20261120-120000-a1b2c3d4e5f60718",
    "20261120-130000-a1b2c3d4e5f60718",
    "20261121-090000-0000000000000000",
)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Three runs, kept in no order; one is over."""
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path))
    store = SqlRunStore(tmp_path)
    for number, (run_id, queued) in enumerate({NEW: 200.0, OTHER: 300.0, OLD: 100.0}.items()):
        snapshot = replace(
            code_host_runs.SNAPSHOT,
            title=TITLE,
            issue=replace(code_host_runs.SNAPSHOT.issue, number=number + 1),
        )
        run = replace(code_host_runs.run(), run_id=run_id, snapshot=snapshot)
        store.add_run(run, queued)
    ended = make_outcome(
        run_id=NEW,
        state=RunState.OPEN,
        reason=Reason.READY,
        sentence="Nothing fails.",
        pull_request=PullRequest(number=2, url="https://forge.example/shop/app/pull/2"),
    )
    store.finish_run(NEW, ended, 260.0)
    store.close()
    return tmp_path


def called(*words):
    return CliRunner().invoke(runs.app, [*words], env={"COLUMNS": "100"})


def test_runs_are_listed_newest_first_each_on_its_line(kept):
    done = called("list")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["run", OTHER, NEW, OLD]
    assert all(TITLE in line for line in lines[1:])
    assert [load["run"] for load in json.loads(called("list", "--json").stdout)] == [
        OTHER,
        NEW,
        OLD,
    ]


def test_runs_of_ticket_files_are_among_them(kept):
    run = Run(run_id="20261122-080000-ab", repository="/srv/shop", ticket="/t/note.md", started=900)
    store = SqlRunStore(kept)
    store.add_run(run, 900.0, worker=name_command(os.getpid()))
    assert called("list").stdout.splitlines()[1].split()[:3] == [run.run_id, "note.md", "triaging"]
    ended = Outcome.for_stopped_run(run.run_id, Reason.UNAVAILABLE, "No index answers.")
    store.finish_run(run.run_id, ended, 950.0)
    shown = json.loads(called("show", "20261122", "--json").stdout)
    assert shown["reason"] == "unavailable"
    assert f"mergewright run --resume {run.run_id}" in shown["next"]


def test_lists_show_that_everything_is_paused(kept):
    with closing(SqlRunStore(kept)) as store:
        store.pauses.put(PauseRow(since=900.0, words="new disk"))
    for command in (("list",), ("show", OLD)):
        done = called(*command)
        assert done.exit_code == 0
        assert "new disk" in done.stderr


def test_an_export_writes_one_new_file_or_says_why_not(kept):
    place = kept / "log.zip"
    assert isinstance(called("export", OLD, str(place)).exception, LogUnusable)
    assert not place.exists(), "nothing is signed yet"
    folder = kept / "runs" / OLD
    folder.mkdir(parents=True)
    RunEvents(folder / "events.jsonl").append("run", "ended")
    signature.sign_run(folder, signature.load_key(Settings(home=kept)))
    assert called("export", OLD, str(place)).exit_code == 0
    written = place.read_bytes()
    assert isinstance(called("export", OLD, str(place)).exception, RequestRefused)
    assert place.read_bytes() == written
