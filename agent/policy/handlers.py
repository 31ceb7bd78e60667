"""Check what the configuration says of request handlers, views and signals, as they are written.

Functions that answer requests are sync or async, as their path demands; views are of one style.
Classes are views by the bases that their own module names.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import partial

from agent.models.change import Finding, Severity
from agent.policy import endpoints
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.patterns import Patterns
from agent.policy.rule import Rule
from agent.policy.source import PythonSource
from repo_config.foreign_python import FunctionNode, list_functions
from repo_config.schema import ConcurrencySection, Mode, RepoConfig

CONCURRENCY = Rule(
    "concurrency", "Request handlers under paths with mode `sync` are not async.", Severity.BLOCK
)
SYNC_HANDLER = Rule(
    "sync-handler", "Request handlers under paths with mode `async` are async.", Severity.REVIEW
)
SIGNALS = Rule(
    "django-signals",
    "No new Django signals or handlers where `django.signals` is forbid.",
    Severity.BLOCK,
)
VIEWS = Rule(
    "django-views", "New views are classes or functions, as `django.views` says.", Severity.REVIEW
)
RULES = (CONCURRENCY, SYNC_HANDLER, SIGNALS, VIEWS)
_SYNC_FIX = "Use `def` instead of `async def`, or change `concurrency` in the configuration first."
_ASYNC_FIX = "Use `async def`, or check that it may block a server thread."
_VIEW = re.compile(r"(?:View|ViewSet|HTTPEndpoint)$")
_OF_VIEWS = endpoints.VERBS | {
    *("dispatch", "list", "create", "retrieve", "update", "partial_update", "destroy")
}
_OF_CONSUMERS = frozenset({"connect", "disconnect", "receive", "receive_json"})
#: Decorators of what answers a URL, and what this returns.
_ABOVE_VIEWS = ("rest_framework.decorators.", "django.views.decorators.", "django.contrib.")
_RESPONSES = ("django.http.", "django.shortcuts.", "django.template.", "rest_framework.response.")
_SIGNALS = {
    "defines a signal": re.compile(
        r"django\.dispatch\.(?:dispatcher\.)?Signal|django(?:\.\w+)*\.ModelSignal"
    ),
    "connects a signal handler": re.compile(
        r"django\.dispatch\.(?:dispatcher\.)?(?:receiver|Signal\.connect)"
        r"|django\.(?:\w+\.)*signals\.\w+\.connect"
    ),
}
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
    for name, line, is_async in _list_handlers(source) if applies == mode else ():
        if is_async is (mode == "sync"):
            written = "async" if is_async else "sync"
            yield Hit(f"handles requests in the {written} {name}; code is {mode} here", line)


def _find_functions(source: PythonSource) -> Iterator[Hit[str]]:
    for name, node in list_functions(source.module):
        if "." not in name and _is_view(node, source):
            says = f"defines the view {name} as a function; views are classes here"
            yield Hit(says, node.lineno)


def _find_classes(source: PythonSource) -> Iterator[Hit[str]]:
    for node in source.module.body:
        if isinstance(node, ast.ClassDef) and any(map(_VIEW.search, _list_bases(node, source))):
            says = f"defines the view {node.name} as a class; views are functions here"
            yield Hit(says, node.lineno)


def _find_signals(source: PythonSource) -> Iterator[Hit[str]]:
    for node in source.nodes:
        if isinstance(node, ast.Call | ast.ClassDef):
            made_of = node.bases if isinstance(node, ast.ClassDef) else [node]
            names = [*map(source.names.find, made_of)]
            for does, pattern in _SIGNALS.items():
                if any(map(pattern.fullmatch, names)):
                    yield Hit(f"{does}; this project does not use signals", node.lineno)


def _list_handlers(source: PythonSource) -> Iterator[tuple[str, int, bool]]:
    """Yield name, line and mode of what answers requests, but for what can be of one mode alone."""
    for route in endpoints.list_endpoints(source):
        # A decorator without a written path may be of anything else.
        if route.is_whole and "WEBSOCKET" not in route.methods:
            yield route.name.rpartition(".")[2], route.line, route.is_async
    classes = {node.name: node for node in source.module.body if isinstance(node, ast.ClassDef)}
    for name, node in list_functions(source.module):
        owner, is_async = (
            classes.get(name.partition(".")[0]),
            isinstance(node, ast.AsyncFunctionDef),
        )
        bases = _list_bases(owner, source) if owner else set()
        is_drf = any(base.startswith("rest_framework.") for base in bases)
        is_method = (any(map(_VIEW.search, bases)) and node.name in _OF_VIEWS) or (
            any(base.endswith("Consumer") for base in bases) and node.name in _OF_CONSUMERS
        )
        # Django REST framework cannot await.
        if (is_method and (is_async or not is_drf)) or (owner is None and _is_view(node, source)):
            yield name, node.lineno, is_async


def _list_bases(node: ast.ClassDef, source: PythonSource) -> set[str]:
    """Return what a class inherits from, through the classes of its module."""
    classes = {part.name: part for part in source.module.body if isinstance(part, ast.ClassDef)}
    bases, waiting = set[str](), [node]
    while waiting:
        for base in {*map(source.names.find, waiting.pop().bases)} - bases:
            bases.add(base)
            own = classes.get(base.removeprefix(f"{source.dotted}."))
            waiting += [own] if own else []
    return bases


def _is_view(node: FunctionNode, source: PythonSource) -> bool:
    """Whether a function takes a request, and is decorated as a view or returns a response."""
    find = source.names.find
    match [*node.args.posonlyargs, *node.args.args]:
        case [first, *rest] if all(argument.arg != "exception" for argument in rest):
            is_request = first.arg in ("request", "req")
            takes = is_request or find(first.annotation).startswith("django.http.")
        case _:
            takes = False
    returned = (part.value for part in ast.walk(node) if isinstance(part, ast.Return))
    is_decorated = any(find(part).startswith(_ABOVE_VIEWS) for part in node.decorator_list)
    answers = any(find(value).startswith(_RESPONSES) for value in returned)
    return takes and (is_decorated or (answers and not node.name.startswith("_")))
