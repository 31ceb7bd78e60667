"""What an operator sees of whole runs: the service's log, and its figures for Prometheus."""

from __future__ import annotations

import json
import time

import httpx
from prometheus_client.parser import text_string_to_metric_families

from agent import metrics
from tests.flow.github_stories import FILES, Story

#: Longer than an edit of the comment waits for the one before.
_A_WHILE = {"tests/test_a_while.py": "import time\n\n\ndef test_a_while():\n    time.sleep(3)\n"}

#: Of the processes themselves, and of no run and no delivery.
_OF_NOBODY = {
    "started", "stopped", "listening", "working", "known to the forge", "refused", "reconciled",
}  # fmt: skip


def lines(told: Story, since: int = 0) -> list[dict]:
    """The service's log; what is no JSON object on a line of its own fails here."""
    raw = told.stage.service.log.read_bytes()[since:]
    return [json.loads(line) for line in raw.decode().splitlines()]


def figures(told: Story) -> dict[tuple, float]:
    """What Prometheus is given, by name and labels."""
    answer = httpx.get(f"{told.stage.service.address}/metrics", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def fresh_figures(told: Story) -> dict[tuple, float]:
    """The same, once the worker has written after this moment."""
    written = told.stage.home / metrics.FILE_NAME
    now, end = time.time(), time.monotonic() + 30
    while not written.exists() or written.stat().st_mtime <= now:
        assert time.monotonic() < end, "the worker does not tell its figures"
        time.sleep(0.2)
    time.sleep(1.1)  # the listener gives the same answer within a second
    return figures(told)


def test_every_line_of_a_run_is_json_and_carries_its_id(story):
    told = story(files={**FILES, **_A_WHILE})
    since = told.stage.service.log.stat().st_size
    # Of that tells the thread that edits the comment, which is not the run's own.
    told.fault("refuse", "PATCH", "issues/comments/*", status=403, count=1)
    told.label()
    told.assert_ready()
    run_id = told.runs()[0].run.run_id
    seen = lines(told, since)
    of_run = [one["event"] for one in seen if one.get("run") == run_id]
    assert {"accepted", "ended", "status comment not updated"} <= set(of_run)
    for one in seen:
        assert {"event", "level", "timestamp"} <= one.keys(), one
        assert one.get("run") == run_id or "delivery" in one or one["event"] in _OF_NOBODY, one
    accepted = next(one for one in seen if one["event"] == "accepted")
    assert accepted["delivery"]


def test_what_happened_is_in_the_figures_and_no_name_of_anybody(story):
    told = story()
    before = fresh_figures(told)
    told.label()
    told.assert_ready()
    after = fresh_figures(told)

    def more(name: str, **labels: str) -> float:
        key = (name, *sorted(labels.items()))
        return after[key] - before.get(key, 0)

    assert more("mergewright_runs_ended_total", state="open", reason="ready") == 1
    assert more("mergewright_deliveries_total", code="202", outcome="accepted") >= 1
    assert more("mergewright_deliveries_settled_total", outcome="accepted") == 1
    assert more("mergewright_acknowledgement_seconds_count") >= 1
    assert more("mergewright_github_requests_total", kind="write", answer="2xx") > 3
    assert more("mergewright_github_requests_total", kind="token", answer="2xx") >= 1
    for step in ("read ticket", "checkout", "environment", "baseline", "checks", "publish"):
        assert more("mergewright_step_seconds_count", step=step, result="done") == 1, step
        assert more("mergewright_step_seconds_sum", step=step, result="done") < 120
    assert after[("mergewright_queue_runs",)] == 0
    assert after[("mergewright_inbox_deliveries",)] == 0
    assert after[("mergewright_inbox_readable",)] == 1
    assert 0 <= after[("mergewright_worker_figures_age_seconds",)] < 30
    assert 0 <= after[("mergewright_worker_heartbeat_age_seconds",)] < 30
    core = ("resource", "core")
    assert 0 < after[("mergewright_github_budget_remaining", core)] < 10**5
    assert after[("mergewright_github_budget_limit", core)] >= 60
    assert after[("mergewright_github_budget_reset_timestamp_seconds", core)] > time.time()
    names = (told.name, told.repository.full_name.split("/")[0], "maria", "carl", told.issue.title)
    for key in after:
        assert not any(name in str(key) for name in names), key
    # Few, whatever happens: there are no labels but words of ours.
    assert len(after) < 1_000
