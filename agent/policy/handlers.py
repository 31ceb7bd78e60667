"""Check what the configuration says of request handlers, views and signals, as they are written.

Functions that answer requests are sync or async, as their path demands; views are of one style.
Classes are views by the bases that their own module names.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from agent.models.change import Finding, Severity
from agent.policy import endpoints
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.patterns import Patterns
from agent.policy.rule import Rule
from agent.policy.source import PythonSource
from repo_config.foreign_python import FunctionNode, list_functions
from repo_config.schema import ConcurrencySection, Mode, RepoConfig

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
SIGNALS = Rule(
    id="django-signals",
    demands="No new Django signals or handlers where `django.signals` is forbid.",
    severity=Severity.BLOCK,
)
VIEWS = Rule(
    id="django-views",
    demands="New views are classes or functions, as `django.views` says.",
    severity=Severity.REVIEW,
)
RULES = (CONCURRENCY, SYNC_HANDLER, SIGNALS, VIEWS)
_SYNC_FIX = "Use `def` instead of `async def`, or change `concurrency` in the configuration first."
_ASYNC_FIX = "Use `async def`, or check that it may block a server thread."
_VIEW = re.compile(r"(?:View|ViewSet|HTTPEndpoint)$")
_OF_VIEWS = endpoints.VERBS | {"dispatch"}
_OF_SETS = frozenset({"list", "create", "retrieve", "update", "partial_update", "destroy"})
_OF_CONSUMERS = frozenset({"connect", "disconnect", "receive", "receive_json"})
#: Decorators of what answers a URL, and what this returns.
_ABOVE_VIEWS = ("rest_framework.decorators.", "django.views.decorators.", "django.contrib.")
_RESPONSES = ("django.http.", "django.shortcuts.", "django.template.", "rest_framework.response.")
_SIGNAL = re.compile(r"django\.dispatch\.(?:dispatcher\.)?Signal|django(?:\.\w+)*\.ModelSignal")
_CONNECTS = re.compile(
    r"django\.dispatch\.(?:dispatcher\.)?(?:receiver|Signal\.connect)"
    r"|django\.(?:\w+\.)*signals\.\w+\.connect"
)


_Find = Callable[[PythonSource], Iterator[Hit[str]]]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for rule, find, fix in _list_asked(change_context.config):
        for path, hit in change_context.find_new_in_application(find):
            yield rule.make_finding(path, hit.what, fix, hit.line)


def _list_asked(config: RepoConfig) -> Iterator[tuple[Rule, _Find, str]]:
    """Yield the rules that a configuration asks for, with what they look for."""
    section, views = config.concurrency, config.django.views
    if section != ConcurrencySection():
        yield CONCURRENCY, partial(_find_others, mode="sync", section=section), _SYNC_FIX
        yield SYNC_HANDLER, partial(_find_others, mode="async", section=section), _ASYNC_FIX
    if views != "any":
        fix = f"Write it as a {views}, or change django.views first."
        yield VIEWS, _find_functions if views == "class" else _find_classes, fix
    if config.django.signals == "forbid":
        yield SIGNALS, _find_signals, "Call the function directly, or change django.signals first."


def _find_others(
    source: PythonSource, *, mode: Mode, section: ConcurrencySection
) -> Iterator[Hit[str]]:
    """Yield the handlers of the other mode, where this one is demanded."""
    applies = section.mode
    for override in section.overrides:
        if Patterns(override.paths).first(source.path) is not None:
            applies = override.mode
    for handler in _list_handlers(source) if applies == mode else ():
        if handler.is_async is (mode == "sync") and not handler.is_fixed:
            written = "async" if handler.is_async else "sync"
            says = f"handles requests in the {written} {handler.name}; code is {mode} here"
            yield Hit(says, handler.line)


def _find_functions(source: PythonSource) -> Iterator[Hit[str]]:
    for handler in _list_handlers(source):
        if handler.is_view and "." not in handler.name:
            says = f"defines the view {handler.name} as a function; views are classes here"
            yield Hit(says, handler.line)


def _find_classes(source: PythonSource) -> Iterator[Hit[str]]:
    for node in source.module.body:
        if isinstance(node, ast.ClassDef) and any(map(_VIEW.search, _list_bases(node, source))):
            says = f"defines the view {node.name} as a class; views are functions here"
            yield Hit(says, node.lineno)


def _find_signals(source: PythonSource) -> Iterator[Hit[str]]:
    for node in source.nodes:
        name = source.names.find(node) if isinstance(node, ast.Call) else ""
        bases = node.bases if isinstance(node, ast.ClassDef) else []
        does = "connects a signal handler" if _CONNECTS.fullmatch(name) else ""
        if any(map(_SIGNAL.fullmatch, (name, *map(source.names.find, bases)))):
            does = "defines a signal"
        if does and isinstance(node, ast.Call | ast.ClassDef):
            yield Hit(f"{does}; this project does not use signals", node.lineno)


class _Handler(NamedTuple):
    """A function that answers requests."""

    name: str
    """As in `Orders.get`."""
    line: int
    is_async: bool
    is_view: bool
    """Whether it is a view of Django."""
    is_fixed: bool
    """Whether it can be no other: Django REST framework cannot await, and a socket has to."""


def _list_handlers(source: PythonSource) -> Iterator[_Handler]:
    # A decorator without a written path may be of anything else.
    for route in (route for route in endpoints.list_endpoints(source) if route.is_whole):
        name, is_socket = route.name.rpartition(".")[2], "WEBSOCKET" in route.methods
        yield _Handler(name, route.line, route.is_async, is_view=False, is_fixed=is_socket)
    classes = {node.name: node for node in source.module.body if isinstance(node, ast.ClassDef)}
    for name, node in list_functions(source.module):
        owner, is_async = (
            classes.get(name.partition(".")[0]),
            isinstance(node, ast.AsyncFunctionDef),
        )
        bases = _list_bases(owner, source) if owner else frozenset()
        is_drf = any(base.startswith("rest_framework.") for base in bases) and not is_async
        if owner is None:
            is_handler = _is_view(node, source)
        elif any(base.endswith("Consumer") for base in bases):
            is_handler = node.name in _OF_CONSUMERS
        else:
            is_handler = any(map(_VIEW.search, bases)) and node.name in _OF_VIEWS | _OF_SETS
        if is_handler:
            yield _Handler(name, node.lineno, is_async, owner is None, is_drf)


def _list_bases(node: ast.ClassDef, source: PythonSource) -> frozenset[str]:
    """Return what a class inherits from, through the classes of its module."""
    classes = {part.name: part for part in source.module.body if isinstance(part, ast.ClassDef)}
    bases, waiting = set[str](), [node]
    while waiting:
        for base in map(source.names.find, waiting.pop().bases):
            own = classes.get(base.removeprefix(f"{source.dotted}."))
            waiting += [own] if own and base not in bases else []
            bases.add(base)
    return frozenset(bases)


def _is_view(node: FunctionNode, source: PythonSource) -> bool:
    """Whether a function takes a request, and is decorated as a view or returns a response."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    first, find = arguments[:1], source.names.find
    takes = any(
        argument.arg in ("request", "req") or find(argument.annotation).startswith("django.http.")
        for argument in first
    )
    returned = (part.value for part in ast.walk(node) if isinstance(part, ast.Return))
    is_decorated = any(find(part).startswith(_ABOVE_VIEWS) for part in node.decorator_list)
    answers = not node.name.startswith("_") and any(
        find(value).startswith(_RESPONSES) for value in returned
    )
    is_error = any(argument.arg == "exception" for argument in arguments)
    return takes and not is_error and (is_decorated or answers)
