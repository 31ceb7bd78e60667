"""Look through the files of a tree for prints; what is decided for each is left to `deciding`."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from agent.errors import RequestRefused
from agent.recipes.modules import Modules
from agent.recipes.print_to_logging import calls, captures, programs, purposes
from agent.recipes.print_to_logging.callers import Callers
from agent.recipes.print_to_logging.deciding import Decisions, Wish
from agent.recipes.print_to_logging.parameters import FileWork, Left
from agent.recipes.source import SourceFile
from repo_config import foreign_python
from repo_config.tree import Below, Tree


@dataclass
class Result:
    """What was found."""

    files: list[FileWork] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Files that cannot be edited, with the reason."""


class Survey:
    """Everything that is asked of a tree, once for all of its files."""

    def __init__(
        self, tree: Tree, python_path: tuple[str, ...], wish: Wish, root: str = ""
    ) -> None:
        self._tree = tree
        self._modules = Modules(tree, python_path)
        self._entries = programs.entry_points(Below(tree, root))
        self._callers = Callers(self._modules, self._entries)
        self._captures = captures.Captures(tree)
        self._wish = wish
        self._paths = frozenset(tree.paths())
        self._packages = frozenset(
            path.removesuffix("/__init__.py")
            for path in self._paths
            if path.endswith("/__init__.py")
        )

    def look(self, paths: tuple[str, ...], named: frozenset[str]) -> Result:
        """Look through files; those that are `named` one by one are edited wherever they lie."""
        result = Result()
        for path in paths:
            content = self._tree.read(path)
            if b"print" not in content:
                continue
            if path not in named and (reason := purposes.of_path(path, self._packages)):
                self._leave_file(path, content, reason, result)
            else:
                self._look_into(path, content, result, named=path in named)
        return result

    def _leave_file(self, path: str, content: bytes, reason: str, result: Result) -> None:
        """Note a file whose path speaks against it, with its first print."""
        try:
            lines = [
                node.lineno
                for node in ast.walk(_parsed(content))
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "print"
            ]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        for line in sorted(lines):
            result.left.append(Left(path=path, line=line, reason=reason))

    def _look_into(self, path: str, content: bytes, result: Result, *, named: bool) -> None:
        if not named and not _may_print(content):
            return
        try:
            source = SourceFile(path, content)
            found = calls.find(source)
            module = self._modules.parse(path)
        except RequestRefused as problem:
            result.unreadable.append((path, problem.message))
            return
        if module is None:
            result.unreadable.append((path, self._modules.unreadable.get(path, "it is no Python")))
            return
        reason = purposes.of_file(path, source.text)
        if not reason and not named:
            folder = path.rpartition("/")[0]
            in_package = f"{folder}/__init__.py".lstrip("/") in self._paths
            reason = purposes.of_script(path, source.text, in_package=in_package)
        if reason:
            result.left += [
                Left(path=path, line=source.line(call.node), reason=reason) for call in found.calls
            ]
            return

        def outside(name: str) -> str | None:
            # Who names a file means its prints, whoever calls them.
            return None if named else self._callers.of(module, name)

        decisions = Decisions(
            source, found, module, self._modules, self._entries, self._captures, self._wish, outside
        )
        work, left = decisions.made()
        result.left += left
        if work:
            result.files.append(work)


def _may_print(content: bytes) -> bool:
    """Whether a file has `print` as a name; quicker than LibCST can say."""
    try:
        nodes = ast.walk(_parsed(content))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # what is wrong is said by whoever tries to edit it
    return any(isinstance(node, ast.Name) and node.id == "print" for node in nodes)


def _parsed(content: bytes) -> ast.Module:
    return foreign_python.parse(content)
