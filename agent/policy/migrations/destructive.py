"""Show the reviewer what a new migration takes away: columns, tables, values, names in use.

A dropped column cannot be brought back by taking a release back, and code that still runs during
the release asks for it. Such an operation may be just what the ticket is about, so a person
decides. A field that is altered is compared with what earlier migrations say of it. What is on the
list and why follows the incompatibilities that django-migration-linter documents; a column that
may not be null with a default is left out, since Django fills it. What only changes Django's own
state is no matter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.django import files
from agent.policy.migrations import columns, touched_files
from agent.policy.migrations.operations import Operation
from agent.policy.rule import Rule

DESTRUCTIVE = Rule(
    id="migration-destructive",
    demands="What a migration takes away from tables, or from code that still runs, is looked at.",
    severity=Severity.REVIEW,
    bad='migrations.RemoveField("order", "note")',
    good='migrations.AddField("order", "remark", models.TextField(default=""))',
)
RULES = (DESTRUCTIVE,)

_SAYS = {
    "RemoveField": "drops the column of {field} on {model} with all that is in it",
    "DeleteModel": "drops the table of {model} with all that is in it",
    "RenameField": "renames {field} on {model}, which code that still runs asks for",
    "RenameModel": "renames the table of {model}, which code that still runs asks for",
    "AlterModelTable": "renames the table of {model}, which code that still runs asks for",
}
_SQL = re.compile(
    r"\b(?:(DROP)\s+(TABLE|COLUMN|SCHEMA|DATABASE)|(TRUNCATE)\b"
    r"|(DELETE\s+FROM)\s+[\w.\"`]+\s*(?:;|$))",
    re.IGNORECASE,
)
_FIX = "See that nothing uses it any more, and that there is a backup."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for each new operation that takes something away."""
    for one in touched_files.find_touched(change_context):
        if not one.is_new or one.after is None or files.is_test(one.path):
            continue
        made = {
            operation.text("name").lower()
            for operation in one.after.operations
            if operation.kind == "CreateModel"
        }
        for operation in one.after.operations:
            if not operation.in_database or operation.model.lower() in made:
                continue
            for says, fix in _losses(operation, one, change_context):
                yield DESTRUCTIVE.make_finding(one.path, says, fix, operation.line)


def _losses(
    operation: Operation, one: touched_files.Touched, change_context: ChangeContext
) -> Iterator[tuple[str, str]]:
    if says := _SAYS.get(operation.kind):
        yield says.format(field=operation.field, model=operation.model), _FIX
    elif operation.kind == "RunSQL":
        if found := _sql(operation.words.get("sql")):
            yield f"runs {found} by hand", _FIX
    elif operation.kind == "AlterField":
        before = columns.read_previous_column(operation, one, change_context)
        after = columns.read_column(operation.words.get("field"))
        if before and after:
            for loss in columns.find_narrowed(before, after):
                yield (
                    f"alters {operation.field} on {operation.model}: {loss}",
                    "See that every row fits, or bring them in line by a migration before this.",
                )


def _sql(node: ast.expr | None) -> str:
    """Return the first words of SQL that destroys, of all texts that stand in an argument."""
    for inner in ast.walk(node) if node is not None else ():
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            bare = re.sub(r"--[^\n]*|/\*.*?\*/", " ", inner.value, flags=re.DOTALL)
            if found := _SQL.search(bare):
                return " ".join(part.upper() for part in found.groups() if part)
    return ""
