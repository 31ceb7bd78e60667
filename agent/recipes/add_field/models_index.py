"""The Django models of a tree, found in its code without running it.

A class is a model if its bases lead to one, by the names that lead to them (`modules`).
What is only clear when Django runs is left to the sandbox.
"""

from __future__ import annotations

import ast
import itertools
import posixpath
import re
from dataclasses import dataclass
from functools import cache, cached_property

from agent.recipes.add_field.modules import Modules
from agent.recipes.add_field.scopes import NameScope
from repo_config.detect import Tree

#: Django's own, or of an installed package: `mptt.models.MPTTModel`.
_MODEL_BASE = re.compile(
    r"django\.(?:db|contrib\.gis\.db)\.models\.(?:base\.)?Model$"
    r"|(?!django\.(?:forms|db|contrib\.gis\.db)\.)\S*\bmodels?\."
)
_FIELD_MADE = re.compile(r"django\.(?:db|contrib\.\w+(?:\.db)?)\.models\..*\(\)")
_CLASS_HEADER = re.compile(rb"^[ \t]*class[ \t]+\w+[ \t]*\(([^)]*)\)", re.MULTILINE)
_MODEL_FILE = re.compile(r"(?:^|/)(?:\w*models\.py$|models/)")
_TEST_PATH = re.compile(r"(?:^|/)(?:tests?|testing|test_\w+|\w+_tests?)(?:/|\.py$)|(?:^|/)conftest")


@dataclass(eq=False)
class Model:
    path: str
    module: str
    """Dotted name of its file."""
    name: str
    line: int
    scope: NameScope
    """Names that its file binds."""
    names: dict[str, list[str]]
    """Names that the body of the class binds."""
    meta: dict[str, object]
    """What its own Meta states as literals."""
    app_label: str
    app_folder: str
    """Relative to the root; "" for the root itself."""
    parents: tuple[Model, ...]
    """Models of the tree it inherits from."""

    @property
    def label(self) -> str:
        return f"{self.app_label}.{self.name}"

    @property
    def description(self) -> str:
        return f"{self.label} ({self.path}:{self.line})"

    @property
    def migrations(self) -> str:
        return posixpath.join(self.app_folder, "migrations")

    @property
    def test_only(self) -> bool:
        return _TEST_PATH.search(self.path) is not None

    def is_called(self, text: str) -> bool:
        """Whether `Customer`, `shop.Customer` or `shop.models.Customer` means it."""
        before, _, bare = text.rpartition(".")
        known = ("", self.app_label, f"{self.app_label}.models", self.module)
        return bare == self.name and before in known

    def list_ancestors(self) -> tuple[Model, ...]:
        above = (model for parent in self.parents for model in (parent, *parent.list_ancestors()))
        return tuple(dict.fromkeys(above))


