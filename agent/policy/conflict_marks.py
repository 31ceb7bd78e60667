"""Block a change with conflict marks of a merge."""

import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule

CONFLICT_MARKS = Rule(
    id="conflict-marks",
    demands="No file contains a merge conflict between marks, or one of its marks.",
    severity=Severity.BLOCK,
)
RULES = (CONFLICT_MARKS,)

#: All of one, or what is left of one that git writes: its marks name commits.
_CONFLICT = re.compile(
    rb"^<{7} .+?^={7}\r?$.+?^>{7} |^(?:<{7}|\|{7}|>{7}) [0-9a-f]{7}", re.MULTILINE | re.DOTALL
)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for file in change_context.change.files:
        before, after = file.before or b"", file.after or b""
        new = (found for found in _CONFLICT.finditer(after) if found[0] not in before)
        if found := next(new, None):
            line = after.count(b"\n", 0, found.start()) + 1
            message, fix = "contains a merge conflict", "Merge both sides and remove the marks."
            yield CONFLICT_MARKS.make_finding(file.path, message, fix, line)
