"""What models may cost a repository within 24 hours, counted in the store of the runs."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing

import pytest

from agent import issue_run
from agent.adapters.daily_budget import DailyBudget
from agent.adapters.sql_store import SqlStore
from agent.chat import Asked, ChatRequest, Worst
from agent.errors import BudgetSpent, Cancelled, ModelUnavailable, ModelUnusable
from agent.settings import Settings
from agent.testing import FakeModel, said
from tests.unit.stages import forge_runs

REQUEST = ChatRequest(role="editor", system="You edit.", messages=(Asked(text="Go."),))
DAY = 86_400.0


@pytest.fixture
def store(tmp_path):
    with closing(SqlStore(tmp_path)) as opened:
        yield opened


def spent(store):
    with closing(sqlite3.connect(store.path)) as other:
        return [round(usd, 6) for (usd,) in other.execute("SELECT usd FROM spendings")]


def model(answer=lambda request: said(), usd=0.4):
    return FakeModel(answer, worst=Worst(tokens=10, usd=usd))


def test_a_reply_is_paid_for_in_advance_and_settled_by_what_it_cost(store):
    seen = []

    def answer(request):
        seen.extend(spent(store))
        return said()

    reply = DailyBudget(model(answer), store, 7, 1.0).reply(REQUEST)
    assert seen == [0.4]
    assert spent(store) == [reply.cost_usd] == [0.01]


def test_what_could_go_beyond_the_day_waits_until_enough_is_of_yesterday(store):
    now = time.time()
    for at, usd in ((now - DAY - 5, 9.0), (now - 3600, 0.3), (now - 60, 0.5)):
        store.settle(store.reserve(7, 0.0, 99.0, at), usd)
    asked = model()
    with pytest.raises(ModelUnavailable) as told:
        DailyBudget(asked, store, 7, 1.0).reply(REQUEST)
    assert asked.requests == []
    # The row that is an hour old makes room for it.
    assert told.value.until == pytest.approx(now - 3600 + DAY)
    assert told.value.message == (
        "Models have cost this repository $0.80 of the $1.00 that they may within 24 hours"
        " (MERGEWRIGHT_MODEL_USD_PER_DAY), and the next request could cost $0.4000."
    )
    DailyBudget(asked, store, 8, 1.0).reply(REQUEST)
    assert len(asked.requests) == 1


def test_a_request_that_no_day_could_pay_is_not_waited_for(store):
    with pytest.raises(BudgetSpent, match=r"could cost \$0.4000, .* no more than \$0.30 within"):
        DailyBudget(model(), store, 7, 0.3).reply(REQUEST)
    assert spent(store) == []


@pytest.mark.parametrize(
    ("problem", "left"),
    [
        (ModelUnavailable("away"), 0.0),
        (ModelUnavailable("cut", usd=0.2), 0.2),
        (ModelUnusable("key"), 0.0),
        (Cancelled("stop"), 0.4),
    ],
)
def test_without_a_reply_what_it_may_have_cost_counts(store, problem, left):
    def answer(request):
        raise problem

    with pytest.raises(type(problem)):
        DailyBudget(model(answer), store, 7, 1.0).reply(REQUEST)
    assert spent(store) == [left]


def test_runs_at_a_time_cannot_spend_the_same_dollars(store):
    both = threading.Barrier(3, timeout=30)
    refused = []

    def answer(request):
        both.wait()
        return said()

    def ask():
        try:
            DailyBudget(model(answer), store, 7, 1.0).reply(REQUEST)
        except ModelUnavailable as problem:
            refused.append(problem)
            both.wait()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert spent(store) == [0.01, 0.01]


def test_a_clock_that_is_put_forward_makes_nothing_older(store):
    now = time.time()
    store.reserve(7, 0.9, 1.0, now)
    store.clock_moved(2 * DAY)
    with pytest.raises(ModelUnavailable):
        store.reserve(7, 0.9, 1.0, now + 2 * DAY + 1)


def test_runs_of_issues_are_counted_where_a_bound_is_set(store, tmp_path):
    run, asked = forge_runs.run(), model()
    bounded = Settings(home=tmp_path, model_usd_per_day=1.0)
    assert isinstance(issue_run._within_a_day(asked, run, bounded, store), DailyBudget)
    for settings, where, whose in (
        (Settings(home=tmp_path), store, run),
        (bounded, None, run),
        (bounded, store, run.model_copy(update={"snapshot": None})),
    ):
        assert issue_run._within_a_day(asked, whose, settings, where) is asked
    assert issue_run._within_a_day(None, run, bounded, store) is None
