"""Check that merged migrations are unchanged; find what new ones lose or do by hand."""

import ast
import re
from collections.abc import Iterator
from typing import Literal

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from agent.policy.source import PythonSource, is_same
from agent.text.sanitise import list_some

MERGED = Rule("migration-merged", "Merged migrations are not edited or deleted.", Severity.BLOCK)
BY_HAND = Rule(
    "migration-by-hand",
    "Migrations with anything but table operations need review.",
    Severity.REVIEW,
)
DESTRUCTIVE = Rule(
    "migration-destructive",
    "Destructive migrations need review: they lose data or break running code.",
    Severity.REVIEW,
)
RULES = (MERGED, BY_HAND, DESTRUCTIVE)
_CLASS = re.compile(rb"^\s*class Migration\b", re.MULTILINE)
_COLUMNS = re.compile(rb"\b(?:Column|mapped_column)\(|: *Mapped\[|\btable *= *True\b")
_OPERATION = re.compile(
    r"django\.db\.migrations\.(?:operations\.)?(?!RunPython|RunSQL|SeparateDatabaseAndState)\w+"
    r"|django\.contrib\.postgres\.operations\.\w+"
)
_ATTRIBUTES = {"dependencies", "initial", "run_before", "replaces", "atomic"}
_LOSES = {
    "RemoveField": "drops a column and its data",
    "DeleteModel": "drops a table and its data",
    "RenameField": "renames a column that running code still uses",
    "RenameModel": "renames a table that running code still uses",
    "AlterModelTable": "renames a table that running code still uses",
    "drop_column": "drops a column and its data",
    "drop_table": "drops a table and its data",
    "rename_table": "renames a table that running code still uses",
    "AddConstraint": "adds a constraint that rows or running code may break",
    "AlterUniqueTogether": "adds a constraint that rows or running code may break",
    "create_unique_constraint": "adds a constraint that rows or running code may break",
}
_LOSES_FIX = "Check what running code and production data need, and that there is a backup."
_SEE_ROWS = "Check what it does to production data."


def _find_kind(path: str, content: bytes | None) -> Literal["django", "alembic", ""]:
    """Return which tool would load a file as a migration, by its content; "": none."""
    name = path.rpartition("/")[2]
    if not name.endswith(".py") or name[0] in "_~" or layout.is_test(path):
        return ""
    if b"django.db" in (content or b"") and _CLASS.search(content or b""):
        return "django"
    return "alembic" if layout.is_revision(content) else ""


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for file in change_context.python:
        source = change_context.read_source(file.path, file.after)
        kind = _find_kind(file.path, file.after)
        if _find_kind(file.path, file.before):
            if not is_same(file.before or b"", file.after or b"", reads_signatures=False):
                text = (
                    "is already on the base branch, and databases that applied it will not change"
                )
                fix = "Leave it unchanged and add a new migration."
                _, new_lines = change_context.changed_lines
                lines = (line for path, line in new_lines if path == file.path)
                yield MERGED.make_finding(file.path, text, fix, min(lines, default=None))
        elif source and kind == "django":
            yield from _check_new(source)
        elif source and kind == "alembic":
            yield from _check_revision(source)


def _check_new(source: PythonSource) -> Iterator[Finding]:
    by_hand: dict[str, int] = {}
    for node in _list_operations(source):
        name = source.find_name(node)
        kind = name.rpartition(".")[2]
        if not (isinstance(node, ast.Call) and _OPERATION.fullmatch(name)):
            by_hand.setdefault(kind or ast.unparse(node).partition("\n")[0], node.lineno)
        else:
            yield from _find_effects(kind, node, source)
    if by_hand:
        text = f"has more than Django's operations on tables: {list_some(by_hand)}"
        yield BY_HAND.make_finding(source.path, text, _SEE_ROWS, min(by_hand.values()))


def _find_effects(kind: str, call: ast.Call, source: PythonSource) -> Iterator[Finding]:
    """Yield a finding for an operation of Django or alembic that loses data or breaks code."""
    if effect := _LOSES.get(kind):
        text = f"{effect}: {ast.unparse(call)}"
        yield DESTRUCTIVE.make_finding(source.path, text, _LOSES_FIX, call.lineno)


def _check_revision(source: PythonSource) -> Iterator[Finding]:
    """Yield findings for what a new migration of alembic does when it is applied."""
    for function in source.module.body:
        # `upgrade` may call other functions, for example one for each of several databases.
        if not isinstance(function, ast.FunctionDef) or function.name.startswith("downgrade"):
            continue
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            kind = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            yield from _find_effects(kind, call, source)
            if kind == "execute":
                text = f"runs SQL of its own: {ast.unparse(call)}"
                yield BY_HAND.make_finding(source.path, text, _SEE_ROWS, call.lineno)


def _list_operations(source: PythonSource) -> Iterator[ast.stmt | ast.expr]:
    """Yield a migration's operations, and other statements that may have an effect."""
    for node in source.module.body:
        match node:
            case ast.ClassDef(name="Migration", bases=[base], keywords=[], decorator_list=[]) if (
                source.find_name(base) == "django.db.migrations.Migration"
            ):
                statements = node.body
            case _:
                statements = [node]
        for statement in statements:
            match statement:
                case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                    pass
                case ast.Assign(targets=[ast.Name("operations")], value=ast.List(elts=operations)):
                    yield from operations
                case ast.Assign(targets=[ast.Name(id=name)]) if name in _ATTRIBUTES:
                    pass
                case _:
                    yield statement


def has_columns(file: ChangedFile) -> bool:
    """Whether a file maps columns by SQLAlchemy or SQLModel, before or after its change."""
    return any(_COLUMNS.search(side or b"") for side in (file.before, file.after))
