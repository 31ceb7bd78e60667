"""Show the reviewer every place where new code writes SQL past the ORM.

Raw SQL is not seen by migrations, by managers that hide rows, or by another database; it may be
right all the same, so it is a matter for a person. Covers `raw()` and cursors of Django's
connections, through aliases and `with` blocks; `extra()` and `RawSQL` are found by ruff. Whether a
statement is put together from foreign texts is left to the rules on security; SQL in migrations to
those on migrations.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.django import files
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

RAW_SQL = Rule(
    id="django-raw-sql",
    demands="SQL that is written by hand in place of the ORM is looked at.",
    severity=Severity.REVIEW,
    bad='Order.objects.raw("select * from shop_order where paid")',
    good="Order.objects.filter(paid=True)",
)
RULES = (RAW_SQL,)

_CURSOR = re.compile(
    r"django\.db\.(?:connection|connections\.\[\]|transaction\.get_connection\.\(\)"
    r"|connections\.all\.\(\)\.\[\]|router\.\w+)\.cursor\.\(\)\.(?:execute|executemany|callproc)"
)
_MANAGERS = frozenset({"objects", "_default_manager", "_base_manager", "get_queryset"})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for every place where SQL is newly written by hand."""
    own = frozenset(change_context.config.django.managers.values()) | _MANAGERS

    def find(view: View) -> Iterator[Hit]:
        for call in view.all(ast.Call):
            if how := _describe_use(call, view, own):
                yield Hit(how, call.node.lineno)

    for file, hit in change_context.find_new_hits(find, among=files.is_application):
        yield RAW_SQL.make_finding(
            file.path,
            f"writes SQL by hand: {hit.message}",
            "Use the ORM where it can say the same; else see that all values are parameters.",
            hit.line,
        )


def _describe_use(call: Visit[ast.Call], view: View, managers: frozenset[str]) -> str:
    func = call.node.func
    if isinstance(func, ast.Attribute) and func.attr == "raw" and call.node.args:
        return "raw()" if _chain(func.value) & managers else ""
    is_cursor = any(map(_CURSOR.fullmatch, view.names(func, call.scope)))
    return "a cursor" if is_cursor else ""


def _chain(node: ast.expr) -> set[str]:
    """Return the attributes and methods that an expression is a chain of."""
    found: set[str] = set()
    at = node
    while isinstance(at, (ast.Attribute, ast.Call, ast.Subscript)):
        if isinstance(at, ast.Attribute):
            found.add(at.attr)
        at = at.func if isinstance(at, ast.Call) else at.value
    if isinstance(at, ast.Name):
        found.add(at.id)
    return found
