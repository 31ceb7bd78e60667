"""What the worker counts and measures of itself, for Prometheus.

A worker serves them at a port of its own. Counters are of the process and begin anew with it, which
Prometheus allows for; gauges of the queue and of budgets are read from the database. Labels are
words of ours and names of repositories and models, so that there are few of them.
"""

import platform
import shutil
from collections.abc import Iterable, Mapping, Sized
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from agent.models.chat import Role, Usage, split_level, vendor
from agent.models.clock import read_clock
from agent.models.run import ENDS, Reason, RunState
from agent.models.step import AnyStep

# When each counter began is the process's start, which is written once.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
_NAMESPACE = "mergewright"
#: A step may be a look at an issue, or the tests of a large repository.
_STEP_BUCKETS = (0.05, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
#: A model may think for minutes, and is given half an hour.
_MODEL_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1800.0)
_MODEL = ("provider", "model", "role")
#: `agent.llm.failures.ModelFailure.kind`, and of one that the run no longer waited for.
_MODEL_FAILURES = (
    "limited", "unavailable", "unusable", "full", "rejected", "refused", "cancelled",
)  # fmt: skip
_BUDGET_LABELS = ("scope", "name", "period")


def _make_counter(name: str, words: str, *labels: str) -> Counter:
    return Counter(name, words, labels, namespace=_NAMESPACE, registry=REGISTRY)


def _make_gauge(name: str, words: str, *labels: str) -> Gauge:
    return Gauge(name, words, labels, namespace=_NAMESPACE, registry=REGISTRY)


_QUEUE = _make_gauge("queue_runs", "Runs that are queued and ready to start.")
_OLDEST = _make_gauge("queue_oldest_seconds", "Waiting time of the longest-queued run.")
_HELD_UP = _make_gauge("held_up_runs", "Runs that are postponed until a certain time.")
_PAUSED = _make_gauge("paused", "Whether everything is paused: 0 or 1.")
_RUNS = _make_gauge("active_runs", "Active runs, by state.", "state")
_ENDED = _make_counter(
    "runs_ended", "Finished runs, by repository and outcome.", "repository", "state", "reason"
)
_LOST_WORKERS = _make_counter(
    "workers_lost", "Dead workers whose runs this worker has passed on to others."
)
_SANDBOXES = _make_gauge("sandboxes_open", "Sandboxes that are open.")
_WAITS = _make_counter("waits", "Number of times that a run was postponed, by cause.", "cause")
_DECIDED = _make_counter("deliveries_settled", "Deliveries processed, by decision.", "outcome")
_REQUESTS = _make_counter(
    "github_requests", "Requests to GitHub, by kind and response.", "kind", "answer"
)
_STEPS = Histogram(
    "step_seconds", "Duration of run steps.", ("step", "result"),
    namespace=_NAMESPACE, registry=REGISTRY, buckets=_STEP_BUCKETS,
)  # fmt: skip
_MODEL_REQUESTS = _make_counter("model_requests", "Requests to models.", *_MODEL)
_MODEL_ERRORS = _make_counter(
    "model_errors", "Requests to models without a usable reply, by kind.", *_MODEL, "kind"
)
_MODEL_TOKENS = _make_counter(
    "model_tokens",
    "Tokens of replies and what they answer: input, cached_input (read from the provider's cache),"
    " output.",
    *_MODEL,
    "kind",
)
_MODEL_USD = _make_counter(
    "model_usd",
    "Dollars for models with a known price, with the most that requests without a reply may cost.",
    *_MODEL,
)
_MODEL_SECONDS = Histogram(
    "model_request_seconds", "Duration of requests to models.", _MODEL,
    namespace=_NAMESPACE, registry=REGISTRY, buckets=_MODEL_BUCKETS,
)  # fmt: skip
_BUDGET_USED = _make_gauge("budget_used_usd", "Dollars used of a budget.", *_BUDGET_LABELS)
_BUDGET_LIMIT = _make_gauge("budget_limit_usd", "Dollars that a budget allows.", *_BUDGET_LABELS)
_BUDGET = {
    name: _make_gauge(f"github_budget_{name}", words, "resource")
    for name, words in (
        ("remaining", "Remaining requests in GitHub's current hour."),
        ("limit", "GitHub's hourly request limit."),
        ("reset_timestamp_seconds", "When GitHub's current hour ends."),
    )
}
# A series that exists from the beginning has a rate from its first event on.
for _outcome in ("accepted", "ignored", "stopped", "failed"):
    _DECIDED.labels(_outcome)


