"""Figures behind the plots, and how they are handed on."""

from __future__ import annotations

import re
import time
from contextlib import closing
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from agent.cli import main
from agent.dashboard import plots
from agent.dashboard.index import RunIndex, summarize_runs
from agent.store.sql_run_store import SqlRunStore
from tests.unit.dashboard import made_runs


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    with closing(SqlRunStore(tmp_path_factory.mktemp("statistics"))) as store:
        made_runs.fill(store, 150, days=60)
        return RunIndex(store).entries()


@pytest.fixture(scope="module")
def runs(entries):
    return summarize_runs(entries)


def test_what_has_gone_on_with_a_pull_request_counts_with_it(entries):
    first = next(
        entry for entry in entries if entry.used and entry.used.calls and not entry.is_dry_run
    )
    following = [replace(first, run_id=name, follows=first.run_id) for name in ("f1", "f2")]
    [joined] = summarize_runs([first, *following])
    assert (joined.run_id, joined.rounds) == (first.run_id, 2)
    assert joined.used.calls == 3 * first.used.calls


def test_no_picture_runs_a_script(runs):
    for made in plots.make_plots(runs, time.time()):
        picture = plots.draw(made)
        assert b"<svg" in picture
        assert b"<script" not in picture


def test_one_file_holds_all_and_fetches_nothing(tmp_path, monkeypatch):
    with closing(SqlRunStore(tmp_path)) as store:
        made_runs.fill(store, 40, days=60)
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path))
    file = tmp_path / "page.html"
    done = CliRunner().invoke(main.app, ["stats", "--since", "90d", "--html", str(file)])
    assert done.exit_code == 0, done.output
    page = file.read_text()
    assert len(page) < 1_000_000
    assert "<script" not in page
    assert page.count("data:image/svg+xml;base64,") >= 8
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]', page)
