"""Check that a change has a size that a person can review.

Lines are counted added and removed together, moved ones on both sides.
"""

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule

SIZE = Rule(
    "size",
    "Changes stay within the size limits of `scope`; files are text and not huge.",
    Severity.BLOCK,
    floor=Severity.BLOCK,
)
RULES = (SIZE,)

#: A file that grows to this, or by this, is not something a person reads.
HUGE_BYTES = 1_000_000


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    files, scope = change_context.change.files, change_context.config.scope
    for file in files:
        before, after = len(file.before or b""), len(file.after or b"")
        if b"\0" in (file.after or b"") and file.after != file.before:
            says = "has binary content, which cannot be reviewed"
            yield SIZE.make_finding(file.path, says, "Add binary files in your own commit.")
        elif after - (before if before > HUGE_BYTES else 0) > HUGE_BYTES:
            says = f"has {after:,} bytes after the change; the maximum is {HUGE_BYTES:,}"
            fix = "Keep data of this size out of the repository, or add it in your own commit."
            yield SIZE.make_finding(file.path, says, fix)
    lines = {
        path: sum(len(hunk.before) + len(hunk.after) for hunk in hunks)
        for path, hunks in change_context.hunks.items()
    }
    total, largest = sum(lines.values()), max(lines, key=lambda path: lines[path], default="")
    for key, count, says in (
        ("max_files", len(files), f"touches {len(files):,} files"),
        ("max_lines", total, f"adds and removes {total:,} lines, most in {largest}"),
    ):
        if count > (most := getattr(scope, key)):
            fix = f"Split the ticket, or raise scope.{key}."
            yield SIZE.make_finding("", f"The change {says}; scope.{key} is {most:,}", fix)
