"""Show the reviewer test data that is made by hand where `tests.factories` names a library.

What is only built in memory is left alone.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, Hit
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

_VERBS = ("create", "get_or_create", "update_or_create", "bulk_create", "create_user")
_CREATES = frozenset((*_VERBS, *(f"a{verb}" for verb in _VERBS)))


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
    """Yield rows that are made as Django or SQLAlchemy do it, of what is named as classes are."""
    for visit in view.list_visits(ast.Call):
        model: ast.expr = visit.node
        match visit.node:
            case ast.Call(func=ast.Attribute(ast.Attribute(owner, "objects"), verb)):
                model = owner if verb in _CREATES else visit.node
            case ast.Call(func=ast.Attribute(value=ast.Call(func=made), attr="save" | "asave")):
                model = made
            case ast.Call(func=ast.Attribute(attr="add"), args=[ast.Call(func=made)]):
                model = made
        name = source.get_last_name(model)
        if name[:1].isupper() and not _is_in_factory(visit):
            yield Hit(name, visit.node.lineno)


def _is_in_factory(visit: Visit[ast.Call]) -> bool:
    return any(
        isinstance(around.node, ast.ClassDef) and around.node.name.endswith(("Factory", "Recipe"))
        for around in visit.walk_up()
    )
