"""Is the listener alive, and can it take deliveries? For supervisors and monitors."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from agent.adapters.sql_inbox import Counts, Inbox
from agent.errors import AgentError
from webhooks.inbox import Committer

_PROBE_SECONDS = 5.0
#: A probe writes to the disk; whoever asks more often gets the last answer.
_FRESH_SECONDS = 2.0
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def router(committer: Committer) -> APIRouter:
    """Serve `/healthz` and `/readyz`."""
    routes = APIRouter()
    probe = _Probe(committer)

    @routes.get("/healthz")
    async def alive() -> Response:
        return JSONResponse({"alive": True}, headers=_HEADERS)

    @routes.get("/readyz")
    async def ready() -> Response:
        facts = await probe.facts()
        return JSONResponse(facts, 200 if facts["ready"] else 503, _HEADERS)

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
                counts, beat = await self._committer.ask(_prove)
        except (AgentError, TimeoutError):
            return {"ready": False, "inbox": {"writable": False}}
        now = time.time()
        oldest = counts.oldest_unread
        return {
            "ready": True,
            "inbox": {
                "writable": True,
                "waiting": self._committer.waiting,
                "unread": counts.unread,
                "oldest_unread_seconds": None if oldest is None else round(now - oldest, 1),
            },
            # A worker that stands still does not keep deliveries from being taken.
            "worker": {"heartbeat_seconds": None if beat is None else round(now - beat, 1)},
        }


def _prove(inbox: Inbox) -> tuple[Counts, float | None]:
    inbox.prove_writable()
    return inbox.counts(), inbox.last_beat()
