"""Keep migrations that everybody has run as they are.

Where one is edited or deleted, existing databases differ from new ones, and Django does not notice.
"""

import ast
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, meaning
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import reading
from agent.policy.migrations.reading import Migration
from agent.policy.rule import Rule

MERGED = Rule(
    id="migration-merged",
    demands="Merged migrations are not edited or deleted.",
    severity=Severity.BLOCK,
)
RULES = (MERGED,)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for each in reading.find_touched(change_context):
        if not each.before or layout.is_test(each.path):
            continue
        if each.after and _dump(each.before) == _dump(each.after):
            continue
        is_gone = each.file.file.after is None
        done = "is deleted, but databases have recorded it as applied"
        if not is_gone:
            done = "is edited, but databases that applied it will not change"
        yield MERGED.make_finding(
            each.path,
            f"is already on the base branch, and {done}",
            "Leave it unchanged and add a new migration.",
            None if is_gone else min(each.file.new_lines, default=None),
        )


def _dump(migration: Migration) -> list[str]:
    """Write all that a migration does, without annotations, docstrings and imports."""
    module = meaning.strip(migration.view.content, "none")
    is_import = (ast.Import, ast.ImportFrom)
    return [ast.dump(node) for node in module.body if not isinstance(node, is_import)]
