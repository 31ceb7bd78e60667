"""What runs in the event loop: the bodies of async functions, without what is handed elsewhere.

Owns how a place is told to be in a coroutine, which functions of the same file it calls, and
whether a name still is what it was bound to. What may not be called there is left to the rules.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from agent.policy.names import Scope
from agent.policy.view import View, Visit

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
#: Decorators that leave a function what it is.
_PLAIN = frozenset(
    {
        "builtins.staticmethod",
        "builtins.classmethod",
        "functools.cache",
        "functools.lru_cache",
        "functools.wraps",
        "contextlib.contextmanager",
    }
)
_AT_START = frozenset({"contextlib.asynccontextmanager"})


def has_any(view: View) -> bool:
    """Whether a file has async functions at all; cheap."""
    return b"async def" in view.content or bool(view.all(ast.AsyncFunctionDef))


def of(visit: Visit[ast.AST]) -> ast.AsyncFunctionDef | None:
    """Return the async function whose body a node runs in, not one around a function in it."""
    function = visit.function
    return function if isinstance(function, ast.AsyncFunctionDef) else None


def is_awaited(visit: Visit[ast.AST]) -> bool:
    """Whether the value of an expression is awaited, or entered by `async with`."""
    up = visit.up.node if visit.up else None
    if isinstance(up, ast.withitem):
        above = visit.up.up if visit.up else None
        return above is not None and isinstance(above.node, ast.AsyncWith)
    if isinstance(up, (ast.AsyncFor, ast.comprehension)) and up.iter is visit.node:
        return isinstance(up, ast.AsyncFor) or bool(up.is_async)
    return isinstance(up, ast.Await)


def calls(view: View) -> Iterator[tuple[Visit[ast.Call], ast.AsyncFunctionDef]]:
    """Yield the calls in async functions that are not awaited, each with its function."""
    if not has_any(view):
        return
    for visit in view.all(ast.Call):
        function = of(visit)
        if function is not None and not is_awaited(visit):
            yield visit, function


def runs_once(view: View, function: ast.AsyncFunctionDef, scope: Scope) -> bool:
    """Whether a function runs by itself at the start of a process, where nobody waits for it."""
    if function.name in {"main", "_main", "amain", "async_main"}:
        return True
    for decorator in function.decorator_list:
        asked = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(asked, ast.Attribute) and asked.attr in {"on_event", "listener"}:
            return True
        if view.names(asked, scope) & _AT_START:
            return True
    return False


class Bindings:
    """How often each function of a file binds a name."""

    def __init__(self, view: View) -> None:
        self._counts: Counter[tuple[ast.AST | None, str]] = Counter()
        for visit in view.all(ast.Name):
            if not isinstance(visit.node.ctx, ast.Load):
                self._counts[visit.function, visit.node.id] += 1
        for function in view.functions:
            arguments = function.node.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                self._counts[function.node, one.arg] += 1

    def is_steady(self, node: ast.expr, visit: Visit[ast.AST]) -> bool:
        """Whether the name that an expression begins with is bound but once where it is used."""
        at: ast.AST = node
        while isinstance(at, (ast.Attribute, ast.Call, ast.Subscript, ast.Await)):
            at = at.func if isinstance(at, ast.Call) else at.value
        return not isinstance(at, ast.Name) or self._counts[visit.function, at.id] <= 1


def called(view: View, visit: Visit[ast.Call]) -> FunctionNode | None:
    """Return the function or method of the same file that a call runs, where that is plain."""
    node = visit.node.func
    found: ast.AST | None = None
    if isinstance(node, ast.Name):
        scope: Scope | None = visit.scope
        while scope is not None and node.id not in scope.names:
            scope = scope.parent
        found = scope.defined.get(node.id) if scope and not scope.is_class else None
        if scope and len(scope.names.get(node.id, ())) > 1:
            return None
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id in {"self", "cls"} and (class_ := visit.class_):
            found = next((one for one in _methods(class_) if one.name == node.attr), None)
    if not isinstance(found, FunctionNode) or not _is_only(view, found):
        return None
    return found if _is_plain(view, found, visit.scope) else None


def _is_only(view: View, function: FunctionNode) -> bool:
    """Whether no other function of that name is in the same place, of the other kind."""
    namesakes = [visit for visit in view.functions if visit.node.name == function.name]
    if len(namesakes) == 1:
        return True
    place = next((visit.scope for visit in namesakes if visit.node is function), None)
    here = [visit for visit in namesakes if visit.scope is place]
    return len({type(visit.node) for visit in here}) == 1


def _methods(class_: ast.ClassDef) -> Iterator[FunctionNode]:
    for statement in class_.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield statement


def _is_plain(view: View, function: FunctionNode, scope: Scope) -> bool:
    for decorator in function.decorator_list:
        asked = decorator.func if isinstance(decorator, ast.Call) else decorator
        if not view.names(asked, scope) & _PLAIN:
            return False
    return True
