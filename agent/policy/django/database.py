"""Hold a change to what the database of a Django project has, where the configuration names it.

What another database alone can do passes every check that never gets there, and fails in front of
a user: fields of `django.contrib.postgres`, `distinct("name")`, a lookup into JSON. That blocks.
What Django leaves out without an error (a partial index on MySQL, `select_for_update` on SQLite),
and what may be another thing of the same name, is for the reviewer. Code that asks which database
it has is left alone. Read from the features of Django's own backends, versions 4.2 to 5.2.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.models.change import Finding, Severity
from agent.policy import guards, source
from agent.policy.django import files
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

DATABASE = Rule(
    id="django-database",
    demands="A change uses nothing that the database of `django.database` does not have.",
    severity=Severity.BLOCK,
    bad='Order.objects.distinct("customer")  # and django.database is sqlite',
    good='Order.objects.values("customer").distinct()',
)
LIKELY = Rule(
    id="django-database-likely",
    demands="What the database of `django.database` may not have, or leaves out, is looked at.",
    severity=Severity.REVIEW,
    bad="Order.objects.select_for_update()  # and django.database is sqlite, which locks no rows",
    good="Order.objects.filter(pk=pk).update(paid=True)",
)
RULES = (DATABASE, LIKELY)

TITLES = {"postgres": "PostgreSQL", "mysql": "MySQL", "sqlite": "SQLite", "oracle": "Oracle"}
_MODULES = {
    "django.contrib.postgres": frozenset({"postgres"}),
    "psqlextra": frozenset({"postgres"}),
    "django_mysql": frozenset({"mysql"}),
}
#: They work with any database, or do nothing with another one.
_HARMLESS = re.compile(
    r"django\.contrib\.postgres\.(?:forms|validators|apps|signals|utils)(?:\..*)?"
    r"|django\.contrib\.postgres\.operations(?:\.\w*(?:Extension|Collation))?"
)
_CLASS = re.compile(r"django\.db\.models\.(?:constraints\.|indexes\.)?(UniqueConstraint|Index)")
_ASKS = re.compile(r"\bvendor\b|\bfeatures\b|\bENGINE\b")
_FAILS = frozenset(
    {"NotSupportedError", "DatabaseError", "OperationalError", "FieldError", "Exception"}
)
_QUERIES = frozenset({"filter", "exclude", "get", "aget", "Q", "When"})
_MANAGERS = re.compile(r"\.(?:objects|_default_manager|_base_manager)\.")


@dataclass(frozen=True)
class _Use:
    what: str
    on: frozenset[str]
    """The databases that have it."""
    line: int
    is_certain: bool = True
    is_left_out: bool = False
    """Whether the others leave it out without an error."""


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each new use of what the configured database does not have."""
    database = proposal.config.django.database
    if database == "any":
        return

    def find(view: View) -> Iterator[Hit]:
        for use in (*_imports(view), *_calls(view)):
            if database not in use.on:
                start = "" if use.is_certain and not use.is_left_out else "likely: "
                yield Hit(start + use.what, use.line, _said(use, database))

    for file, hit in proposal.fresh(find, _counts):
        is_likely = hit.what.startswith("likely: ")
        rule = LIKELY if is_likely else DATABASE
        fix = "Write it so that every row is right there as well, or see that it is meant."
        if not is_likely:
            fix = "Write it by what the database has, or change django.database first."
        yield rule.at(file.path, f"{hit.says}; django.database is {database}", fix, hit.line)


def _counts(file: PythonFile) -> bool:
    return not files.is_test(file.path) and not files.is_aside(file.path)


def _said(use: _Use, database: str) -> str:
    if use.is_left_out:
        return f"uses {use.what}, which {TITLES[database]} leaves out"
    several = [TITLES[one] for one in TITLES if one in use.on]
    *most, last = several
    have = f"{', '.join(most)} and {last} have" if most else f"{last} has"
    return f"uses {use.what}, which only {have}"


def _imports(view: View) -> Iterator[_Use]:
    visits: list[Visit[ast.Import] | Visit[ast.ImportFrom]] = [
        *view.all(ast.Import),
        *view.all(ast.ImportFrom),
    ]
    for visit in visits:
        for name in sorted(view.imported(visit)):
            on = next((on for module, on in _MODULES.items() if _is_under(name, module)), None)
            if on and not _HARMLESS.fullmatch(name) and not _is_guarded(visit):
                yield _Use(name, on, visit.node.lineno)


