"""Is the listener alive, and is what it takes carried out? For supervisors and monitors.

`/healthz` answers 200 as long as deliveries are answered at all: what decides where they are sent
asks there. `/readyz` answers 503 with the reason while the inbox cannot be written or the worker
stands still; in the latter case deliveries are taken all the same, and wait. `/metrics` is for
Prometheus.
"""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from agent.errors import AgentError
from agent.service.pause import Pause, Switch
from agent.store.sql_inbox import Counts, Inbox
from webhooks.inbox import Committer
from webhooks.listener_metrics import KIND, ListenerMetrics

_PROBE_SECONDS = 5.0
#: A probe writes to the disk; whoever asks more often gets the last answer.
_FRESH_SECONDS = 2.0
#: The worker leaves a sign of life every second; longer than this it stands still.
_STALE_SECONDS = 30.0
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


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
        return Response(await figures.text(), headers=_HEADERS, media_type=KIND)

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
            if time.monotonic() - self._asked > _FRESH_SECONDS:
                self._known = await self._ask()
                self._asked = time.monotonic()
        return self._known

    async def _ask(self) -> dict[str, object]:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                counts, beat, paused = await self._committer.ask(_prove)
        except (AgentError, TimeoutError):
            return {
                "ready": False,
                "reason": "The inbox cannot be written, so deliveries are refused; see the log of"
                " the listener.",
                "inbox": {"writable": False},
            }
        now = time.time()
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
            # Why is the operator's own affair; runs wait meanwhile, and deliveries are taken.
            "paused": None if paused is None else {"seconds": round(now - paused.since, 1)},
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


def _prove(inbox: Inbox) -> tuple[Counts, float | None, Pause | None]:
    inbox.prove_writable()
    return inbox.counts(), inbox.last_beat(), Switch(inbox.path.parent).get_pause()
