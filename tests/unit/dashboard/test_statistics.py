"""Figures of runs, and the plots of them."""

import html
import re
from contextlib import closing

import pytest

from agent.dashboard import statistics
from agent.models.run import Reason, RunState
from agent.store.sql_run_lists import RunFilters
from agent.store.sql_run_store import SqlRunStore
from tests.unit.dashboard import made_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    with closing(SqlRunStore(tmp_path_factory.mktemp("statistics"))) as store:
        made_runs.fill(store, 150, days=60)
        return store.count_figures(RunFilters(), None)


def test_what_has_gone_on_with_a_pull_request_counts_with_it(runs):
    first = next(run for run in runs if run.usd)
    followed = [
        first._replace(run_id=name, follows_run=first.run_id, origin="review")
        for name in ("f1", "f2")
    ]
    [joined] = statistics.join_follow_ups([*followed, first])
    assert joined == first._replace(usd=pytest.approx(3 * first.usd))


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


def test_what_is_not_known_is_left_out_of_figures(runs):
    merged = runs[0]._replace(
        state=RunState.MERGED, reason=Reason.READY, queued_at=0.0,
        first_round=Reason.READY, seconds_to_pull=120.0, usd=0.2,
    )  # fmt: skip
    unknown = merged._replace(first_round=None, seconds_to_pull=None, usd=None)
    closed = merged._replace(state=RunState.CLOSED, first_round=Reason.UNFIT)
    declined = unknown._replace(state=RunState.DECLINED)
    every = statistics.compute_statistics([merged, unknown, closed, declined])
    assert (every.runs, every.pull_requests, every.total_usd) == (4, 3, 0.4)
    assert every.merged == (0.6667, 3)
    assert every.first_round == (0.5, 2)
    assert every.seconds_to_pull == (120.0, 2)
    assert every.usd == (0.2, 1)
