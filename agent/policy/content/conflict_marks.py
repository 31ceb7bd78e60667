"""Block a change with conflict marks of a merge."""

import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule

CONFLICT_MARKS = Rule(
    id="conflict-marks",
    demands="No file contains a merge conflict between marks.",
    severity=Severity.BLOCK,
)
RULES = (CONFLICT_MARKS,)

_CONFLICT = re.compile(rb"^<{7} .+?^={7}\r?$.+?^>{7} ", re.MULTILINE | re.DOTALL)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for file in change_context.change.files:
        found = _CONFLICT.search(file.after or b"")
        if found and found.group() not in (file.before or b""):
            line = (file.after or b"").count(b"\n", 0, found.start()) + 1
            message, fix = "contains a merge conflict", "Merge both sides and remove the marks."
            yield CONFLICT_MARKS.make_finding(file.path, message, fix, line)
