"""What migrations say of a column: its type and bounds, before an operation and after it.

Read from the field as it is written; what stands in a constant elsewhere counts as not known, and
nothing is said of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent.policy.change_context import ChangeContext
from agent.policy.migrations import touched_files
from agent.policy.migrations.operations import Migration, Operation
from agent.policy.migrations.touched_files import Touched

_BOUNDS = ("max_length", "max_digits", "decimal_places")
#: From the narrower to the wider: such a change loses nothing.
_WIDER = (
    ("SmallIntegerField", "IntegerField", "BigIntegerField"),
    ("PositiveSmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField"),
    ("PositiveSmallIntegerField", "SmallIntegerField"),
    ("PositiveIntegerField", "IntegerField"),
    ("PositiveBigIntegerField", "BigIntegerField"),
    ("AutoField", "BigAutoField"),
    ("SmallAutoField", "AutoField"),
    ("GenericIPAddressField", "CharField"),
)
#: Texts of the same kind in the database; `max_length` says the rest.
_TEXTS = frozenset({"CharField", "SlugField", "EmailField", "URLField", "FilePathField"})
_FILES = frozenset({"FileField", "ImageField"})


@dataclass(frozen=True)
class Column:
    """A field as a migration writes it."""

    kind: str
    """The last part of its class."""
    words: dict[str, ast.expr]

    def number(self, name: str) -> int | None:
        """Return an option that is a number; None where it is not known."""
        value = self.words.get(name)
        number = value.value if isinstance(value, ast.Constant) else None
        return number if isinstance(number, int) and not isinstance(number, bool) else None

    def is_set(self, name: str) -> bool:
        """Whether an option is True."""
        value = self.words.get(name)
        return isinstance(value, ast.Constant) and value.value is True


def read_column(node: ast.expr | None) -> Column | None:
    """Read a field; None where it is no plain call."""
    if not isinstance(node, ast.Call) or any(word.arg is None for word in node.keywords):
        return None
    func = node.func
    kind = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return Column(kind, {word.arg: word.value for word in node.keywords if word.arg})


def read_previous_column(
    operation: Operation, one: Touched, change_context: ChangeContext
) -> Column | None:
    """Return what the migrations before this one say of the field; None where that is not known."""
    if not operation.field:
        return None
    for name, migration in touched_files.read_others(one, change_context, operation.field):
        if name > one.name:
            continue
        if migration is None:
            return None
        if found := _find_last_column(migration, operation.model.lower(), operation.field):
            return found[0]
    return None


def _find_last_column(migration: Migration, model: str, field: str) -> list[Column | None]:
    """Return the last thing that a migration says of a field, in a list; empty if nothing."""
    for operation in reversed(migration.operations):
        same_model = operation.model.lower() == model
        if operation.kind in {"AddField", "AlterField"} and same_model and operation.field == field:
            return [read_column(operation.words.get("field"))]
        if operation.kind == "RenameField" and operation.text("new_name") == field and same_model:
            return [None]
        if operation.kind == "CreateModel" and same_model:
            listed = operation.words.get("fields")
            for item in listed.elts if isinstance(listed, ast.List) else []:
                match item:
                    case ast.Tuple(elts=[ast.Constant(value=name), node]) if name == field:
                        return [read_column(node)]
    return []


def find_narrowed(old: Column, new: Column) -> Iterator[str]:
    """Yield, in words, what no longer fits."""
    if old.kind != new.kind and not _is_wider(old.kind, new.kind):
        yield f"{old.kind} becomes {new.kind}"
        return
    for name in _BOUNDS:
        had, has = old.number(name), new.number(name)
        if had is not None and has is not None and has < had:
            yield f"{name} goes from {had} down to {has}"
        elif had is None and has is not None and name == "max_length" and old.kind == new.kind:
            if "max_length" not in old.words and old.kind not in _FILES | {"SlugField"}:
                yield f"max_length is now {has}"
    may_fill = "default" in new.words or "db_default" in new.words
    if old.is_set("null") and "null" not in new.words and not may_fill:
        yield "it can no longer be null, and there is no default for rows where it is"


def is_same_in_postgres(old: Column, new: Column) -> bool:
    """Whether two fields of different classes are one type of column there."""
    return {old.kind, new.kind} <= _TEXTS | _FILES | {"TextField"} or (
        {old.kind, new.kind} <= {"ForeignKey", "OneToOneField"}
    )


def _is_wider(old: str, new: str) -> bool:
    if new == "TextField" and old in _TEXTS | {"TextField"}:
        return True
    if old in _TEXTS and new in _TEXTS:
        return True
    if {old, new} <= _FILES or {old, new} <= {"ForeignKey", "OneToOneField"}:
        return True
    return any(old in row and new in row and row.index(old) < row.index(new) for row in _WIDER)
