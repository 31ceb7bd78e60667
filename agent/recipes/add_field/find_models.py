"""Find the classes that a model's name in a ticket may mean. No code runs.

In the sandbox, Django checks whether a class is a model with a table of its own.
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from repo_config import foreign_python
from repo_config.tree import Tree

_CLASS = re.compile(rb"^[ \t]*class[ \t]+(\w+)", re.MULTILINE)
_MODEL_FILE = re.compile(r"(?:^|/)(?:\w*models\.py$|models/)")
_TEST_PATH = re.compile(r"(?:^|/)(?:tests?|testing|test_\w+|\w+_tests?)(?:/|\.py$)|(?:^|/)conftest")
_APP_MARKS = ("migrations/__init__.py", "models/__init__.py", "models.py", "apps.py")


class Model(NamedTuple):
    path: str
    module: str
    """Dotted name of its file."""
    node: ast.ClassDef
    body: list[ast.stmt]
    """Top-level statements of its file."""
    app_label: str
    app_folder: str
    """Relative to the root; "" for the root itself."""

    @property
    def label(self) -> str:
        return f"{self.app_label}.{self.node.name}"

    @property
    def description(self) -> str:
        return f"{self.label} ({self.path}:{self.node.lineno})"

    @property
    def own_names(self) -> dict[str, str]:
        return dict(_list_names(self.node.body))

    @property
    def names(self) -> dict[str, str]:
        """Names that the field may use, each with its import; "": it is not imported."""
        return dict(_list_names(self.body)) | self.own_names


class ModelFinder:
    def __init__(self, tree: Tree, python_path: tuple[str, ...]) -> None:
        self.tree = tree
        self.classes: dict[str, set[str]] = {}
        """Names of the classes in each file, found without parsing."""
        self.unreadable: list[str] = []
        self._paths = {path for path in tree.paths() if path.endswith(".py")}
        for path in sorted(self._paths):
            if "/migrations/" not in f"/{path}":
                self.classes[path] = {*map(bytes.decode, _CLASS.findall(tree.read(path)))}
        packages = {posixpath.dirname(path) for path in self._paths if path.endswith("__init__.py")}
        self._roots = {*python_path, *({*map(posixpath.dirname, packages)} - packages)}

    def list_names(self) -> set[str]:
        likely = filter(_MODEL_FILE.search, self.classes)
        return {name for path in likely for name in self.classes[path]}

    def find(self, stated: str) -> list[Model]:
        """List the classes that `Customer`, `shop.Customer` or `shop.models.Customer` may mean."""
        prefix, _, name = stated.rpartition(".")
        models = [
            model
            for path in self.classes
            if name in self.classes[path]
            for model in self._read_classes(path)
            if model.node.name == name
            and prefix in ("", model.app_label, f"{model.app_label}.models", model.module)
        ]
        models = [model for model in models if not _TEST_PATH.search(model.path)] or models
        return [model for model in models if _MODEL_FILE.search(model.path)] or models

    def _read_classes(self, path: str) -> Iterator[Model]:
        body = self._parse(path)
        nodes = ast.walk(ast.Module(body, []))
        classes = [node for node in nodes if isinstance(node, ast.ClassDef) and node.bases]
        # Of several classes with the same name, the outermost counts; of several such, the last.
        classes.sort(key=lambda node: (-node.col_offset, node.lineno))
        folder = self._find_app(posixpath.dirname(path))
        root = max(
            (root for root in self._roots if path.startswith(f"{root}/")), key=len, default=""
        )
        inner = path.removeprefix(f"{root}/").removesuffix(".py").removesuffix("/__init__")
        for node in {node.name: node for node in classes}.values():
            yield Model(
                path, inner.replace("/", "."), node, body, posixpath.basename(folder), folder
            )

    def _find_app(self, folder: str) -> str:
        """Return the folder of the app that a folder belongs to; its name is taken as the label."""
        at = folder
        while at and self._paths.isdisjoint(f"{at}/{mark}" for mark in _APP_MARKS):
            at = posixpath.dirname(at)
        return at or folder.removesuffix("/models")

    def _parse(self, path: str) -> list[ast.stmt]:
        try:
            return foreign_python.parse_module(self.tree.read(path)).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.unreadable.append(path)
            return []


def _list_names(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield the names that statements bind, each with its import; "": it is not imported.

    Names that are bound below the class, or only for type checkers, are included: Django refuses
    them when it loads the model.
    """
    waiting: list[ast.AST] = [*body]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    yield alias.asname or name, name
            case ast.ImportFrom(names=aliases):
                origin = "." * node.level + (f"{node.module}." if node.module else "")
                yield from ((alias.asname or alias.name, origin + alias.name) for alias in aliases)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, ""
            case ast.Name(ctx=ast.Store()):
                yield node.id, ""
            case _:
                waiting += ast.iter_child_nodes(node)
