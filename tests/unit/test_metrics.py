"""The worker's figures: named as Prometheus wants it, few, without a word of anybody's but ours."""

import time

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agent.errors import CodeHostUnavailable
from agent.models.run import Reason, RunState
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
    metrics.note_queue(3, time.time() - 60, is_paused=True)
    after = written()
    of_shop = ("mergewright_runs_ended_total", ("reason", "ready"), ("repository", "octo/shop"))
    ended = (*of_shop, ("state", "open"))
    waits = ("mergewright_waits_total", ("cause", "CodeHostUnavailable"))
    for name in (ended, waits):
        assert after[name] == before.get(name, 0) + 1
    assert after[("mergewright_queue_runs",)] == 3
    assert 60 <= after[("mergewright_queue_oldest_seconds",)] < 70
    metrics.note_queue(0, None, is_paused=False)
    assert written()[("mergewright_queue_oldest_seconds",)] == 0


def test_open_sandboxes_are_counted_when_they_are_asked_for(written):
    opened = {1, 2}
    metrics.watch_sandboxes(opened)
    assert written()[("mergewright_sandboxes_open",)] == 2
    opened.clear()
    assert written()[("mergewright_sandboxes_open",)] == 0
