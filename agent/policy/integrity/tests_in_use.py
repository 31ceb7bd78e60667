"""Name application code that begins to use a module that is named like a test.

Rules on the code of the application do not look at tests, which they know by their names. A module
of that name does more than test where the application imports it, or names it in a text as
settings and `include()` do; so it is told there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.layout import is_apart, is_test
from agent.policy.names import Ref
from agent.policy.rule import Rule
from agent.policy.view import View

USED = Rule(
    id="test-module-in-use",
    demands="A module that is named like a test is used by tests alone.",
    severity=Severity.REVIEW,
    bad="from shop.test_client import send",
    good="from shop.client import send",
)
RULES = (USED,)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for every new use of such a module."""
    for file, hit in change_context.find_new_hits(_find_hits, lambda file: not is_apart(file.path)):
        yield USED.make_finding(
            file.path,
            f"the application uses {hit.what}, which is named like a test",
            "Move what the application needs to a module of another name.",
            hit.line,
        )


def _find_hits(view: View) -> Iterator[Hit]:
    for node in view.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Constant):
            paths = {ref.module for ref in _find_named_modules(node, view) if ref and ref.module}
            for path in sorted(filter(is_test, paths)):
                yield Hit(path, node.lineno)


def _find_named_modules(
    node: ast.Import | ast.ImportFrom | ast.Constant, view: View
) -> Iterator[Ref | None]:
    """Yield the modules of the tree that an import or a text names."""
    places = view.places
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield places.find(alias.name, view.path)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            dotted = ".".join(filter(None, (node.module, alias.name)))
            if node.level:
                yield places.resolve_relative(node.level, dotted, view.path)
            else:
                yield places.find(dotted, view.path)
    elif isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
        yield places.find(node.value, view.path)
