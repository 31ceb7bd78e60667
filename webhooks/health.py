"""Is the listener alive, and is what it takes carried out? For supervisors and monitors.

`/healthz` answers 200 as long as deliveries are answered at all: what decides where they are sent
asks there. `/readyz` answers 503 with the reason while the inbox cannot be written or the worker
stands still; in the latter case deliveries are taken all the same, and wait. `/metrics` is for
Prometheus: figures of the listener, and those that the worker leaves in a file, with its age.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from stat import S_ISREG

import structlog
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
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import JSONResponse, Response

from agent.errors import AgentError
from agent.models.clock import read_clock
from agent.store.sql_inbox import Counts, Inbox, ReceiptKind
from agent.telemetry import metrics
from webhooks.inbox import Committer

_PROBE_SECONDS = 5.0
#: A probe writes to the disk; who asks more often gets the last answer.
_PROBE_FRESH_SECONDS = 2.0
#: The worker leaves a sign of life every second; longer than this it stands still.
_STALE_SECONDS = 30.0
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_NAMESPACE = "mergewright"
_METRICS_FRESH_SECONDS = 1.0
#: The worker writes some thousand bytes.
_MOST_BYTES = 1024 * 1024
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REFUSALS = (400, 401, 408, 413, 415, 422, 503)

_log = structlog.get_logger()


def router(committer: Committer, figures: ListenerMetrics) -> APIRouter:
    """Serve `/healthz`, `/readyz` and `/metrics`."""
    routes = APIRouter()
    probe = _Probe(committer)

    @routes.get("/healthz")
    async def alive() -> Response:
        return JSONResponse({"alive": True}, headers=_HEADERS)

    @routes.get("/readyz")
    async def ready() -> Response:
        facts = await probe.facts()
        return JSONResponse(facts, 200 if facts["ready"] else 503, _HEADERS)

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(await figures.text(), headers=_HEADERS, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes


class _Probe:
    """Writes to the inbox at most every other second, however many ask."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._one = asyncio.Lock()
        self._asked = float("-inf")
        self._known: dict[str, object] = {}

    async def facts(self) -> dict[str, object]:
        async with self._one:
            if time.monotonic() - self._asked > _PROBE_FRESH_SECONDS:
                self._known = await self._ask()
                self._asked = time.monotonic()
        return self._known

    async def _ask(self) -> dict[str, object]:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                counts, beat = await self._committer.ask(_prove)
        except (AgentError, TimeoutError):
            return {
                "ready": False,
                "reason": "The inbox cannot be written, so deliveries are refused; see the log of"
                " the listener.",
                "inbox": {"writable": False},
            }
        now = read_clock()
        oldest = counts.oldest_unread
        reason = _stands_still(None if beat is None else now - beat)
        return {
            "ready": reason is None,
            "reason": reason,
            "inbox": {
                "writable": True,
                "waiting": self._committer.waiting,
                "unread": counts.unread,
                "oldest_unread_seconds": None if oldest is None else round(now - oldest, 1),
            },
            "worker": {"heartbeat_seconds": None if beat is None else round(now - beat, 1)},
        }


def _stands_still(seconds: float | None) -> str | None:
    """Say that nobody carries out what is taken, by the age of the worker's sign of life."""
    if seconds is None:
        return "The worker has not begun yet; deliveries are taken and wait. See its log."
    if seconds > _STALE_SECONDS:
        return (
            f"The worker has left no sign of life for {seconds:.0f} seconds; deliveries are taken"
            " and wait. See its log."
        )
    return None


def _prove(inbox: Inbox) -> tuple[Counts, float | None]:
    inbox.prove_writable()
    return inbox.counts(), inbox.read_last_beat()


# --- metrics ------------------------------------------------------------------------------------


class ListenerMetrics:
    """The figures of one listener."""

    def __init__(self, home: Path, inbox: Inbox, committer: Committer) -> None:
        """Start all counters at zero.

        Args:
            home: Where the worker leaves its figures.
        """
        self._home = home
        self._inbox = inbox
        self._committer = committer
        self._one = asyncio.Lock()
        self._asked = float("-inf")
        self._known = b""
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "deliveries", "Deliveries answered, by the status and what became of them.",
            ("code", "outcome"), namespace=_NAMESPACE, registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "acknowledgement_seconds", "From the head of a delivery to its 202, on disk by then.",
            namespace=_NAMESPACE, registry=self._registry, buckets=_BUCKETS,
        )  # fmt: skip
        self._depth = self._gauge("inbox_deliveries", "Deliveries that nobody has decided yet.")
        self._oldest = self._gauge("inbox_oldest_seconds", "How long the oldest of them waits.")
        self._waiting = self._gauge("inbox_uncommitted", "Deliveries that wait for a commit.")
        self._readable = self._gauge("inbox_readable", "Whether the inbox could be asked: 0 or 1.")
        self._alive = self._gauge(
            "worker_heartbeat_age_seconds", "Since the worker's sign of life; NaN: there is none."
        )
        self._age = self._gauge(
            "worker_figures_age_seconds",
            f"Since the worker has told its figures, which it does every {metrics.SECONDS:.0f} s;"
            " NaN: it has not.",
        )
        ProcessCollector(namespace=f"{_NAMESPACE}_listener", registry=self._registry)
        # Looked up once; every delivery passes here.
        self._taken = {kept: self._answers.labels("202", kept.value) for kept in ReceiptKind}
        for status in _REFUSALS:
            self._answers.labels(str(status), "refused")

    def taken(self, kept: ReceiptKind, seconds: float) -> None:
        """Count a delivery that was answered with 202."""
        self._taken[kept].inc()
        self._seconds.observe(seconds)

    def refused(self, status: int) -> None:
        """Count a delivery that was refused."""
        self._answers.labels(str(status), "refused").inc()

    async def text(self) -> bytes:
        """Give all figures as Prometheus reads them."""
        async with self._one:
            if time.monotonic() - self._asked > _METRICS_FRESH_SECONDS:
                self._known = await asyncio.to_thread(self._collect)
                self._asked = time.monotonic()
        return self._known

    def _collect(self) -> bytes:
        now = read_clock()
        try:
            # Who reads waits for nobody who writes.
            there = self._inbox.counts()
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
        of_worker, written = _of_worker(self._home / metrics.FILE_NAME)
        self._age.set(float("nan") if written is None else now - written)
        return generate_latest(self._registry) + of_worker

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(name, words, namespace=_NAMESPACE, registry=self._registry)


def _of_worker(path: Path) -> tuple[bytes, float | None]:
    """Read what the worker has left, and when; what is no figures would spoil our own."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(file, "rb") as opened:
            facts = os.fstat(file)
            raw = opened.read(_MOST_BYTES + 1) if S_ISREG(facts.st_mode) else b""
        if not 0 < len(raw) <= _MOST_BYTES or not raw.endswith(b"\n"):
            return b"", None
        for _ in text_string_to_metric_families(raw.decode()):
            pass
    except OSError:
        return b"", None
    except ValueError as problem:
        _log.warning("the worker's metrics cannot be read", problem=str(problem)[:200])
        return b"", None
    return raw, facts.st_mtime
