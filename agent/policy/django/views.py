"""Check that new views have the style that `django.views` names: classes, or functions.

A function that looks like a view may be a part of one: so each is for the reviewer.
"""

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.contract import handlers
from agent.policy.rule import Rule
from agent.policy.view import View

VIEWS = Rule(
    id="django-views",
    demands="New views are classes or functions, as `django.views` says.",
    severity=Severity.REVIEW,
)
RULES = (VIEWS,)

_CLASSES = re.compile(
    r"django\.views\.(?:View|generic\.\w+(?:\.\w+)*)|django\.contrib\.auth\.views\.\w+View"
    r"|rest_framework\.(?:views\.APIView|generics\.\w+|viewsets\.\w+)"
)
_MIXIN = re.compile(r"django\.views\.generic\.(?:\w+\.)*\w+Mixin|rest_framework\.\w+\.\w+Mixin")


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    style = change_context.config.django.views
    if style == "any":
        return
    find = _find_classes if style == "function" else _find_functions
    fix = f"Write it as a {style}, or change django.views first."
    more = f"; views are {'classes' if style == 'class' else 'functions'} here"
    yield from VIEWS.report_hits(change_context, find, fix, layout.is_application, more)


def _find_classes(view: View) -> Iterator[Hit]:
    for made in view.list_visits(ast.ClassDef):
        above = view.find_lineage(made.node, made.scope)
        if any(_CLASSES.fullmatch(name) and not _MIXIN.fullmatch(name) for name in above):
            says = f"defines the view {made.node.name} as a class"
            yield Hit("a view as a class", made.node.lineno, says)


def _find_functions(view: View) -> Iterator[Hit]:
    for handler in handlers.find_handlers(view, is_django=True):
        node = handler.visit.node
        arguments = {part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)}
        is_view = handler.family == "django" and handler.visit.up is None
        if is_view and "exception" not in arguments:
            yield Hit("a view", node.lineno, f"defines the view {node.name} as a function")
