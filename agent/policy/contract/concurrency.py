"""Hold what answers requests to the mode, sync or async, that its path is written in.

An async view in a sync project runs in a loop of its own for each request, loses the middleware's
thread-locals, and breaks on the first query; so it blocks. Sync ones where the path is async may
have their reasons and are for the reviewer. What async code must not call is left to ruff.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.contract import handlers
from agent.policy.patterns import Patterns
from agent.policy.rule import Rule
from agent.policy.view import View
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
RULES = (CONCURRENCY, SYNC_HANDLER)


def mode_of(path: str, section: ConcurrencySection) -> Mode:
    """Return the mode that a path is written in."""
    mode: Mode = section.mode
    for override in section.overrides:
        if Patterns(override.paths).first(path) is not None:
            mode = override.mode
    return mode


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    section = change_context.config.concurrency
    if section == ConcurrencySection():
        return
    modes = {file.path: mode_of(file.path, section) for file in change_context.python}
    is_django = change_context.project.framework == "django"

    def among(mode: Mode) -> set[str]:
        return {path for path, its in modes.items() if its == mode and not layout.is_test(path)}

    sync, async_ = among("sync"), among("async")

    def handled(view: View) -> Iterator[Hit]:
        return _async_handlers(view, is_django=is_django)

    def left_sync(view: View) -> Iterator[Hit]:
        return _sync_handlers(view, is_django=is_django)

    for file, hit in change_context.find_new_hits(handled, sync.__contains__):
        yield CONCURRENCY.make_finding(
            file.path,
            f"{hit.message}; code is sync here",
            "Write it as a plain function, or change concurrency in the configuration first.",
            hit.line,
        )
    for file, hit in change_context.find_new_hits(left_sync, async_.__contains__):
        yield SYNC_HANDLER.make_finding(
            file.path,
            f"{hit.message}; code is async here",
            "Write it as `async def`, or see whether it may block a thread of the server.",
            hit.line,
        )


def _async_handlers(view: View, *, is_django: bool) -> Iterator[Hit]:
    for handler in handlers.find_handlers(view, is_django=is_django):
        # A function with an underscore that only looks like a view of Django is for its module.
        is_private = handler.family == "django" and handler.name.startswith("_")
        if handler.is_async and handler.kind != "websocket" and not is_private:
            says = f"answers requests by the async {handler.kind} {handler.name}"
            yield Hit(f"async {handler.name}", handler.visit.node.lineno, says)


def _sync_handlers(view: View, *, is_django: bool) -> Iterator[Hit]:
    for handler in handlers.find_handlers(view, is_django=is_django):
        # Django REST framework cannot await.
        if not handler.is_async and handler.family != "rest_framework":
            says = f"answers requests by the sync {handler.kind} {handler.name}"
            yield Hit(f"sync {handler.name}", handler.visit.node.lineno, says)
