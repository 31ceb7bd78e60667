"""The listener's routes: verify, parse, commit, answer.

`POST /webhooks/github` answers 202 only for deliveries on disk. Requests with unacceptable headers
are refused before the body is read. Everything else is checked only after the signature.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

import structlog
from fastapi import FastAPI
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.conversation import deliveries
from agent.models.ticket import Delivery
from agent.store.sql_inbox import Inbox
from agent.telemetry.web_server import PLAIN
from webhooks import admission, events, health
from webhooks.admission import RefusedDelivery
from webhooks.inbox import Committer

_DELIVERY_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: Larger bodies are checked and parsed in a thread, where they do not delay other requests.
_ASIDE_BYTES = 256 * 1024

_log = structlog.get_logger()


def make_listener(
    secrets: Callable[[], tuple[bytes, ...]], inbox: Inbox
) -> tuple[FastAPI, FastAPI]:
    """Make the applications for deliveries and for health; the first one closes the inbox.

    Args:
        secrets: Returns the current secrets of the webhook.
    """
    committer = Committer(inbox)
    figures = health.ListenerMetrics(inbox, secrets)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        committer.start()
        yield
        await committer.stop()

    app = FastAPI(lifespan=lifespan, **PLAIN)

    async def answer(request: Request) -> Response:
        try:
            delivery = await read_delivery(request)
            receipt = await committer.put(delivery)
        except RefusedDelivery as problem:
            figures.count_refused(problem)
            raise
        figures.count_taken(receipt.status)
        accepted = {"delivery": delivery.delivery_id, **receipt._asdict()}
        # `JSONResponse` would make a new encoder each time.
        return Response(to_json(accepted), 202, media_type="application/json")

    async def read_delivery(request: Request) -> Delivery:
        headers = request.headers
        admission.check_head(headers)
        signature = admission.read_signature(headers.get(admission.SIGNATURE_HEADER))
        event = _header(headers, "X-GitHub-Event", _EVENT)
        delivery_id = _header(headers, "X-GitHub-Delivery", _DELIVERY_ID).lower()
        body = await admission.read_body(request.stream())
        verify = partial(_verify_delivery, secrets(), body, signature, event, delivery_id)
        return await asyncio.to_thread(verify) if len(body) > _ASIDE_BYTES else verify()

    # A plain route: the framework must parse nothing before the signature is checked.
    app.add_route("/webhooks/github", answer, methods=["POST"])
    app.add_exception_handler(RefusedDelivery, _make_refusal)
    return app, health.make_app(inbox, figures)


def _verify_delivery(
    secrets: tuple[bytes, ...], body: bytes, signature: str, event: str, delivery_id: str
) -> Delivery:
    """Check the signature, then parse; only fields that the intake reads are kept."""
    admission.verify_signature(secrets, body, signature)
    return deliveries.make_delivery(delivery_id, event, events.parse_event(event, body))


def _header(headers: Mapping[str, str], name: str, shape: re.Pattern[str]) -> str:
    value = headers.get(name, "")
    if not shape.fullmatch(value):
        raise RefusedDelivery(400, f"The header {name} is missing or not in GitHub's format.")
    return value


def _make_refusal(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RefusedDelivery)  # noqa: S101  the handler is set for this class alone
    client = request.client.host if request.client else None
    _log.warning("refused", status=problem.status, reason=problem.message, client=client)
    headers = {"Retry-After": "5"} if problem.status == 503 else None
    return JSONResponse({"status": "refused", "reason": problem.message}, problem.status, headers)
