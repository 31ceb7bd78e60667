"""Read Python source for rules: its effects, and what its names refer to. No code is run."""

import ast
import re
from collections.abc import Iterable
from contextlib import suppress

from repo_config import foreign_python
from repo_config.foreign_python import FunctionNode

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_MODULES = r"(?:typing|typing_extensions|collections\.abc|__future__)"
_OF_TYPES = re.compile(rf"from {_MODULES} .*|import {_MODULES}(?: as \w+)?")


def read_module(content: bytes | None) -> ast.Module:
    """Parse a module; one that cannot be parsed, or is too large, has no statements."""
    with suppress(*UNREADABLE):
        return foreign_python.parse_module(content or b"")
    return ast.Module([], [])


def find_problem(content: bytes) -> tuple[str, int | None] | None:
    """Return why a file does not parse with the service's Python, and the line; None: it parses."""
    try:
        foreign_python.parse_module(content)
    except UNREADABLE as problem:
        message = getattr(problem, "msg", None) or str(problem) or "it is nested too deeply"
        return message, getattr(problem, "lineno", None)
    return None


class PythonSource:
    """A parsed Python file, and the meaning of its names by its imports.

    Imports are not followed into other modules.
    """

    def __init__(self, path: str, content: bytes, dotted: str) -> None:
        """Parse the file, and read its imports, also those in functions.

        Args:
            dotted: Name by which the module is imported.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
        """
        self.path = path
        self.dotted = dotted
        self.module = foreign_python.parse_module(content)
        self.nodes = [*ast.walk(self.module)]
        self.imported: dict[str, str] = {}
        """Dotted names of imported objects, by their names in this module."""
        package = dotted.split(".") if path.endswith("__init__.py") else dotted.split(".")[:-1]
        for node in self.nodes:
            match node:
                case ast.Import(names=aliases):
                    for alias in aliases:
                        first = alias.name.partition(".")[0]
                        self.imported[alias.asname or first] = alias.name if alias.asname else first
                case ast.ImportFrom(module=origin, names=aliases, level=level):
                    above = package[: len(package) - level + 1] if level else []
                    start = ".".join(filter(None, (*above, origin)))
                    for alias in aliases:
                        self.imported[alias.asname or alias.name] = f"{start}.{alias.name}"

    def find_name(self, node: ast.AST | None) -> str:
        """Return the dotted name of an expression; "": it has none.

        The name of a call, of an await or of a subscript is that of its first expression. A name
        that the module does not import is the module's own.
        """
        attributes: list[str] = []
        while True:
            match node:
                case ast.Attribute(value=inner, attr=name):
                    attributes.append(name)
                case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.Await(value=inner):
                    pass
                case ast.Name(id=name):
                    start = self.imported.get(name, f"{self.dotted}.{name}")
                    return ".".join((start, *attributes[::-1]))
                case _:
                    return ""
            node = inner

    def list_mentioned(self, nodes: Iterable[ast.AST]) -> frozenset[str]:
        """Return all dotted names within these nodes."""
        inner = (inner for node in nodes for inner in ast.walk(node))
        return frozenset(map(self.find_name, inner)) - {""}


def is_same(before: bytes, after: bytes, *, reads_signatures: bool) -> bool:
    """Whether two versions of a module behave the same; False if one cannot be parsed.

    Docstrings and code for type checkers do not count. Annotations of modules, classes and
    decorated functions do, since code may read them.

    Args:
        reads_signatures: Whether a library reads annotations of functions, so that all count; else
            only those with calls do.
    """
    try:
        first, second = (
            ast.dump(
                _Reducer(reads_signatures=reads_signatures).visit(foreign_python.parse_module(side))
            )
            for side in (before, after)
        )
    except UNREADABLE:
        return False
    return first == second


class _Reducer(ast.NodeTransformer):
    def __init__(self, *, reads_signatures: bool) -> None:
        self._reads_signatures = reads_signatures
        self._is_in_function = False

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> ast.stmt | None:
        return None if _OF_TYPES.fullmatch(ast.unparse(node)) else node

    visit_ImportFrom = visit_Import  # noqa: N815 - as ast calls it

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        is_of_types = re.fullmatch(r"(?:\w+\.)?TYPE_CHECKING", ast.unparse(node.test))
        return node.orelse if is_of_types else node

    def visit_FunctionDef(self, node: FunctionNode) -> FunctionNode:
        around, self._is_in_function = self._is_in_function, True
        self.generic_visit(node)
        self._is_in_function = around
        if not (node.decorator_list or self._reads_signatures):
            arguments = (inner for inner in ast.walk(node.args) if isinstance(inner, ast.arg))
            for argument in arguments:
                argument.annotation = _keep_calls(argument.annotation)
            node.returns = _keep_calls(node.returns)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if not self._is_in_function:
            return node
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else None


def _keep_calls(annotation: ast.expr | None) -> ast.expr | None:
    """Return an annotation with a call, which has an effect or is read by a library; else None."""
    nodes = ast.walk(annotation) if annotation else ()
    return annotation if any(isinstance(node, ast.Call) for node in nodes) else None
