"""Show the reviewer what a new migration takes away, or does by hand.

The list follows the incompatibilities that django-migration-linter documents. Tables that the same
change makes are empty, and what only changes Django's own state does not count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import reading
from agent.policy.migrations.reading import Operation, Touched
from agent.policy.rule import Rule

DESTRUCTIVE = Rule(
    id="migration-destructive",
    demands="What a migration takes away from tables, or from code that still runs, is looked at.",
    severity=Severity.REVIEW,
    bad='migrations.RemoveField("order", "note")',
    good='migrations.AddField("order", "remark", models.TextField(default=""))',
)
BY_HAND = Rule(
    id="migration-by-hand",
    demands="Code and SQL of a migration, and what only Django's state learns, is looked at.",
    severity=Severity.REVIEW,
    bad="migrations.RunPython(fill, migrations.RunPython.noop)",
    good='migrations.AddField("order", "paid", models.BooleanField(default=False))',
)
RULES = (DESTRUCTIVE, BY_HAND)

_LOSES = {
    "RemoveField": "drops the column of {field} on {model} with all that is in it",
    "DeleteModel": "drops the table of {model} with all that is in it",
    "RenameField": "renames {field} on {model}, which code that still runs asks for",
    "RenameModel": "renames the table of {model}, which code that still runs asks for",
    "AlterModelTable": "renames the table of {model}, which code that still runs asks for",
}
_LOSES_FIX = "See that nothing uses it any more, and that there is a backup."
_SQL = re.compile(
    r"\b(?:(DROP)\s+(TABLE|COLUMN|SCHEMA|DATABASE)|(TRUNCATE)\b"
    r"|(DELETE\s+FROM)\s+[\w.\"`]+\s*(?:;|$))",
    re.IGNORECASE,
)
_BACK = {"RunPython": "reverse_code", "RunSQL": "reverse_sql"}
_Problem = tuple[Rule, str, str]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    new = [
        (one, operation)
        for one, operation in reading.find_new_operations(change_context)
        if not layout.is_test(one.path)
    ]
    made = {(one.folder, it.text("name").lower()) for one, it in new if it.kind == "CreateModel"}
    for one, operation in new:
        found = [*_find_by_hand(operation)]
        if operation.in_database and (one.folder, operation.model.lower()) not in made:
            found += _find_losses(operation, one, change_context)
        for rule, says, fix in found:
            yield rule.make_finding(one.path, says, fix, operation.line)


def _find_by_hand(operation: Operation) -> Iterator[_Problem]:
    kind, words = operation.kind, operation.words
    if word := _BACK.get(kind):
        back = words.get(word)
        is_lost = back is None or (isinstance(back, ast.Constant) and back.value is None)
        more = f" without {word}, so that it cannot be taken back" if is_lost else ""
        yield BY_HAND, f"has {kind}{more}", "See what it does to the rows of production."
    elif kind == "SeparateDatabaseAndState" and not operation.list_items("database_operations"):
        says = "alters what Django knows of the tables, and not the tables"
        yield BY_HAND, says, "See that the tables are so already."


def _find_losses(
    operation: Operation, one: Touched, change_context: ChangeContext
) -> Iterator[_Problem]:
    if says := _LOSES.get(operation.kind):
        says = says.format(field=operation.field, model=operation.model)
        yield DESTRUCTIVE, says, _LOSES_FIX
    elif operation.kind == "RunSQL":
        if found := _find_destructive_sql(operation.words.get("sql")):
            yield DESTRUCTIVE, f"runs {found} by hand", _LOSES_FIX
    elif operation.kind == "AlterField":
        before = reading.read_previous_column(operation, one, change_context)
        after = reading.read_column(operation.words.get("field"))
        fix = "See that every row fits, or bring them in line by a migration before this."
        for loss in reading.find_narrowed(before, after) if before and after else ():
            yield DESTRUCTIVE, f"alters {operation.field} on {operation.model}: {loss}", fix


def _find_destructive_sql(node: ast.expr | None) -> str:
    """Return the first words of SQL that destroys, of all texts that stand in an argument."""
    for inner in ast.walk(node) if node is not None else ():
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            bare = re.sub(r"--[^\n]*|/\*.*?\*/", " ", inner.value, flags=re.DOTALL)
            if found := _SQL.search(bare):
                return " ".join(part.upper() for part in found.groups() if part)
    return ""
