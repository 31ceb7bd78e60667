"""Python source as the rules read it: which files count, parsed. Nothing is executed."""

import ast
import posixpath
import re

from agent.policy.meaning import UNREADABLE
from agent.policy.names import Names
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
    """A Python file that parses, with what its names stand for."""

    def __init__(self, path: str, content: bytes, dotted: str) -> None:
        """Parse it.

        Args:
            dotted: By which the module is imported.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
        """
        self.path = path
        self.dotted = dotted
        self.module = foreign_python.parse_module(content)
        self.nodes = [*ast.walk(self.module)]
        self.names = Names(self.nodes, dotted, is_package=path.endswith("__init__.py"))
