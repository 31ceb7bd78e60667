"""Show the reviewer what a new migration takes away, or does by hand.

By hand is all that is not known to be no more than an operation on tables, written out in a list.
What it does to rows is tried in a sandbox (`on_rows`).
"""

import ast
import builtins
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import reading
from agent.policy.migrations.reading import Migration, Operation
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
    "RemoveField": "drops a column and its data",
    "DeleteModel": "drops a table and its data",
    "RenameField": "renames a column that running code still uses",
    "RenameModel": "renames a table that running code still uses",
    "AlterModelTable": "renames a table that running code still uses",
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
#: Names that Django writes into every migration.
_ATTRIBUTES = frozenset({"initial", "dependencies", "operations"})
_IMPORTS = (ast.Import, ast.ImportFrom)
_SEE_ROWS = "Check what it does to production data."
_MOST_SHOWN = 3
#: The second of their arguments.
_BACK = {"RunPython": "reverse_code", "RunSQL": "reverse_sql"}


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for one in reading.find_touched(change_context):
        if not (one.is_new and one.after) or layout.is_test(one.path):
            continue
        for operation in one.after.operations or ():
            if says := _LOSES.get(operation.kind):
                says = f"{says}: {ast.unparse(operation.node)}"
                yield DESTRUCTIVE.make_finding(one.path, says, _LOSES_FIX, operation.node.lineno)
        for node, says in _find_by_hand(one.after):
            yield BY_HAND.make_finding(one.path, says, _SEE_ROWS, node.lineno)
    for path in reading.find_unread(change_context):
        if not layout.is_test(path):
            says = "is in a folder of migrations but is not a readable migration"
            yield BY_HAND.make_finding(path, says, _SEE_ROWS, 1)
    for used in reading.find_used(change_context):
        says = f"edits {used.name}, which the merged migration {used.migration} uses"
        fix = "Copy the old version into the migration, or check that new databases stay the same."
        yield BY_HAND.make_finding(used.path, says, fix, used.line)


def _find_by_hand(migration: Migration) -> list[tuple[ast.stmt | ast.expr, str]]:
    """Find what is not an operation of Django on tables, written out in a list."""
    if (operations := migration.operations) is None:
        return [(migration.node, "does not list its operations literally")]
    # Django refuses these in a transaction.
    stand_alone = operations and all(one.kind.endswith("Concurrently") for one in operations)
    known = _ATTRIBUTES | ({"atomic"} if stand_alone else set())
    found: list[tuple[ast.stmt | ast.expr, str]] = [
        (operation.node, _describe(operation))
        for operation in operations
        if operation.kind not in _ON_TABLES
    ]
    others = [node for node in migration.node.body if not _is_attribute(node, known)]
    found[:0] = _find_own_code(migration)
    if not found:
        # Functions that a named operation calls are checked with it.
        others += [node for node in migration.view.module.body if node is not migration.node]
    found[:0] = [
        (node, f"has more than operations: {ast.unparse(node).splitlines()[0]}")
        for node in others
        if not isinstance(node, _IMPORTS) and not _is_docstring(node)
    ]
    return found[:_MOST_SHOWN]


def _find_own_code(migration: Migration) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Find other bases than Django's, and calls when Django loads it; classes are fields' own."""
    view, node = migration.view, migration.node
    names = [view.find_names(base, view.scope) for base in node.bases]
    if len(names) != 1 or not names[0] & reading.CLASSES or node.keywords or node.decorator_list:
        yield node, "inherits from more than Django's Migration"
    own = {operation.node for operation in migration.operations or ()}
    for call in (part for part in ast.walk(node) if isinstance(part, ast.Call)):
        named = view.find_names(call.func, view.scope) if call not in own else frozenset()
        made = filter(None, map(view.places.find_definition, sorted(named)))
        # A field of the project's own, or a tuple, is made of a class.
        known = [getattr(builtins, name.partition(".")[2], type) for name in named]
        if not all(isinstance(one, type) for one in known) or any(
            not isinstance(each.node, ast.ClassDef) for each in made
        ):
            yield call, f"calls {ast.unparse(call.func)} when it is loaded"


def _describe(operation: Operation) -> str:
    kind = operation.kind or "a custom operation"
    if operation.kind in _BACK and isinstance(operation.node, ast.Call):
        words = {word.arg: word.value for word in operation.node.keywords}
        back = [*operation.node.args[1:2], words.get(_BACK[operation.kind])][0]
        if back is None or (isinstance(back, ast.Constant) and back.value is None):
            return f"has {kind} without {_BACK[operation.kind]}, so it cannot be reversed"
    return f"has {kind}"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_attribute(node: ast.stmt, known: frozenset[str]) -> bool:
    """Whether a statement sets one of these alone."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in known
    return False