def _is_under(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def _calls(view: View) -> Iterator[_Use]:
    for visit in view.all(ast.Call):
        function = visit.node.func
        last = function.attr if isinstance(function, ast.Attribute) else _name(function)
        found: list[_Use] = []
        if last in ("UniqueConstraint", "Index"):
            found += _of_class(view, visit)
        elif last in _QUERIES:
            found += _of_lookups(visit.node)
        elif isinstance(function, ast.Attribute):
            found += _of_method(view, visit, function)
        if found and not _is_guarded(visit):
            yield from found


def _of_class(view: View, visit: Visit[ast.Call]) -> Iterator[_Use]:
    """Yield options of indexes and constraints: Django warns, and makes none."""
    named = [_CLASS.fullmatch(name) for name in view.names(visit.node.func, visit.scope)]
    kind = next((found[1] for found in named if found), None)
    options = {
        "condition": {"postgres", "sqlite"},
        "include": {"postgres"},
        "opclasses": {"postgres"},
        "deferrable": {"postgres", "oracle"},
        "nulls_distinct": {"postgres"},
    }
    for word in visit.node.keywords if kind else ():
        if word.arg in options and not _is_off(word.value):
            what = f"{kind}({word.arg}=…)"
            on = frozenset(options[word.arg])
            yield _Use(what, on, word.value.lineno, is_left_out=True)


def _of_lookups(call: ast.Call) -> Iterator[_Use]:
    for word in call.keywords:
        parts = (word.arg or "").split("__")[1:]
        holds_json = isinstance(word.value, (ast.Dict, ast.List))
        if (parts[-1:] == ["contains"] and holds_json) or parts[-1:] == ["contained_by"]:
            on = frozenset({"postgres", "mysql"})
            yield _Use(f"the lookup {parts[-1]} into JSON", on, word.value.lineno)
        for part in parts:
            if part == "unaccent" or (part.startswith("trigram_") and part.endswith("similar")):
                yield _Use(f"the lookup {part}", frozenset({"postgres"}), word.value.lineno)
        if parts[-1:] == ["search"]:
            on = frozenset({"postgres"})
            yield _Use("the lookup search", on, word.value.lineno, is_certain=False)


def _of_method(view: View, visit: Visit[ast.Call], function: ast.Attribute) -> Iterator[_Use]:
    call, line = visit.node, visit.node.lineno
    given = {word.arg for word in call.keywords if word.arg and not _is_off(word.value)}
    match function.attr:
        case "distinct" if call.args and not isinstance(call.args[0], ast.Starred):
            names = view.names(function, visit.scope)
            is_query = any(_MANAGERS.search(name) for name in names)
            if is_query or isinstance(call.args[0], ast.Constant):
                on = frozenset({"postgres"})
                yield _Use("distinct() with names of fields", on, line, is_certain=is_query)
        case "select_for_update" | "aselect_for_update":
            on = frozenset({"postgres", "mysql", "oracle"})
            yield _Use("select_for_update()", on, line, is_left_out=True)
            if "no_key" in given:
                on = frozenset({"postgres", "sqlite"})
                yield _Use("select_for_update(no_key=True)", on, line)
        case "bulk_create" | "abulk_create":
            for word in ("ignore_conflicts", "update_conflicts"):
                if word in given:
                    on = frozenset({"postgres", "mysql", "sqlite"})
                    yield _Use(f"bulk_create({word}=True)", on, line)
            if "unique_fields" in given and "update_conflicts" in given:
                on = frozenset({"postgres", "sqlite", "oracle"})
                yield _Use("bulk_create(unique_fields=…)", on, line)


def _is_off(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, False)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_guarded(visit: Visit[ast.AST]) -> bool:
    """Whether the code around asks which database there is, or expects that it may fail."""
    for around in visit.around():
        match around.node:
            case ast.If(test=test) | ast.IfExp(test=test):
                if _ASKS.search(source.written(test)):
                    return True
            case ast.Try(handlers=handlers):
                if any(guards.catches(one, _FAILS | {"ImportError"}) for one in handlers):
                    return True
            case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
                # `if connection.vendor != "postgresql": return`
                tests = [one.test for one in body if isinstance(one, ast.If)]
                if any(_ASKS.search(source.written(test)) for test in tests):
                    return True
    return False
