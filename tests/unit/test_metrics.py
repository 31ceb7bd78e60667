"""The worker's figures: named as Prometheus wants it, few, without a word of anybody's but ours."""

import socket
import time
from urllib.request import urlopen

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agent.errors import CodeHostUnavailable, SettingsInvalid
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
    metrics.count_end(RunState.OPEN, Reason.READY)
    metrics.count_wait(CodeHostUnavailable("away"))
    metrics.count_delivery("accepted")
    metrics.note_queue(
        waiting=3, oldest=time.time() - 60, held_up=1, is_paused=True, states={"checking": 2}
    )
    after = written()
    ended = ("mergewright_runs_ended_total", ("reason", "ready"), ("state", "open"))
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


def test_a_worker_serves_its_own_figures_at_its_port():
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_METRICS_PORT"):
            metrics.serve_metrics(port)
    metrics.serve_metrics(port)
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert b"mergewright_queue_runs" in answer.read()


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
