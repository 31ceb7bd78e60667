"""Check that merged migrations are unchanged; find what new ones lose, lock or do by hand."""

import ast
import re
from collections.abc import Iterator
from typing import Literal

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from agent.policy.source import UNREADABLE, PythonSource, read_module, strip
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
DOWNTIME = Rule(
    "migration-downtime",
    "Migrations that may lock tables, or fail on rows that are there, are listed.",
    Severity.INFO,
)
RULES = (MERGED, BY_HAND, DESTRUCTIVE, DOWNTIME)
_CLASS = re.compile(rb"^\s*class Migration\b", re.MULTILINE)
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
_LOCKS = {
    "AlterField": "alters a column",
    "alter_column": "alters a column",
    "AddIndex": "makes an index",
    "create_index": "makes an index",
}
_LOSES_FIX = "Check what running code and production data need, and that there is a backup."
_LOCKS_FIX = "Check how large the table is, and whether its rows fit."
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
            if _list_statements(file.before) != _list_statements(file.after):
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


def _list_statements(content: bytes | None) -> list[str] | bytes:
    """List the statements of a migration, without docstrings, imports and annotations."""
    try:
        module = strip(content or b"")
    except UNREADABLE:
        return content or b""
    holders: list[ast.Module | ast.ClassDef] = [module]
    holders += [node for node in module.body if isinstance(node, ast.ClassDef)]
    for holder in holders:
        holder.body = [
            ast.Assign([statement.target], statement.value)
            if isinstance(statement, ast.AnnAssign) and statement.value
            else statement
            for statement in holder.body
        ]
    imports = ast.Import | ast.ImportFrom
    return [ast.dump(node) for node in module.body if not isinstance(node, imports)]


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
    """Yield findings for an operation of Django or alembic that loses data or locks tables."""
    for rule, effects, fix in (
        (DESTRUCTIVE, _LOSES, _LOSES_FIX),
        (DOWNTIME, _LOCKS, _LOCKS_FIX),
    ):
        if effect := effects.get(kind):
            yield rule.make_finding(source.path, f"{effect}: {ast.unparse(call)}", fix, call.lineno)


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


# --- models of SQLAlchemy and SQLModel --------------------------------------------------------


def edits_columns(file: ChangedFile) -> bool:
    """Whether a file maps other columns than before, so that it needs a migration."""
    before, after = ([*map(ast.dump, _list_columns(side))] for side in (file.before, file.after))
    return before != after


def _list_columns(content: bytes | None) -> Iterator[ast.AST]:
    for node in ast.walk(read_module(content)):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in (
                "Column",
                "mapped_column",
            ):
                yield node
            case ast.AnnAssign(annotation=ast.Subscript(value=ast.Name(id="Mapped"))):
                yield node
            case ast.ClassDef(keywords=[ast.keyword(arg="table")]):
                yield from (field for field in node.body if isinstance(field, ast.AnnAssign))
