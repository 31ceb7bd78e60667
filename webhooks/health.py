"""Readiness of the listener and of the worker, which reads the inbox; metrics for Prometheus.

The listener is not ready while the inbox cannot be written, while it refuses every delivery, or
while the worker hangs. In the last case deliveries are still accepted, and wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

from fastapi import FastAPI
from prometheus_client import Counter, Gauge, generate_latest

from agent.errors import AgentError
from agent.models.clock import read_clock
from agent.store.sql_inbox import Inbox, ReceiptStatus
from agent.telemetry import health
from agent.telemetry.health import Readiness
from agent.telemetry.metrics import make_process_registry
from webhooks.admission import RefusedDelivery

#: The worker sends a heartbeat every second; after so many seconds without one, it hangs.
_STALE_SECONDS = 30.0
#: Seconds after which the last refusal no longer counts, since strangers can cause refusals.
_REFUSED_SECONDS = 600.0
#: Statuses of refusals for wrong webhook settings: secret, content type.
_MISCONFIGURED = (401, 415)
_NAMESPACE = "mergewright"
_GAUGES = {
    "inbox_deliveries": "Deliveries not yet processed.",
    "inbox_oldest_seconds": "Waiting time of the oldest delivery, in seconds.",
    "inbox_readable": "Whether the inbox can be read: 0 or 1.",
    "worker_heartbeat_age_seconds": "Seconds since the worker's last heartbeat; NaN: none yet.",
}
_REFUSALS = (400, 401, 408, 413, 415, 422, 503)


def make_app(inbox: Inbox, figures: ListenerMetrics) -> FastAPI:

    async def read_readiness() -> Readiness:
        """Write to the inbox as a test, and read the worker's last heartbeat."""
        facts: list[tuple[int, float | None, float | None]] = []

        def prove() -> None:
            inbox.prove_writable()
            facts.append((*inbox.count_unread(), inbox.read_last_beat()))

        if failure := await health.find_failure(prove):
            words = f"The inbox cannot be written, so deliveries are refused. {failure}"
            return health.make_readiness(words, inbox={"writable": False})
        ((unread, oldest, beat),) = facts
        now = read_clock()
        age = None if beat is None else now - beat
        return health.make_readiness(
            figures.explain_refusals() or _explain_standstill(age),
            inbox={
                "writable": True,
                "unread": unread,
                "oldest_unread_seconds": None if oldest is None else round(now - oldest, 1),
            },
            deliveries={"refused_in_a_row": figures.refused_in_a_row},
            worker={"heartbeat_seconds": None if age is None else round(age, 1)},
        )

    return health.make_app(read_readiness, figures.write)


def _explain_standstill(seconds: float | None) -> str | None:
    """Explain that accepted deliveries are not processed, by the age of the worker's heartbeat."""
    if seconds is None:
        return "The worker has not started yet; deliveries are queued. See its log."
    if seconds > _STALE_SECONDS:
        return (
            f"The worker has sent no heartbeat for {seconds:.0f} seconds; deliveries are queued."
            " See its log."
        )
    return None


# --- metrics ------------------------------------------------------------------------------------


class ListenerMetrics:
    def __init__(self, inbox: Inbox, secrets: Callable[[], tuple[bytes, ...]]) -> None:
        self._inbox = inbox
        self._secrets = secrets
        self._proved: tuple[bytes, ...] | None = None
        """The secrets when a delivery was last accepted."""
        self._registry = make_process_registry("listener", inbox.path.parent)
        self.refused_in_a_row = 0
        """Deliveries refused for a wrong setting since the last one that was accepted."""
        self._last_refusal = 0.0, ""
        self._answers = Counter(
            "deliveries", "Deliveries received, by status and result.",
            ("code", "outcome"), namespace=_NAMESPACE, registry=self._registry,
        )  # fmt: skip
        self._gauges = {
            name: Gauge(name, words, namespace=_NAMESPACE, registry=self._registry)
            for name, words in _GAUGES.items()
        }
        # Looked up only once, since every delivery is counted.
        self._taken = {name: self._answers.labels("202", name) for name in get_args(ReceiptStatus)}
        for status in _REFUSALS:
            self._answers.labels(str(status), "refused")

    def count_taken(self, status: ReceiptStatus) -> None:
        self._taken[status].inc()
        self.refused_in_a_row = 0
        self._proved = self._secrets()

    def count_refused(self, problem: RefusedDelivery) -> None:
        self._answers.labels(str(problem.status), "refused").inc()
        if problem.status in _MISCONFIGURED:
            self.refused_in_a_row += 1
            self._last_refusal = read_clock(), problem.message

    def explain_refusals(self) -> str | None:
        """Explain why every delivery is refused, if none was accepted with the current secrets.

        Once one was accepted, the settings are right, and refused ones come from strangers.
        """
        at, why = self._last_refusal
        age, number = read_clock() - at, self.refused_in_a_row
        if not number or age > _REFUSED_SECONDS or self._proved == self._secrets():
            return None
        return f"The last {number} deliveries were refused, the last one {age:.0f} s ago. {why}"

    def write(self) -> bytes:
        """Return all metrics in Prometheus' format; for this, read the inbox."""
        now = read_clock()
        values: dict[str, float] = {"inbox_readable": 1}
        try:
            # Reading the inbox does not wait for writers.
            unread, oldest = self._inbox.count_unread()
        except AgentError:
            values["inbox_readable"] = 0
        else:
            values["inbox_deliveries"] = unread
            values["inbox_oldest_seconds"] = 0.0 if oldest is None else max(0.0, now - oldest)
        beat = self._inbox.read_last_beat()
        values["worker_heartbeat_age_seconds"] = math.nan if beat is None else now - beat
        for name, value in values.items():
            self._gauges[name].set(value)
        return generate_latest(self._registry)
