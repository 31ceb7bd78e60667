"""What models may cost a run, and its repository within 24 hours, as the store counts it."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from agent.errors import (
    AgentError,
    BudgetReached,
    BudgetSpent,
    Cancelled,
    ModelUnavailable,
)
from agent.limits import Limits
from agent.llm.model_failure import ModelFailure
from agent.llm.spendings import CountedModels
from agent.models.chat import MOST_TOKENS, ChatRequest, UserTurn, WorstCase
from agent.models.model_use import SpendingLimits
from agent.models.outcome import Outcome
from agent.models.record import replace as replace_record
from agent.models.run import Reason
from agent.models.ticket import IssueRef
from agent.runs import executor, waiting
from agent.runs.waiting import PastWait, RunPostponed
from agent.settings import Settings
from tests.fakes import FakeCodeHost, FakeKeeper, FakeModel, make_reply, make_stored_run
from tests.unit.stages import code_host_runs

REQUEST = ChatRequest(role="editor", system="You edit.", messages=(UserTurn(text="Go."),))
DAY = 86_400.0


def spent(store):
    with closing(sqlite3.connect(store.path)) as other:
        return [round(usd, 6) for (usd,) in other.execute("SELECT usd FROM spendings")]


def limits(repository_id, run=99.0, day=None, run_id="r1", **file):
    """Return the budgets that a run of acme counts against: of the repository, and of the operator's file."""
    issue = IssueRef(repository="Acme/r", repository_id=repository_id, number=1, issue_id=1)
    rows = Limits.model_validate(file).list_budgets(issue, day or 999.0)
    return SpendingLimits(run_id, repository_id, run, tuple(rows), issue.owner)


def counted(asked, store, repository_id, **most):
    return CountedModels(asked, store.spendings, limits(repository_id, **most))


def model(answer=lambda request: make_reply(), usd=0.4):
    return FakeModel(answer, worst=WorstCase(tokens=10, usd=usd))


def test_a_reply_is_paid_for_in_advance_and_settled_by_what_it_cost(store):
    seen = []

    def answer(request):
        seen.extend(spent(store))
        return make_reply()

    reply = counted(model(answer), store, 7, day=1.0).reply(REQUEST)
    assert seen == [0.4]
    assert spent(store) == [reply.cost_usd] == [0.01]


def test_what_could_go_beyond_the_day_waits(store):
    now = time.time()
    for at, usd in ((now - DAY - 5, 9.0), (now - 3600, 0.3), (now - 60, 0.5)):
        store.spendings.record_cost(store.spendings.reserve(0.0, limits(7), at), usd)
    asked = model()
    with pytest.raises(ModelUnavailable) as told:
        counted(asked, store, 7, day=1.0).reply(REQUEST)
    assert asked.requests == []
    facts = ("this repository", "$1.00", "MERGEWRIGHT_MODEL_USD_PER_DAY", "$0.4000")
    assert all(fact in told.value.message for fact in facts)
    counted(asked, store, 8, day=1.0).reply(REQUEST)
    assert len(asked.requests) == 1


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"all": {"usd_per_day": 1.0}}, "all repositories ($1.00 in 24 hours, all.usd"),
        (
            {"repositories": {"acme/R": {"usd_per_day": 0.5}}},
            "this repository ($0.50 in 24 hours, repositories",
        ),
        (
            {"all": {"usd_per_day": 2.0}, "organizations": {"ACME": {"usd_per_month": 1.2}}},
            "acme ($1.20 in 30 days, organizations.acme.usd_per_month)",
        ),
        ({"organizations": {"other": {"usd_per_day": 0.1}}, "all": {"usd_per_month": 9}}, ""),
    ],
)
def test_each_budget_of_the_file_holds_and_is_named(store, file, words):
    now = time.time()
    # Repository 7 is under way; 8, of the same owner, has spent before.
    for repository, ago, usd in ((8, 3 * DAY, 0.5), (8, 3600, 0.3), (7, 60, 0.4)):
        row = store.spendings.reserve(0.0, limits(repository), now - ago)
        store.spendings.record_cost(row, usd)
    asked = model(usd=0.35)
    models = CountedModels(asked, store.spendings, limits(7, **file))
    if not words:
        models.reply(REQUEST)
        assert len(asked.requests) == 1
        return
    with pytest.raises(BudgetReached) as told:
        models.reply(REQUEST)
    assert asked.requests == []
    assert told.value.until == pytest.approx(now + 3600, abs=5)
    assert words in told.value.message


def test_a_run_waits_for_a_budget_for_as_long_as_it_takes():
    problem = BudgetReached("The budget of acme is used up.", time.time() + 3600)
    with pytest.raises(RunPostponed) as told:
        waiting.postpone_run(problem, None, PastWait(None, 500))
    assert told.value.wait.until == pytest.approx(time.time() + 3600, abs=5)


