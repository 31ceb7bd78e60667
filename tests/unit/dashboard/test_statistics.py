"""Figures of runs, and the plots of them."""

import html
import re
from contextlib import closing
from dataclasses import replace

import pytest

from agent.dashboard import statistics
from agent.dashboard.index import RunIndex, summarize_runs
from agent.models.model_use import ModelTotal
from agent.models.run import Reason, RunState
from agent.store.sql_run_store import SqlRunStore
from tests.unit.dashboard import made_runs


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    with closing(SqlRunStore(tmp_path_factory.mktemp("statistics"))) as store:
        made_runs.fill(store, 150, days=60)
        return RunIndex(store).entries()


def test_what_has_gone_on_with_a_pull_request_counts_with_it(entries):
    first = next(
        entry for entry in entries if entry.used and entry.used.calls and not entry.is_dry_run
    )
    following = [replace(first, run_id=name, follows=first.run_id) for name in ("f1", "f2")]
    [joined] = summarize_runs([first, *following])
    assert joined.run_id == first.run_id
    assert joined.used.calls == 3 * first.used.calls


def test_each_bar_leads_to_the_runs_that_it_counts(store, operator):
    made_runs.fill(store, 60, days=20)
    page = operator.get("/statistics?range=30d").text
    spent = re.findall(r'<a href="(/runs[^"]*)">([^<]*)</a></th>.*?class="number">(\$[^<]*)<', page)
    failed = re.findall(r'<a href="(/runs[^"]*reason=[^"]*)">.*?class="number">(\d+)<', page)
    assert len(spent) > 8
    assert len(failed) > 3
    for link, name, usd in spent:
        rows = operator.get(html.unescape(link)).text
        costs = re.findall(r'data-label="Cost" class="number">\$([^<]*)<', rows)
        assert sum(map(float, costs)) == pytest.approx(float(usd[1:]), abs=0.3), name
    for link, count in failed:
        assert f">{count} of 60 runs" in operator.get(html.unescape(link)).text, link


def test_what_is_not_known_is_left_out_of_figures(entries):
    used = ModelTotal(calls=3, input_tokens=900, cached_tokens=0, output_tokens=100, usd=0.2)
    merged = replace(
        entries[0], state=RunState.MERGED, reason=Reason.READY, queued_at=0.0,
        category="bug", first_round=Reason.READY, seconds_to_pull=120.0, used=used,
    )  # fmt: skip
    unknown = replace(merged, first_round=None, seconds_to_pull=None, used=None)
    closed = replace(merged, state=RunState.CLOSED, first_round=Reason.UNFIT)
    declined = replace(unknown, state=RunState.DECLINED, category=None)
    every = statistics.compute_statistics("all", [merged, unknown, closed, declined])
    assert (every.runs, every.pull_requests, every.total_usd) == (4, 3, 0.4)
    assert every.merged == (0.6667, 3)
    assert every.first_round == (0.5, 2)
    assert every.seconds_to_pull == (120.0, 2)
    assert every.usd == (0.2, 1)
    groups = statistics.group_by_category([declined, merged, closed])
    assert [(name, len(group)) for name, group in groups] == [("bug", 2), ("unknown", 1)]
