"""Tests that read what is printed: such a print may not become a log message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.recipes.print_to_logging import purposes
from repo_config import foreign_python
from repo_config.tree import Tree

_FIXTURES = frozenset({"capsys", "capfd", "capsysbinary", "capfdbinary", "capstdout"})
_READS = re.compile(
    rb"capsys|capfd|redirect_stdout|redirect_stderr|sys\.stdout|sys\.stderr|builtins\.print|"
    rb"\.print['\"]|captured_stdout|captured_output|captured_stderr|capture_output|__builtin__"
)
_SHORTEST = 4


@dataclass(frozen=True)
class Reader:
    """A test that reads output."""

    path: str
    line: int
    name: str
    names: frozenset[str]
    """Every name that it mentions."""
    texts: tuple[str, ...]
    """Every text in it."""
    modules: frozenset[str]
    """What its file imports, dotted."""

    def knows(self, module: str) -> bool:
        """Whether its file imports a module, something of it, or a package around it."""
        return any(
            one == module or module.startswith(f"{one}.") or one.startswith(f"{module}.")
            for one in self.modules
        )

    def shown(self) -> str:
        """As in `tests/test_report.py:12 (test_total)`."""
        return f"{self.path}:{self.line} ({self.name})"


class Captures:
    """All tests of a tree that read output."""

    def __init__(self, tree: Tree) -> None:
        self.readers = tuple(_readers(tree))

    def of(self, module: str, names: tuple[str, ...], texts: tuple[str, ...]) -> Reader | None:
        """The test that reads what a call prints, if there is one.

        Args:
            module: Dotted name of the file that prints.
            names: Of the function around the call; a test that reads output and mentions one of
                them is taken to mean this output.
            texts: What the call always says.
        """
        patched = f"{module}.print"
        for reader in self.readers:
            if any(text == patched for text in reader.texts):
                return reader
            if reader.names & set(names) and reader.knows(module):
                return reader
            if any(_share(text, said) for text in reader.texts for said in texts):
                return reader
        return None


def _share(text: str, said: str) -> bool:
    """Whether a text of a test is a part of what is printed, or holds it."""
    text, said = text.strip(), said.strip()
    if min(len(text), len(said)) < _SHORTEST:
        return False
    return said in text or (text in said and " " in text) or text == said


def _readers(tree: Tree) -> Iterator[Reader]:
    for path in tree.paths():
        if not path.endswith(".py"):
            continue
        reason = purposes.of_path(path)
        if reason is None or "test" not in reason:
            continue
        content = tree.read(path)
        if not _READS.search(content):
            continue
        try:
            module = foreign_python.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        yield from _of_module(path, module)


def _of_module(path: str, module: ast.Module) -> Iterator[Reader]:
    modules = frozenset(_imports(module))
    helpers = {
        node.name
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _reads(node)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = frozenset(_names(node))
            # setUp may redirect for the whole class, a helper or a fixture for its callers.
            if node.name in helpers or names & helpers:
                yield Reader(path, node.lineno, node.name, names, tuple(_texts(node)), modules)
        if isinstance(node, ast.ClassDef) and helpers & {"setUp", "setup_method", "setUpClass"}:
            if any(one.name in helpers for one in node.body if isinstance(one, ast.FunctionDef)):
                names, texts = frozenset(_names(node)), tuple(_texts(node))
                yield Reader(path, node.lineno, node.name, names, texts, modules)


def _reads(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = {arg.arg for arg in [*node.args.args, *node.args.kwonlyargs]}
    if arguments & _FIXTURES:
        return True
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute | ast.Name):
            name = inner.attr if isinstance(inner, ast.Attribute) else inner.id
            if name in ("redirect_stdout", "redirect_stderr") or name.startswith("captured_"):
                return True
        if isinstance(inner, ast.Assign) and any(
            ast.unparse(target) in ("sys.stdout", "sys.stderr") for target in inner.targets
        ):
            return True
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            if re.fullmatch(r"[\w.]*\.print|sys\.std(?:out|err)|std(?:out|err)", inner.value):
                return True
    return False


def _imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative one may lead anywhere; its last part is what a name can be held against.
            yield node.module or ""
            yield from (f"{node.module}.{a.name}" if node.module else a.name for a in node.names)


def _names(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.arg):
            yield inner.arg


def _texts(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value
            yield from (line for line in inner.value.splitlines() if line != inner.value)
