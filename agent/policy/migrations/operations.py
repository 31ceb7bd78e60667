"""Show the reviewer what a new migration takes away, or does by hand.

What takes away follows the incompatibilities that django-migration-linter documents. Tables that
the same change makes are empty, and what only changes Django's own state does not count. By hand is
all that is not known to be no more than an operation on tables.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import reading
from agent.policy.migrations.reading import Migration, Operation, is_docstring
from agent.policy.rule import Rule

DESTRUCTIVE = Rule(
    id="migration-destructive",
    demands="Destructive migrations need review: they lose data or break running code.",
    severity=Severity.REVIEW,
)
BY_HAND = Rule(
    id="migration-by-hand",
    demands="Migrations with anything but Django's table operations need review.",
    severity=Severity.REVIEW,
)
RULES = (DESTRUCTIVE, BY_HAND)

_LOSES = {
    "RemoveField": "drops the column {field} of {model} and its data",
    "DeleteModel": "drops the table of {model} and its data",
    "RenameField": "renames {field} on {model}, which running code still uses",
    "RenameModel": "renames the table of {model}, which running code still uses",
    "AlterModelTable": "renames the table of {model}, which running code still uses",
}
_LOSES_FIX = "Check that nothing uses it any more, and that there is a backup."
#: Django's operations on tables and what it knows of them.
_ON_TABLES = frozenset(
    {
        "AddConstraint", "AddConstraintNotValid", "AddField", "AddIndex", "AddIndexConcurrently",
        "AlterConstraint", "AlterField", "AlterIndexTogether", "AlterModelManagers",
        "AlterModelOptions", "AlterModelTable", "AlterModelTableComment",
        "AlterOrderWithRespectTo", "AlterUniqueTogether", "CreateModel", "DeleteModel",
        "RemoveConstraint", "RemoveField", "RemoveIndex", "RemoveIndexConcurrently",
        "RenameField", "RenameIndex", "RenameModel", "ValidateConstraint",
    }
)  # fmt: skip
_ATTRIBUTES = frozenset({"initial", "dependencies", "operations"})
_IMPORTS = (ast.Import, ast.ImportFrom)
_SEE_ROWS = "Check what it does to production data."
_MOST_SHOWN = 3
_BACK = {"RunPython": "reverse_code", "RunSQL": "reverse_sql"}


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    touched = [
        one
        for one in reading.find_touched(change_context)
        if one.is_new and one.after and not layout.is_test(one.path)
    ]
    new = [(one, operation) for one in touched if one.after for operation in one.after.operations]
    made = {(one.folder, it.text("name").lower()) for one, it in new if it.kind == "CreateModel"}
    for one, operation in new:
        if operation.in_database and (one.folder, operation.model.lower()) not in made:
            if says := _LOSES.get(operation.kind):
                says = says.format(field=operation.field, model=operation.model)
                yield DESTRUCTIVE.make_finding(one.path, says, _LOSES_FIX, operation.line)
    for one in touched:
        if one.after:
            for line, says in _find_by_hand(one.after):
                yield BY_HAND.make_finding(one.path, says, _SEE_ROWS, line)
    for path in reading.find_unread(change_context):
        if not layout.is_test(path):
            says = "is in a migrations folder but is not a readable migration"
            yield BY_HAND.make_finding(path, says, _SEE_ROWS, 1)
    for used in reading.find_used(change_context):
        says = f"edits {used.name}, which the merged migration {used.migration} uses"
        fix = "Copy the old version into the migration, or check that new databases stay the same."
        yield BY_HAND.make_finding(used.path, says, fix, used.line)


def _find_by_hand(migration: Migration) -> list[tuple[int, str]]:
    """Find what is not an operation of Django on tables, written out in a list."""
    found = [
        (operation.line, _describe(operation))
        for operation in migration.operations
        if operation.in_database
    ]
    found = [(line, says) for line, says in found if says]
    listed = reading.find_operations(migration.node)
    known = {operation.node for operation in migration.operations}
    if listed is None or any(item not in known for item in listed):
        line = migration.node.lineno
        found.append((line, "does not list its operations literally"))
    beside = [node for node in migration.view.module.body if node is not migration.node]
    beside += [node for node in migration.node.body if not _is_attribute(node)]
    beside = [node for node in beside if not (isinstance(node, _IMPORTS) or is_docstring(node))]
    if not found:
        # What a named operation calls is looked at with it.
        found += [
            (node.lineno, "contains custom code, or replaces other migrations") for node in beside
        ]
    return found[:_MOST_SHOWN]


def _describe(operation: Operation) -> str:
    kind, words = operation.kind, operation.words
    if kind in _ON_TABLES:
        return ""
    if word := _BACK.get(kind):
        back = words.get(word)
        is_lost = back is None or (isinstance(back, ast.Constant) and back.value is None)
        more = f" without {word}, so it cannot be reversed" if is_lost else ""
        return f"has {kind}{more}"
    if kind == "SeparateDatabaseAndState":
        return "changes Django's state without the same database operations"
    return f"has {kind or 'a custom operation'}"


def _is_attribute(node: ast.stmt) -> bool:
    """Whether a statement sets what Django itself writes into every migration."""
    targets: list[ast.expr] = [node.target] if isinstance(node, ast.AnnAssign) else []
    targets = node.targets if isinstance(node, ast.Assign) else targets
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return len(names) == len(targets) == 1 and names[0] in _ATTRIBUTES
