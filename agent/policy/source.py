"""Python source as the rules read it: which files count, parsed. Nothing is executed."""

import ast
import posixpath
import re
from collections.abc import Iterable

from agent.policy.meaning import UNREADABLE
from repo_config import foreign_python

_SHEBANG = re.compile(rb"#![^\n]*\bpython[0-9.]*")


def is_python(path: str, content: bytes | None) -> bool:
    """Whether a file is Python code: by its name, or by the first line of a script."""
    if path.endswith((".py", ".pyw")):
        return True
    bare_name = "." not in posixpath.basename(path)
    return bare_name and content is not None and _SHEBANG.match(content) is not None


def find_problem(content: bytes) -> tuple[str, int | None] | None:
    """Say why a file does not parse with the Python that runs this service, and on which line."""
    try:
        foreign_python.parse_module(content)
    except UNREADABLE as problem:
        message = getattr(problem, "msg", None) or str(problem) or "it is nested too deeply"
        return message, getattr(problem, "lineno", None)
    return None


class PythonSource:
    """A Python file that parses, and what its names stand for, by its imports.

    An import is followed within its module, not further.
    """

    def __init__(self, path: str, content: bytes, dotted: str) -> None:
        """Parse it, and read the imports, also those in functions.

        Args:
            dotted: By which the module is imported.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
        """
        self.path = path
        self.dotted = dotted
        self.module = foreign_python.parse_module(content)
        self.nodes = [*ast.walk(self.module)]
        self.imported: dict[str, str] = {}
        """Dotted names by the names of the module."""
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
        """Return the dotted name of an expression; of a call, of what is called. "": it has none.

        Names that the module does not import are its own. Of what stands in brackets behind a name,
        it is that of the name.
        """
        parts: list[str] = []
        while True:
            match node:
                case ast.Attribute(value=inner, attr=name):
                    parts.append(name)
                case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.Await(value=inner):
                    pass
                case ast.Name(id=name):
                    start = self.imported.get(name, f"{self.dotted}.{name}")
                    return ".".join((start, *parts[::-1]))
                case _:
                    return ""
            node = inner

    def list_mentioned(self, nodes: Iterable[ast.AST]) -> frozenset[str]:
        """Return the dotted names of all that is named within these."""
        inner = (part for node in nodes for part in ast.walk(node))
        return frozenset(map(self.find_name, inner)) - {""}
