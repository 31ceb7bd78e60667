"""`/livez`, `/readyz` and `/metrics` of a process: is it alive, and can it do its work?

`/livez` is for supervisors and load balancers. `/readyz` is for alerts: it answers 503 with the
reason. All other paths answer 404.
"""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import JSONResponse, Response

from agent.errors import AgentError
from agent.telemetry import web_server

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_TRIAL_SECONDS = 5.0

Readiness = dict[str, object]
"""The response, an object with `ready` and `reason`."""
ReadReadiness = Callable[[], Awaitable[Readiness]]


def make_app(
    read_readiness: ReadReadiness,
    write_metrics: Callable[[], bytes],
    is_alive: Callable[[], bool] = lambda: True,
) -> FastAPI:
    """Make the application for a port that only supervisors and monitors reach."""
    app = FastAPI(**web_server.PLAIN)
    add_routes(app, read_readiness, is_alive)

    @app.get("/metrics")
    def get_metrics() -> Response:
        return Response(write_metrics(), headers=_HEADERS, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return app


def add_routes(
    app: FastAPI, read_readiness: ReadReadiness, is_alive: Callable[[], bool] = lambda: True
) -> None:

    @app.get("/livez")
    async def get_liveness() -> Response:
        alive = is_alive()
        return JSONResponse({"alive": alive}, 200 if alive else 503, _HEADERS)

    @app.get("/readyz")
    async def get_readiness() -> Response:
        facts = await read_readiness()
        return JSONResponse(facts, 200 if facts["ready"] else 503, _HEADERS)


def make_readiness(reason: str | None, **facts: object) -> Readiness:
    """Return a readiness; `reason` None: the process is ready."""
    return {"ready": reason is None, "reason": reason, **facts}


async def find_failure(trial: Callable[[], object]) -> str | None:
    """Run a trial for at most five seconds; return why it failed, or None."""
    try:
        async with asyncio.timeout(_TRIAL_SECONDS):
            await asyncio.to_thread(trial)
    except AgentError as problem:
        return problem.message
    except TimeoutError:
        return f"It took longer than {_TRIAL_SECONDS:g} seconds."
    return None
