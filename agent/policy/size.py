"""Check that a change has a size that a person can review.

Nobody reads 5,000 changed lines, and a change that large is rarely what a ticket asked for. Lines
are counted added and removed together, moved ones on both sides.
"""

from collections.abc import Iterator

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule

SIZE = Rule(
    id="size",
    demands="Changes stay within the size limits of `scope`; files are text and not huge.",
    severity=Severity.BLOCK,
    floor=Severity.BLOCK,
)
RULES = (SIZE,)

#: A file that grows to this, or by this, is not something a person reads.
HUGE_BYTES = 1_000_000


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    change, scope = change_context.change, change_context.config.scope
    if len(change.files) > scope.max_files:
        message = f"The change touches {len(change.files):,} files; scope.max_files is"
        yield SIZE.make_finding(
            "", f"{message} {scope.max_files:,}", "Split the ticket, or raise scope.max_files."
        )
    counted: dict[str, int] = {}
    for file in change.files:
        if finding := _check_bytes(file):
            yield finding
        else:
            hunks = change_context.hunks.get(file.path, ())
            counted[file.path] = sum(len(hunk.before) + len(hunk.after) for hunk in hunks)
    total = sum(counted.values())
    if total > scope.max_lines:
        largest = max(counted, key=lambda path: counted[path])
        yield SIZE.make_finding(
            "",
            f"The change adds and removes {total:,} lines; scope.max_lines is"
            f" {scope.max_lines:,} (most in {largest}: {counted[largest]:,})",
            "Split the ticket, or raise scope.max_lines.",
        )


def _check_bytes(file: ChangedFile) -> Finding | None:
    if file.after is None or file.after == file.before:
        return None
    size, before = len(file.after), len(file.before or b"")
    if b"\0" in file.after:
        message = "has binary content, which cannot be reviewed"
        return SIZE.make_finding(file.path, message, "Add binary files in your own commit.")
    if size > HUGE_BYTES and (before <= HUGE_BYTES or size - before > HUGE_BYTES):
        return SIZE.make_finding(
            file.path,
            f"has {size:,} bytes after the change; the maximum is {HUGE_BYTES:,}",
            "Keep data of this size out of the repository, or add it in your own commit.",
        )
    return None
