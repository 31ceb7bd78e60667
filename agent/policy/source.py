"""Python source as the rules read it: which changed files count, parsed, and what was before.

Leaves the judgement to the rules. Nothing is executed. No file can change what is read: not by a
comment that switches a tool off, an odd encoding, or a nesting meant to exhaust the parser.
"""

from __future__ import annotations

import ast
import posixpath
import re

from agent.models.change import Change, ChangedFile
from agent.policy.names import Names
from repo_config import foreign_python

#: Larger files are not parsed: the rule `size` blocks them anyway.
MAX_BYTES = 1_000_000

_SHEBANG = re.compile(rb"#![^\n]*\bpython[0-9.]*")


class UnreadableError(Exception):
    """A file that the parser does not accept."""

    def __init__(self, message: str, line: int | None = None) -> None:
        """Say why.

        Args:
            message: Continues "it cannot be read, since".
            line: 1-based.
        """
        super().__init__(message)
        self.message = message
        self.line = line


def is_python(path: str, content: bytes | None) -> bool:
    """Whether a file is Python code: by its name, or by the first line of a script."""
    if path.endswith((".py", ".pyw")):
        return True
    bare_name = "." not in posixpath.basename(path)
    return bare_name and content is not None and _SHEBANG.match(content) is not None


def get_earlier_content(change: Change, file: ChangedFile) -> bytes | None:
    """Return what the file was before; for a moved file, what it was at its old place."""
    if file.before is not None:
        return file.before
    gone = [other for other in change.files if other.after is None and other.before is not None]
    for other in gone:
        if other.before == file.after:
            return other.before
    name = posixpath.basename(file.path)
    namesakes = [other for other in gone if posixpath.basename(other.path) == name]
    # Two of one name, as with __init__.py, would be a guess.
    return namesakes[0].before if len(namesakes) == 1 else None


def parse_module(content: bytes) -> ast.Module:
    """Parse a file with the grammar of the Python that runs this service.

    Raises:
        UnreadableError: It does not parse, whatever the reason.
    """
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"it is larger than {MAX_BYTES:,} bytes")
    try:
        return foreign_python.parse_module(content)
    except SyntaxError as problem:
        raise UnreadableError(problem.msg or "invalid syntax", problem.lineno) from problem
    except ValueError as problem:
        raise UnreadableError(str(problem)) from problem
    except (RecursionError, MemoryError) as problem:
        raise UnreadableError("it is nested too deeply") from problem


def is_parsable(content: bytes) -> bool:
    """Whether a file parses here."""
    try:
        parse_module(content)
    except UnreadableError:
        return False
    return True


class PythonSource:
    """A Python file that parses, with what its names stand for."""

    def __init__(self, path: str, content: bytes, dotted: str) -> None:
        """Parse it; UnreadableError: it cannot be.

        Args:
            dotted: By which the module is imported.
        """
        self.path = path
        self.content = content
        self.dotted = dotted
        self.module = parse_module(content)
        self.nodes = [*ast.walk(self.module)]
        self.names = Names(self.nodes, dotted, is_package=path.endswith("__init__.py"))
