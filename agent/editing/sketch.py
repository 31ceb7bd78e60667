"""Read what a Python file defines and imports, without what its functions do. Pure.

By tree-sitter: it takes half the time of the standard library's parser, knows syntax newer than
this interpreter, and says what is there even while a file is broken in the middle of an edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import NamedTuple

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


class Sketch(NamedTuple):
    """What is known of one file."""

    imports: list[str]
    """Names that it imports, dotted from the root, and those that may be modules."""
    lines: list[str]
    """Definitions in their order, as `12: class Order(Model)`; what is in a class is indented."""
    length: int
    """Lines of the file."""

    @property
    def names(self) -> Iterator[str]:
        """The classes and functions at the top."""
        for line in self.lines:
            if found := _DEFINED.match(line):
                yield found[1]


_DEFINED = re.compile(r"\d+: (?:async )?(?:class|def) (\w+)")


def of(path: str, content: bytes) -> Sketch:
    """Read a file; one that is too large is empty."""
    if len(content) > _MOST_BYTES:
        return Sketch([], [], content.count(b"\n"))
    root = _parser().parse(content).root_node
    lines: list[str] = []
    imports: list[str] = []
    # Nobody writes code so deep; what was found up to there is shown.
    with suppress(RecursionError):
        _read(root, 0, lines, imports, path)
    return Sketch(imports, lines[:_MOST_LINES], content.count(b"\n"))


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_python.language()))


def _read(block: Node, depth: int, lines: list[str], imports: list[str], path: str) -> None:
    """Take the statements of a module, a class or a branch."""
    shown = 0
    for node in block.named_children:
        if node.type in {"import_statement", "import_from_statement"}:
            imports += _imported(node, path)
        elif node.type in _BLOCKS:
            _read(node, depth, lines, imports, path)
        elif node.type in {"class_definition", "function_definition", "decorated_definition"}:
            _define(node, depth, lines, imports, path)
        elif node.type == "expression_statement" and shown < _MOST_OF_A_BODY:
            for line in _assigned(node, depth):
                shown += 1
                lines.append(line)


def _define(node: Node, depth: int, lines: list[str], imports: list[str], path: str) -> None:
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
        _read(body, depth + 1, lines, imports, path)


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


def _imported(node: Node, path: str) -> Iterator[str]:
    """Yield the names of an import, as `affected` has them."""
    names = [_plain_name(one) for one in node.children_by_field_name("name")]
    if node.type == "import_statement":
        yield from names
        return
    source = node.child_by_field_name("module_name")
    if source is None:
        return
    written = _text(source).decode("utf-8", "replace")
    module = written.lstrip(".")
    level = len(written) - len(module)
    if level:
        folders = path.split("/")[:-1]
        above = len(folders) - (level - 1)
        if above < 0:
            return
        module = ".".join([*folders[:above], *([module] if module else [])])
    # `from m import *` has no name.
    yield from (f"{module}.{name}".lstrip(".") for name in names or [""])


def _plain_name(node: Node) -> str:
    named = node.child_by_field_name("name") if node.type == "aliased_import" else None
    return _text(named or node).decode("utf-8", "replace")


def _line(node: Node, text: str) -> str:
    return f"{node.start_point.row + 1}: {text}"


def _text(node: Node) -> bytes:
    return node.text or b""


def _flat(text: bytes, most: int) -> str:
    flat = " ".join(text[: 4 * most].decode("utf-8", "replace").split())
    return f"{flat[:most]}…" if len(flat) > most else flat
