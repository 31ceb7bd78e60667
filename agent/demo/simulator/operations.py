"""Collect the operations of the API and answer requests with them.

An operation is a plain function from `Call` to JSON (or `Reply`), registered under the path that
GitHub's own description gives it. Everything that holds for all operations is here: who asks,
limits, lock, refusals, ETag, headers.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from agent.demo.simulator import access, limits, refusals
from agent.demo.simulator.access import Caller
from agent.demo.simulator.call import Call, Reply
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.world import World

Operation = Callable[[Call], object]
REST = "/api/v3"
_NO_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent "
    "header"
)


@dataclass(frozen=True)
class Registered:
    """One operation with how it is reached."""

    method: str
    path: str
    status: int
    content: bool
    """Counts as creation of content for the secondary limits."""
    work: Operation


class Operations:
    """The operations of one area; fill it with the decorators."""

    def __init__(self) -> None:
        self.registered: list[Registered] = []

    def get(self, path: str) -> Callable[[Operation], Operation]:
        """Register a reading operation."""
        return self._register("GET", path, 200)

    def post(
        self, path: str, status: int = 201, *, content: bool = False
    ) -> Callable[[Operation], Operation]:
        """Register a creating operation."""
        return self._register("POST", path, status, content=content)

    def patch(self, path: str) -> Callable[[Operation], Operation]:
        """Register a changing operation."""
        return self._register("PATCH", path, 200)

    def put(self, path: str, status: int = 200) -> Callable[[Operation], Operation]:
        """Register a replacing operation."""
        return self._register("PUT", path, status)

    def delete(self, path: str, status: int = 204) -> Callable[[Operation], Operation]:
        """Register a removing operation."""
        return self._register("DELETE", path, status)

    def _register(
        self, method: str, path: str, status: int, *, content: bool = False
    ) -> Callable[[Operation], Operation]:
        def keep(work: Operation) -> Operation:
            self.registered.append(Registered(method, path, status, content, work))
            return work

        return keep


def router(world: World, areas: list[Operations]) -> APIRouter:
    """Make the routes of all areas, and GitHub's answer for every other path."""
    made = APIRouter()
    for area in areas:
        for one in area.registered:
            made.add_api_route(
                REST + _starlette(one.path),
                endpoint(world, one),
                methods=[one.method],
                name=f"{one.method} {one.path}",
            )
    unknown = Registered("*", "*", 404, content=False, work=_unknown)
    made.add_api_route(
        REST + "/{rest:path}",
        endpoint(world, unknown),
        methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
        name="unknown",
    )
    return made


def _starlette(path: str) -> str:
    """Let the last parameter take slashes where it is a path or reference."""
    for name in ("path", "ref", "branch", "basehead", "tree_sha"):
        if path.endswith("{" + name + "}"):
            return path.removesuffix("}") + ":path}"
    return path.replace("{ref}/", "{ref:path}/").replace("{name}", "{name:path}")


def _unknown(call: Call) -> object:
    raise refusals.not_found()


def endpoint(
    world: World, operation: Registered
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Give the coroutine that answers requests with an operation."""

    async def answer(request: Request) -> Response:
        raw = await request.body()
        return await run_in_threadpool(_answer, world, operation, request, raw)

    return answer


def _answer(world: World, operation: Registered, request: Request, raw: bytes) -> Response:
    if not request.headers.get("user-agent"):
        return _refused(Refusal(403, _NO_AGENT))
    try:
        with world.lock:
            caller = access.identify(world, request.headers.get("authorization"))
    except Refusal as refusal:
        return _refused(refusal)
    request.state.caller = caller.identity
    try:
        world.limits.enter(
            caller.identity, operation.method, content=operation.content, words=caller.words
        )
    except Refusal as refusal:
        return _with_limits(world, caller, _refused(refusal))
    answered: Response | None = None
    try:
        answered = _perform(world, operation, request, raw, caller)
    finally:
        unchanged = answered is not None and answered.status_code == 304
        world.limits.leave(caller.identity, unchanged=unchanged)
    return _with_limits(world, caller, answered)


def _perform(
    world: World, operation: Registered, request: Request, raw: bytes, caller: Caller
) -> Response:
    call = Call(
        world=world,
        caller=caller,
        method=request.method,
        path=request.url.path,
        params=dict(request.path_params),
        query=dict(request.query_params),
        headers=request.headers,
        raw=raw,
    )
    try:
        with world.lock:
            done = operation.work(call)
    except Refusal as refusal:
        return _refused(refusal)
    reply = done if isinstance(done, Reply) else Reply(done)
    status = reply.status or operation.status
    if status in (204, 302):
        return Response(status_code=status, headers=reply.headers)
    answered = _json(reply.body, status, reply.headers)
    if request.method == "GET":
        _mark(answered, request)
    return answered


def _json(body: object, status: int, headers: dict[str, str]) -> Response:
    return Response(
        json.dumps(body, ensure_ascii=False).encode(),
        status,
        {"Content-Type": "application/json; charset=utf-8", **headers},
    )


def _refused(refusal: Refusal) -> Response:
    return _json(refusal.body(), refusal.status, refusal.headers)


def _mark(answered: Response, request: Request) -> None:
    """Give the answer its ETag, and let it say 304 to a client that has it already."""
    seen = request.headers.get("authorization", "").encode()
    tag = f'W/"{hashlib.sha256(seen + bytes(answered.body)).hexdigest()}"'
    answered.headers["ETag"] = tag
    answered.headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
    known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or tag.removeprefix("W/") in known:
        answered.status_code = 304
        answered.body = b""
        del answered.headers["content-length"]


def _with_limits(world: World, caller: Caller, answered: Response) -> Response:
    for name, value in limits.headers(world.limits.window(caller.identity)).items():
        answered.headers.setdefault(name, value)
    answered.headers["X-GitHub-Request-Id"] = uuid.uuid4().hex[:20].upper()
    answered.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
    answered.headers["X-GitHub-Api-Version-Selected"] = "2022-11-28"
    if caller.token:
        if not caller.token.installation:
            answered.headers["X-OAuth-Scopes"] = ", ".join(caller.token.scopes)
    return answered
