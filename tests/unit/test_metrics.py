"""The worker's figures: named as Prometheus wants it, few, without a word of anybody's but ours."""

import time

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agent.errors import CodeHostUnavailable
from agent.models.run import Reason, RunState
from agent.models.step import Step
from agent.telemetry import metrics


@pytest.fixture
def written():
    """Give what returns the figures by name and labels, as Prometheus reads them."""

    def read():
        text = generate_latest(metrics.REGISTRY).decode()
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    return read


def test_what_is_noted_is_told_as_prometheus_reads_it(written):
    before = written()
    metrics.expect_end("octo/shop")
    metrics.count_end("octo/shop", RunState.OPEN, Reason.READY)
    metrics.count_wait(CodeHostUnavailable("away"))
    metrics.count_delivery("accepted")
    metrics.note_queue(
        waiting=3, oldest=time.time() - 60, held_up=1, is_paused=True, states={"checking": 2}
    )
    after = written()
    of_shop = ("mergewright_runs_ended_total", ("reason", "ready"), ("repository", "octo/shop"))
    ended = (*of_shop, ("state", "open"))
    waits = ("mergewright_waits_total", ("cause", "CodeHostUnavailable"))
    settled = ("mergewright_deliveries_settled_total", ("outcome", "accepted"))
    for name in (ended, waits, settled):
        assert after[name] == before.get(name, 0) + 1
    assert after[("mergewright_queue_runs",)] == 3
    assert 60 <= after[("mergewright_queue_oldest_seconds",)] < 70
    assert after[("mergewright_held_up_runs",)] == 1
    assert after[("mergewright_active_runs", ("state", "checking"))] == 2
    metrics.note_queue(waiting=0, oldest=None, held_up=0, is_paused=False, states={})
    empty = written()
    assert empty[("mergewright_queue_oldest_seconds",)] == 0
    assert empty[("mergewright_active_runs", ("state", "checking"))] == 0


def test_open_sandboxes_are_counted_when_they_are_asked_for(written):
    opened = {1, 2}
    metrics.watch_sandboxes(opened)
    assert written()[("mergewright_sandboxes_open",)] == 2
    opened.clear()
    assert written()[("mergewright_sandboxes_open",)] == 0


def test_budgets_of_which_nothing_is_used_any_more_are_gone(written):
    budget = metrics.BudgetUse("repository", "octo/shop", "24h", 3.5, 20.0)
    metrics.note_budgets([budget, budget._replace(name="octo/other")])
    metrics.note_budgets([budget])
    labels = (("name", "octo/shop"), ("period", "24h"), ("scope", "repository"))
    there = {name: value for name, value in written().items() if "budget_used" in name[0]}
    assert there == {("mergewright_budget_used_usd", *labels): 3.5}
    assert written()[("mergewright_budget_limit_usd", *labels)] == 20


def test_a_step_counts_by_its_kind_where_it_was_done(written):
    def at(result, name="_count"):
        key = (f"mergewright_step_seconds{name}", ("result", result), ("step", "checks"))
        return written().get(key, 0)

    done, failed = at("done"), at("failed")
    watcher = metrics.StepTimes()
    for number, ok in ((1, True), (2, False), (14, True)):
        watcher.started(Step.CHECKS.named(number))
        watcher.ended(Step.CHECKS.named(number), 2.0, ok=ok)
    watcher.ended(Step.CHECKS.named("15"), 100.0, ok=True)  # of an earlier process
    assert (at("done"), at("failed")) == (done + 2, failed + 1)