def test_where_less_is_left_the_reply_gets_shorter(store):
    asked = model(usd=None)
    asked.estimate_worst = lambda request: WorstCase(
        tokens=request.most_tokens, usd=request.most_tokens / MOST_TOKENS
    )
    models = counted(asked, store, 7, run=2.0)
    for usd in (0.0, 1.0, 0.5, 0.45):
        store.spendings.record_cost(store.spendings.reserve(0.0, limits(7), time.time()), usd)
        with suppress(BudgetSpent):
            models.reply(REQUEST)
    shown = [request.most_tokens for request in asked.requests]
    assert shown == [MOST_TOKENS, MOST_TOKENS // 2, MOST_TOKENS // 4]
    # A request may bound more than the run does, in dollars and in tokens.
    counted(asked, store, 8, run_id="r2").reply(replace_record(REQUEST, most_usd=0.6))
    with pytest.raises(BudgetSpent, match=r"only 4,095 .*MERGEWRIGHT_MODEL_TOKENS"):
        counted(asked, store, 8, run_id="r2").reply(replace_record(REQUEST, tokens_left=4_095))
    assert asked.requests[-1].most_tokens == MOST_TOKENS // 2


@pytest.mark.parametrize(
    ("problem", "left"),
    [
        (ModelFailure("503"), [0.0]),
        (ModelFailure("cut", lost=WorstCase(tokens=9, usd=0.3)), [0.3, 0.3]),
        (Cancelled("stop"), [0.4]),
    ],
)
def test_without_a_reply_what_it_may_have_cost_counts(store, problem, left):
    def answer(request):
        raise problem

    with pytest.raises(AgentError):
        counted(model(answer), store, 7, day=1.0).reply(REQUEST)
    assert spent(store) == left


def test_runs_at_a_time_cannot_spend_the_same_dollars(store):
    both = threading.Barrier(3, timeout=30)
    refused = []

    def answer(request):
        both.wait()
        return make_reply()

    def ask(_):
        try:
            counted(model(answer), store, 7, day=1.0).reply(REQUEST)
        except ModelUnavailable as problem:
            refused.append(problem)
            both.wait()

    with ThreadPoolExecutor(3) as several:
        list(several.map(ask, range(3)))
    assert len(refused) == 1
    assert spent(store) == [0.01, 0.01]


def test_what_got_no_reply_counts_for_the_run_however_often_it_goes_on(store):
    def lose(request):
        raise ModelFailure("cut", lost=WorstCase(tokens=9, usd=0.4))

    with pytest.raises(ModelUnavailable, match="cut"):
        counted(model(lose), store, 7, run=1.0).reply(REQUEST)
    # Other runs of the repository are no matter.
    asked = model()
    with pytest.raises(BudgetSpent) as told:
        counted(asked, store, 7, run=1.0).reply(REQUEST)
    assert asked.requests == []
    facts = ("$0.8000", "$0.4000", "$1.00", "MERGEWRIGHT_MODEL_USD", "is kept")
    assert all(fact in told.value.message for fact in facts)
    counted(asked, store, 7, run=1.0, run_id="r2").reply(REQUEST)
    counted(asked, store, 7, run=2.0).reply(REQUEST)
    assert len(asked.requests) == 2


@pytest.mark.parametrize(
    ("on_issue", "of_day"), [(True, [9.0]), (False, [])], ids=["issue", "file"]
)
def test_a_run_counts_its_models(store, home, monkeypatch, on_issue, of_day):
    given, run = [], code_host_runs.run(on_forge=on_issue)
    settings = Settings(home=home, model_usd=2.0, model_usd_per_day=9.0)

    def carry_out(run, step, desk, log, *, waited):
        given.append(desk)
        return Outcome.for_stopped_run(run.run_id, Reason.UNCLEAR, "Say more.")

    def compose(**own):
        made, _ = code_host_runs.services(home, FakeCodeHost(code_host_runs.TICKET))
        return replace(made, **own, models=model())

    monkeypatch.setattr(executor, "run_workflow", carry_out)
    keeper, stored = FakeKeeper(spendings=store.spendings), make_stored_run(run, grants=3)
    executor.execute_run(stored, keeper, settings, compose, lambda name, attempt: attempt())
    (desk,) = given
    repository_id = run.snapshot.issue.repository_id if on_issue else 0
    given = desk.models._limits
    assert (given.run_id, given.repository_id, given.of_run) == (run.run_id, repository_id, 6.0)
    assert [budget.usd for budget in given.budgets] == of_day
