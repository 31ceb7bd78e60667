"""What the worker counts and measures of itself, for Prometheus.

Owns the names of the worker's figures and the file below the data folder through which they reach
the listener: that alone is asked by Prometheus, and it cannot read the store. Labels are words of
ours, so that there are few of them and none tells of a repository or repeats what people wrote.

The figures belong to the process and begin at nought with it, as Prometheus expects of counters.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from agent.errors import AgentError
from agent.models.clock import read_clock
from agent.models.run import ENDS, Reason, RunState, end_state

FILE_NAME = "worker.metrics"
SECONDS = 5.0
"""So often the file is written anew."""

# When each counter began is the process's start, which is told once.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
_NAMESPACE = "mergewright"
#: A step may be a look at an issue, or the tests of a large repository.
_STEP_BUCKETS = (0.05, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
#: What is done again carries a number in its name.
_NUMBERED = re.compile(r" \d+\b")
_METHODS = {"GET": "read", "HEAD": "read"}
_RESOURCES = ("core", "graphql", "search")

_log = structlog.get_logger()


class _Worker:
    """The figures that are noted as things happen."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(name, words, labels, namespace=_NAMESPACE, registry=registry)

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(name, words, labels, namespace=_NAMESPACE, registry=registry)

        self.queue = gauge("queue_runs", "Runs that could begin and wait for their turn.")
        self.oldest = gauge(
            "queue_oldest_seconds", "How long the run that waits for longest has waited."
        )
        self.held_up = gauge(
            "held_up_runs", "Runs that wait until a time, for whoever or whatever holds them up."
        )
        self.runs = gauge("active_runs", "Runs that are not over, by where they stand.", "state")
        self.ended = counter("runs_ended", "Runs that have ended, by how.", "state", "reason")
        self.waits = counter("waits", "Times that a run was held up, by what.", "cause")
        self.settled = counter("deliveries_settled", "Deliveries decided, by what for.", "outcome")
        self.requests = counter(
            "github_requests", "Requests to GitHub, by kind and answer.", "kind", "answer"
        )
        self.steps = Histogram(
            "step_seconds", "Duration of the steps of runs.", ("step", "result"),
            namespace=_NAMESPACE, registry=registry, buckets=_STEP_BUCKETS,
        )  # fmt: skip
        self.budget = {
            name: gauge(f"github_budget_{name}", words, "resource")
            for name, words in (
                ("remaining", "Requests that GitHub allowed in its hour by its last answer."),
                ("limit", "Requests that it allows in an hour there."),
                ("reset_timestamp_seconds", "When that hour ends there."),
            )
        }
        # What is there from the beginning has a rate from the first event on.
        for reason in Reason:
            self.ended.labels(end_state(reason).value, reason.value)
        for outcome in ("accepted", "ignored", "stopped", "failed"):
            self.settled.labels(outcome)


_WORKER = _Worker(REGISTRY)
ProcessCollector(namespace=f"{_NAMESPACE}_worker", registry=REGISTRY)


# --- what is noted as it happens --------------------------------------------------------------


class StepTimes:
    """Watches the steps of one run, and counts those that were done in this process."""

    def __init__(self) -> None:
        self._under_way: set[str] = set()

    def started(self, step: str) -> None:
        """Remember that it is done here: what another process did is only told as ended."""
        self._under_way.add(step)

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        if step in self._under_way:
            self._under_way.discard(step)
            result = "done" if ok else "failed"
            _WORKER.steps.labels(_NUMBERED.sub("", step), result).observe(seconds)


def run_ended(state: RunState, reason: Reason) -> None:
    _WORKER.ended.labels(state.value, reason.value).inc()


def run_waits(cause: BaseException | None) -> None:
    """Count a run that is held up, by the class of what holds it up."""
    _WORKER.waits.labels(type(cause).__name__ if cause else "unknown").inc()


def delivery_settled(outcome: str) -> None:
    _WORKER.settled.labels(outcome).inc()


def github_asked(verb: str, url: str, status: int | None) -> None:
    """Count a request to GitHub.

    Args:
        status: None: there was no reply.
    """
    kind = _METHODS.get(verb, "write")
    if url.endswith("/graphql"):
        kind = "graphql"
    elif url.endswith("/access_tokens"):
        kind = "token"
    answer = "none" if status is None else f"{status // 100}xx"
    _WORKER.requests.labels(kind, answer).inc()


def github_allows(answered: Mapping[str, object]) -> None:
    """Note what GitHub still allows, from the headers of an answer."""
    told = [
        str(answered.get(f"x-ratelimit-{name}") or "") for name in ("remaining", "limit", "reset")
    ]
    if all(one.isdecimal() and len(one) <= 12 for one in told):
        named = str(answered.get("x-ratelimit-resource") or "core")
        resource = named if named in _RESOURCES else "other"
        for figure, value in zip(_WORKER.budget.values(), told, strict=True):
            figure.labels(resource).set(int(value))


def note_queue(
    *, waiting: int, oldest: float | None, held_up: int, states: Mapping[str, int]
) -> None:
    """Note how the queue stands.

    Args:
        oldest: When the run that waits for longest was queued, in seconds since the epoch.
        states: Number of runs that are not over, by state.
    """
    _WORKER.queue.set(waiting)
    _WORKER.oldest.set(0.0 if oldest is None else max(0.0, read_clock() - oldest))
    _WORKER.held_up.set(held_up)
    for state in RunState:
        if state not in ENDS and state is not RunState.OPEN:
            _WORKER.runs.labels(state.value).set(states.get(state.value, 0))


# --- the file ---------------------------------------------------------------------------------


def write_metrics(home: Path) -> None:
    """Write all figures; whoever reads finds the old ones or the new ones, never a part."""
    fresh = home / f"{FILE_NAME}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
        file.write(generate_latest(REGISTRY))
    fresh.replace(home / FILE_NAME)


def keep_written(home: Path, look: Callable[[], None], stop: Event) -> None:
    """Write the figures every few seconds until told to stop.

    Where that fails the file grows old, which shows; runs are not concerned.

    Args:
        look: Notes how the queue stands.
    """
    failed = False
    while True:
        try:
            look()
            write_metrics(home)
        except (AgentError, OSError) as problem:
            if not failed:
                _log.warning("figures not written", problem=str(problem))
            failed = True
        else:
            failed = False
        if stop.wait(SECONDS):
            return
