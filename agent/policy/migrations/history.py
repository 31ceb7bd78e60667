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
from agent.policy.migrations.reading import Migration, Touched
from agent.policy.rule import Rule

MERGED = Rule(
    id="migration-merged",
    demands="A migration that is on the base branch keeps its operations, and stays.",
    severity=Severity.BLOCK,
)
SQUASH = Rule(
    id="migration-squash",
    demands="Migrations that replace others, or go because they were replaced, are looked at.",
    severity=Severity.REVIEW,
)
RULES = (MERGED, SQUASH)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    fix = "See that every database has run what is replaced, and what replaces it."
    for one in reading.find_touched(change_context):
        if squash := _describe_squash(one, change_context):
            line = one.after.node.lineno if one.is_new and one.after else None
            yield SQUASH.make_finding(one.path, squash, fix, line)
        elif one.before and not layout.is_test(one.path) and _is_other(one.before, one.after):
            is_gone = one.file.file.after is None
            done = "is deleted; databases that have run it know its name"
            if not is_gone:
                done = "is edited; databases that have run it stay as they are"
            yield MERGED.make_finding(
                one.path,
                f"is on the base branch already, and {done}",
                "Leave it as it is and add a new migration.",
                None if is_gone else min(one.file.new_lines, default=None),
            )


def _describe_squash(one: Touched, change_context: ChangeContext) -> str:
    before, after = one.before, one.after
    if before is None:
        return "replaces other migrations" if after and after.replaces else ""
    if one.file.file.after is None:
        others = reading.read_others(one, change_context, one.name)
        replaced = {name for _, other in others if other for name in other.replaces}
        return "is deleted; another one replaces it" if one.name in replaced else ""
    if after and before.replaces != after.replaces and _dump(before) == _dump(after):
        return "says otherwise which migrations it replaces"
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
