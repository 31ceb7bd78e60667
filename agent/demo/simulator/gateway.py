"""What every request passes first: the way by repository id, the request log, and faults."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.demo.simulator import faults
from agent.demo.simulator.faults import Fault
from agent.demo.simulator.request_log import Asked
from agent.demo.simulator.world import World

_BY_ID = "/api/v3/repositories/"
_BODY_KEPT = 2_000


class Gateway:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, world: World, close: Callable[[Scope], None]) -> None:
        self.app = app
        self.world = world
        self.close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"].startswith("/_simulator"):
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(self.world, scope, send, self.close)
        self._resolve_id(scope)
        hand_on = receive
        if exchange.is_json or self.world.faults.needs_body():
            try:
                exchange.body = await Request(scope, receive).body()
            except ClientDisconnect:  # it was killed while it asked
                return
            hand_on = faults.replaying(exchange.body)
        fault = self.world.faults.strike(scope["method"], exchange.path, exchange.body)
        exchange.fault = fault
        try:
            if fault and fault.kind in ("expire", "uninstall"):
                await run_in_threadpool(self._take_away, fault)
                fault = None
            if fault is None:
                await self.app(scope, hand_on, exchange.send)
            else:
                await faults.apply(fault, self.app, scope, hand_on, exchange.send, exchange.close)
        except faults.Dropped:
            await _wait_for_disconnect(receive)
        finally:
            exchange.record()

    def _take_away(self, fault: Fault) -> None:
        """End all tokens, or remove every App, just before a request is looked at."""
        with self.world.lock:
            if fault.kind == "expire":
                self.world.expire_tokens()
            else:
                for one in list(self.world.installations.values()):
                    self.world.uninstall(one)

    def _resolve_id(self, scope: Scope) -> None:
        """Let /repositories/ID lead where /repos/OWNER/NAME leads, as GitHub's redirects need."""
        path = scope["path"]
        if not path.startswith(_BY_ID):
            return
        number, slash, rest = path.removeprefix(_BY_ID).partition("/")
        with self.world.lock:
            known = self.world.repositories.get(int(number)) if number.isdigit() else None
        if known:
            scope["path"] = f"/api/v3/repos/{known.full_name}{slash}{rest}"
            scope["raw_path"] = quote(scope["path"]).encode()


class _Exchange:
    """One request and its answer, logged once, before the client can see that it is over."""

    def __init__(
        self, world: World, scope: Scope, send: Send, close: Callable[[Scope], None]
    ) -> None:
        self.world = world
        self.scope = scope
        self.path: str = scope["path"]
        self.is_json = self.path.startswith("/api/")
        self.body = b""
        self.fault: Fault | None = None
        self._number = world.requests.next_number()
        self._begun = time.time()
        self._status = 0
        self._recorded = False
        self._send = send
        self._close = close

    async def send(self, message: Message) -> None:
        """Hand a part of the answer on."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif not message.get("more_body"):
            self.record()
        await self._send(message)

    def close(self, scope: Scope) -> None:
        """Close the connection without a further byte."""
        self._status = 0
        self.record()
        self._close(scope)

    def record(self) -> None:
        """Log the request; a second time does nothing."""
        if self._recorded:
            return
        self._recorded = True
        request = Request(self.scope)
        kept = self.body[:_BODY_KEPT].decode("utf-8", "replace") if self.is_json else ""
        self.world.requests.add(
            Asked(
                number=self._number,
                at=self._begun,
                method=self.scope["method"],
                path=self.path,
                query=self.scope["query_string"].decode("latin-1"),
                status=self._status,
                seconds=round(time.time() - self._begun, 4),
                caller=getattr(request.state, "caller", "anonymous"),
                agent=request.headers.get("user-agent", ""),
                fault=self.fault.kind if self.fault else None,
                body=kept,
            )
        )


async def _wait_for_disconnect(receive: Receive) -> None:
    """Stay until the server knows that the connection is closed, or it would answer 500."""
    while (await receive())["type"] != "http.disconnect":
        pass
