"""List the endpoints of a FastAPI application, with those of the named dependencies that each has.

Endpoints that have one are asked without credentials: what is declared may do nothing. The
application answers for itself here, so nothing is proved by it; the list serves the reviewer.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import pkgutil
import re
import sys
import time

import mergewright_entry
import mergewright_report

MOST_ENDPOINTS = 5000
SECONDS_START, SECONDS_EACH, SECONDS_ALL = 10, 5, 60


def main():
    order, report = mergewright_entry.begin()
    sys.path[:] = [*order["python_path"], *sys.path]

    def work():
        found = importlib.import_module(order["app_module"])
        for name in order["app_name"].split("."):
            found = getattr(found, name)
        wanted, missing = {}, []
        for name in order["dependencies"]:
            try:
                wanted[name] = pkgutil.resolve_name(name)
            except (ImportError, AttributeError, ValueError):
                missing.append(name)
        # A loop that is left as it is: what the application begins in it may never end.
        work = list_started(found, order["tree"], wanted)
        listed = asyncio.new_event_loop().run_until_complete(work)
        print("%d endpoints" % len(listed))
        endpoints = listed[:MOST_ENDPOINTS]
        report.add("endpoints", endpoints=endpoints, all=len(listed), missing=missing)
        return 0

    ended = "the application ended the process with %s"
    try:
        mergewright_report.leave(report, order["tree"], work, ended)
    except SystemExit as end:
        os._exit(end.code)  # threads that the application has started may never end


async def list_started(app, tree, wanted):
    """List the endpoints once the application has started, where it does: that may add some."""

    async def start():
        try:
            return await app.router.lifespan_context(app).__aenter__()
        # Applications leave by sys.exit where a setting is missing.
        except BaseException as problem:
            print("it did not start: %r" % problem)

    starting = asyncio.ensure_future(start())
    done, _ = await asyncio.wait([starting], timeout=SECONDS_START)
    state = starting.result() if done else None
    listed = list_endpoints(app, tree, wanted)
    await request_guarded(app, listed, state or {})
    return listed


def list_endpoints(app, tree, wanted):
    """Return the endpoints, each with the names of the wanted dependencies that it has."""
    root = (getattr(app, "root_path", "") or "").rstrip("/")
    return [
        {
            "methods": " or ".join(sorted(getattr(route, "methods", None) or ("WEBSOCKET",))),
            "path": path,
            "function": ".".join(_name(route.endpoint)),
            "place": _place(route.endpoint, tree),
            "asks": [
                name
                for name, one in wanted.items()
                # Routes of Starlette have no dependencies.
                if _depends(getattr(route, "dependant", None), one, overrides)
            ],
        }
        for path, route, overrides in _iterate_endpoints(app, root)
    ]


async def request_guarded(app, endpoints, state):
    """Note what endpoints with a wanted dependency answer to who has no credentials; 0: nothing."""
    root = (getattr(app, "root_path", "") or "").rstrip("/")
    end = time.monotonic() + SECONDS_ALL
    for endpoint in endpoints:
        endpoint["status"] = 0
        method = endpoint["methods"].partition(" ")[0]
        if endpoint["asks"] and method != "WEBSOCKET" and time.monotonic() < end:
            path = re.sub(r"{[^}]*}", "1", endpoint["path"][len(root) :])
            endpoint["status"] = await _request(app, method, path, state)


async def _request(app, method, path, state):
    statuses = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80), "state": {**state},
    }  # fmt: skip
    try:
        await asyncio.wait_for(app(scope, receive, send), SECONDS_EACH)
    except Exception:
        return 0
    return statuses[0] if statuses else 0


def _iterate_endpoints(app, before):
    """Yield each endpoint's whole path, also in mounted applications, it, and what is overridden.

    A path parameter keeps its converter, as in `{name:path}`.
    """
    from fastapi import routing

    overrides = getattr(app, "dependency_overrides", None) or {}
    # Later versions keep included routers as they are.
    opened = getattr(routing, "iter_route_contexts", None)
    for route in opened(app.routes) if opened else app.routes:
        path = before + (getattr(route, "path", None) or "")
        if getattr(route, "endpoint", None) is not None:
            yield path, route, overrides
            continue
        inner = getattr(route, "_base_app", getattr(route, "app", None))
        inner = inner if hasattr(inner, "routes") else route
        if hasattr(inner, "routes"):
            yield from _iterate_endpoints(inner, path)


def _depends(dependant, wanted, overrides):
    """Whether a dependency is asked, by whatever other ones; not one that is overridden."""
    return dependant is not None and any(
        dependency.call not in overrides
        and (_is(dependency.call, wanted) or _depends(dependency, wanted, overrides))
        for dependency in dependant.dependencies
    )


def _is(call, wanted):
    """Whether that is it; a class also means its instances, a function what it makes."""
    while isinstance(call, functools.partial):
        call = call.func
    if call == wanted or (isinstance(wanted, type) and isinstance(call, wanted)):
        return True
    module, name = _name(wanted)
    made_in, made = _name(call)
    return made_in == module and made.startswith(name + ".<locals>.")


def _name(one):
    """Return the module and the name in it; an instance has those of its class."""
    named = one if hasattr(one, "__qualname__") else type(one)
    return str(named.__module__), str(named.__qualname__)


def _place(function, tree):
    """Name `path:line` of a function or class in the tree; nothing of any other."""
    try:
        function = inspect.unwrap(function)
        path, line = inspect.getfile(function), ""
    except Exception:
        return ""
    code = getattr(function, "__code__", None)
    if code is not None:
        path, line = code.co_filename, ":%d" % code.co_firstlineno
    inner = mergewright_report.relative_path(path, tree)
    return inner and inner + line


if __name__ == "__main__":
    main()
