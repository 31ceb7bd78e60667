"""Write Python into a file that is there: calls in short lines, its quotes and imports.

A broken bracket ends with a comma, so that formatters of any width leave it as it is.
"""

import ast
import re
import sys

from agent.recipes.source import SourceFile
from repo_config import foreign_python

#: The narrowest that linters and formatters ask for by themselves.
WIDTH = 79


def lay_out(node: ast.expr, indent: str, head: str = "", tail: str = "") -> list[str]:
    """Write an expression in one line, or broken at its brackets where that is too long."""
    line = f"{indent}{head}{ast.unparse(node)}{tail}"
    opening, parts, closing = _open_bracket(node)
    if len(line.expandtabs(4)) <= WIDTH or not parts:
        return [line]
    inner = indent + ("\t" if "\t" in indent else "    ")
    broken = [row for before, part in parts for row in lay_out(part, inner, before, ",")]
    return [f"{indent}{head}{opening}", *broken, f"{indent}{closing}{tail}"]


def _open_bracket(node: ast.expr) -> tuple[str, list[tuple[str, ast.expr]], str]:
    match node:
        case ast.Call(func=func, args=args, keywords=words):
            named = [(f"{word.arg}=" if word.arg else "**", word.value) for word in words]
            return f"{ast.unparse(func)}(", [*(("", argument) for argument in args), *named], ")"
        case ast.List(elts=elements) | ast.Tuple(elts=[_, _, *_] as elements):
            opening, closing = "[]" if isinstance(node, ast.List) else "()"
            return opening, [("", element) for element in elements], closing
    return "", [], ""


def adopt_quotes(code: str, source: SourceFile) -> str:
    """Give all strings in a piece of code the file's quotes, where that needs no escape."""
    pieces = re.split(r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", code)
    for number, piece in enumerate(pieces):
        if number % 2 and source.quote not in piece[1:-1] and f"\\{piece[0]}" not in piece:
            pieces[number] = source.quote + piece[1:-1] + source.quote
    return "".join(pieces)


# --- imports ----------------------------------------------------------------------------------


def add_import(source: SourceFile, line: str) -> None:
    """Add an import where isort would put it."""
    body = [node for node in source.tree.body if not is_docstring(node)]
    body = [node for node in body if getattr(node, "module", "") != "__future__"]
    own = source.path.removeprefix("src/").partition("/")[0]
    imports = (node for node in body if isinstance(node, ast.Import | ast.ImportFrom))
    keys = {node: _make_key(node, own) for node in imports}
    (key,) = (_make_key(node, own) for node in foreign_python.parse_module(line).body)
    same = [node for node in keys if keys[node][0] == key[0]]
    lower = [node for node in same or keys if keys[node] < key]
    if lower:
        source.insert(lower[-1].end_lineno or 0, [line] if same else ["", line])
    else:
        first = source.start_above([*same, *keys, *body][0].lineno - 1)
        source.insert(first, [line] if same else [line, ""])


def _make_key(node: ast.stmt, own: str) -> tuple[int, bool, str]:
    """Make what isort orders by: section, kind of statement, name."""
    is_from = isinstance(node, ast.ImportFrom)
    name = (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name  # type: ignore[attr-defined]
    top = name.partition(".")[0]
    section = 0 if top in sys.stdlib_module_names else 2 if top == own else 1
    return 9 if getattr(node, "level", 0) else section, is_from, name.lower()


def is_docstring(node: ast.stmt) -> bool:
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant and isinstance(node.value.value, str)  # type: ignore[attr-defined]
