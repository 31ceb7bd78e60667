"""What the worker counts and measures of itself, for Prometheus.

A worker serves them at a port of its own. Labels are words of ours, so that there are few of them
and none repeats what people wrote.
"""

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from agent.errors import SettingsInvalid
from agent.models.clock import read_clock
from agent.models.run import ENDS, Reason, RunState
from agent.models.step import AnyStep

# When each counter began is the process's start, which is told once.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
_NAMESPACE = "mergewright"
#: A step may be a look at an issue, or the tests of a large repository.
_STEP_BUCKETS = (0.05, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


def _make_counter(name: str, words: str, *labels: str) -> Counter:
    return Counter(name, words, labels, namespace=_NAMESPACE, registry=REGISTRY)


def _make_gauge(name: str, words: str, *labels: str) -> Gauge:
    return Gauge(name, words, labels, namespace=_NAMESPACE, registry=REGISTRY)


_QUEUE = _make_gauge("queue_runs", "Runs that are queued and ready to start.")
_OLDEST = _make_gauge("queue_oldest_seconds", "Waiting time of the longest-queued run.")
_HELD_UP = _make_gauge("held_up_runs", "Runs that are postponed until a certain time.")
_PAUSED = _make_gauge("paused", "Whether everything is paused: 0 or 1.")
_RUNS = _make_gauge("active_runs", "Active runs, by state.", "state")
_ENDED = _make_counter("runs_ended", "Finished runs, by outcome.", "state", "reason")
_WAITS = _make_counter("waits", "Number of times that a run was postponed, by cause.", "cause")
_SETTLED = _make_counter("deliveries_settled", "Deliveries processed, by decision.", "outcome")
_REQUESTS = _make_counter(
    "github_requests", "Requests to GitHub, by kind and response.", "kind", "answer"
)
_STEPS = Histogram(
    "step_seconds", "Duration of run steps.", ("step", "result"),
    namespace=_NAMESPACE, registry=REGISTRY, buckets=_STEP_BUCKETS,
)  # fmt: skip
_BUDGET = {
    name: _make_gauge(f"github_budget_{name}", words, "resource")
    for name, words in (
        ("remaining", "Remaining requests in GitHub's current hour."),
        ("limit", "GitHub's hourly request limit."),
        ("reset_timestamp_seconds", "When GitHub's current hour ends."),
    )
}
ProcessCollector(namespace=f"{_NAMESPACE}_worker", registry=REGISTRY)
# What is there from the beginning has a rate from the first event on.
for _reason in Reason:
    _ENDED.labels(_reason.state.value, _reason.value)
for _outcome in ("accepted", "ignored", "stopped", "failed"):
    _SETTLED.labels(_outcome)


# --- what is noted as it happens -----------------------------------------------------------------


class StepTimes:
    """Watches the steps of one run, and counts those that were done in this process."""

    def __init__(self) -> None:
        self._under_way: set[str] = set()

    def started(self, step: AnyStep) -> None:
        """Remember that it is done here: what another process did is only told as ended."""
        self._under_way.add(step)

    def ended(self, step: AnyStep, seconds: float, *, ok: bool) -> None:
        if step in self._under_way:
            self._under_way.discard(step)
            result = "done" if ok else "failed"
            _STEPS.labels(step.step, result).observe(seconds)


def count_end(state: RunState, reason: Reason) -> None:
    _ENDED.labels(state.value, reason.value).inc()


def count_wait(cause: BaseException | None) -> None:
    """Count a run that is held up, by the class of what holds it up."""
    _WAITS.labels(type(cause).__name__ if cause else "unknown").inc()


def count_delivery(outcome: str) -> None:
    _SETTLED.labels(outcome).inc()


def count_request(verb: str, url: str, status: int | None) -> None:
    """Count a request to GitHub; status None: there was no reply."""
    kind = "read" if verb in ("GET", "HEAD") else "write"
    if url.endswith("/graphql"):
        kind = "graphql"
    elif url.endswith("/access_tokens"):
        kind = "token"
    _REQUESTS.labels(kind, "none" if status is None else f"{status // 100}xx").inc()


def note_budget(answered: Mapping[str, object]) -> None:
    """Note what GitHub still allows, from the headers of an answer."""
    values = [
        str(answered.get(f"x-ratelimit-{name}") or "") for name in ("remaining", "limit", "reset")
    ]
    if all(one.isdecimal() and len(one) <= 12 for one in values):
        named = str(answered.get("x-ratelimit-resource") or "core")
        resource = named if named in ("core", "graphql", "search") else "other"
        for gauge, value in zip(_BUDGET.values(), values, strict=True):
            gauge.labels(resource).set(int(value))


def note_queue(
    *, waiting: int, oldest: float | None, held_up: int, is_paused: bool, states: Mapping[str, int]
) -> None:
    """Note how the queue stands.

    Args:
        oldest: When the run that waits for longest was queued, in seconds since the epoch.
    """
    _QUEUE.set(waiting)
    _OLDEST.set(0.0 if oldest is None else max(0.0, read_clock() - oldest))
    _HELD_UP.set(held_up)
    _PAUSED.set(is_paused)
    for state in RunState:
        if state not in ENDS and state is not RunState.OPEN:
            _RUNS.labels(state.value).set(states.get(state.value, 0))


# --- the port ------------------------------------------------------------------------------------


def serve_metrics(port: int) -> None:
    """Answer Prometheus from now on; SettingsInvalid: something else listens there."""
    try:
        start_http_server(port, registry=REGISTRY)
    except OSError as problem:
        raise SettingsInvalid(
            f"MERGEWRIGHT_METRICS_PORT: {port} cannot be opened ({problem.strerror}). Choose"
            " another port."
        ) from problem
