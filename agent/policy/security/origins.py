"""Find the calls of a file, and what of a request they get straight.

Straight is the value itself, or a text or path put together with it, directly or through
assignments in the same function. What a call returns is not followed: a conversion or a check
belongs into one. Only reading from the request, and joining texts and paths, are looked through.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from agent.policy import source
from agent.policy.names import Scope
from agent.policy.security import handlers
from agent.policy.view import FunctionNode, View

#: What of a request a stranger writes.
_SENT = frozenset(
    {
        "GET", "POST", "FILES", "COOKIES", "META", "headers", "body", "data", "args", "form",
        "values", "json", "files", "cookies", "query_params", "path_params", "match_info", "query",
        "query_string", "get_json", "get_data", "read", "post", "stream", "text", "url", "path",
        "path_info", "view_args",
    }
)  # fmt: skip
#: Methods that give their owner, or a part of it.
_READS = frozenset(
    {
        "get", "getlist", "pop", "read", "post", "json", "body", "form", "text", "get_json",
        "get_data", "decode", "encode", "strip", "lower", "upper", "absolute", "as_posix",
    }
)  # fmt: skip
_PATHS = frozenset({"os.path.join", "posixpath.join", "pathlib.Path", "pathlib.PurePath"})
_LONGEST_TEXT = 2000
_Position = tuple[int, int]


class Value(NamedTuple):
    """What is known of an expression."""

    source: str = ""
    """What of a request is straight in it, as in `request.GET`; "": nothing."""
    text: str = ""
    """The texts that are written out in it, in their order."""
    is_built: bool = False
    """Whether it is a text or a path put together of several."""


_UNKNOWN = Value()


@dataclass(frozen=True)
class Call:
    """A call, and what it is given."""

    node: ast.Call
    view: View
    scope: Scope
    function: _Function

    @property
    def names(self) -> frozenset[str]:
        """What is called, by full dotted names."""
        return self.view.names(self.node.func, self.scope)

    @property
    def name(self) -> str:
        """The last part of what is written: `execute` in `cursor.execute(...)`."""
        return source.get_last_name(self.node.func)

    @property
    def owner(self) -> Value:
        """What a method is called of."""
        func = self.node.func
        return self.function.read(func.value) if isinstance(func, ast.Attribute) else _UNKNOWN

    def is_any(self, pattern: re.Pattern[str]) -> bool:
        """Whether what is called has a full dotted name of these."""
        return any(map(pattern.fullmatch, self.names))

    def get_argument(self, place: int, *words: str) -> ast.expr | None:
        """Return an argument by its names or its place; -1: it has none."""
        for keyword in self.node.keywords:
            if keyword.arg in words:
                return keyword.value
        return self.node.args[place] if 0 <= place < len(self.node.args) else None

    def read(self, place: int, *words: str) -> Value:
        """Say what is known of an argument."""
        found = self.get_argument(place, *words)
        return _UNKNOWN if found is None else self.function.read(found)


def find_calls(view: View) -> Iterator[Call]:
    """Yield all calls of a file that has to do with requests."""
    if not handlers.is_web(view):
        return
    outside = {id(visit.node): visit.scope for visit in view.functions}
    known: dict[int, _Function] = {}
    for visit in view.all(ast.Call):
        node = visit.function
        if id(node) not in known:
            known[id(node)] = _Function(view, visit.scope)
            if isinstance(node, FunctionNode):
                known[id(node)].enter(node, outside[id(node)])
        yield Call(visit.node, view, visit.scope, known[id(node)])


class _Function:
    """The body of one function: what its names hold, from assignment to assignment."""

    def __init__(self, view: View, scope: Scope) -> None:
        self._view = view
        self._scope = scope
        self._ends: dict[str, list[_Position]] = defaultdict(list)
        """By name, where each assignment ends; from there on its value counts."""
        self._values: dict[str, list[Value]] = defaultdict(list)

    def enter(self, node: FunctionNode, outside: Scope) -> None:
        """Read the arguments and the assignments, from the top."""
        for name in handlers.find_sent_arguments(self._view, node, outside):
            self._bind(name, (0, 0), Value(f"the argument `{name}`"))
        for end, name, value in sorted(_find_assignments(node), key=lambda found: found[0]):
            self._bind(name, end, _UNKNOWN if value is None else self.read(value))

    def _bind(self, name: str, end: _Position, value: Value) -> None:
        self._ends[name].append(end)
        self._values[name].append(value)

    def read(self, node: ast.expr) -> Value:
        """Say what is known of an expression."""
        match node:
            case ast.Constant(value=str(text)):
                return Value(text=text[:_LONGEST_TEXT])
            case ast.Name(id=name):
                place = bisect_right(self._ends.get(name, []), (node.lineno, node.col_offset))
                return self._values[name][place - 1] if place else _UNKNOWN
            case ast.Attribute(value=owner, attr=name) if self._is_request(owner):
                return Value(f"`request.{name}`") if name in _SENT else _UNKNOWN
            # `self.kwargs["slug"]` of a view is a part of the address.
            case ast.Subscript(value=ast.Attribute(attr="kwargs"), slice=ast.Constant(value=key)):
                return _UNKNOWN if handlers.is_key(str(key)) else Value("`self.kwargs`")
            case ast.Attribute() | ast.Subscript():
                return Value(self.read(node.value).source)
            case ast.Call():
                return self._read_result(node)
            case ast.Await() | ast.FormattedValue() | ast.Starred() | ast.NamedExpr():
                return self.read(node.value)
        return self._read_whole(node)

    def _read_whole(self, node: ast.expr) -> Value:
        """Say what is known of what has several parts."""
        match node:
            case ast.JoinedStr(values=parts):
                is_built = any(isinstance(part, ast.FormattedValue) for part in parts)
                return self._join(parts, is_built=is_built)
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod() | ast.Div() as op, right=right):
                both = self._join([left, right], is_built=isinstance(op, ast.Div))
                return both._replace(is_built=both.is_built or bool(both.text))
            case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
                return self._join(parts)
            case ast.IfExp(body=body, orelse=orelse):
                return self._join([body, orelse])
        return _UNKNOWN

    def _join(self, nodes: Iterable[ast.expr], *, is_built: bool = False) -> Value:
        values = list(map(self.read, nodes))
        return Value(
            next((value.source for value in values if value.source), ""),
            "".join(value.text for value in values)[:_LONGEST_TEXT],
            is_built or any(value.is_built for value in values),
        )

    def _read_result(self, node: ast.Call) -> Value:
        func = node.func
        if self._view.names(func, self._scope) & _PATHS:
            return self._join(node.args, is_built=True)
        if not isinstance(func, ast.Attribute):
            return _UNKNOWN
        if func.attr in {"format", "joinpath"}:
            words = (word.value for word in node.keywords)
            return self._join([func.value, *node.args, *words], is_built=True)
        # `request.json()` is read by a method of the request itself.
        return Value(self.read(func).source) if func.attr in _READS else _UNKNOWN

    def _is_request(self, node: ast.expr) -> bool:
        """Whether it is the request itself; a local variable of that name is none."""
        if isinstance(node, ast.Name):
            return node.id in handlers.REQUESTS and node.id not in self._ends
        return isinstance(node, ast.Attribute) and node.attr == "request"


def _find_assignments(node: FunctionNode) -> Iterator[tuple[_Position, str, ast.expr | None]]:
    """Yield what names are bound to in a function, each with the place where that ends."""
    written: dict[int, ast.expr] = {}
    for inner in ast.walk(node):
        match inner:
            case ast.Assign(targets=targets, value=value):
                written |= {id(target): value for target in targets}
            case ast.AnnAssign(value=ast.expr() as value) | ast.NamedExpr(value=value):
                written[id(inner.target)] = value
            case ast.AugAssign(target=target, op=op, value=value):
                whole = ast.BinOp(left=target, op=op, right=value)
                written[id(target)] = ast.copy_location(whole, value)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            found = written.get(id(inner))
            last = found or inner
            yield (last.end_lineno or 0, last.end_col_offset or 0), inner.id, found
