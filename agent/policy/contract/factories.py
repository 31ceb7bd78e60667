"""Show the reviewer test data that is made by hand where `tests.factories` names a library.

Models are those of Django, SQLAlchemy and SQLModel; what is only built in memory is left alone.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.modules import Definition
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

TEST_FACTORIES = Rule(
    id="test-factories",
    demands="Where `tests.factories` names a library, new tests make their rows by it.",
    severity=Severity.REVIEW,
    bad='Order.objects.create(code="x")  # in a test, and tests.factories is factory_boy',
    good='OrderFactory(code="x")',
)
RULES = (TEST_FACTORIES,)

_VERBS = frozenset(
    {"create", "get_or_create", "update_or_create", "bulk_create", "create_user"}
    | {"create_superuser"}
)
_CREATES = _VERBS | {f"a{verb}" for verb in _VERBS}
_SAVES = frozenset({"save", "asave"})
_ADDS = frozenset({"add", "add_all"})
_DJANGO = frozenset({"django.db.models.Model", "django.db.models.base.Model"})
_TABLES = re.compile(
    r"sqlmodel(?:\.main)?\.SQLModel|sqlalchemy\.orm\.(?:DeclarativeBase|declarative_base\.\(\))"
    r"|sqlalchemy\.ext\.declarative\.(?:\w+\.)*declarative_base\.\(\)"
    r"|flask_sqlalchemy\.(?:\w+\.)*SQLAlchemy\.\(\)\.Model"
)
#: Models that a library brings.
_OF_LIBRARIES = re.compile(
    r"django\.contrib\.\w+\.(?:models\.)?[A-Z]\w*|django\.contrib\.auth\.get_user_model\.\(\)"
)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    wanted = change_context.config.tests.factories
    if wanted == "any":
        return
    for file, hit in change_context.find_new_hits(_find_made_rows, _is_of_tests):
        message = f"makes a row of {hit.what} itself; tests here make their data by {wanted}"
        fix = f"Make it by {wanted}: use the factory of {hit.what}, or add one beside the others."
        yield TEST_FACTORIES.make_finding(file.path, message, fix, hit.line)


def _is_of_tests(path: str) -> bool:
    name = posixpath.basename(path)
    return layout.is_test(path) and not re.match(r"(?:\w+_)?factor(?:y|ies)\b", name)


def _find_made_rows(view: View) -> Iterator[Hit]:
    for visit in view.list_visits(ast.Call):
        function = visit.node.func
        if not isinstance(function, ast.Attribute):
            continue
        models: list[str] = []
        if function.attr in _CREATES and isinstance(function.value, ast.Attribute):
            models = [_find_model_name(view, visit, function.value.value, made=False)]
        elif function.attr in _SAVES:
            models = [_find_model_name(view, visit, function.value, made=True)]
        elif function.attr in _ADDS:
            models = [
                _find_model_name(view, visit, one, made=True) for one in _list_rows(visit.node)
            ]
        for model in models:
            if model and not _is_in_factory(visit):
                yield Hit(model, visit.node.lineno)


def _list_rows(call: ast.Call) -> list[ast.expr]:
    rows: list[ast.expr] = []
    for one in call.args:
        rows += one.elts if isinstance(one, (ast.List, ast.Tuple)) else [one]
    return rows


def _find_model_name(view: View, visit: Visit[ast.Call], node: ast.expr, *, made: bool) -> str:
    """Return the name of the model that an expression means, or is a row of.

    Args:
        made: Whether it is to be a row: what calling the class gives.
    """
    end = "()" if made else ""
    for place, rest in view.find_owners(node, visit.scope):
        if rest == end and isinstance(place.node, ast.ClassDef) and _is_model(view, place):
            return place.node.name
    for name in sorted(view.find_names(node, visit.scope)):
        known = name.removesuffix(".()") if made else name
        if (known != name or not made) and _OF_LIBRARIES.fullmatch(known):
            return "the user model" if known.endswith("()") else known.rpartition(".")[2]
    return ""


def _is_model(view: View, place: Definition) -> bool:
    lineage = view.find_lineage(place.node, place.scope)
    return not _DJANGO.isdisjoint(lineage) or any(map(_TABLES.fullmatch, lineage))


def _is_in_factory(visit: Visit[ast.Call]) -> bool:
    return any(
        isinstance(around.node, ast.ClassDef) and around.node.name.endswith(("Factory", "Recipe"))
        for around in visit.walk_up()
    )
