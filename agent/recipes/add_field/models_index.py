"""All Django models of a tree, found in its code without running it.

Owns what is a model, to which app it belongs, and what it inherits. Where a base class comes from
an installed package its content is unknown here; Django itself tells later, in the sandbox.
"""

from __future__ import annotations

import ast
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from agent.recipes import modules
from agent.recipes.modules import External, FoundClass, Module, Modules
from repo_config.detect import Tree

_MODEL_ROOTS = frozenset(
    {
        "django.db.models.Model",
        "django.db.models.base.Model",
        "django.contrib.gis.db.models.Model",
    }
)
_FIELD_CALL = re.compile(r"(?:\wField|ForeignKey|ParentalKey|ForeignObject|GenericRelation)$")
_CLASS_HEADER = re.compile(rb"^[ \t]*class[ \t]+\w+[ \t]*\(([^)]*)\)", re.MULTILINE)
_MODEL_FILE = re.compile(r"(?:^|/)(?:\w*models\.py$|models/)")
_TEST_PATH = re.compile(r"(?:^|/)(?:tests?|testing|test_\w+|\w+_tests?)(?:/|\.py$)|(?:^|/)conftest")


@dataclass(frozen=True)
class App:
    label: str
    dotted: str
    folder: str
    """Relative to the root; "" for the root itself."""

    @property
    def migrations(self) -> str:
        """Folder of its migrations."""
        return f"{self.folder}/migrations" if self.folder else "migrations"


@dataclass(frozen=True)
class ModelField:
    name: str
    type_name: str
    line: int
    call: ast.Call


@dataclass(eq=False)
class Model:
    name: str
    module: Module
    node: ast.ClassDef
    app: App
    parents: tuple[Model, ...]
    """Models of the tree it inherits from."""
    fields: dict[str, ModelField]
    names: dict[str, int]
    """Every name of the class body, with its line."""
    meta: dict[str, ast.expr] = field(default_factory=dict)
    """Options of its own Meta, and of those that Meta inherits."""

    @property
    def path(self) -> str:
        return self.module.path

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def label(self) -> str:
        return f"{self.app.label}.{self.name}"

    @property
    def description(self) -> str:
        return f"{self.label} ({self.path}:{self.line})"

    @property
    def test_only(self) -> bool:
        return _TEST_PATH.search(self.path) is not None

    def meta_flag(self, name: str) -> bool | None:
        value = self.meta.get(name)
        flag = value.value if isinstance(value, ast.Constant) else None
        return flag if isinstance(flag, bool) else None

    @property
    def abstract(self) -> bool:
        """Whether it has no table of its own and lends its fields to its children."""
        return self.meta_flag("abstract") is True

    @property
    def proxy(self) -> bool:
        return self.meta_flag("proxy") is True

    def list_ancestors(self) -> tuple[Model, ...]:
        found: list[Model] = []
        for parent in self.parents:
            found += [one for one in (parent, *parent.list_ancestors()) if one not in found]
        return tuple(found)


def is_field_call(node: ast.expr) -> bool:
    """Whether an expression makes a model field, by its name."""
    if not isinstance(node, ast.Call):
        return False
    called = modules.read_dotted_name(node.func)
    if called is None or called.startswith(("forms.", "serializers.")):
        return False
    return _FIELD_CALL.search(called) is not None


