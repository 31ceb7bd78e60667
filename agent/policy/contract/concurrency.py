"""Hold what answers requests to the mode, sync or async, that its path is written in.

An async view in a sync project runs in a loop of its own for each request, loses the middleware's
thread-locals, and breaks on the first query; so it blocks. Other async functions in a sync path,
and sync ones where the path is async, may have their reasons and are for the reviewer. What async
code must not call is left to `async_queries` and `blocking_calls`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import layout
from agent.policy.contract import handlers
from agent.policy.patterns import Patterns
from agent.policy.proposal import Hit, Proposal
from agent.policy.rule import Rule
from agent.policy.view import View, Visit
from repo_config.schema import ConcurrencySection, Mode

CONCURRENCY = Rule(
    id="concurrency",
    demands="What answers requests in a path of mode `sync` is not async.",
    severity=Severity.BLOCK,
    bad="async def orders(request):  # and concurrency.mode is sync",
    good="def orders(request):",
)
SYNC_HANDLER = Rule(
    id="sync-handler",
    demands="What answers requests in a path of mode `async` is async.",
    severity=Severity.REVIEW,
    bad="def orders(request):  # and concurrency.mode is async",
    good="async def orders(request):",
)
ASYNC_CODE = Rule(
    id="async-code",
    demands="Code in a path of mode `sync` has no async functions.",
    severity=Severity.REVIEW,
    bad="async def prices():  # and concurrency.mode is sync",
    good="def prices():",
)
RULES = (CONCURRENCY, SYNC_HANDLER, ASYNC_CODE)

#: What frameworks call only if it is async.
_ALWAYS_ASYNC = frozenset(
    {"contextlib.asynccontextmanager", "contextlib.AbstractAsyncContextManager"}
)
_ROUTERS = frozenset(
    {"django.urls.path", "django.urls.re_path", "django.urls.conf.path", "django.urls.conf.re_path"}
)


def mode_of(path: str, section: ConcurrencySection) -> Mode:
    """Return the mode that a path is written in."""
    mode: Mode = section.mode
    for override in section.overrides:
        if Patterns(override.paths).first(path) is not None:
            mode = override.mode
    return mode


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for what is new and written in another mode than its path."""
    section = proposal.config.concurrency
    if section == ConcurrencySection():
        return
    modes = {file.path: mode_of(file.path, section) for file in proposal.python}
    is_django = proposal.project.framework == "django"

    def among(mode: Mode) -> set[str]:
        return {path for path, its in modes.items() if its == mode and not layout.is_test(path)}

    sync, async_ = among("sync"), among("async")

    def handled(view: View) -> Iterator[Hit]:
        return _async_handlers(view, section, is_django=is_django)

    def left_sync(view: View) -> Iterator[Hit]:
        return _sync_handlers(view, is_django=is_django)

    def other(view: View) -> Iterator[Hit]:
        return _async_code(view, is_django=is_django)

    for file, hit in proposal.fresh(handled, lambda file: file.path in sync):
        yield CONCURRENCY.at(
            file.path,
            f"{hit.message}; code is sync here",
            "Write it as a plain function, or change concurrency in the configuration first.",
            hit.line,
        )
    for file, hit in proposal.fresh(left_sync, lambda file: file.path in async_):
        yield SYNC_HANDLER.at(
            file.path,
            f"{hit.message}; code is async here",
            "Write it as `async def`, or see whether it may block a thread of the server.",
            hit.line,
        )
    for file, hit in proposal.fresh(other, lambda file: file.path in sync):
        yield ASYNC_CODE.at(
            file.path,
            f"{hit.message}; code is sync here",
            "See whether it can be a plain function.",
            hit.line,
        )


def _async_handlers(view: View, section: ConcurrencySection, *, is_django: bool) -> Iterator[Hit]:
    for handler in handlers.of(view, is_django=is_django):
        if handler.is_async and handler.kind != "websocket" and not _is_private(handler):
            says = f"answers requests by the async {handler.kind} {handler.name}"
            yield Hit(f"async {handler.name}", handler.visit.node.lineno, says)
    yield from _routed_elsewhere(view, section)


def _is_private(handler: handlers.Handler) -> bool:
    """Whether it is a function of Django's by its look alone, and by its name one for its module.

    Where a URL configuration leads to it all the same, that is told there.
    """
    return handler.family == "django" and handler.name.startswith("_")


def _routed_elsewhere(view: View, section: ConcurrencySection) -> Iterator[Hit]:
    """Yield the routes of a URL configuration that lead to an async function."""
    if b"path(" not in view.content:
        return
    for visit in view.all(ast.Call):
        if len(visit.node.args) < 2 or not view.names(visit.node.func, visit.scope) & _ROUTERS:
            continue
        for place, rest in view.owners(visit.node.args[1], visit.scope):
            is_async = isinstance(place.node, ast.AsyncFunctionDef) and not rest
            if is_async and mode_of(place.path, section) == "sync":
                says = f"routes requests to the async function {place.node.name}"
                yield Hit(f"route {place.node.name}", visit.node.lineno, says)


def _sync_handlers(view: View, *, is_django: bool) -> Iterator[Hit]:
    for handler in handlers.of(view, is_django=is_django):
        # Django REST framework cannot await.
        if not handler.is_async and handler.family != "rest_framework":
            says = f"answers requests by the sync {handler.kind} {handler.name}"
            yield Hit(f"sync {handler.name}", handler.visit.node.lineno, says)


def _async_code(view: View, *, is_django: bool) -> Iterator[Hit]:
    known = {
        handler.visit.node
        for handler in handlers.of(view, is_django=is_django)
        if handler.kind != "websocket" and not _is_private(handler)
    }
    for visit in view.all(ast.AsyncFunctionDef):
        if visit.node in known or _must_be_async(view, visit):
            continue
        if isinstance(visit.function, ast.AsyncFunctionDef):
            continue  # told of the one around it
        name = f"{visit.qualname}.{visit.node.name}".removeprefix(".")
        yield Hit(f"async {name}", visit.node.lineno, f"has the async function {name}")


def _must_be_async(view: View, visit: Visit[ast.AsyncFunctionDef]) -> bool:
    """Whether it is a part that a framework demands to be async: a middleware, a lifespan."""
    node = visit.node
    if node.name.startswith("__a") or node.name == "__call__":
        return True
    for decorator in node.decorator_list:
        asked = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(asked, ast.Attribute) and asked.attr in {"middleware", "on_event"}:
            return True
        if view.names(asked, visit.scope) & _ALWAYS_ASYNC:
            return True
    up = visit.up
    if up is None or not isinstance(up.node, ast.ClassDef):
        return False
    lineage = view.lineage(up.node, up.scope)
    return any(base.startswith("starlette.middleware.") for base in lineage)
