"""Check that a change has a size that a person can review.

Nobody reads 5,000 changed lines, and a change that large is rarely what a ticket asked for. Lines
are counted added and removed together, moved ones on both sides.
"""

from collections.abc import Iterator
from io import BytesIO

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
#: How much of comparing line by line is done at most: lines before times lines after, over all
#: files (0.2 s, 60 MB). Beyond it, all between the first and the last changed line counts.
_WORK = 1_000_000_000


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    change, scope = change_context.change, change_context.config.scope
    if len(change.files) > scope.max_files:
        message = f"The change touches {len(change.files):,} files; scope.max_files is"
        yield SIZE.make_finding(
            "", f"{message} {scope.max_files:,}", "Split the ticket, or raise scope.max_files."
        )
    counted: dict[str, int] = {}
    budget = _WORK
    for file in change.files:
        if finding := _check_bytes(file):
            yield finding
        else:
            lines, work = count_changed(file.before or b"", file.after or b"", budget)
            budget -= work
            counted[file.path] = lines
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


def count_changed(before: bytes, after: bytes, budget: int = _WORK) -> tuple[int, int]:
    """Count the lines that a shortest diff adds and removes, and the work that it took."""
    # A last line without its newline is another line than the same with it, as git has it.
    old, new = (BytesIO(content).readlines() for content in (before, after))
    for _ in range(2):  # what is equal at the start, then at the end
        pairs = enumerate(zip(old, new, strict=False))
        shorter = min(len(old), len(new))
        start = next((at for at, (one, other) in pairs if one != other), shorter)
        old, new = old[start:][::-1], new[start:][::-1]
    work = len(old) * len(new)
    if work > budget or not work:
        return len(old) + len(new), 0
    return len(old) + len(new) - 2 * _count_common(old, new), work


def _count_common(old: list[bytes], new: list[bytes]) -> int:
    """Return the length of the longest common subsequence.

    Bit-parallel (Hyyrö 2004): one row of the usual table is one integer, so that 10,000 lines
    against 10,000 take 10,000 steps. difflib takes minutes on repetitive input, and a patch
    that is written to be slow must not stop the service.
    """
    wanted = set(new)
    places: dict[bytes, int] = {}
    for place, line in enumerate(old):
        if line in wanted:
            places[line] = places.get(line, 0) | 1 << place
    full = (1 << len(old)) - 1
    row = full
    for line in new:
        match = row & places.get(line, 0)
        row = ((row + match) | (row - match)) & full
    return len(old) - row.bit_count()
