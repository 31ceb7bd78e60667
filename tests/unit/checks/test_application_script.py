"""What an application lists of its endpoints and what they depend on."""

import asyncio
import contextlib
import functools
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Security

SCRIPT = "mergewright_application"


def signed_in() -> None: ...


def other_signed_in() -> None: ...


def admin(user: Annotated[None, Depends(signed_in)]) -> None: ...


class Role:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, user: Annotated[None, Depends(signed_in)]) -> None: ...


def require(name: str):
    def check() -> None: ...

    return check


editor = Role("editor")


def f() -> None: ...


def listed(script, app: FastAPI, **wanted: object) -> dict[str, list[str]]:
    found = script.list_asgi("", app, wanted)
    return {one["name"]: one["asks"] for one in found if one["kind"] == "route"}


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        (signed_in, signed_in, True),
        (admin, signed_in, True),
        (other_signed_in, signed_in, False),
        (editor, editor, True),
        (editor, signed_in, True),
        (Role("editor"), editor, False),
        (Role("reader"), Role, True),
        (require("admin"), require, True),
        (functools.partial(admin), admin, True),
    ],
)
def test_a_dependency_is_known_by_what_it_is(script, given, wanted, expected):
    app = FastAPI(openapi_url=None)
    app.get("/x", dependencies=[Depends(given)])(f)
    assert bool(listed(script, app, it=wanted)["GET /x"]) is expected


def test_routers_mounts_and_hidden_endpoints_are_listed_by_their_whole_paths(script):
    inner, outer, sub = APIRouter(prefix="/inner"), APIRouter(), FastAPI(openapi_url=None)
    inner.get("/{name:path}", include_in_schema=False)(f)
    inner.websocket("/live")(f)
    outer.include_router(inner, dependencies=[Security(signed_in)])
    sub.api_route("/", methods=["POST", "PUT"])(f)
    app = FastAPI(openapi_url=None, dependencies=[Depends(other_signed_in)])
    app.root_path = "/shop/"
    app.include_router(outer, prefix="/v1")
    app.mount("/sub", sub)
    app.router.add_route("/plain", f)
    assert listed(script, app, a=signed_in, b=other_signed_in) == {
        "GET or HEAD /shop/plain": [],
        "GET /shop/v1/inner/{name:path}": ["a", "b"],
        "WEBSOCKET /shop/v1/inner/live": ["a", "b"],
        "POST or PUT /shop/sub/": [],
    }


def test_guarded_endpoints_are_asked_without_credentials(script):
    closed = [True]

    def refuses() -> None:
        if closed:
            raise HTTPException(401)

    app = FastAPI(openapi_url=None)
    app.root_path = "/shop"
    app.get("/{name}", dependencies=[Depends(refuses)])(f)
    app.post("/orders", dependencies=[Depends(refuses), Depends(signed_in)])(f)
    app.get("/open/x")(f)

    def ask() -> dict[str, int]:
        found = script.list_asgi("", app, {"it": refuses})
        asyncio.run(script.request_guarded(app, found, {}))
        return {one["name"]: one["status"] for one in found if one["kind"] == "route"}

    names = "GET /shop/{name}", "POST /shop/orders", "GET /shop/open/x"
    assert ask() == dict(zip(names, (401, 401, 0), strict=True))
    closed.clear()
    assert ask() == dict(zip(names, (200, 200, 0), strict=True))


def test_an_overridden_dependency_is_not_asked(script):
    app, sub = FastAPI(openapi_url=None), FastAPI(openapi_url=None)
    for one in (app, sub):
        one.get("/x", dependencies=[Depends(admin)])(f)
    app.mount("/sub", sub)
    app.dependency_overrides[signed_in] = lambda: None
    assert listed(script, app, it=signed_in) == {"GET /x": [], "GET /sub/x": ["it"]}


async def add_late(app: FastAPI) -> None:
    app.get("/late", dependencies=[Depends(signed_in)])(lambda: None)


async def wait_for_ever(_: FastAPI) -> None:
    await asyncio.Event().wait()


async def leave(_: FastAPI) -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("begin", "paths"), [(add_late, ["/x", "/late"]), (wait_for_ever, ["/x"]), (leave, ["/x"])]
)
def test_endpoints_that_a_start_adds_are_listed_where_it_works(script, monkeypatch, begin, paths):
    @contextlib.asynccontextmanager
    async def live(app: FastAPI):
        await begin(app)
        yield

    monkeypatch.setattr(script, "SECONDS_START", 1)
    app = FastAPI(openapi_url=None, lifespan=live)
    app.get("/x")(f)
    facts = asyncio.run(script.list_started("", app, {"it": signed_in}))
    found = [fact for fact in facts if fact["kind"] == "route"]
    assert [fact["url"] for fact in found] == paths
    assert [fact["status"] for fact in found if fact["asks"]] == [200] * (len(paths) - 1)
