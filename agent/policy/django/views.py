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
from agent.policy.django import files
from agent.policy.proposal import Hit, Proposal
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


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new view in the other style."""
    style = proposal.config.django.views
    if style == "function":
        for file, hit in proposal.fresh(_classes, among=files.is_application):
            yield VIEWS.at(
                file.path,
                f"has {hit.says}; views are functions here",
                "Write it as a function, or change django.views first.",
                hit.line,
            )
    elif style == "class":
        yield from _functions(proposal)


def _classes(view: View) -> Iterator[Hit]:
    for made in view.all(ast.ClassDef):
        above = view.lineage(made.node, made.scope)
        if any(_CLASSES.fullmatch(name) and not _MIXIN.fullmatch(name) for name in above):
            yield Hit(
                "a view as a class", made.node.lineno, f"the view {made.node.name} as a class"
            )


# --- functions --------------------------------------------------------------------------------


def _functions(proposal: Proposal) -> Iterator[Finding]:
    def find(view: View) -> Iterator[Hit]:
        for visit in _candidates(view):
            name, line = visit.node.name, visit.node.lineno
            says = f"the view {name} as a function"
            if _is_decorated(visit, view):
                yield Hit("a view", line, says)
            elif name[0] != "_" and _responds(visit, view):
                yield Hit("what looks like a view", line, says)

    for file, hit in proposal.fresh(find, among=files.is_application):
        rule = VIEWS if hit.what == "a view" else LIKELY_VIEWS
        fix = "Write it as a class, or change django.views first."
        yield rule.at(file.path, f"has {hit.says}; views are classes here", fix, hit.line)


Function = Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]


def _candidates(view: View) -> Iterator[Function]:
    """Yield the functions of the module itself that take a request first."""
    for visit in view.functions:
        arguments = visit.node.args
        names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        if visit.up is not None or not names or "exception" in names:
            continue
        first = (*arguments.posonlyargs, *arguments.args)[0]
        if first.arg == "request" or view.names(first.annotation, visit.scope) & _REQUESTS:
            yield visit


def _is_decorated(visit: Function, view: View) -> bool:
    return any(
        _ABOVE_VIEWS.fullmatch(name)
        for decorator in visit.node.decorator_list
        for name in view.names(decorator, visit.scope)
    )


def _responds(visit: Function, view: View) -> bool:
    return any(
        any(map(_RESPONSES.fullmatch, view.names(given.node.value, given.scope)))
        for given in view.all(ast.Return)
        if given.function is visit.node
    )
