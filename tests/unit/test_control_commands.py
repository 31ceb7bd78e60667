"""What `mergewright runs pause | resume | show` say, and with which exit code."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from agent.cli import runs
from agent.store.sql_run_store import SqlRunStore
from tests.unit.stages import code_host_runs

RUN = "20261120-120000-a1b2c3d4e5f60718"


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


def test_pause_and_resume_say_what_they_changed_and_lists_show_it(store, home):
    assert called("pause", "--reason", "new disk").exit_code == 0
    again = called("pause", "--reason", "other").stdout
    assert "Already paused" in again
    assert "new disk" in again
    for command in (("list",), ("show", RUN)):
        done = called(*command)
        assert done.exit_code == 0
        assert "new disk" in done.stderr
    assert store.pauses.find().words == "new disk"
    assert called("resume").exit_code == 0
    assert "Nothing was paused" in called("resume").stdout
    assert "paused" not in called("list").stderr
