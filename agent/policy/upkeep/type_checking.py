"""Call a person to code that a type checker is not shown as it runs.

A stub stands in for its module, `no_type_check` takes a function out, and a condition on
`TYPE_CHECKING` lets checkers read other code than runs. Only a block that brings in names for
annotations, and takes none that the code has, hides nothing.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Iterator

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.proposal import Hit, Proposal
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


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new stub, and for code that checkers are not shown."""
    if not proposal.project.type_tools:
        return
    for file in proposal.stubs:
        if file.file.after is not None and source.earlier(proposal.change, file.file) is None:
            yield HIDDEN.at(
                file.path,
                "is a new stub: type checkers read it in place of the code",
                "Check that it says what the code does, or give the code its types.",
            )
    for file, hit in proposal.fresh(_hits, with_stubs=True):
        yield HIDDEN.at(
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
    harmless = {id(test) for body in _bodies(view) for test in _harmless(body)}
    for node in view.nodes:
        is_read = isinstance(getattr(node, "ctx", None), ast.Load)
        if isinstance(node, (ast.Name, ast.Attribute)) and is_read and id(node) not in harmless:
            name = source.get_last_name(node)
            if name in _CONDITIONS:
                yield Hit(f"has other code for type checkers than runs, by {name}", node.lineno)


def _bodies(view: View) -> Iterator[list[ast.stmt]]:
    yield view.module.body
    yield from (node.body for node in view.nodes if isinstance(node, _SCOPES))


def _harmless(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """Yield the conditions of blocks that only bring names into a scope for annotations."""
    bound = Counter(_bound(body))
    for node in _statements(body):
        if isinstance(node, ast.If) and source.get_last_name(node.test) in _CONDITIONS:
            own = Counter(_bound(node.body))
            is_taken = any(bound[name] > count or name in _BUILTINS for name, count in own.items())
            inner = (one for one in _statements(node.body) if isinstance(one, ast.stmt))
            only_defines = all(isinstance(one, _DEFINES) for one in inner)
            if only_defines and not node.orelse and not is_taken and "*" not in own:
                yield node.test


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a scope, but for those of the functions and classes in it."""
    for node in body:
        yield node
        if not isinstance(node, _SCOPES):
            inner = (one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.expr))
            yield from _statements(inner)  # type: ignore[arg-type] # handlers and cases as well


def _bound(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the names that the statements of a scope bind, each as often as it is bound."""
    for node in _statements(body):
        if isinstance(node, _SCOPES):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((one.asname or one.name).partition(".")[0] for one in node.names)
        else:
            for inner in ast.iter_child_nodes(node):
                if isinstance(inner, ast.expr):
                    yield from (
                        one.id
                        for one in ast.walk(inner)
                        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
                    )
