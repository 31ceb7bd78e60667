"""Read one migration file: what it depends on and replaces, and its operations by their names.

Names are followed, so that `migrations.AddField` is one however it was imported, and positional
arguments get the names that Django gives them. What a rule makes of an operation is its own
matter; where files lie is left to `touched_files`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent.policy.view import View, Visit

_CLASSES = frozenset({"django.db.migrations.Migration", "django.db.migrations.migration.Migration"})
_HOMES = ("django.db.migrations.", "django.contrib.postgres.operations.")
#: What the positional arguments are called.
_SIGNATURES = {
    "AddConstraint": ("model_name", "constraint"),
    "AddConstraintNotValid": ("model_name", "constraint"),
    "AddField": ("model_name", "name", "field", "preserve_default"),
    "AddIndex": ("model_name", "index"),
    "AddIndexConcurrently": ("model_name", "index"),
    "AlterConstraint": ("model_name", "name", "constraint"),
    "AlterField": ("model_name", "name", "field", "preserve_default"),
    "AlterIndexTogether": ("name", "index_together"),
    "AlterModelManagers": ("name", "managers"),
    "AlterModelOptions": ("name", "options"),
    "AlterModelTable": ("name", "table"),
    "AlterModelTableComment": ("name", "table_comment"),
    "AlterOrderWithRespectTo": ("name", "order_with_respect_to"),
    "AlterUniqueTogether": ("name", "unique_together"),
    "CreateModel": ("name", "fields", "options", "bases", "managers"),
    "DeleteModel": ("name",),
    "RemoveConstraint": ("model_name", "name"),
    "RemoveField": ("model_name", "name"),
    "RemoveIndex": ("model_name", "name"),
    "RemoveIndexConcurrently": ("model_name", "name"),
    "RenameField": ("model_name", "old_name", "new_name"),
    "RenameIndex": ("model_name", "new_name", "old_name", "old_fields"),
    "RenameModel": ("old_name", "new_name"),
    "RunPython": ("code", "reverse_code", "atomic", "hints", "elidable"),
    "RunSQL": ("sql", "reverse_sql", "state_operations", "hints", "elidable"),
    "SeparateDatabaseAndState": ("database_operations", "state_operations"),
    "ValidateConstraint": ("model_name", "name"),
}


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a migration."""

    kind: str
    """As in `AddField`; "" for what is none of Django's."""
    words: dict[str, ast.expr]
    """Its arguments by name."""
    visit: Visit[ast.Call]
    in_database: bool = True
    """Whether it touches tables, and not only what Django knows of them."""

    @property
    def line(self) -> int:
        """1-based."""
        return self.visit.node.lineno

    def text(self, name: str) -> str:
        """Return an argument that is a text; "" where it is none."""
        value = self.words.get(name)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
        return ""

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

    def description(self) -> str:
        """Name it for people."""
        parts = [part for part in (self.model, self.field) if part]
        return " ".join([self.kind or "an operation", ".".join(parts)]).strip()


Pair = tuple[str, str]
"""App label and name of a migration."""


@dataclass(frozen=True, eq=False)
class Migration:
    """What a migration file says."""

    view: View
    node: ast.ClassDef
    dependencies: tuple[Pair, ...]
    """Those on a model of the settings are left out."""
    replaces: tuple[Pair, ...]
    operations: tuple[Operation, ...]


def read_migration(view: View) -> Migration | None:
    """Read a file; None where it is no migration."""
    for made in view.all(ast.ClassDef):
        if made.up is None and made.node.name == "Migration":
            if view.lineage(made.node, made.scope) & _CLASSES:
                return Migration(
                    view=view,
                    node=made.node,
                    dependencies=tuple(_pairs(made.node, "dependencies")),
                    replaces=tuple(_pairs(made.node, "replaces")),
                    operations=tuple(_operations(made.node, view)),
                )
    return None


def attribute(node: ast.ClassDef, name: str) -> ast.expr | None:
    """Return what a class assigns to a name."""
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                return value
            case ast.AnnAssign(target=ast.Name(id=target), value=value) if target == name:
                return value
    return None


def _items(node: ast.expr | None) -> Iterator[ast.expr]:
    """Yield the items of a list that is written out, also in parts joined by `+`."""
    if isinstance(node, (ast.List, ast.Tuple)):
        yield from node.elts
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _items(node.left)
        yield from _items(node.right)


def _pairs(node: ast.ClassDef, name: str) -> Iterator[Pair]:
    for item in _items(attribute(node, name)):
        match item:
            case ast.Tuple(elts=[ast.Constant(value=str(label)), ast.Constant(value=str(one))]):
                yield label, one


def _operations(node: ast.ClassDef, view: View) -> Iterator[Operation]:
    visits = {visit.node: visit for visit in view.all(ast.Call)}

    def of(listed: ast.expr | None, *, in_database: bool) -> Iterator[Operation]:
        for item in _items(listed):
            if not isinstance(item, ast.Call) or item not in visits:
                continue
            operation = _operation(visits[item], view, in_database=in_database)
            if operation.kind != "SeparateDatabaseAndState":
                yield operation
                continue
            yield from of(operation.words.get("database_operations"), in_database=True)
            yield from of(operation.words.get("state_operations"), in_database=False)

    yield from of(attribute(node, "operations"), in_database=True)


def _operation(visit: Visit[ast.Call], view: View, *, in_database: bool) -> Operation:
    names = view.names(visit.node.func, visit.scope)
    kinds = sorted(
        {name.rpartition(".")[2] for name in names if name.startswith(_HOMES)} & _SIGNATURES.keys()
    )
    kind = kinds[0] if kinds else ""
    words = dict(zip(_SIGNATURES.get(kind, ()), visit.node.args, strict=False))
    words |= {word.arg: word.value for word in visit.node.keywords if word.arg}
    return Operation(kind, words, visit, in_database)
