"""Say which names a condition checks, and how well.

A check counts from its line on, whichever way it goes: nobody writes one to go on with what it
refuses. What is looked up among known values, or is compared with a folder after it was resolved,
is harmless then; of what some function with the name of a check has seen nothing more is known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.policy.security import results
from agent.policy.security.values import Kind

_FORMS = frozenset({"isdigit", "isalnum", "isidentifier", "isnumeric", "isdecimal", "isalpha"})
_MATCHES = frozenset({"fullmatch", "match"})


def of(test: ast.expr, resolved: frozenset[str]) -> Iterator[tuple[str, Kind]]:
    """Yield the names that a condition checks, each with the worst that it can be then.

    Args:
        test: The condition.
        resolved: Names of paths without `..`; comparing how they begin is then a check.
    """
    for node in ast.walk(test):
        if isinstance(node, ast.Compare):
            yield from _comparison(node)
        elif isinstance(node, ast.Call):
            yield from _call(node, resolved)


def by_call(node: ast.Call) -> Iterator[str]:
    """Yield the names that a call checks, which raises where they do not fit."""
    name = _last(node.func)
    if name == "relative_to" and isinstance(node.func, ast.Attribute):
        yield from _named(node.func.value)
    elif results.CHECKS.fullmatch(name):
        for argument in (*node.args, *(word.value for word in node.keywords)):
            yield from _named(argument)


def _comparison(node: ast.Compare) -> Iterator[tuple[str, Kind]]:
    if not isinstance(node.ops[0], (ast.In, ast.NotIn)) or _is_sent(node.comparators[0]):
        return
    for name in _named(node.left):
        yield name, Kind.SAFE
    if isinstance(node.left, ast.Constant):
        # `".." in name` looks for what is forbidden.
        for name in _named(node.comparators[0]):
            yield name, Kind.UNKNOWN


def _is_sent(node: ast.expr) -> bool:
    """Whether what is looked into comes with the request, as in `name in request.GET`."""
    return any("request" in name for name in _named(node))


def _call(node: ast.Call, resolved: frozenset[str]) -> Iterator[tuple[str, Kind]]:
    name = _last(node.func)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    arguments = [name for argument in node.args for name in _named(argument)]
    if owner is not None and name in _FORMS | {"is_relative_to"}:
        for own in _named(owner):
            yield own, Kind.SAFE
    elif owner is not None and name == "startswith":
        for own in _named(owner):
            if own in resolved:
                yield own, Kind.SAFE
    elif name in _MATCHES or name in {"commonpath", "commonprefix"}:
        for own in arguments:
            yield own, Kind.SAFE
    elif results.CHECKS.fullmatch(name) or name.startswith(("is_", "has_")):
        for own in arguments:
            yield own, Kind.UNKNOWN


def _named(node: ast.expr) -> Iterator[str]:
    """Yield the variables in an expression that a check of it is a check of."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id


def _last(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""
