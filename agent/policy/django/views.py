"""Hold new views to the style that `django.views` names: classes, or functions.

A class is a view by what it inherits from, a function by a decorator for views above it; one that
merely takes a request and gives a response may be a part of a view, and is for the reviewer.
Handlers of errors are functions everywhere, since Django asks for it; views that are there already
stay, also under another name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

VIEWS = Rule(
    id="django-views",
    demands="New views are written as `django.views` says, as classes or as functions.",
    severity=Severity.BLOCK,
    bad="@login_required\ndef orders(request): ...  # and views is class",
    good="class Orders(LoginRequiredMixin, ListView): ...",
)
LIKELY_VIEWS = Rule(
    id="django-likely-views",
    demands="A new function that looks like a view is looked at where views are classes.",
    severity=Severity.REVIEW,
    bad='def orders(request):\n    return render(request, "orders.html")  # and views is class',
    good="class Orders(ListView): ...",
)
RULES = (VIEWS, LIKELY_VIEWS)

_CLASSES = re.compile(
    r"django\.views\.(?:View|generic\.\w+(?:\.\w+)*)|django\.contrib\.auth\.views\.\w+View"
    r"|rest_framework\.(?:views\.APIView|generics\.\w+|viewsets\.\w+)"
)
_MIXIN = re.compile(r"django\.views\.generic\.(?:\w+\.)*\w+Mixin|rest_framework\.\w+\.\w+Mixin")
#: Above what answers a URL; others, as gzip_page, also stand above parts of a view.
_ABOVE_VIEWS = re.compile(
    r"rest_framework\.decorators\.api_view(?:\.\(\))?"
    r"|django\.views\.decorators\.(?:http\.require_\w+|csrf\.csrf_exempt)(?:\.\(\))?"
    r"|django\.contrib\.auth\.decorators\.\w+(?:\.\(\))?"
    r"|django\.contrib\.admin\.views\.decorators\.\w+(?:\.\(\))?"
)
_REQUESTS = frozenset({"django.http.HttpRequest", "django.http.request.HttpRequest"})
_RESPONSES = re.compile(
    r"django\.http\.(?:response\.)?\w*Response\w*\.\(\)|django\.shortcuts\.(?:render|redirect)\.\(\)"
    r"|django\.template\.response\.\w*Response\.\(\)|rest_framework\.response\.Response\.\(\)"
)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    style = change_context.config.django.views
    if style not in ("class", "function"):
        return
    find, want = (_functions, "classes") if style == "class" else (_classes, "functions")
    for file, hit in change_context.find_new_hits(find, among=layout.is_application):
        rule = LIKELY_VIEWS if hit.what == "what looks like a view" else VIEWS
        fix = f"Write it as a {style}, or change django.views first."
        yield rule.make_finding(file.path, f"has {hit.says}; views are {want} here", fix, hit.line)


def _classes(view: View) -> Iterator[Hit]:
    for made in view.all(ast.ClassDef):
        above = view.lineage(made.node, made.scope)
        if any(_CLASSES.fullmatch(name) and not _MIXIN.fullmatch(name) for name in above):
            yield Hit(
                "a view as a class", made.node.lineno, f"the view {made.node.name} as a class"
            )


def _functions(view: View) -> Iterator[Hit]:
    for visit in view.functions:
        arguments = [*visit.node.args.posonlyargs, *visit.node.args.args]
        if (
            visit.up is not None
            or not arguments
            or any(one.arg == "exception" for one in arguments)
        ):
            continue
        first = arguments[0]
        if first.arg != "request" and not view.names(first.annotation, visit.scope) & _REQUESTS:
            continue
        says = f"the view {visit.node.name} as a function"
        if _is_decorated(visit, view):
            yield Hit("a view", visit.node.lineno, says)
        elif visit.node.name[0] != "_" and _is_responding(visit, view):
            yield Hit("what looks like a view", visit.node.lineno, says)


Function = Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]


def _is_decorated(visit: Function, view: View) -> bool:
    return any(
        _ABOVE_VIEWS.fullmatch(name)
        for decorator in visit.node.decorator_list
        for name in view.names(decorator, visit.scope)
    )


def _is_responding(visit: Function, view: View) -> bool:
    return any(
        any(map(_RESPONSES.fullmatch, view.names(given.node.value, given.scope)))
        for given in view.all(ast.Return)
        if given.function is visit.node
    )
