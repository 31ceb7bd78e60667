"""What the listener counts and measures, and the worker's figures beside it, for Prometheus.

The listener cannot read the store: what there is to know of runs, the worker leaves in a file
(`agent.telemetry.metrics`). Of that the age is told, so that figures of a worker that is gone show
as old.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from stat import S_ISREG

import structlog
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

from agent.errors import AgentError
from agent.service.pause import Switch
from agent.store.sql_inbox import Inbox, ReceiptKind
from agent.telemetry import metrics
from webhooks.inbox import Committer

KIND = CONTENT_TYPE_PLAIN_0_0_4

_NAMESPACE = "mergewright"
#: Whoever asks more often gets the last answer.
_FRESH_SECONDS = 1.0
#: The worker writes some thousand bytes.
_MOST_BYTES = 1024 * 1024
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REFUSALS = (400, 401, 408, 413, 415, 422, 503)

_log = structlog.get_logger()


class ListenerMetrics:
    """The figures of one listener."""

    def __init__(self, home: Path, inbox: Inbox, committer: Committer) -> None:
        """Begin at nought.

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
        self._paused = self._gauge("paused", "Whether everything is paused: 0 or 1.")
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
            if time.monotonic() - self._asked > _FRESH_SECONDS:
                self._known = await asyncio.to_thread(self._collect)
                self._asked = time.monotonic()
        return self._known

    def _collect(self) -> bytes:
        now = time.time()
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
        self._paused.set(Switch(self._home).get_pause() is not None)
        beat = self._inbox.last_beat()
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
        _log.warning("the worker's figures cannot be read", problem=str(problem)[:200])
        return b"", None
    return raw, facts.st_mtime
