"""Say of a name whether the code provides for its being missing, or for its being something else.

Owns the looks around a place: a handler that would catch it, a condition on versions, platforms or
`hasattr`. Generous, since who asks wants to be certain.
"""

from __future__ import annotations

import ast
import re

from agent.policy import guards, source
from agent.policy.view import View, Visit

_ANY = frozenset({"Exception", "BaseException"})
IMPORTS = _ANY | {"ImportError", "ModuleNotFoundError"}
ATTRIBUTES = _ANY | {"AttributeError", "NameError", "ImportError", "ModuleNotFoundError"}
CALLS = _ANY | {"TypeError", "AttributeError", "ImportError", "ModuleNotFoundError"}
#: Of a condition that asks what is there.
_ASKS = re.compile(
    r"hasattr|getattr|version|platform|find_spec|is_available|installed|\bos\.name\b|\bdir\("
    r"|signature|parameters|\bPY_?\d|HAS_|HAVE_|SUPPORTS?_|WINDOWS|WIN32|LINUX|DARWIN|MACOS"
    r"|TYPE_CHECKING|\bMOCK|__doc__|sphinx",
    re.IGNORECASE,
)
_SKIPS = frozenset({"suppress", "raises", "assertRaises", "assertRaisesRegex", "importorskip"})


def may_fail(visit: Visit[ast.AST], errors: frozenset[str]) -> bool:
    """Whether the code around a place provides for the thing not being there.

    Args:
        visit: The place.
        errors: What would be raised: one of the constants above.
    """
    for around in visit.around():
        match around.node:
            case ast.Try(handlers=handlers):
                # The other half of the pair stands in the handler: whichever half is missing.
                if any(guards.catches(handler, errors) for handler in handlers):
                    return True
            case ast.With(items=items) | ast.AsyncWith(items=items):
                if any(_name(item.context_expr) in _SKIPS for item in items):
                    return True
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                if _ASKS.search(source.written(test)):
                    return True
            case ast.BoolOp() | ast.Assert():
                if _ASKS.search(source.written(around.node)):
                    return True
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if _is_conditional(around.node):
                    return True
    return False


def rebound(view: View) -> frozenset[str]:
    """Return the names that a file binds otherwise than by an import, at any depth."""
    found: set[str] = set()
    for node in view.nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.arg(arg=name):
                found.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                found.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.add(name)
    return frozenset(found)


def _name(node: ast.expr) -> str:
    called = node.func if isinstance(node, ast.Call) else node
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _is_conditional(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether it is skipped somewhere, or leaves where something is not there."""
    if any("skip" in source.written(decorator) for decorator in node.decorator_list):
        return True
    if isinstance(node, ast.ClassDef):
        return False
    return any(
        isinstance(statement, ast.If) and _ASKS.search(source.written(statement.test)) is not None
        for statement in node.body
    )
