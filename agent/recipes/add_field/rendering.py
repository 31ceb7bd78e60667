"""Write values, field types and imports the way a certain file writes them."""

from __future__ import annotations

import libcst as cst

from agent.errors import RequestRefused
from agent.recipes import layout, nodes
from agent.recipes.add_field.parameters import Field, Option, Value
from agent.recipes.source import SourceFile

#: Modules that offer the same field types.
_MODELS = ("django.db.models", "django.contrib.gis.db.models")

#: How a symbol is imported where the file does not have it yet: statement, code to refer to it.
_IMPORTS: dict[tuple[str, str], tuple[str, str | None, str]] = {
    ("django.utils.timezone", "now"): ("django.utils", "timezone", "timezone.now"),
    ("django.utils.timezone", "localdate"): ("django.utils", "timezone", "timezone.localdate"),
    ("uuid", "uuid4"): ("uuid", None, "uuid.uuid4"),
    ("uuid", "UUID"): ("uuid", None, "uuid.UUID"),
    ("decimal", "Decimal"): ("decimal", "Decimal", "Decimal"),
    ("django.utils.translation", "gettext_lazy"): (
        "django.utils.translation",
        "gettext_lazy",
        "gettext_lazy",
    ),
}


class FileNames:
    """The names that a file's imports bind, and the imports it still needs."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._bound: dict[str, tuple[str, str | None]] = {}
        self._other: set[str] = set()
        self.needed: list[tuple[str, str | None]] = []
        """Imports to add: (module, name or None)."""
        for statement in nodes.top_statements(source.module):
            self._read(statement)

    def _read(self, statement: cst.BaseSmallStatement | cst.BaseCompoundStatement) -> None:
        if isinstance(statement, cst.Import):
            for alias in statement.names:
                dotted = nodes.dotted_name(alias.name)
                asname = _alias(alias)
                bound = asname or dotted.partition(".")[0]
                self._bound[bound] = (dotted if asname else bound, None)
        elif isinstance(statement, cst.ImportFrom):
            if isinstance(statement.names, cst.ImportStar) or statement.module is None:
                return
            dotted = "." * len(statement.relative) + nodes.dotted_name(statement.module)
            for alias in statement.names:
                self._bound[_alias(alias) or nodes.dotted_name(alias.name)] = (
                    dotted,
                    nodes.dotted_name(alias.name),
                )
        elif isinstance(statement, cst.ClassDef | cst.FunctionDef):
            self._other.add(statement.name.value)
        elif isinstance(statement, cst.Assign):
            for target in statement.targets:
                if isinstance(target.target, cst.Name):
                    self._other.add(target.target.value)

    def has_name(self, name: str) -> bool:
        """Whether the file has a top-level name."""
        return name in self._bound or name in self._other

    def reference(self, module: str, name: str) -> str | None:
        """How the file refers to a module's name with the imports it has."""
        first, _, rest = name.partition(".")
        tail = f".{rest}" if rest else ""
        for bound, origin in self._bound.items():
            if origin == (module, first):
                return bound + tail
        parent, _, last = module.rpartition(".")
        for bound, origin in self._bound.items():
            if origin == (module, None) or (parent and origin == (parent, last)):
                return f"{bound}.{name}"
        top = module.partition(".")[0]
        if self._bound.get(top) == (top, None) and "." not in module:
            return f"{top}.{name}"
        return None

    def refer(self, module: str, name: str) -> str:
        """How the file refers to a module's name; notes the import where there is none yet."""
        if not module:
            return name
        if found := self.reference(module, name):
            return found
        first = name.partition(".")[0]
        default = ("datetime", None, f"datetime.{name}") if module == "datetime" else None
        source, imported, code = _IMPORTS.get((module, name)) or default or (module, first, name)
        wanted = imported or source
        if self.has_name(wanted) and (source, imported) not in self.needed:
            alias = f"{module.partition('.')[0]}_{wanted}"
            if module == "datetime" and not self.has_name(first):
                source, imported, code = module, first, name
            elif imported == wanted and wanted.islower() and not self.has_name(alias):
                imported, code = f"{wanted} as {alias}", alias + code.removeprefix(wanted)
            else:
                raise RequestRefused(
                    f"{self._source.path} already uses the name `{wanted}` for something else, so "
                    f"`{module}.{name}` cannot be imported under it. Import it there under "
                    "another name, then ask again."
                )
        if (source, imported) not in self.needed:
            self.needed.append((source, imported))
        return code

    def field_type(self, field: Field) -> str:
        """How the file refers to a field type."""
        if not field.own_type:
            return field.type_name
        for module in _MODELS:
            if found := self._as_others_do(module, field.type_name):
                return found
        if self.has_name("models"):
            return self.refer("django.db.models", field.type_name)
        self.needed.append(("django.db", "models"))
        return f"models.{field.type_name}"

    def _as_others_do(self, module: str, name: str) -> str | None:
        parent, _, last = module.rpartition(".")
        if found := self.reference(module, name):
            return found
        plain = [one for one in self._bound.values() if one[0] == module and one[1]]
        if plain and not any(one == (parent, last) for one in self._bound.values()):
            return self.refer(module, name)
        return None


def _alias(alias: cst.ImportAlias) -> str | None:
    if alias.asname and isinstance(alias.asname.name, cst.Name):
        return alias.asname.name.value
    return None


def value(given: Value, names: FileNames, source: SourceFile) -> str:
    """A value as the file would write it."""
    if given.kind == "local":
        return given.text
    if given.kind == "literal":
        return layout.adopt_quotes(given.text, source)
    code = names.refer(given.module, given.name)
    return f"{code}({layout.adopt_quotes(given.text, source)})" if given.kind == "call" else code


def option(given: Option, names: FileNames, source: SourceFile) -> str:
    """An option as an argument; `to` stands first and without its name."""
    code = value(given.value, names, source)
    return code if given.name == "to" else f"{given.name}={code}"


def declaration(field: Field, names: FileNames, source: SourceFile) -> tuple[str, list[str]]:
    """The field's left side with the type, and its arguments."""
    arguments = [option(one, names, source) for one in field.options]
    return f"{field.name} = {names.field_type(field)}", arguments
