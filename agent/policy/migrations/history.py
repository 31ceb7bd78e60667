"""Keep migrations that everybody has run as they are.

Where one is edited or deleted, existing databases differ from new ones, and Django does not notice.
Squashed ones may go, and a person looks at it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, meaning
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import reading
from agent.policy.migrations.reading import Migration, TouchedMigration
from agent.policy.rule import Rule

MERGED = Rule(
    id="migration-merged",
    demands="Merged migrations are not edited or deleted.",
    severity=Severity.BLOCK,
)
SQUASH = Rule(
    id="migration-squash",
    demands="Squashed migrations, and the removal of replaced ones, need review.",
    severity=Severity.REVIEW,
)
RULES = (MERGED, SQUASH)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    fix = "Check that every database has run the replaced migrations and the replacement."
    for one in reading.find_touched(change_context):
        if squash := _describe_squash(one, change_context):
            line = one.after.node.lineno if one.is_new and one.after else None
            yield SQUASH.make_finding(one.path, squash, fix, line)
        elif one.before and not layout.is_test(one.path) and _is_other(one.before, one.after):
            is_gone = one.file.file.after is None
            done = "is deleted, but databases have recorded it as applied"
            if not is_gone:
                done = "is edited, but databases that applied it will not change"
            yield MERGED.make_finding(
                one.path,
                f"is already on the base branch, and {done}",
                "Leave it unchanged and add a new migration.",
                None if is_gone else min(one.file.new_lines, default=None),
            )


def _describe_squash(one: TouchedMigration, change_context: ChangeContext) -> str:
    before, after = one.before, one.after
    if before is None:
        return "replaces other migrations" if after and after.replaces else ""
    if one.file.file.after is None:
        others = reading.read_others(one, change_context, one.name)
        replaced = {name for _, other in others if other for name in other.replaces}
        return "is deleted; another migration replaces it" if one.name in replaced else ""
    if after and before.replaces != after.replaces and _dump(before) == _dump(after):
        return "changes the list of migrations that it replaces"
    return ""


def _is_other(before: Migration, after: Migration | None) -> bool:
    return after is None or _dump(before) != _dump(after)


def _dump(migration: Migration) -> list[str]:
    """Write all that a migration does, without types, docstrings, imports and `replaces`."""
    kept: list[ast.AST] = []
    for statement in meaning.strip(migration.view.content).body:
        is_class = isinstance(statement, ast.ClassDef) and statement.name == migration.node.name
        kept += statement.body if is_class and isinstance(statement, ast.ClassDef) else [statement]
    dumped = (
        # An annotation in the class does nothing.
        [ast.dump(node.target), ast.dump(node.value)]
        if isinstance(node, ast.AnnAssign) and node.value
        else [ast.dump(part) for part in (*node.targets, node.value)]
        if isinstance(node, ast.Assign)
        else [ast.dump(node)]
        for node in kept
        if not isinstance(node, ast.Import | ast.ImportFrom)
    )
    return [part for parts in dumped if "id='replaces'" not in parts[0] for part in parts]
