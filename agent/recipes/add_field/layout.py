"""Format new code like its file: short lines, quotes, line ends and the order of imports."""

import ast
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

from repo_config import foreign_python

#: Maximum length of a new line: the lowest default of linters and formatters.
WIDTH = 79
_LINE_ENDS = (b"\n", b"\r\n", b"\r")
_TEXT = re.compile(r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")


class Style(NamedTuple):
    quote: str
    newline: str

    def write(self, lines: Iterable[str]) -> str:
        """Join lines of code; string literals get the file's quotes if these need no escape."""
        pieces = _TEXT.split("".join(f"{line}\n" for line in lines))
        for number, piece in enumerate(pieces):
            if number % 2 and self.quote not in piece[1:-1] and f"\\{piece[0]}" not in piece:
                pieces[number] = self.quote + piece[1:-1] + self.quote
        return "".join(pieces).replace("\n", self.newline)


def find_style(module: ast.Module, content: bytes) -> Style:
    """Return the most frequent line end and quote of a file."""
    lines = content.splitlines(keepends=True)
    ends = [line[len(line.rstrip(b"\r\n")) :] for line in lines]
    texts = [node for node in ast.walk(module) if isinstance(node, ast.Constant)]
    quotes = [lines[node.lineno - 1][node.col_offset :][:1] for node in texts]
    quote = "'" if quotes.count(b"'") > quotes.count(b'"') else '"'
    return Style(quote, max(_LINE_ENDS, key=ends.count).decode())


def lay_out(call: ast.expr, width: int, step: str, head: str) -> list[str]:
    """Return a call on one line, or with one argument a line if it is too long.

    The last argument has a comma then, so that formatters of any width leave the lines.
    """
    line = f"{head}{ast.unparse(call)}"
    if len(line) <= width or not isinstance(call, ast.Call):
        return [line]
    parts = [ast.unparse(part) for part in call.args]
    parts += [f"{word.arg}={ast.unparse(word.value)}" for word in call.keywords]
    return [f"{head}{ast.unparse(call.func)}(", *(f"{step}{part}," for part in parts), ")"]


def add_import(content: bytes, statement: str, package: str, style: Style) -> bytes:
    """Add an import where isort would put it; `package`: the top-level package of the file."""
    lines, body = content.splitlines(keepends=True), foreign_python.parse_module(content).body
    body = [node for node in body if getattr(node, "module", "") != "__future__"]
    body = body[isinstance(getattr(body[0], "value", None), ast.Constant) :]
    imports = (node for node in body if isinstance(node, ast.Import | ast.ImportFrom))
    keys = {node: _make_key(node, package) for node in imports}
    (key,) = (_make_key(node, package) for node in foreign_python.parse_module(statement).body)
    same = [node for node in keys if keys[node][0] == key[0]]
    lower = [node for node in same or keys if keys[node] < key]
    gap = [] if same else [style.newline]
    new = [*gap, statement + style.newline] if lower else [statement + style.newline, *gap]
    at = (lower[-1].end_lineno or 0) if lower else [*same, *keys, *body][0].lineno - 1
    while not lower and at and lines[at - 1].startswith(b"#"):
        at -= 1
    return b"".join((*lines[:at], "".join(new).encode(), *lines[at:]))


def _make_key(node: ast.AST, package: str) -> tuple[int, bool, str]:
    """Return isort's sort key: section, kind of statement, name."""
    is_from = isinstance(node, ast.ImportFrom)
    name = (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name  # type: ignore[attr-defined]
    top = name.partition(".")[0]
    section = 0 if top in sys.stdlib_module_names else 2 if top == package else 1
    return 9 if getattr(node, "level", 0) else section, is_from, name.lower()
