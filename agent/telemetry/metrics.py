"""Metrics of the worker for Prometheus.

A worker serves them at its own port. Counters start anew with the process, which Prometheus allows
for; gauges of the queue are read from the database. Labels are words of ours and names of
repositories and models, so that there are few series.
"""

import platform
import shutil
from collections.abc import Sized
from importlib import metadata
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from agent.models.chat import Role, Usage, get_provider, split_level
from agent.models.clock import read_clock
from agent.models.run import Reason, RunState

# No `_created` metrics: each counter starts with the process, whose start is a metric.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
_NAMESPACE = "mergewright"
#: A model may think for minutes, and is given half an hour.
_MODEL_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1800.0)
_MODEL = ("provider", "model", "role")
#: Values of `agent.llm.failures.ModelFailure.kind`; and `cancelled`: the run no longer waited.
_MODEL_FAILURES = (
    "limited", "unavailable", "unusable", "rejected", "refused", "cancelled",
)  # fmt: skip
_END = ("repository", "state", "reason")
_COUNTERS = {
    name: Counter(name, words, labels, namespace=_NAMESPACE, registry=REGISTRY)
    for name, words, labels in (
        ("runs_ended", "Finished runs, by repository and outcome.", _END),
        ("workers_lost", "Dead workers whose runs this worker has passed on to others.", ()),
        ("waits", "Number of times that a run was postponed, by cause.", ("cause",)),
        ("model_requests", "Requests to models.", _MODEL),
        ("model_errors", "Requests to models without a usable reply, by kind.", (*_MODEL, "kind")),
        ("model_tokens", "Tokens: input, cached_input, output.", (*_MODEL, "kind")),
        ("model_usd", "Dollars, with the most that requests without a reply may cost.", _MODEL),
    )
}
_GAUGES = {
    name: Gauge(name, words, labels, namespace=_NAMESPACE, registry=REGISTRY)
    for name, words, labels in (
        ("queue_runs", "Runs that are queued and ready to start.", ()),
        ("queue_oldest_seconds", "Waiting time of the longest-queued run.", ()),
        ("paused", "Whether everything is paused: 0 or 1.", ()),
        ("sandboxes_open", "Sandboxes that are open.", ()),
    )
}
_MODEL_SECONDS = Histogram(
    "model_request_seconds",
    "Duration of requests to models.",
    _MODEL,
    namespace=_NAMESPACE,
    registry=REGISTRY,
    buckets=_MODEL_BUCKETS,
)


# --- recorded events -----------------------------------------------------------------------------


def expect_end(repository: str) -> None:
    """Create the counters of a repository before its run ends, so that the end has a rate."""
    for reason in Reason:
        _COUNTERS["runs_ended"].labels(repository, reason.state.value, reason.value)


def count_end(repository: str, state: RunState, reason: Reason) -> None:
    _COUNTERS["runs_ended"].labels(repository, state.value, reason.value).inc()


def count_lost_workers(number: int) -> None:
    _COUNTERS["workers_lost"].inc(number)


def watch_sandboxes(opened: Sized) -> None:
    """Export the size of a collection of sandboxes from now on."""
    _GAUGES["sandboxes_open"].set_function(lambda: len(opened))


def count_wait(cause: BaseException | None) -> None:
    """Count a run that waits, by the class of the error that it waits for."""
    _COUNTERS["waits"].labels(type(cause).__name__ if cause else "unknown").inc()


def count_model_request(name: str, role: Role, seconds: float, failed: str) -> None:
    """Count a request to a model, `provider:name`; `failed` is empty if its reply is usable."""
    labels = _label_model(name, role)
    _COUNTERS["model_requests"].labels(*labels).inc()
    _MODEL_SECONDS.labels(*labels).observe(seconds)
    for kind in _MODEL_FAILURES:
        _COUNTERS["model_errors"].labels(*labels, kind).inc(kind == failed)


def count_model_use(name: str, role: Role, usage: Usage, usd: float | None) -> None:
    """Count the use of a reply; `usd` None: its price is unknown."""
    labels = _label_model(name, role)
    tokens = {
        "input": max(0, usage.input_tokens - usage.cache_read_tokens),
        "cached_input": usage.cache_read_tokens,
        "output": usage.output_tokens,
    }
    for kind, number in tokens.items():
        _COUNTERS["model_tokens"].labels(*labels, kind).inc(number)
    count_model_usd(name, role, usd)


def count_model_usd(name: str, role: Role, usd: float | None) -> None:
    _COUNTERS["model_usd"].labels(*_label_model(name, role)).inc(usd or 0.0)


def _label_model(name: str, role: Role) -> tuple[str, str, str]:
    return get_provider(name), split_level(name)[0].partition(":")[2], role


def note_queue(waiting: int, oldest: float | None, *, is_paused: bool) -> None:
    """Note the state of the queue; `oldest` is when its first run was queued, in epoch seconds."""
    _GAUGES["queue_runs"].set(waiting)
    _GAUGES["queue_oldest_seconds"].set(0.0 if oldest is None else max(0.0, read_clock() - oldest))
    _GAUGES["paused"].set(is_paused)


# --- of every process ----------------------------------------------------------------------------


def make_process_registry(process: str, home: Path) -> CollectorRegistry:
    """Make the metrics of any process: version, memory, free space of its data folder."""
    registry = CollectorRegistry()
    build = Gauge(
        "build_info", "Version of Mergewright and of Python.", ("process", "version", "python"),
        namespace=_NAMESPACE, registry=registry,
    )  # fmt: skip
    build.labels(process, metadata.version("mergewright"), platform.python_version()).set(1)
    ProcessCollector(namespace=f"{_NAMESPACE}_{process}", registry=registry)
    for name, words in (("free", "Free space"), ("total", "Size")):
        gauge = Gauge(
            f"disk_{name}_bytes", f"{words} of the data folder's disk.",
            namespace=_NAMESPACE, registry=registry,
        )  # fmt: skip
        gauge.set_function(lambda name=name: _measure_disk(home, name))  # type: ignore[misc]
    return registry


def _measure_disk(home: Path, name: str) -> float:
    try:
        return float(getattr(shutil.disk_usage(home), name))
    except OSError:
        return float("nan")


def write_metrics(*further: CollectorRegistry) -> bytes:
    return b"".join(map(generate_latest, (REGISTRY, *further)))
