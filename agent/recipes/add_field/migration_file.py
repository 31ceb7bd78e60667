"""Read a migration file that was produced, as data: only what Django writes into one may pass.

Owns the form of the file: its imports, its one class, and what may stand in an operation. Whether
an operation was asked for is left to `migration_column`.
"""

from __future__ import annotations

import ast
import re
import sys

from agent.errors import EditFailed
from agent.recipes.add_field.parameters import Parameters

_MAX_BYTES = 256 * 1024


class Operation:
    """One entry of `operations`, as written."""

    def __init__(self, path: str, node: ast.expr) -> None:
        self.path = path
        self.kind = ""
        self.words: dict[str, ast.expr] = {}
        if isinstance(node, ast.Call) and not node.args:
            where, _, kind = dotted(node.func).rpartition(".")
            if where == "migrations" and all(word.arg for word in node.keywords):
                self.kind = kind
            self.words = {word.arg: word.value for word in node.keywords if word.arg}
        self._text = ast.unparse(node)

    def word(self, name: str) -> str:
        """Return a text that is given by keyword; empty where none is."""
        value = self.words.get(name)
        text = value.value if isinstance(value, ast.Constant) else ""
        return text if isinstance(text, str) else ""

    def shown(self) -> str:
        """Write it on one line for people."""
        model, name = self.word("model_name"), self.word("name")
        if self.kind and name:
            return f"{self.kind} {name}" + (f" on {model}" if model else "")
        line = " ".join(self._text.split())
        return line if len(line) <= 100 else line[:97] + "..."


