"""How a certain file refers to values, field types and what it still has to import."""

from __future__ import annotations

from agent.errors import RequestRefused
from agent.policy.modules import read_scope
from agent.recipes import code_style
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
}


class FileNames:
    """The names that a file's imports bind, and the imports it still needs."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self._bound = read_scope(source.tree).names
        self.needed: list[tuple[str, str | None]] = []
        """Imports to add: (module, name or None)."""

    def _has_name(self, name: str) -> bool:
        return name in self._bound

    def _find_reference(self, module: str, name: str) -> str | None:
        """Find how the file refers to a module's name with the imports it has."""
        first, _, rest = name.partition(".")
        for bound, origins in self._bound.items():
            if f"{module}.{first}" in origins:
                return f"{bound}.{rest}" if rest else bound
        for bound, origins in self._bound.items():
            if module in origins:
                return f"{bound}.{name}"
        return None

    def refer(self, module: str, name: str) -> str:
        """Return how the file refers to a module's name; note the import where there is none."""
        if not module:
            return name
        if found := self._find_reference(module, name):
            return found
        first = name.partition(".")[0]
        default = ("datetime", None, f"datetime.{name}") if module == "datetime" else None
        source, imported, code = _IMPORTS.get((module, name)) or default or (module, first, name)
        wanted = imported or source
        if self._has_name(wanted) and (source, imported) not in self.needed:
            alias = f"{module.partition('.')[0]}_{wanted}"
            if module == "datetime" and not self._has_name(first):
                source, imported, code = module, first, name
            elif imported == wanted and wanted.islower() and not self._has_name(alias):
                imported, code = f"{wanted} as {alias}", alias + code.removeprefix(wanted)
            else:
                raise RequestRefused(
                    f"{self.source.path} already uses the name `{wanted}` for something else, so "
                    f"`{module}.{name}` cannot be imported under it. Import it there under "
                    "another name, then ask again."
                )
        if (source, imported) not in self.needed:
            self.needed.append((source, imported))
        return code

    def refer_to_type(self, field: Field) -> str:
        name = field.type_name
        if not field.own_type:
            return name
        for module in _MODELS:
            if found := self._find_reference(module, name):
                return found
            origins = [one for each in self._bound.values() for one in each]
            if any(one.startswith(f"{module}.") for one in origins):
                return self.refer(module, name)
        if self._has_name("models"):
            return self.refer("django.db.models", name)
        self.needed.append(("django.db", "models"))
        return f"models.{name}"

    def write_option(self, option: Option) -> str:
        """Write an option as an argument; `to` stands first and without its name."""
        code = self._write_value(option.value)
        return code if option.name == "to" else f"{option.name}={code}"

    def _write_value(self, value: Value) -> str:
        if value.kind == "local":
            return value.text
        text = code_style.adopt_quotes(value.text, self.source)
        if value.kind == "literal":
            return text
        code = self.refer(value.module, value.name)
        return f"{code}({text})" if value.kind == "call" else code
