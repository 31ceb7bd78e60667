"""Read what a Python file defines, without what its functions do. Pure.

By tree-sitter: it takes half the time of the standard library's parser, knows syntax newer than
this interpreter, and says what is there even while a file is broken in the middle of an edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

import tree_sitter_python
from tree_sitter import Language, Node, Parser

_MOST_BYTES = 1_000_000
_MOST_LINES = 400
_MOST_SIGNATURE = 160
_MOST_VALUE = 100
_MOST_OF_A_BODY = 60
_DEPTH = 3
_BLOCKS = frozenset({
    "if_statement", "else_clause", "elif_clause", "try_statement", "except_clause",
    "finally_clause", "block",
})  # fmt: skip


def of(content: bytes) -> list[str]:
    """Return definitions in their order, as `12: class Order(Model)`; what is inside is indented.

    A file that is too large has none.
    """
    if len(content) > _MOST_BYTES:
        return []
    lines: list[str] = []
    # Nobody writes code so deep; what was found up to there is shown.
    with suppress(RecursionError):
        _read(_parser().parse(content).root_node, 0, lines)
    return lines[:_MOST_LINES]


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_python.language()))


def _read(block: Node, depth: int, lines: list[str]) -> None:
    """Take the statements of a module, a class or a branch."""
    shown = 0
    for node in block.named_children:
        if node.type in _BLOCKS:
            _read(node, depth, lines)
        elif node.type in {"class_definition", "function_definition", "decorated_definition"}:
            _define(node, depth, lines)
        elif node.type == "expression_statement" and shown < _MOST_OF_A_BODY:
            for line in _assigned(node, depth):
                shown += 1
                lines.append(line)


def _define(node: Node, depth: int, lines: list[str]) -> None:
    """Take a class or a function, with its decorators."""
    indent = "    " * depth
    if node.type == "decorated_definition":
        for child in node.named_children:
            if child.type == "decorator":
                lines.append(_line(child, f"{indent}{_flat(_text(child), _MOST_VALUE)}"))
        inner = node.child_by_field_name("definition")
        if inner is None:
            return
        node = inner
    body = node.child_by_field_name("body")
    text = _text(node)
    head = text[: body.start_byte - node.start_byte] if body else text
    signature = _flat(re.sub(rb"#[^\n]*", b"", head), _MOST_SIGNATURE).rstrip(": ")
    lines.append(_line(node, f"{indent}{signature}"))
    if node.type == "class_definition" and body is not None and depth < _DEPTH:
        _read(body, depth + 1, lines)


def _assigned(node: Node, depth: int) -> Iterator[str]:
    """Yield what a name is set to, where that tells what a class or a module offers."""
    for child in node.named_children:
        if child.type != "assignment":
            continue
        left, right = child.child_by_field_name("left"), child.child_by_field_name("right")
        if left is None or left.type != "identifier":
            continue
        if right is not None and right.type == "list" and _text(left) == b"urlpatterns":
            yield _line(child, "urlpatterns")
            for entry in right.named_children[:_MOST_OF_A_BODY]:
                yield _line(entry, f"    {_flat(_text(entry), _MOST_VALUE)}")
        elif child.child_by_field_name("type") or (right is not None and right.type == "call"):
            yield _line(child, f"{'    ' * depth}{_flat(_text(child), _MOST_VALUE)}")


def _line(node: Node, text: str) -> str:
    return f"{node.start_point.row + 1}: {text}"


def _text(node: Node) -> bytes:
    return node.text or b""


def _flat(text: bytes, most: int) -> str:
    flat = " ".join(text[: 4 * most].decode("utf-8", "replace").split())
    return f"{flat[:most]}…" if len(flat) > most else flat