def dotted(node: ast.expr) -> str:
    """Give the dotted name that an expression is, and nothing but that; else empty."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


#: What Django imports by `from`; everything else it imports whole, under its own name.
_FROM = {
    "django.db": {"migrations", "models"},
    "django.conf": {"settings"},
    "decimal": {"Decimal"},
    "django.utils.timezone": {"utc"},
}
#: What Django writes of the standard library: names that may be called, or only named.
_STANDARD = {
    "datetime": re.compile(
        r"date|time|datetime|timedelta|timezone|timezone\.utc|date\.today|datetime\.now"
    ),
    "decimal": re.compile(r"Decimal"),
    "uuid": re.compile(r"UUID|uuid[14]"),
    "re": re.compile(r"compile"),
    "zoneinfo": re.compile(r"ZoneInfo"),
}
_DJANGO = re.compile(
    r"django\.(?:utils\.timezone|core\.(?:validators|files\.storage|serializers\.json)|"
    r"(?:db|contrib\.gis\.db)\.models|contrib\.(?:postgres|contenttypes))(?:\.\w+)*"
)
_CLASS = re.compile(r"[A-Z]\w*(?:\.[A-Z]\w*)*")
#: Functions of Django that are named, and never called.
_FUNCTION = re.compile(r"now|localdate|utc|validate_\w+")
_OWN_NAME = re.compile(r"\w+|[A-Z]\w*(?:\.\w+)+")
_RUNS_SQL = re.compile(r"RawSQL|Func|RunSQL|RunPython|Extra\w*")
_BUILTINS = frozenset({"dict", "list", "set", "tuple", "str", "int", "float", "bool"})
_MODEL_SETTING = re.compile(r"settings\.[A-Z0-9_]*MODEL[A-Z0-9_]*")


class File:
    """A produced migration file: only what Django writes into one for an added field may pass."""

    def __init__(self, path: str, content: bytes, parameters: Parameters) -> None:
        self.path = path
        self.operations: list[Operation] = []
        self._imported: set[str] = set()
        self._from: dict[str, str] = {}
        self._used: set[str] = set()
        self._own_type = parameters.field.own_type
        self._local = any(one.value.kind == "local" for one in parameters.field.options)
        paths = (parameters.place.path, *(one.migrations for one in parameters.carriers))
        self._packages = {part.removesuffix(".py") for one in paths for part in one.split("/")}
        if len(content) > _MAX_BYTES:
            raise EditFailed(f"{path} was produced, but has more than {_MAX_BYTES:,} bytes.")
        try:
            self._read(ast.parse(content))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            raise EditFailed(
                f"{path} was produced, but is not Python that can be read: {problem}"
            ) from problem

    def _no(self, what: str, node: ast.AST) -> EditFailed:
        line = getattr(node, "lineno", 1)
        return EditFailed(
            f"{self.path} was produced, but {what} (line {line}), which Django does not write "
            "for an added field. Look for a package of the environment that changes how Django "
            "writes migrations, or make this migration by hand."
        )

    def _read(self, tree: ast.Module) -> None:
        classes: list[ast.ClassDef] = []
        for statement in tree.body:
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._import(statement)
            elif isinstance(statement, ast.ClassDef):
                classes.append(statement)
            elif not is_text:
                raise self._no("holds more than one migration", statement)
        if len(classes) != 1:
            raise self._no("holds more than one migration", tree)
        node = classes[0]
        is_plain = node.name == "Migration" and not (node.keywords or node.decorator_list)
        bases = [dotted(base) for base in node.bases]
        if not is_plain or bases != ["migrations.Migration"] or "migrations" not in self._from:
            raise self._no("its class is no plain migration", node)
        seen: set[str] = set()
        for line in node.body:
            self._attribute(line, seen)

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for alias in statement.names:
            if alias.asname or (isinstance(statement, ast.ImportFrom) and statement.level):
                raise self._no(f"imports {alias.name} in another way", statement)
            if isinstance(statement, ast.ImportFrom):
                source = statement.module or ""
                known = alias.name in _FROM.get(source, ())
                if not known and not (self._may_import(source) and self._is_new(alias.name)):
                    raise self._no(f"imports {alias.name} from {source}", statement)
                self._from[alias.name] = source
            elif self._may_import(alias.name):
                self._imported.add(alias.name)
            else:
                raise self._no(f"imports {alias.name}", statement)

    def _may_import(self, module: str) -> bool:
        top = module.partition(".")[0]
        if re.search(r"(?:^|\.)__", module):
            return False
        if top == "django":
            return _DJANGO.fullmatch(module) is not None
        if top in sys.stdlib_module_names:
            return module in _STANDARD
        return not self._own_type or (self._local and top in self._packages)

    def _is_new(self, name: str) -> bool:
        """Whether a name that is imported by `from` is a class and hides nothing known."""
        hides = {one for names in _FROM.values() for one in names}
        return _CLASS.fullmatch(name) is not None and name not in hides and name not in self._from

    def _attribute(self, statement: ast.stmt, seen: set[str]) -> None:
        is_single = isinstance(statement, ast.Assign) and len(statement.targets) == 1
        name = dotted(statement.targets[0]) if isinstance(statement, ast.Assign) else ""
        if not isinstance(statement, ast.Assign) or not is_single or name in seen:
            raise self._no("holds more than a migration's operations", statement)
        seen.add(name)
        value = statement.value
        if name in ("initial", "atomic"):
            fine = isinstance(value, ast.Constant) and isinstance(value.value, bool)
        elif name in ("dependencies", "run_before"):
            fine = isinstance(value, ast.List) and all(map(self._is_dependency, value.elts))
        elif name == "operations" and isinstance(value, ast.List):
            fine = True
            self.operations = [Operation(self.path, one) for one in value.elts]
        else:
            raise self._no("holds more than a migration's operations", statement)
        if not fine:
            raise self._no(f"its {name} cannot be read", statement)

    def _is_dependency(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            return all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in node.elts)
        return (
            isinstance(node, ast.Call)
            and dotted(node.func) == "migrations.swappable_dependency"
            and len(node.args) == 1
            and not node.keywords
            and self._is_model_setting(dotted(node.args[0]))
        )

    def _is_model_setting(self, written: str) -> bool:
        return "settings" in self._from and _MODEL_SETTING.fullmatch(written) is not None

    # --- what may stand in an operation ---------------------------------------------------

    def hold_operation(self, operation: Operation) -> None:
        """Refuse an asked operation with anything in it that Django would not write."""
        for name, value in operation.words.items():
            if name not in ("model_name", "name", "field", "preserve_default"):
                raise self._no(f"an operation has `{name}`", value)
            if (name == "field") is isinstance(value, ast.Constant):
                raise self._no(f"`{name}` of an operation cannot be read", value)
        call = operation.words["field"]
        if not self._own_type and isinstance(call, ast.Call):
            called = dotted(call.func)
            where = self._from.get(called, called)
            self._packages |= {called.partition(".")[0], where.partition(".")[0]}
        try:
            for value in operation.words.values():
                self._hold(value)
        except RecursionError as problem:
            raise self._no("an operation is nested too deeply", call) from problem

    def hold_imports_used(self) -> None:
        """Refuse modules that are imported for nothing: importing runs code."""
        for module in sorted({*self._imported, *self._from.values()} - self._used):
            if not module.startswith("django."):
                raise EditFailed(
                    f"{self.path} was produced, but imports {module} without using it, which "
                    "Django does not do. Make this migration by hand."
                )

    def _hold(self, node: ast.expr) -> None:
        fine, inner = False, list[ast.expr]()
        if isinstance(node, ast.Constant):
            fine = node.value is not ...
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            fine, inner = True, node.elts
        elif isinstance(node, ast.Dict):
            keys = [key for key in node.keys if key is not None]
            fine, inner = len(keys) == len(node.values), [*keys, *node.values]
        elif isinstance(node, ast.UnaryOp):
            fine = isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
        elif isinstance(node, ast.Call):
            fine = all(word.arg for word in node.keywords) and self._may_call(dotted(node.func))
            inner = [*node.args, *(word.value for word in node.keywords)]
        else:
            fine = self._may_name(dotted(node))
        if not fine:
            raise self._no(f"has `{cut(node)}`", node)
        for one in inner:
            self._hold(one)

    def _may_call(self, written: str) -> bool:
        if written in ("float", "set", "frozenset"):
            return written not in self._from
        module, name = self._split(written)
        is_class = _CLASS.fullmatch(name) or (module in _STANDARD and "." not in name)
        return bool(is_class) and self._may(module, name)

    def _may_name(self, written: str) -> bool:
        if written in _BUILTINS:
            return True
        if self._is_model_setting(written):
            self._used.add("django.conf")
            return True
        return self._may(*self._split(written))

    def _split(self, written: str) -> tuple[str, str]:
        """The imported module that a dotted name begins with, and the name in it."""
        first = written.partition(".")[0]
        if first in self._from:
            return self._from[first], written.removeprefix("models.")
        found = [one for one in self._imported if written.startswith(f"{one}.")]
        module = max(found, key=len, default="")
        return module, written[len(module) + 1 :] if module else ""

    def _may(self, module: str, name: str) -> bool:
        """Whether a name of an imported module may stand there; a module of a module never."""
        if not module or not name or re.search(r"(?:^|\.)__", name):
            return False
        self._used.add(module)
        top = module.partition(".")[0]
        if module in _STANDARD:
            return _STANDARD[module].fullmatch(name) is not None
        if top == "django":
            known = _CLASS.fullmatch(name) or _FUNCTION.fullmatch(name)
            return bool(known) and not _RUNS_SQL.fullmatch(name)
        return top in self._packages and _OWN_NAME.fullmatch(name) is not None


def cut(node: ast.expr) -> str:
    """Write code on one short line for people."""
    line = " ".join(ast.unparse(node).split())
    return line if len(line) <= 60 else line[:57] + "..."