# --- what is noted as it happens -----------------------------------------------------------------


class StepTimes:
    """Watches the steps of one run, and counts the ones of this process."""

    def __init__(self) -> None:
        self._under_way: set[str] = set()

    def started(self, step: AnyStep) -> None:
        """Count it as done by this process; of other processes' steps only the end is reported."""
        self._under_way.add(step)

    def ended(self, step: AnyStep, seconds: float, *, ok: bool) -> None:
        if step in self._under_way:
            self._under_way.discard(step)
            result = "done" if ok else "failed"
            _STEPS.labels(step.step, result).observe(seconds)


def expect_end(repository: str) -> None:
    """Make the counters of a repository before a run of it ends, so that the end has a rate."""
    for reason in Reason:
        _ENDED.labels(repository, reason.state.value, reason.value)


def count_end(repository: str, state: RunState, reason: Reason) -> None:
    _ENDED.labels(repository, state.value, reason.value).inc()


def count_lost_workers(number: int) -> None:
    _LOST_WORKERS.inc(number)


def watch_sandboxes(opened: Sized) -> None:
    """Tell from now on how many sandboxes there are in a collection."""
    _SANDBOXES.set_function(lambda: len(opened))


def count_wait(cause: BaseException | None) -> None:
    """Count a run that waits, by the class of the error that it waits for."""
    _WAITS.labels(type(cause).__name__ if cause else "unknown").inc()


def count_delivery(outcome: str) -> None:
    _DECIDED.labels(outcome).inc()


def count_request(verb: str, url: str, status: int | None) -> None:
    """Count a request to GitHub; status None: there was no reply."""
    kind = "read" if verb in ("GET", "HEAD") else "write"
    if url.endswith("/graphql"):
        kind = "graphql"
    elif url.endswith("/access_tokens"):
        kind = "token"
    _REQUESTS.labels(kind, "none" if status is None else f"{status // 100}xx").inc()


def count_model_request(name: str, role: Role, seconds: float, failed: str) -> None:
    """Count a request to a model, `provider:name`; `failed` is empty if its reply is usable."""
    labels = _label_model(name, role)
    _MODEL_REQUESTS.labels(*labels).inc()
    _MODEL_SECONDS.labels(*labels).observe(seconds)
    for kind in _MODEL_FAILURES:
        _MODEL_ERRORS.labels(*labels, kind).inc(kind == failed)


def count_model_use(name: str, role: Role, usage: Usage, usd: float | None) -> None:
    """Count what a reply used; `usd` None: no price is known."""
    labels = _label_model(name, role)
    tokens = {
        "input": max(0, usage.input_tokens - usage.cache_read_tokens),
        "cached_input": usage.cache_read_tokens,
        "output": usage.output_tokens,
    }
    for kind, number in tokens.items():
        _MODEL_TOKENS.labels(*labels, kind).inc(number)
    count_model_usd(name, role, usd)


def count_model_usd(name: str, role: Role, usd: float | None) -> None:
    _MODEL_USD.labels(*_label_model(name, role)).inc(usd or 0.0)


def _label_model(name: str, role: Role) -> tuple[str, str, str]:
    return vendor(name), split_level(name)[0].partition(":")[2], role


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
    """Note the state of the queue.

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


class BudgetUse(NamedTuple):
    scope: str
    """Whose: `repository`, `organization` or `all`."""
    name: str
    period: str
    used_usd: float
    limit_usd: float


def note_budgets(budgets: Iterable[BudgetUse]) -> None:
    """Note all budgets of which something is used."""
    _BUDGET_USED.clear()
    _BUDGET_LIMIT.clear()
    for budget in budgets:
        labels = budget.scope, budget.name, budget.period
        _BUDGET_USED.labels(*labels).set(budget.used_usd)
        _BUDGET_LIMIT.labels(*labels).set(budget.limit_usd)


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
    """Write all figures of a worker as Prometheus reads them."""
    return b"".join(map(generate_latest, (REGISTRY, *further)))
