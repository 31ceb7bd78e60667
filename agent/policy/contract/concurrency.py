"""Check that code which answers requests is sync or async, as its path demands.

An async view in a sync project breaks on its first query, so it blocks.
"""

from collections.abc import Iterator
from functools import partial

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
    demands="Request handlers under paths with mode `sync` are not async.",
    severity=Severity.BLOCK,
)
SYNC_HANDLER = Rule(
    id="sync-handler",
    demands="Request handlers under paths with mode `async` are async.",
    severity=Severity.REVIEW,
)
RULES = (CONCURRENCY, SYNC_HANDLER)
_SYNC_FIX = "Use `def` instead of `async def`, or change `concurrency` in the configuration first."
_ASYNC_FIX = "Use `async def`, or check that it may block a server thread."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    section = change_context.config.concurrency
    if section == ConcurrencySection():
        return
    is_django = change_context.project.framework == "django"
    modes: tuple[tuple[Rule, Mode, str], ...] = (
        (CONCURRENCY, "sync", _SYNC_FIX),
        (SYNC_HANDLER, "async", _ASYNC_FIX),
    )
    for rule, mode, fix in modes:
        paths = {
            file.path
            for file in change_context.python
            if _get_mode(file.path, section) == mode and not layout.is_test(file.path)
        }
        find = partial(_find_others, mode=mode, is_django=is_django)
        more = f"; code is {mode} here"
        yield from rule.report_hits(change_context, find, fix, paths.__contains__, more)


def _get_mode(path: str, section: ConcurrencySection) -> Mode:
    mode: Mode = section.mode
    for override in section.overrides:
        if Patterns(override.paths).first(path) is not None:
            mode = override.mode
    return mode


def _find_others(view: View, *, mode: Mode, is_django: bool) -> Iterator[Hit]:
    """Yield the handlers of the other mode."""
    for handler in handlers.find_handlers(view, is_django=is_django):
        # Django REST framework cannot await, and a socket has to.
        is_fixed = handler.kind == "websocket" or handler.family == "rest_framework"
        counts = not is_fixed if mode == "async" else handler.kind != "websocket"
        if counts and handler.is_async is (mode == "sync"):
            written = "async" if handler.is_async else "sync"
            says = f"handles requests in the {written} {handler.kind} {handler.name}"
            yield Hit(f"{written} {handler.name}", handler.visit.node.lineno, says)
