"""Read the new migrations of a change: their operations by name, and the columns that they alter.

What stands in a constant elsewhere counts as not known. How migrations follow one another is
Django's own question, which the checks ask.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.policy import source
from agent.policy.change_context import ChangeContext
from agent.policy.view import View, Visit

_CLASS = re.compile(rb"^class Migration\b", re.MULTILINE)
_CLASSES = frozenset({"django.db.migrations.Migration", "django.db.migrations.migration.Migration"})
_HOMES = ("django.db.migrations.", "django.contrib.postgres.operations.")
#: What the positional arguments are called.
_SIGNATURES = {
    "AddConstraint": ("model_name", "constraint"),
    "AddField": ("model_name", "name", "field", "preserve_default"),
    "AddIndex": ("model_name", "index"),
    "AlterField": ("model_name", "name", "field", "preserve_default"),
    "AlterIndexTogether": ("name", "index_together"),
    "AlterModelTable": ("name", "table"),
    "AlterUniqueTogether": ("name", "unique_together"),
    "CreateModel": ("name", "fields", "options", "bases", "managers"),
    "DeleteModel": ("name",),
    "RemoveField": ("model_name", "name"),
    "RemoveIndex": ("model_name", "name"),
    "RenameField": ("model_name", "old_name", "new_name"),
    "RenameModel": ("old_name", "new_name"),
    "RunPython": ("code", "reverse_code", "atomic", "hints", "elidable"),
    "RunSQL": ("sql", "reverse_sql", "state_operations", "hints", "elidable"),
    "SeparateDatabaseAndState": ("database_operations", "state_operations"),
}


@dataclass(frozen=True, eq=False)
class Operation:
    kind: str
    """As in `AddField`; "" for what no rule asks about."""
    words: dict[str, ast.expr]
    """Its arguments by name."""
    node: ast.Call
    in_database: bool = True
    """Whether it touches tables, and not only what Django knows of them."""

    @property
    def line(self) -> int:
        return self.node.lineno

    def text(self, name: str) -> str:
        """Return an argument that is a text; "" where it is none."""
        value = self.words.get(name)
        is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        return str(value.value) if is_text else ""  # type: ignore[union-attr]

    @property
    def model(self) -> str:
        """The model that it is about, as written; "" where there is none."""
        own = "old_name" if self.kind == "RenameModel" else "name"
        return self.text("model_name") or self.text(own)

    @property
    def field(self) -> str:
        """The field that it is about; "" where there is none."""
        if self.kind == "RenameField":
            return self.text("old_name")
        return self.text("name") if self.kind in {"AddField", "AlterField", "RemoveField"} else ""


@dataclass(frozen=True, eq=False)
class Migration:
    view: View
    node: ast.ClassDef
    operations: tuple[Operation, ...]

    @property
    def path(self) -> str:
        return self.view.path

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.path)

    @property
    def is_squashed(self) -> bool:
        """Whether it replaces others."""
        return _find_value(self.node, "replaces") is not None


def is_migration(path: str, content: bytes | None) -> bool:
    """Whether Django would load a file as a migration, wherever its folder is."""
    name = posixpath.basename(path)
    is_loaded = name.endswith(".py") and name[:1] not in {"_", "~"}
    return is_loaded and _CLASS.search(content or b"") is not None


def find_new(change_context: ChangeContext) -> list[tuple[Migration, Operation]]:
    """Return the operations of all migrations that the change adds."""
    migrations = change_context.compute_once(_find_new_migrations)
    return [(one, operation) for one in migrations for operation in one.operations]


def _find_new_migrations(change_context: ChangeContext) -> list[Migration]:
    return [
        migration
        for file in change_context.python
        if file.file.before is None and file.after and is_migration(file.path, file.file.after)
        for migration in _read_migrations(file.after)
    ]


def _read_migrations(view: View) -> Iterator[Migration]:
    for made in view.list_visits(ast.ClassDef):
        is_named = made.up is None and made.node.name == "Migration"
        if is_named and view.find_lineage(made.node, made.scope) & _CLASSES:
            yield Migration(view, made.node, tuple(_read_operations(made.node, view)))


def _find_value(node: ast.ClassDef, name: str) -> ast.expr | None:
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=target)], value=value)
                | ast.AnnAssign(target=ast.Name(id=target), value=value)
            ) if target == name:
                return value
    return None


def _list_items(node: ast.expr | None) -> Iterator[ast.expr]:
    """Yield the items of a list that is written out, also in parts joined by `+`."""
    if isinstance(node, (ast.List, ast.Tuple)):
        yield from node.elts
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _list_items(node.left)
        yield from _list_items(node.right)


def _read_operations(node: ast.ClassDef, view: View) -> Iterator[Operation]:
    visits = {visit.node: visit for visit in view.list_visits(ast.Call)}

    def of(listed: ast.expr | None, *, in_database: bool) -> Iterator[Operation]:
        for item in _list_items(listed):
            if not isinstance(item, ast.Call) or item not in visits:
                continue
            operation = _read_operation(visits[item], view, in_database=in_database)
            if operation.kind == "SeparateDatabaseAndState":
                yield from of(operation.words.get("database_operations"), in_database=True)
                yield from of(operation.words.get("state_operations"), in_database=False)
            else:
                yield operation

    yield from of(_find_value(node, "operations"), in_database=True)


def _read_operation(visit: Visit[ast.Call], view: View, *, in_database: bool) -> Operation:
    names = view.find_names(visit.node.func, visit.scope)
    known = {name.rpartition(".")[2] for name in names if name.startswith(_HOMES)}
    kind = min(known & _SIGNATURES.keys(), default="")
    words = dict(zip(_SIGNATURES.get(kind, ()), visit.node.args, strict=False))
    words |= {word.arg: word.value for word in visit.node.keywords if word.arg}
    return Operation(kind, words, visit.node, in_database)


# --- columns ----------------------------------------------------------------------------------

_BOUNDS = ("max_length", "max_digits", "decimal_places")


@dataclass(frozen=True)
class Column:
    """A field as a model or a migration writes it."""

    kind: str
    """The last part of its class."""
    words: dict[str, ast.expr]

    def number(self, name: str) -> int | None:
        """Return an option that is a number; None where it is not known."""
        value = self.words.get(name)
        number = value.value if isinstance(value, ast.Constant) else None
        return number if isinstance(number, int) and not isinstance(number, bool) else None

    def is_set(self, name: str) -> bool:
        value = self.words.get(name)
        return isinstance(value, ast.Constant) and value.value is True

    @property
    def has_index(self) -> bool:
        return self.is_set("unique") or self.is_set("db_index")


def read_column(node: ast.expr | None) -> Column | None:
    """Read a field; None where it is no plain call."""
    if not isinstance(node, ast.Call) or any(word.arg is None for word in node.keywords):
        return None
    words = {word.arg: word.value for word in node.keywords if word.arg}
    return Column(source.get_last_name(node.func), words)


def read_earlier_column(operation: Operation, change_context: ChangeContext) -> Column | None:
    """Return a field as its model had it before the change; None where the change has no such."""
    views = (file.before for file in change_context.python if file.before)
    for made in (visit.node for view in views for visit in view.list_visits(ast.ClassDef)):
        if made.name.lower() == operation.model.lower():
            if found := read_column(_find_value(made, operation.field)):
                return found
    return None


def find_narrowed(old: Column, new: Column) -> Iterator[str]:
    """Yield, in words, what may no longer fit."""
    if old.kind != new.kind:
        yield f"{old.kind} becomes {new.kind}"
    for name in _BOUNDS:
        had, has = old.number(name), new.number(name)
        if had is not None and has is not None and has < had:
            yield f"{name} goes from {had} down to {has}"
    may_fill = "default" in new.words or "db_default" in new.words
    if old.is_set("null") and "null" not in new.words and not may_fill:
        yield "it can no longer be null, and there is no default for rows where it is"