def read_body(node: ast.ClassDef) -> tuple[dict[str, ModelField], dict[str, int]]:
    """The fields and all names of a class body."""
    fields: dict[str, ModelField] = {}
    names: dict[str, int] = {}
    for statement in modules.iterate_statements(node.body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.setdefault(statement.name, statement.lineno)
            continue
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        for target in targets:
            if not isinstance(target, ast.Name):
                continue
            names.setdefault(target.id, statement.lineno)
            if is_field_call(value) and isinstance(value, ast.Call):
                type_name = (modules.read_dotted_name(value.func) or "").rpartition(".")[2]
                fields[target.id] = ModelField(target.id, type_name, statement.lineno, value)
    return fields, names


class ModelsIndex:
    """The models of a tree; built once per run."""

    def __init__(self, tree: Tree, python_path: tuple[str, ...] = ()) -> None:
        self.modules = Modules(tree, python_path)
        self._folders = {os.path.dirname(path) for path in self.modules.files}
        self._made: dict[tuple[str, int], Model | None] = {}
        self.models: list[Model] = []
        for path in self._list_candidates():
            if module := self.modules.read_module(path):
                for node in module.classes.values():
                    if model := self._make_model(FoundClass(module, node)):
                        self.models.append(model)
        self.models.sort(key=lambda model: (model.path, model.line))

    # --- which files ------------------------------------------------------------------------

    def _list_candidates(self) -> list[str]:
        """Files that may hold a model, by their bytes: far fewer than there are."""
        chosen: set[str] = set()
        headers: dict[str, set[str]] = {}
        known: set[str] = set()
        for path in self.modules.files:
            if "/migrations/" in f"/{path}":
                continue
            content = self.modules.read_text(path)
            if b"class" not in content:
                continue
            bases = {
                base.strip().rpartition(".")[2]
                for header in _CLASS_HEADER.findall(content)
                for base in header.decode("utf-8", "replace").split(",")
            }
            headers[path] = bases
            names_model = any("Model" in base for base in bases) and b"models" in content
            if names_model or (b"class" in content and _MODEL_FILE.search(path)):
                chosen.add(path)
        fresh = set(chosen)
        while fresh:
            for path in fresh:
                if module := self.modules.read_module(path):
                    known |= set(module.classes)
            fresh = {p for p, bases in headers.items() if p not in chosen and bases & known}
            chosen |= fresh
        return sorted(chosen)

    # --- what is a model --------------------------------------------------------------------

    def _make_model(self, found: FoundClass) -> Model | None:
        key = (found.module.path, found.node.lineno)
        if key not in self._made:
            self._made[key] = None  # a class that inherits from itself is no model
            self._made[key] = self._make(found)
        return self._made[key]

    def _make(self, found: FoundClass) -> Model | None:
        module, node = found.module, found.node
        parents: list[Model] = []
        external: list[str] = []
        # `with_metaclass(Meta, Base)` has Base as its base, too.
        called = (base.args if isinstance(base, ast.Call) else [base] for base in node.bases)
        for base in chain.from_iterable(called):
            dotted = modules.read_dotted_name(base)
            target = self.modules.resolve(module, dotted) if dotted else None
            if isinstance(target, FoundClass):
                if parent := self._make_model(target):
                    parents.append(parent)
            elif dotted:
                external.append(target.dotted if target else f"?.{dotted}")
        fields, names = read_body(node)
        if not parents and not self._is_rooted(module, external, fields):
            return None
        meta = self._find_meta(found, tuple(parents))
        app = self._find_app(module, meta)
        return Model(node.name, module, node, app, tuple(parents), fields, names, meta)

    def _is_rooted(
        self, module: Module, external: list[str], fields: dict[str, ModelField]
    ) -> bool:
        """Whether a class without a model of the tree above it is a model by its bases."""
        if any(dotted in _MODEL_ROOTS for dotted in external):
            return True
        own = ("django.db.models.", "django.contrib.gis.db.models.")
        foreign = [dotted for dotted in external if not dotted.startswith(own)]
        from_models = any(re.search(r"\bmodels?\b", dotted) for dotted in foreign)
        if from_models and _MODEL_FILE.search(module.path):
            return True
        return bool(foreign) and any(self._is_django_field(module, f.call) for f in fields.values())

    def _is_django_field(self, module: Module, call: ast.Call) -> bool:
        dotted = modules.read_dotted_name(call.func)
        target = self.modules.resolve(module, dotted) if dotted else None
        return isinstance(target, External) and target.dotted.startswith(
            ("django.db.models", "django.contrib.gis.db", "django.contrib.postgres")
        )

    def _find_meta(self, found: FoundClass, parents: tuple[Model, ...]) -> dict[str, ast.expr]:
        own = [one for one in found.node.body if isinstance(one, ast.ClassDef)]
        meta = next((one for one in own if one.name == "Meta"), None)
        if meta is None:
            # Django hands down the Meta of an abstract parent, never its `abstract`.
            for parent in parents:
                if parent.abstract and parent.meta:
                    return {k: v for k, v in parent.meta.items() if k != "abstract"}
            return {}
        options: dict[str, ast.expr] = {}
        for base in meta.bases:
            dotted = modules.read_dotted_name(base)
            if dotted and dotted.endswith(".Meta"):
                target = self.modules.resolve(found.module, dotted.removesuffix(".Meta"))
                above = self._make_model(target) if isinstance(target, FoundClass) else None
                if above:
                    inherited = {k: v for k, v in above.meta.items() if k != "abstract"}
                    options = {**inherited, **options}
        for statement in modules.iterate_statements(meta.body):
            if isinstance(statement, ast.Assign):
                for one in statement.targets:
                    if isinstance(one, ast.Name):
                        options[one.id] = statement.value
        return options

    # --- which app --------------------------------------------------------------------------

    @cached_property
    def apps(self) -> tuple[App, ...]:
        found: list[App] = []
        for path in self.modules.files:
            if os.path.basename(path) not in ("apps.py", "__init__.py", "config.py", "app.py"):
                continue
            if b"AppConfig" not in self.modules.read_text(path):
                continue
            module = self.modules.read_module(path)
            for node in module.classes.values() if module else ():
                if app := _find_app_config(path, node):
                    found.append(app)
        for app in found:
            if app.folder and self.modules.name_module(f"{app.folder}/__init__.py") != app.dotted:
                self.modules.rename_package(app.folder, app.dotted)
        return tuple(found)

    def _find_app(self, module: Module, meta: dict[str, ast.expr]) -> App:
        configured = [
            a for a in self.apps if not a.folder or module.path.startswith(a.folder + "/")
        ]
        nearest = max(configured, key=lambda app: len(app.folder), default=None)
        folder = self._make_conventional(module.path)
        if nearest is None or (len(folder) > len(nearest.folder) and self._is_app(folder)):
            dotted = self.modules.name_module(f"{folder}/__init__.py" if folder else "__init__.py")
            label = (dotted or folder).rpartition(".")[2].rpartition("/")[2]
            nearest = App(label or module.dotted.partition(".")[0], dotted, folder)
        stated = meta.get("app_label")
        if isinstance(stated, ast.Constant) and isinstance(stated.value, str):
            if stated.value == nearest.label:
                return nearest
            named = [app for app in self.apps if app.label == stated.value]
            if named:
                return named[0]
            other = self._find_folder(stated.value)
            return App(stated.value, nearest.dotted, other or nearest.folder)
        return nearest

    def _make_conventional(self, path: str) -> str:
        parts = path.split("/")
        for number in range(len(parts) - 1, -1, -1):
            if parts[number] in ("models.py", "models"):
                if number and parts[number - 1] == "models":
                    continue  # `models/models.py`: the app is around both
                return "/".join(parts[:number])
        folder = os.path.dirname(path)
        while folder and not self._is_app(folder):
            folder = os.path.dirname(folder)
        return folder or os.path.dirname(path)

    def _is_app(self, folder: str) -> bool:
        return (
            f"{folder}/migrations" in self._folders
            or f"{folder}/models" in self._folders
            or (f"{folder}/models.py" in self._path_set)
        )

    @cached_property
    def _path_set(self) -> frozenset[str]:
        return frozenset(self.modules.files)

    def _find_folder(self, label: str) -> str | None:
        ends = [f for f in self._folders if f.rpartition("/")[2] == label and self._is_app(f)]
        return min(ends, key=len, default=None)

    # --- questions --------------------------------------------------------------------------

    def find_model(self, module: Module, dotted: str) -> Model | None:
        """The model that a name stands for in a file."""
        target = self.modules.resolve(module, dotted)
        return self._make_model(target) if isinstance(target, FoundClass) else None

    def find_children(self, model: Model) -> tuple[Model, ...]:
        return tuple(one for one in self.models if model in one.list_ancestors())

    def find_missing_migrations(self, app: App) -> str:
        """Say what is missing of the app's migrations; empty: nothing."""
        prefix = f"{app.migrations}/"
        inside = [path for path in self.modules.files if path.startswith(prefix)]
        if not inside:
            return f"there is no {prefix}"
        if f"{prefix}__init__.py" not in inside:
            return f"{prefix}__init__.py is missing"
        return f"{prefix} has no migration" if len(inside) == 1 else ""


def _find_app_config(path: str, node: ast.ClassDef) -> App | None:
    if not any((modules.read_dotted_name(base) or "").endswith("AppConfig") for base in node.bases):
        return None
    stated: dict[str, str] = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            for target in statement.targets:
                if isinstance(target, ast.Name) and isinstance(statement.value.value, str):
                    stated[target.id] = statement.value.value
    dotted = stated.get("name")
    if dotted is None:
        return None
    folder = os.path.dirname(path)
    if folder and not f"/{folder}".endswith("/" + dotted.replace(".", "/")):
        return None
    return App(stated.get("label") or dotted.rpartition(".")[2], dotted, folder)
