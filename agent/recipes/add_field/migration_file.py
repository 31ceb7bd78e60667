"""Read a migration file that was produced, as data: only what Django writes into one may pass.

Owns the form of the file: its imports, its one class, and what may stand in an operation. Whether
an operation was asked for is left to `migration_column`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping

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
        return (
            value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
        )

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
#: What Django writes of other modules: names that may be called, and names that may be named.
_CALLED = {
    "datetime": re.compile(r"date|time|datetime|timedelta|timezone"),
    "decimal": re.compile(r"Decimal"),
    "uuid": re.compile(r"UUID"),
    "re": re.compile(r"compile"),
    "zoneinfo": re.compile(r"ZoneInfo"),
    "pathlib": re.compile(r"Pure(?:Posix|Windows)Path"),
    "functools": re.compile(r"partial"),
    "collections": re.compile(r"OrderedDict"),
}
_NAMED = {
    "datetime": re.compile(r"timezone\.utc|date\.today|datetime\.now|timedelta"),
    "uuid": re.compile(r"uuid[14]"),
    "re": re.compile(r"RegexFlag|[A-Z]+"),
    "django.utils.timezone": re.compile(r"now|localdate|utc"),
    "django.core.validators": re.compile(r"[A-Z]\w*|validate_\w+"),
}
_DJANGO = re.compile(
    r"django\.(?:utils\.timezone|core\.(?:validators|files\.storage|serializers\.json)|"
    r"(?:db|contrib\.gis\.db)\.models|contrib\.(?:postgres|contenttypes))(?:\.\w+)*"
)
_CLASS = re.compile(r"[A-Z]\w*(?:\.[A-Z]\w*)*")
_RUNS_SQL = re.compile(r"RawSQL|Func|RunSQL|RunPython|Extra\w*")
_FUNCTION = re.compile(r"\w+|[A-Z]\w*(?:\.\w+)+")
_BUILTIN_CALLS = frozenset({"float", "frozenset", "set", "range"})
_BUILTIN_NAMES = frozenset({"dict", "list", "set", "tuple", "str", "int", "float", "bool"})


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
        body = list(tree.body)
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            if isinstance(body[0].value.value, str):
                body.pop(0)
        classes = [one for one in body if isinstance(one, ast.ClassDef)]
        for statement in body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._import(statement)
            elif not isinstance(statement, ast.ClassDef):
                raise self._no("holds more than one migration", statement)
        if len(classes) != 1:
            raise self._no("holds more than one migration", tree)
        node = classes[0]
        if (
            node.name != "Migration"
            or [dotted(base) for base in node.bases] != ["migrations.Migration"]
            or node.keywords
            or node.decorator_list
            or "migrations" not in self._from
        ):
            raise self._no("its class is no plain migration", node)
        seen: set[str] = set()
        for statement in node.body:
            self._attribute(statement, seen)

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
            else:
                if not self._may_import(alias.name):
                    raise self._no(f"imports {alias.name}", statement)
                self._imported.add(alias.name)

    def _may_import(self, module: str) -> bool:
        top = module.partition(".")[0]
        if re.search(r"(?:^|\.)__", module):
            return False
        if top == "django":
            return _DJANGO.fullmatch(module) is not None
        if top in sys.stdlib_module_names:
            return module in _CALLED
        return not self._own_type or (self._local and top in self._packages)

    def _is_new(self, name: str) -> bool:
        """Whether a name that is imported by `from` is a class and hides nothing known."""
        hides = {one for names in _FROM.values() for one in names}
        return _CLASS.fullmatch(name) is not None and name not in hides and name not in self._from

    def _attribute(self, statement: ast.stmt, seen: set[str]) -> None:
        name = ""
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            name = dotted(statement.targets[0])
        if not isinstance(statement, ast.Assign) or name in seen:
            raise self._no("holds more than a migration's operations", statement)
        seen.add(name)
        value = statement.value
        if name in ("initial", "atomic"):
            fine = isinstance(value, ast.Constant) and isinstance(value.value, bool)
        elif name in ("dependencies", "run_before"):
            fine = isinstance(value, ast.List) and all(map(self._is_dependency, value.elts))
        elif name == "operations":
            fine = isinstance(value, ast.List)
            if isinstance(value, ast.List):
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
        return "settings" in self._from and bool(
            re.fullmatch(r"settings\.[A-Z0-9_]*MODEL[A-Z0-9_]*", written)
        )

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
            self._packages.add(dotted(call.func).partition(".")[0])
            if where := self._from.get(dotted(call.func)):
                self._packages.add(where.partition(".")[0])
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
                    "Django does not do. Remove what changes how Django writes migrations, or "
                    "make this migration by hand."
                )

    def _hold(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) and node.value is not ...:
            return
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            for one in node.elts:
                self._hold(one)
        elif isinstance(node, ast.Dict):
            for key in node.keys:
                if key is None:
                    raise self._no("unpacks a mapping", node)
                self._hold(key)
            for one in node.values:
                self._hold(one)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            if not isinstance(node.operand, ast.Constant):
                raise self._no(f"has `{cut(node)}`", node)
        elif isinstance(node, ast.Call):
            self._hold_call(node)
        elif not self._is_flags(node) and not self._may_name(dotted(node)):
            raise self._no(f"has `{cut(node)}`", node)

    def _is_flags(self, node: ast.expr) -> bool:
        """Whether it is a member of an enumeration, or several joined by `|`."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return all(self._is_flags(one) for one in (node.left, node.right))
        if isinstance(node, ast.Subscript):
            key = node.slice
            is_text = isinstance(key, ast.Constant) and isinstance(key.value, str)
            _, name = self._split(dotted(node.value))
            is_class = _CLASS.fullmatch(name) is not None
            return is_text and is_class and self._may_name(dotted(node.value))
        return dotted(node).startswith("re.") and self._may_name(dotted(node))

    def _hold_call(self, node: ast.Call) -> None:
        called = dotted(node.func)
        arguments = list(node.args)
        pairs = [(word.arg, word.value) for word in node.keywords]
        if called == "functools.partial" and len(arguments) == 2 and len(pairs) == 1:
            # Django writes partial(function, *(...), **{...}).
            stars = (arguments[1], pairs[0][1])
            if (
                isinstance(stars[0], ast.Starred)
                and isinstance(stars[0].value, ast.Tuple)
                and pairs[0][0] is None
                and isinstance(stars[1], ast.Dict)
            ):
                arguments[1], pairs = stars[0].value, [("", stars[1])]
        if any(name is None for name, _ in pairs) or not self._may_call(node, called):
            raise self._no(f"calls `{cut(node)}`", node)
        for one in (*arguments, *(value for _, value in pairs)):
            self._hold(one)

    def _split(self, written: str) -> tuple[str, str]:
        """The imported module that a dotted name begins with, and the name in it."""
        first = written.partition(".")[0]
        if first in self._from:
            return self._from[first], written
        found = [one for one in self._imported if written.startswith(f"{one}.")]
        module = max(found, key=len, default="")
        return module, written[len(module) + 1 :] if module else ""

    def _may_call(self, node: ast.Call, written: str) -> bool:
        if written in _BUILTIN_CALLS:
            return written not in self._from and not node.keywords
        if written == "type":  # type(None)
            return ast.unparse(node) == "type(None)"
        return self._may(written, _CALLED, _CLASS)

    def _may_name(self, written: str) -> bool:
        if written in _BUILTIN_NAMES:
            return True
        if self._is_model_setting(written):
            self._used.add("django.conf")
            return True
        return self._may(written, _NAMED, _FUNCTION)

    def _may(
        self, written: str, known: Mapping[str, re.Pattern[str]], foreign: re.Pattern[str]
    ) -> bool:
        """Whether a name of an imported module may stand there; a module of a module never."""
        module, name = self._split(written)
        if not module or not name or re.search(r"(?:^|\.)__", name):
            return False
        self._used.add(module)
        top = module.partition(".")[0]
        if module in known:
            return known[module].fullmatch(name) is not None
        if module == "django.db":
            name = name.removeprefix("models.")
        if top == "django":
            return _CLASS.fullmatch(name) is not None and not _RUNS_SQL.fullmatch(name)
        if top in sys.stdlib_module_names or top not in self._packages:
            return False
        return foreign.fullmatch(name) is not None


def cut(node: ast.expr) -> str:
    """Write code on one short line for people."""
    line = " ".join(ast.unparse(node).split())
    return line if len(line) <= 60 else line[:57] + "..."
