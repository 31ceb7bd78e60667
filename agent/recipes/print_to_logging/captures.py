"""Tests that read what is printed: such a print may not become a log message."""

from __future__ import annotations

import ast
import re

from agent.recipes.modules import Modules, resolve_from_import
from agent.recipes.print_to_logging import programs

_READS = re.compile(
    rb"capsys|capfd|redirect_std(?:out|err)|sys\.std(?:out|err)|\.print['\"]|captured_std(?:out|err)"
)


class Captures:
    """All test files of a tree that read output."""

    def __init__(self, known: Modules) -> None:
        self._readers: list[tuple[str, frozenset[bytes], frozenset[str]]] = []
        for path in known.paths:
            if "test" not in path or not programs.explain_path(path):
                continue
            content = known.content(path)
            if not _READS.search(content) or (module := known.parse(path)) is None:
                continue
            imported: set[str] = set()
            for node in ast.walk(module.node):
                if isinstance(node, ast.Import):
                    imported |= {one.name for one in node.names}
                elif isinstance(node, ast.ImportFrom):
                    source = resolve_from_import(module, node)
                    imported |= {source, *(f"{source}.{one.name}" for one in node.names)}
            words = frozenset(re.findall(rb"\w+", content))
            self._readers.append((path, words, frozenset(imported)))

    def find(self, module: str, name: str) -> str:
        """Find the test file that reads output, knows a module, and names a function or class."""
        for path, words, imported in self._readers:
            if name.encode() in words and any(
                f"{module}.".startswith(f"{one}.") or one.startswith(f"{module}.")
                for one in imported
            ):
                return path
        return ""
