"""Is the listener alive, and is what it takes carried out? For supervisors and monitors.

`/healthz` answers 200 as long as deliveries are answered at all: what decides where they are sent
asks there. `/readyz` answers 503 with the reason while the inbox cannot be written or the worker
stands still; in the latter case deliveries are taken all the same, and wait. `/metrics` has the
listener's figures for Prometheus; a worker serves its own (`agent/telemetry/metrics.py`).
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import JSONResponse, Response

from agent.errors import AgentError
from agent.models.clock import read_clock
from agent.store.sql_inbox import Counts, Inbox, ReceiptKind
from webhooks.inbox import Committer

#: The worker leaves a sign of life every second; longer than this it stands still.
_STALE_SECONDS = 30.0
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_NAMESPACE = "mergewright"
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REFUSALS = (400, 401, 408, 413, 415, 422, 503)


def router(committer: Committer, figures: ListenerMetrics) -> APIRouter:
    """Serve `/healthz`, `/readyz` and `/metrics`."""
    routes = APIRouter()

    @routes.get("/healthz")
    async def alive() -> Response:
        return JSONResponse({"alive": True}, headers=_HEADERS)

    @routes.get("/readyz")
    async def ready() -> Response:
        facts = await _probe(committer)
        return JSONResponse(facts, 200 if facts["ready"] else 503, _HEADERS)

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(figures.write(), headers=_HEADERS, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes


async def _probe(committer: Committer) -> dict[str, object]:
    """Write to the inbox, after the commit under way, and look for the worker's sign of life."""
    try:
        async with asyncio.timeout(5.0):
            counts, beat = await committer.ask(_prove)
    except (AgentError, TimeoutError):
        return {
            "ready": False,
            "reason": "The inbox cannot be written, so deliveries are refused. See the log.",
            "inbox": {"writable": False},
        }
    now = read_clock()
    oldest = counts.oldest_unread
    reason = _explain_standstill(None if beat is None else now - beat)
    return {
        "ready": reason is None,
        "reason": reason,
        "inbox": {
            "writable": True,
            "waiting": committer.waiting,
            "unread": counts.unread,
            "oldest_unread_seconds": None if oldest is None else round(now - oldest, 1),
        },
        "worker": {"heartbeat_seconds": None if beat is None else round(now - beat, 1)},
    }


def _explain_standstill(seconds: float | None) -> str | None:
    """Say that nobody carries out what is taken, by the age of the worker's sign of life."""
    if seconds is None:
        return "The worker has not started yet; deliveries are queued. See its log."
    if seconds > _STALE_SECONDS:
        return (
            f"The worker has sent no heartbeat for {seconds:.0f} seconds; deliveries are queued."
            " See its log."
        )
    return None


def _prove(inbox: Inbox) -> tuple[Counts, float | None]:
    inbox.prove_writable()
    return inbox.count_deliveries(), inbox.read_last_beat()


# --- metrics ------------------------------------------------------------------------------------


class ListenerMetrics:
    """The figures of one listener."""

    def __init__(self, inbox: Inbox, committer: Committer) -> None:
        """Start all counters at zero."""
        self._inbox = inbox
        self._committer = committer
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "deliveries", "Deliveries received, by status and result.",
            ("code", "outcome"), namespace=_NAMESPACE, registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "acknowledgement_seconds",
            "Seconds from receiving a delivery to its 202, with the delivery on disk.",
            namespace=_NAMESPACE, registry=self._registry, buckets=_BUCKETS,
        )  # fmt: skip
        self._depth = self._gauge("inbox_deliveries", "Deliveries not yet processed.")
        self._oldest = self._gauge(
            "inbox_oldest_seconds", "Waiting time of the oldest delivery, in seconds."
        )
        self._waiting = self._gauge(
            "inbox_uncommitted", "Deliveries waiting to be written to disk."
        )
        self._readable = self._gauge("inbox_readable", "Whether the inbox can be read: 0 or 1.")
        self._alive = self._gauge(
            "worker_heartbeat_age_seconds",
            "Seconds since the worker's last heartbeat; NaN: none yet.",
        )
        ProcessCollector(namespace=f"{_NAMESPACE}_listener", registry=self._registry)
        # Looked up once; every delivery passes here.
        self._taken = {kept: self._answers.labels("202", kept.value) for kept in ReceiptKind}
        for status in _REFUSALS:
            self._answers.labels(str(status), "refused")

    def count_taken(self, kept: ReceiptKind, seconds: float) -> None:
        """Count a delivery that was answered with 202."""
        self._taken[kept].inc()
        self._seconds.observe(seconds)

    def count_refused(self, status: int) -> None:
        """Count a delivery that was refused."""
        self._answers.labels(str(status), "refused").inc()

    def write(self) -> bytes:
        """Write all figures as Prometheus reads them; reads the inbox."""
        now = read_clock()
        try:
            # Who reads waits for nobody who writes.
            there = self._inbox.count_deliveries()
        except AgentError:
            self._readable.set(0)
        else:
            self._readable.set(1)
            self._depth.set(there.unread)
            oldest = there.oldest_unread
            self._oldest.set(0.0 if oldest is None else max(0.0, now - oldest))
        self._waiting.set(self._committer.waiting)
        beat = self._inbox.read_last_beat()
        self._alive.set(float("nan") if beat is None else now - beat)
        return generate_latest(self._registry)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(name, words, namespace=_NAMESPACE, registry=self._registry)
