"""What the names in a test stand for: its parameters in each case, the items of a loop, arguments.

Only what is written out is put in the place of a name, here or in a list of the module; what comes
from elsewhere stays a name. What is then looked at is left to `expectations`.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence

from agent.policy.tampering import looks
from agent.policy.view import FunctionNode, View

#: So many cases of one test are told apart.
_MOST_CASES = 300
Words = Mapping[str, ast.expr]


def plain_locals(node: FunctionNode) -> dict[str, ast.expr]:
    """Return the local names that are bound once, to a number or text that is written out."""
    bound: dict[str, list[ast.expr | None]] = {}
    for inner in ast.walk(node):
        if (
            isinstance(inner, ast.Assign)
            and len(inner.targets) == 1
            and isinstance(inner.targets[0], ast.Name)
        ):
            bound.setdefault(inner.targets[0].id, []).append(inner.value)
        elif isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            bound.setdefault(inner.id, []).append(None)
        elif isinstance(inner, ast.arg):
            bound.setdefault(inner.arg, []).extend([None, None])
    return {
        name: values[0] or values[1] or ast.Constant(None)
        for name, values in bound.items()
        # The target of its own assignment is there a second time.
        if len(values) == 2
        and [value for value in values if value is not None and _is_plain(value)]
    }


def _is_plain(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return (
            isinstance(node.func, ast.Name)
            and node.func.id in {"Decimal", "D", "Fraction"}
            and all(isinstance(arg, ast.Constant) for arg in node.args)
        )
    return looks.is_literal(node) and not any(
        isinstance(inner, (ast.List, ast.Dict, ast.Set, ast.JoinedStr)) for inner in ast.walk(node)
    )


def of_parameters(node: FunctionNode, view: View) -> Sequence[Words]:
    """Return what the parameters stand for in each case of a parametrized test."""
    found: list[dict[str, ast.expr]] = [{}]
    for decorator in node.decorator_list:
        if not (isinstance(decorator, ast.Call) and called(decorator) in {"parametrize", "expand"}):
            continue
        rows = _rows(decorator, view)
        if rows is None:
            continue
        names = _parameters(decorator, node)
        found = [
            {**case, **dict(zip(names, _cells(row, len(names)), strict=False))}
            for case in found
            for row in rows
        ][:_MOST_CASES]
    return found


def _parameters(decorator: ast.Call, node: FunctionNode) -> list[str]:
    first = decorator.args[0] if decorator.args else None
    if called(decorator) == "expand":
        return [arg.arg for arg in node.args.args if arg.arg not in {"self", "cls"}]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return [name.strip() for name in first.value.split(",")]
    items = first.elts if isinstance(first, (ast.List, ast.Tuple)) else []
    return [str(one.value) for one in items if isinstance(one, ast.Constant)]


def _rows(decorator: ast.Call, view: View) -> list[ast.expr] | None:
    place = 0 if called(decorator) == "expand" else 1
    named = next((word.value for word in decorator.keywords if word.arg == "argvalues"), None)
    values = decorator.args[place] if len(decorator.args) > place else named
    return _items(values, view)


def _items(values: ast.expr | None, view: View) -> list[ast.expr] | None:
    """Return the items of a list that is written out, here or under a name of the module."""
    if isinstance(values, ast.Name):
        assigned = [
            visit.node.value
            for visit in view.all(ast.Assign)
            if visit.up is None
            and any(isinstance(one, ast.Name) and one.id == values.id for one in visit.node.targets)
        ]
        values = assigned[0] if len(assigned) == 1 else None
    if isinstance(values, (ast.List, ast.Tuple, ast.Set)):
        return None if any(isinstance(one, ast.Starred) for one in values.elts) else values.elts
    if isinstance(values, ast.Dict) and None not in values.keys:
        return [key for key in values.keys if key is not None]
    return None


def _cells(row: ast.expr, width: int) -> list[ast.expr]:
    if isinstance(row, ast.Call) and called(row) == "param":
        return row.args
    return list(row.elts) if width > 1 and isinstance(row, (ast.Tuple, ast.List)) else [row]


def local_lists(node: FunctionNode) -> dict[str, ast.expr]:
    """Return the local names that are bound once, to a list that is written out."""
    bound: dict[str, list[ast.expr]] = {}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name):
            bound.setdefault(inner.targets[0].id, []).append(inner.value)
    return {
        name: values[0]
        for name, values in bound.items()
        if len(values) == 1 and isinstance(values[0], (ast.List, ast.Tuple))
    }


def of_loop(node: ast.For | ast.AsyncFor, view: View, lists: Mapping[str, ast.expr]) -> list[Words]:
    """Return what the targets of a loop stand for in each turn."""
    named = lists.get(node.iter.id) if isinstance(node.iter, ast.Name) else None
    rows = _items(named or node.iter, view)
    if not rows or len(rows) > _MOST_CASES:
        return [{}]
    names = (
        [one.id for one in node.target.elts if isinstance(one, ast.Name)]
        if isinstance(node.target, ast.Tuple)
        else [node.target.id]
        if isinstance(node.target, ast.Name)
        else []
    )
    return [dict(zip(names, _cells(row, len(names)), strict=False)) for row in rows]


def arguments(node: ast.Call, helper: FunctionNode, words: Words) -> Words:
    """Return what the parameters of a helper stand for in a call."""
    names = [arg.arg for arg in (*helper.args.posonlyargs, *helper.args.args)]
    if names and names[0] in {"self", "cls"}:
        names = names[1:]
    given = dict(zip(names, (put(arg, words) for arg in node.args), strict=False))
    return {**given, **{word.arg: put(word.value, words) for word in node.keywords if word.arg}}


class _Putting(ast.NodeTransformer):
    def __init__(self, words: Words) -> None:
        self._words = words

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self._words:
            return self._words[node.id]
        return node


def put(node: ast.expr, words: Words) -> ast.expr:
    """Put what names stand for in their place."""
    named = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    if not named & words.keys():
        return node
    done: ast.expr = _Putting(words).visit(copy.deepcopy(node))
    return done


def put_call(node: ast.Call, words: Words) -> ast.Call:
    """Put what names stand for in the place of those in a call."""
    done = put(node, words)
    return done if isinstance(done, ast.Call) else node


def called(node: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    return last(node.func)


def last(node: ast.expr) -> str:
    """Return the last part of a dotted name; "" where there is none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
