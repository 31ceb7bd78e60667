"""Statistics, and what `mergewright stats` prints: for people, and as one object."""

from __future__ import annotations

import json
import re
import time
from contextlib import closing

import pytest
from typer.testing import CliRunner

from agent.cli import main
from agent.models.model_use import ModelUse
from agent.models.outcome import (
    PullEnd,
    PullRequest,
)
from agent.models.run import Reason, Run, RunState
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry.statistics import Statistics
from tests.outcomes import make_outcome
from tests.unit.stages import code_host_runs

NOW = float(int(time.time()))
DAY = 86_400.0
USE = ModelUse(
    role="editor", model="fake:one", calls=3, input_tokens=900, cached_tokens=0, output_tokens=100,
    usd=0.2, seconds=3.0,
)  # fmt: skip


def called(*words):
    return CliRunner().invoke(main.app, ["stats", *words], env={"COLUMNS": "160"})


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path))
    return tmp_path


def add(store, number, ago=0.0, **more):
    """Keep a run that is over."""
    issue = code_host_runs.SNAPSHOT.issue.model_copy(update={"number": number})
    label = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - ago))
    snapshot = code_host_runs.SNAPSHOT.model_copy(update={"issue": issue, "approved_at": label})
    dry_run = more.pop("dry_run", False)
    run = code_host_runs.run().model_copy(
        update={"run_id": f"r{number}", "snapshot": snapshot, "dry_run": dry_run}
    )
    store.add_run(run, NOW - ago)
    given = {
        "run_id": run.run_id, "state": RunState.OPEN, "reason": Reason.READY, "sentence": "s",
        "pull_request": PullRequest(number=number, url="u"), "category": "bug", "recipe": "",
        "first_round": Reason.READY, "models": (USE,), "commit": "c", **more,
    }  # fmt: skip
    store.finish_run(run.run_id, make_outcome(**given), NOW - ago + 120)
    return run.run_id


def ends(store, run_id):
    """Let people merge its pull request."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + 7_200))
    store.note_pull(run_id, PullEnd(pull=1, state="merged", at=at))


@pytest.fixture
def kept(home):
    with closing(SqlRunStore(home)) as store:
        ends(store, add(store, 1))
        ends(store, add(store, 2, category="docs", recipe="add-model-field", models=()))
        ends(store, add(store, 3))
        ends(store, add(store, 4))
        add(store, 5)
        declined = {"state": RunState.DECLINED, "reason": Reason.UNCLEAR, "pull_request": None}
        add(store, 6, category=None, recipe=None, models=(), first_round=None, **declined)
        add(store, 7, ago=40 * DAY)
        add(store, 8, dry_run=True)
        store.add_run(Run(run_id="r9", repository="/shop", ticket="/t.md", started=0), NOW)
    return home


def test_figures_are_read_from_what_the_service_keeps(kept):
    done = called("--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["schema_version"], report["since"]) == (1, None)
    every = Statistics.model_validate(report["all"])
    assert (every.group, every.runs, every.pull_requests) == ("all", 7, 6)
    assert every.states == {"merged": 4, "open": 2, "declined": 1}
    assert every.reasons == {"unclear": 1}
    assert (every.merged.value, every.merged.known) == (1.0, 4)
    assert (every.seconds_to_pull.value, every.seconds_to_pull.known) == (120, 6)
    assert (every.seconds_to_merge.value, every.seconds_to_merge.known) == (7200, 4)
    assert (every.first_round.value, every.first_round.known) == (1.0, 6)
    assert (every.review_rounds.value, every.review_rounds.known) == (0, 4)
    assert (every.usd.value, every.usd.known) == (0.15, 4)
    assert every.tokens.value == 750


def test_groups_and_a_span_of_time_are_as_asked(kept):
    report = json.loads(called("--since", "30d", "--json").stdout)
    assert [(row["group"], row["runs"]) for row in report["categories"]] == [
        ("bug", 4), ("docs", 1), ("unknown", 1),
    ]  # fmt: skip
    assert report["all"]["runs"] == 6
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:]{8}\+00:00", report["since"])
    assert json.loads(called("--since", "9999w", "--json").stdout)["all"]["runs"] == 7
