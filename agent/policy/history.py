"""Keep migrations that everybody has run as they are.

Where one is edited or deleted, existing databases differ from new ones, and Django does not notice.
"""

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, meaning
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule

MERGED = Rule(
    id="migration-merged",
    demands="Merged migrations are not edited or deleted.",
    severity=Severity.BLOCK,
)
BY_HAND = Rule(
    id="migration-by-hand",
    demands="Migrations with anything but Django's table operations need review.",
    severity=Severity.REVIEW,
)
RULES = (MERGED, BY_HAND)
_CLASS = re.compile(rb"^\s*class Migration\b", re.MULTILINE)


def is_migration(path: str, content: bytes | None) -> bool:
    """Whether Django would load a file as a migration; those of tests change no data."""
    name = path.rpartition("/")[2]
    is_loaded = name.endswith(".py") and name[0] not in "_~" and not layout.is_test(path)
    return is_loaded and b"django.db" in (content or b"") and bool(_CLASS.search(content or b""))


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    django = change_context.project.django
    missing = django.missing if django else "the project is not started with Django"
    for file in change_context.python:
        before, after = file.file.before, file.file.after
        if missing and is_migration(file.path, after) and not is_migration(file.path, before):
            says = f"is a migration that could not be loaded: {missing.rstrip('.')}"
            yield BY_HAND.make_finding(file.path, says, "Check what it does to production data.")
        if not is_migration(file.path, before) or _dump(before) == _dump(after):
            continue
        done = "is deleted, but databases have recorded it as applied"
        if after is not None:
            done = "is edited, but databases that applied it will not change"
        yield MERGED.make_finding(
            file.path,
            f"is already on the base branch, and {done}",
            "Leave it unchanged and add a new migration.",
            min(file.new_lines, default=None),
        )


def _dump(content: bytes | None) -> list[str] | bytes | None:
    """Write all that a migration does, without annotations, docstrings and imports."""
    try:
        module = meaning.strip(content or b"", "none")
    except meaning.UNREADABLE:
        return content
    return [
        ast.dump(node) for node in module.body if not isinstance(node, ast.Import | ast.ImportFrom)
    ]
