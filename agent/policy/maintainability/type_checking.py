"""Call a person to code that a type checker is not shown as it runs.

A stub stands in for its module, `no_type_check` takes a function out, and a condition on
`TYPE_CHECKING` lets checkers read other code than runs. Only a block that brings in names for
annotations, and takes none that the code has, hides nothing.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterator
from typing import TypeGuard

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.rule import Rule
from agent.policy.view import View

HIDDEN = Rule(
    id="hidden-from-type-checker",
    demands="Type checkers read the code that runs; stubs and their own branches are looked at "
    "first.",
    severity=Severity.REVIEW,
    bad="if TYPE_CHECKING: ... else: def total(order): ...",
    good="if TYPE_CHECKING: from shop.models import Order",
)
RULES = (HIDDEN,)

_TAKES_OUT = frozenset({"typing.no_type_check", "typing_extensions.no_type_check"})
#: A checker takes them for true, whatever they are.
_CONDITIONS = frozenset({"TYPE_CHECKING", "MYPY"})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_DEFINES = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Pass, ast.If, *_SCOPES)
_BUILTINS = frozenset(dir(builtins))


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for every new stub, and for code that checkers are not shown."""
    if not change_context.project.type_tools:
        return
    for file in change_context.stubs:
        if (
            file.file.after is not None
            and source.get_earlier_content(change_context.change, file.file) is None
        ):
            yield HIDDEN.make_finding(
                file.path,
                "is a new stub: type checkers read it in place of the code",
                "Check that it says what the code does, or give the code its types.",
            )
    for file, hit in change_context.find_new_hits(_hits, with_stubs=True):
        yield HIDDEN.make_finding(
            file.path,
            hit.message,
            "Check what runs there; no type checker does.",
            hit.line,
        )


def _hits(view: View) -> Iterator[Hit]:
    for visit in (*view.functions, *view.all(ast.ClassDef)):
        for decorator in visit.node.decorator_list:
            if view.names(decorator, visit.scope) & _TAKES_OUT:
                what = f"takes {visit.node.name} out of type checking"
                yield Hit(what, visit.node.lineno)
    bound = Counter(name for node in view.nodes for name in _find_bound(node))
    harmless = {id(node.test) for node in view.nodes if _is_harmless(node, bound)}
    for node in view.nodes:
        is_read = isinstance(getattr(node, "ctx", None), ast.Load)
        if isinstance(node, (ast.Name, ast.Attribute)) and is_read and id(node) not in harmless:
            name = source.get_last_name(node)
            if name in _CONDITIONS:
                yield Hit(f"has other code for type checkers than runs, by {name}", node.lineno)


def _is_harmless(node: ast.AST, bound: Counter[str]) -> TypeGuard[ast.If]:
    """Whether a block only brings in names for annotations that the module binds nowhere else."""
    if not isinstance(node, ast.If) or source.get_last_name(node.test) not in _CONDITIONS:
        return False
    inner = [one for statement in node.body for one in ast.walk(statement)]
    own = Counter(name for one in inner for name in _find_bound(one))
    is_taken = any(bound[name] > count or name in _BUILTINS for name, count in own.items())
    only_defines = all(isinstance(one, _DEFINES) for one in inner if isinstance(one, ast.stmt))
    return only_defines and not node.orelse and not is_taken and "*" not in own


def _find_bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node itself binds."""
    if isinstance(node, _SCOPES):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((one.asname or one.name).partition(".")[0] for one in node.names)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
