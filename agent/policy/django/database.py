"""Hold a change to what the database of a Django project has, where the configuration names it.

Code that asks which database it has is left alone. Read from Django's backends, 4.2 to 5.2.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

DATABASE = Rule(
    id="django-database",
    demands="A change uses nothing that the database of `django.database` does not have.",
    severity=Severity.BLOCK,
    bad='Order.objects.distinct("customer")  # and django.database is sqlite',
    good='Order.objects.values("customer").distinct()',
)
RULES = (DATABASE,)

_TITLES = {"postgres": "PostgreSQL", "mysql": "MySQL", "sqlite": "SQLite", "oracle": "Oracle"}
_POSTGRES = frozenset({"postgres"})
#: They work with any database, or do nothing with another one.
_HARMLESS = re.compile(
    r"django\.contrib\.postgres\.(?:forms|validators|apps|signals|utils)(?:\..*)?"
    r"|django\.contrib\.postgres\.operations(?:\.\w*(?:Extension|Collation))?"
)
_MODULES = (
    (re.compile(r"(?:django\.contrib\.postgres|psqlextra)(?:\..*)?"), _POSTGRES),
    (re.compile(r"django_mysql(?:\..*)?"), frozenset({"mysql"})),
)
#: Parts of lookups, as in `name__unaccent__contains`.
_LOOKUPS = {
    "unaccent": _POSTGRES,
    "trigram_similar": _POSTGRES,
    "trigram_word_similar": _POSTGRES,
    "contained_by": frozenset({"postgres", "mysql"}),
}
_QUERIES = frozenset({"filter", "exclude", "get", "aget", "Q", "When"})
_MANAGERS = re.compile(r"\.(?:objects|_default_manager|_base_manager)\.")
_ASKS = re.compile(r"\bvendor\b|\bfeatures\b|\bENGINE\b")
_FAILS = frozenset(
    {"NotSupportedError", "DatabaseError", "OperationalError", "FieldError", "Exception"}
)
_Visited = Visit[ast.Import] | Visit[ast.ImportFrom] | Visit[ast.Call]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    database = change_context.config.django.database
    if database == "any":
        return

    def find(view: View) -> Iterator[Hit]:
        visits: list[_Visited] = [
            *view.list_visits(ast.Import),
            *view.list_visits(ast.ImportFrom),
            *view.list_visits(ast.Call),
        ]
        for visit in visits:
            for what, on in _find_uses(view, visit):
                if database not in on and not _is_guarded(visit):
                    says = f"uses {what}, which {_TITLES[database]} does not have"
                    yield Hit(what, visit.node.lineno, says)

    fix = "Write it by what the database has, or change django.database first."
    more = f"; django.database is {database}"
    yield from DATABASE.report_hits(change_context, find, fix, _counts, more)


def _counts(path: str) -> bool:
    return layout.is_application(path) or layout.is_migration(path)


def _find_uses(view: View, visit: _Visited) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what an import or a call uses that not every database has, and those that have it."""
    if not isinstance(visit.node, ast.Call):
        for name in sorted(view.list_imported(visit)):
            for module, on in _MODULES:
                if module.fullmatch(name) and not _HARMLESS.fullmatch(name):
                    yield name, on
        return
    last = source.get_last_name(visit.node.func)
    if last in _QUERIES:
        for word in visit.node.keywords:
            for part in (word.arg or "").split("__")[1:]:
                if part in _LOOKUPS:
                    yield f"the lookup {part}", _LOOKUPS[part]
    elif last == "distinct" and visit.node.args:
        if any(map(_MANAGERS.search, view.find_names(visit.node.func, visit.scope))):
            yield "distinct() with names of fields", _POSTGRES


def _is_guarded(visit: Visit[ast.AST]) -> bool:
    """Whether the code around asks which database there is, or expects that it may fail."""
    for around in visit.walk_up():
        tests: list[ast.expr] = []
        match around.node:
            case ast.If(test=test) | ast.IfExp(test=test):
                tests = [test]
            case ast.Try(handlers=handlers):
                if any(source.is_caught(one, _FAILS | {"ImportError"}) for one in handlers):
                    return True
            case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
                # `if connection.vendor != "postgresql": return`
                tests = [one.test for one in body if isinstance(one, ast.If)]
        if any(_ASKS.search(source.format_node(test)) for test in tests):
            return True
    return False
