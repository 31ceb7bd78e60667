"""Keep migrations that everybody has run as they are.

Where one is edited or deleted, existing databases differ from new ones, and Django does not notice.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, meaning
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import reading
from agent.policy.rule import Rule

MERGED = Rule(
    id="migration-merged",
    demands="A migration that is on the base branch does what it did, and stays.",
    severity=Severity.BLOCK,
    bad="0002_total.py is edited so that it makes another column",
    good="0003_alter_order_total.py is added",
)
RULES = (MERGED,)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for one in change_context.python:
        before, after = one.file.before, one.file.after
        if layout.is_test(one.path) or not reading.is_migration(one.path, before):
            continue
        done = "is deleted; databases that have run it know its name"
        if after is not None:
            if meaning.is_same(before, after, strict=False):
                continue
            done = "is edited; databases that have run it stay as they are"
        yield MERGED.make_finding(
            one.path,
            f"is on the base branch already, and {done}",
            "Leave it as it is and add a new migration.",
            min(one.new_lines, default=None),
        )
