"""Parse untrusted Python within bounds.

`ast.parse` blocks the whole process. It needs five hundred times the size of its input in memory,
and its time grows faster than the square of the length of a dotted name. Source beyond the bounds
counts as invalid.
"""

import ast
import re
import threading
import warnings
from collections.abc import Iterator

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
MOST_BYTES = 1024**2
_LONGEST_CHAIN = 200
#: `ast.parse` keeps its depth in one variable for all threads: it raises SystemError if another
#: thread parses at the same time.
_PARSING = threading.RLock()
#: The pattern begins with the dot, since a search for a fixed character is fast.
_CHAIN = re.compile(rf"\.[\s\\]*\w+(?:[\s\\]*\.[\s\\]*\w+){{{_LONGEST_CHAIN - 1}}}")
_CHAIN_BYTES = re.compile(_CHAIN.pattern.encode())


def parse_module(source: str | bytes) -> ast.Module:
    """Parse a module with the grammar of our Python.

    Raises:
        SyntaxError: It is invalid, too large, or has too long a dotted name.
        ValueError: It has a NUL character.
        RecursionError, MemoryError: It is nested too deeply.
    """
    size = len(source)
    if size > MOST_BYTES:
        raise SyntaxError(f"{size:,} characters; the maximum is {MOST_BYTES:,}")
    chain = _CHAIN_BYTES.search(source) if isinstance(source, bytes) else _CHAIN.search(source)
    if chain:
        raise SyntaxError(f"a dotted name of more than {_LONGEST_CHAIN} parts")
    with _PARSING, warnings.catch_warnings():
        # Invalid escapes in strings only concern their authors.
        warnings.simplefilter("ignore")
        return ast.parse(source)


def parse_expression(source: str) -> ast.expr:
    """Parse one expression; raises what `parse_module` raises."""
    match parse_module(source).body:
        case [ast.Expr(value=value)]:
            return value
    raise SyntaxError("no expression")


def list_functions(node: ast.AST, owner: str = "") -> Iterator[tuple[str, FunctionNode]]:
    """Yield the functions of a module by name, as in `Case.test_it`, without nested functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode):
            yield f"{owner}{child.name}", child
        elif isinstance(child, ast.ClassDef):
            yield from list_functions(child, f"{owner}{child.name}.")
        elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from list_functions(child, owner)
