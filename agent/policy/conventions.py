"""Check request handlers, views, signals and queries against the configuration.

Handlers have to be sync or async as configured for their path, views classes or functions. No
code is run: a class is a view by the names of its bases. A manager that is not the configured one
may return rows that the project hides, such as those of other tenants.
"""

import ast
import re
from collections.abc import Iterator, Mapping

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import endpoints, layout
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.patterns import Patterns
from agent.policy.rule import Rule
from agent.policy.source import PythonSource
from repo_config.foreign_python import FunctionNode
from repo_config.schema import RepoConfig

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
MANAGER = Rule(
    "django-manager",
    "Models in `django.managers` are queried through the configured manager.",
    Severity.BLOCK,
)
RULES = (CONCURRENCY, SYNC_HANDLER, SIGNALS, VIEWS, MANAGER)
_FIXES = {
    CONCURRENCY: "Use `def` instead of `async def`, or change `concurrency` first.",
    SYNC_HANDLER: "Use `async def`, or check that it may block a server thread.",
    SIGNALS: "Call the function directly, or change django.signals first.",
    VIEWS: "Write it as the other views are written, or change django.views first.",
    MANAGER: "Use the configured manager, or change django.managers first.",
}
_VIEW = re.compile(r"(?:View|ViewSet|HTTPEndpoint)$")
_OF_VIEWS = endpoints.VERBS | {
    *("dispatch", "list", "create", "retrieve", "update", "partial_update", "destroy")
}
#: Beginnings of the names of decorators of views, and of what views return.
_NEAR_VIEWS = (
    *("django.views.decorators.", "django.contrib.", "django.http.", "django.shortcuts."),
    *("django.template.", "rest_framework.decorators.", "rest_framework.response."),
)
_SIGNAL = re.compile(
    r"django\.dispatch\.(?:dispatcher\.)?(?:receiver|Signal(?:\.connect)?)"
    r"|django(?:\.\w+)*\.ModelSignal|django\.(?:\w+\.)*signals\.\w+\.connect"
)
_MANAGERS = frozenset({"objects", "_default_manager", "_base_manager"})
_Hit = Hit[tuple[Rule, str]]
"""Rule and message."""


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    def find(file: ChangedFile, content: bytes) -> Iterator[_Hit]:
        source = change_context.read_source(file.path, content)
        if source and not layout.is_apart(file.path):
            yield from _find_hits(source, change_context.config)

    for path, hit in change_context.find_new_hits(find):
        rule, text = hit.what
        yield rule.make_finding(path, text, _FIXES[rule], hit.line)


def _find_hits(source: PythonSource, config: RepoConfig) -> Iterator[_Hit]:
    """Yield what the configuration does not allow."""
    mode, views = config.concurrency.mode, config.django.views
    for override in config.concurrency.overrides:
        if Patterns(override.paths).first(source.path) is not None:
            mode = override.mode
    handlers = _list_handlers(source) if mode != "any" or views == "class" else ()
    for name, line, is_async, is_view in handlers:
        written = "async" if is_async else "sync"
        if mode not in (written, "any"):
            text = f"handles requests in the {written} {name}; code is {mode} here"
            yield Hit((CONCURRENCY if is_async else SYNC_HANDLER, text), line)
        if is_view and views == "class":
            text = f"defines the view {name} as a function; views are classes here"
            yield Hit((VIEWS, text), line)
    for node in _list_view_classes(source) if views == "function" else ():
        text = f"defines the view {node.name} as a class; views are functions here"
        yield Hit((VIEWS, text), node.lineno)
    if config.django.signals == "forbid":
        text = "defines or connects a signal; this project does not use signals"
        for part in source.nodes:
            if isinstance(part, ast.Call | ast.ClassDef):
                made_of = part.bases if isinstance(part, ast.ClassDef) else [part]
                if any(map(_SIGNAL.fullmatch, map(source.find_name, made_of))):
                    yield Hit((SIGNALS, text), part.lineno)
    for text, line in _list_queries(source, config.django.managers):
        yield Hit((MANAGER, text), line)


def _list_queries(source: PythonSource, managers: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and node.attr in _MANAGERS:
            name = source.find_name(node.value)
            # A key with dots is the full name of a model.
            key = next((key for key in managers if f".{name}".endswith(f".{key}")), None)
            if key and node.attr != managers[key]:
                model = key.rpartition(".")[2]
                text = f"queries {model} through {node.attr}; the configured manager is"
                yield f"{text} {managers[key]}", node.lineno


def _list_handlers(source: PythonSource) -> Iterator[tuple[str, int, bool, bool]]:
    """Yield request handlers, except those that can only be sync or only be async.

    Each is a name, a line, whether it is async, and whether it is a view of Django.
    """
    for route in endpoints.list_endpoints(source):
        # A decorator whose path is not a literal may be of another library.
        if route.is_whole and "WEBSOCKET" not in route.methods:
            yield route.name.rpartition(".")[2], route.line, route.is_async, False
    for node in _list_view_classes(source):
        # Views of Django REST framework cannot be async.
        is_drf = any(source.find_name(base).startswith("rest_framework.") for base in node.bases)
        methods = (method for method in node.body if isinstance(method, FunctionNode))
        for method in methods:
            is_async = isinstance(method, ast.AsyncFunctionDef)
            if method.name in _OF_VIEWS and (is_async or not is_drf):
                yield f"{node.name}.{method.name}", method.lineno, is_async, False
    for function in source.module.body:
        if isinstance(function, FunctionNode) and _is_view(function, source):
            is_async = isinstance(function, ast.AsyncFunctionDef)
            yield function.name, function.lineno, is_async, True


def _list_view_classes(source: PythonSource) -> list[ast.ClassDef]:
    classes = (node for node in source.nodes if isinstance(node, ast.ClassDef))
    return [node for node in classes if any(map(_VIEW.search, map(source.find_name, node.bases)))]


def _is_view(node: FunctionNode, source: PythonSource) -> bool:
    """Whether a function takes a request, and has a decorator of views or returns a response."""
    first = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)][:1]
    is_handler = "exception" in {argument.arg for argument in node.args.args}
    if first not in (["request"], ["req"]) or node.name.startswith("_") or is_handler:
        return False
    returned = (inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return))
    names = map(source.find_name, (*node.decorator_list, *returned))
    return any(name.startswith(_NEAR_VIEWS) for name in names)
