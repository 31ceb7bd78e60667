"""Break a function on purpose, so that a test which holds it can be seen to fail. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from repo_config import foreign_python

SAID = "broken on purpose"
_INSTEAD = f'raise AssertionError("{SAID}")'.encode()
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What parsing a module may raise."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class NoSuchFunction(Exception):
    """There is no function of that name."""


def without_body(source: bytes, name: str) -> bytes:
    """Return a module in which one function raises AssertionError in place of what it does.

    Args:
        name: As in `total`, or `Order.total`; of several, the last one counts, as it does for
            Python.

    Raises:
        NoSuchFunction: The module has none of that name.
        SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
    """
    found = [one for one in _named(foreign_python.parse(source).body, name.split(".")) if one.body]
    if not found:
        raise NoSuchFunction(f"it has no function {name}")
    body = found[-1].body
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    # Columns count bytes of UTF-8.
    first, last = body[0], body[-1]
    start = starts[first.lineno - 1] + first.col_offset
    end = starts[(last.end_lineno or last.lineno) - 1] + (last.end_col_offset or 0)
    return source[:start] + _INSTEAD + source[end:]


def _named(nodes: list[ast.stmt], parts: list[str]) -> Iterator[_Function]:
    for node in nodes:
        if isinstance(node, ast.ClassDef) and node.name == parts[0] and len(parts) > 1:
            yield from _named(node.body, parts[1:])
        elif isinstance(node, _Function) and parts == [node.name]:
            yield node
        elif isinstance(node, ast.If | ast.Try):
            inner = [*node.body, *node.orelse]
            if isinstance(node, ast.Try):
                inner += [one for handler in node.handlers for one in handler.body]
            yield from _named(inner, parts)
