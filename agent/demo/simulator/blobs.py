"""The store that logs are fetched from: another server than the API, which takes no token."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from agent.demo.simulator.routes import workflows
from agent.demo.simulator.world import World

_ERROR = '<?xml version="1.0" encoding="utf-8"?><Error><Code>{}</Code></Error>'


def router(world: World) -> APIRouter:
    """Make the one route of the store."""
    made = APIRouter(prefix=workflows.BLOBS)

    @made.get("/{name}")
    def fetch(name: str, request: Request) -> Response:
        if "authorization" in request.headers:
            return _refused(403, "AuthenticationFailed")
        with world.lock:
            until, text = world.blobs.get(name, (0.0, ""))
            if world.now() > until:
                return _refused(403, "AuthenticationFailed")
        return Response(text, media_type="text/plain; charset=utf-8")

    return made


def _refused(status: int, code: str) -> Response:
    return Response(_ERROR.format(code), status, media_type="application/xml")