class ModelsIndex:
    """The models of a tree; built once per run."""

    def __init__(self, tree: Tree, python_path: tuple[str, ...] = ()) -> None:
        self.paths = tuple(path for path in tree.paths() if path.endswith(".py"))
        packages = {posixpath.dirname(path) for path in self.paths if path.endswith("__init__.py")}
        around = {posixpath.dirname(folder) for folder in packages} - packages
        self.modules = Modules(tree, {*(root.strip("/") for root in python_path), *around})
        self._path_set = frozenset(self.paths)
        self.unreadable: list[str] = []
        self._made: dict[tuple[str, int], Model | None] = {}
        self._find_app = cache(self._find_app_label)

    @cached_property
    def models(self) -> tuple[Model, ...]:
        found: list[Model] = []
        for path in filter(self._may_hold_models, self.paths):
            scope = self.modules.get_scope(path)
            if scope is None:
                self.unreadable.append(path)
                continue
            classes = [node for node in scope.defined.values() if isinstance(node, ast.ClassDef)]
            found += filter(None, (self._make_model(path, node) for node in classes))
        return tuple(sorted(found, key=lambda model: (model.path, model.line)))

    def _may_hold_models(self, path: str) -> bool:
        """Whether it is worth the time to parse a file, by its bytes."""
        if "/migrations/" in f"/{path}":
            return False
        headers = _CLASS_HEADER.findall(self.modules.read_text(path))
        return any(b"Model" in bases for bases in headers) or (
            bool(headers) and _MODEL_FILE.search(path) is not None
        )

    def find_children(self, model: Model) -> list[Model]:
        return [child for child in self.models if model in child.list_ancestors()]

    def find_model(self, path: str, dotted: str) -> Model | None:
        scope = self.modules.get_scope(path)
        for name in self._list_names(scope, dotted) if scope else ():
            found = self.modules.find_definition(name)
            if found and isinstance(found.node, ast.ClassDef):
                return self._make_model(found.path, found.node)
        return None

    def _list_names(self, scope: NameScope, dotted: str) -> list[str]:
        first, dot, rest = dotted.partition(".")
        meant = [f"{name}{dot}{rest}" for name in scope.find_name(first)]
        return sorted(frozenset[str]().union(*map(self.modules.list_names, meant)))

    # --- what is a model --------------------------------------------------------------------

    def _make_model(self, path: str, node: ast.ClassDef) -> Model | None:
        key = path, node.lineno
        if key not in self._made:
            self._made[key] = None  # a class that inherits from itself is no model
            self._made[key] = self._make(path, node)
        return self._made[key]

    def _make(self, path: str, node: ast.ClassDef) -> Model | None:
        scope = self.modules.get_scope(path) or NameScope()
        body = NameScope(parent=scope)
        self.modules.bind_block(node.body, body, path)
        parents: list[Model] = []
        outside: list[str] = []
        # `with_metaclass(Meta, Base)` has Base as its base, too.
        called = [base.args if isinstance(base, ast.Call) else [base] for base in node.bases]
        for base in itertools.chain.from_iterable(called):
            dotted = read_dotted_name(base.value if isinstance(base, ast.Subscript) else base)
            if dotted and (parent := self.find_model(path, dotted)):
                parents.append(parent)
            elif dotted:
                names = self._list_names(scope, dotted)
                outside += [name for name in names if not self.modules.find_path(name)]
        made = [name for meant in body.names.values() for name in meant if _FIELD_MADE.match(name)]
        foreign = [name for name in outside if not name.startswith(("django.db.", "builtins."))]
        if not (parents or any(map(_MODEL_BASE.match, outside)) or (foreign and made)):
            return None
        inner = [line.body for line in node.body if getattr(line, "name", "") == "Meta"]  # type: ignore[attr-defined]
        meta = _read_literals(inner[-1]) if inner else {}
        label, folder = self._find_app(posixpath.dirname(path))
        label = str(meta.get("app_label") or label)
        module = self.modules.name_module(path)
        place = path, module, node.name, node.lineno
        return Model(*place, scope, body.names, meta, label, folder, tuple(parents))

    # --- which app --------------------------------------------------------------------------

    def _find_app_label(self, folder: str) -> tuple[str, str]:
        at = folder
        while at and (posixpath.basename(at) == "models" or not self._is_app(at)):
            at = posixpath.dirname(at)
        at = at or folder.removesuffix("/models")
        return self._read_label(f"{at}/apps.py", at) or posixpath.basename(at), at

    def _is_app(self, folder: str) -> bool:
        marks = ("migrations/__init__.py", "models/__init__.py", "models.py", "apps.py")
        return any(f"{folder}/{mark}" in self._path_set for mark in marks)

    def _read_label(self, path: str, folder: str) -> str:
        """Read the label that an AppConfig states for the app of its folder."""
        scope = self.modules.get_scope(path) if path in self._path_set else None
        for node in scope.defined.values() if scope else ():
            stated = _read_literals(node.body) if isinstance(node, ast.ClassDef) else {}
            name = str(stated.get("name", ""))
            if name and f"/{folder}".endswith(f"/{name.replace('.', '/')}"):
                return str(stated.get("label") or name.rpartition(".")[2])
        return ""


def _read_literals(body: list[ast.stmt]) -> dict[str, object]:
    return {
        target.id: line.value.value
        for line in body
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant)
        for target in line.targets
        if isinstance(target, ast.Name)
    }


def read_dotted_name(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None
