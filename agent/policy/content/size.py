"""Hold a change to a size that a person can review.

Nobody reads 5,000 changed lines, and a change that large is rarely what a ticket asked for. Held
here: `scope.max_files`, `scope.max_lines` (added and removed together, moved lines counted on
both sides), a single huge file and binary content. A rewrite in another format hides the real
edit, so it is named for the reviewer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from io import BytesIO

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule

SIZE = Rule(
    id="size",
    demands="A change is as small as `scope` demands; its files are text, none of them huge.",
    severity=Severity.BLOCK,
    floor=Severity.BLOCK,
    bad="5,000 changed lines, or a binary file",
    good="60 changed lines in three files",
)
HUGE_FILE = Rule(
    id="huge-file",
    demands="No file is edited that is too large for a web page to show.",
    severity=Severity.REVIEW,
    bad="one line of a file of 2 MB is changed",
    good="one line of a file of 20 kB is changed",
)
REFORMATTED = Rule(
    id="reformatted",
    demands="A change of layout comes in a change of its own.",
    severity=Severity.REVIEW,
    bad="all quotes of a file are changed beside the edit",
    good="the edit alone",
)
RULES = (SIZE, HUGE_FILE, REFORMATTED)

#: A file that grows to this, or by this, is not something a person reads.
HUGE_BYTES = 1_000_000
#: How much of comparing line by line is done at most: lines before times lines after, over all
#: files (0.2 s, 60 MB). Beyond it, all between the first and the last changed line counts.
_WORK = 1_000_000_000
#: From here on a rewrite of the format is worth a word.
_MANY_LINES = 20
#: Besides white space, what formatters move about: quotes, commas, parentheses, semicolons.
_SOFT = re.compile(rb"[\s'\",();]+")


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for every way in which the change is too large or cannot be read."""
    change, scope = change_context.change, change_context.config.scope
    if len(change.files) > scope.max_files:
        yield SIZE.make_finding(
            "",
            f"The change touches {len(change.files):,} files; scope.max_files is"
            f" {scope.max_files:,}",
            "Split the ticket, or raise scope.max_files.",
        )
    counted: list[tuple[ChangedFile, int]] = []
    budget = _WORK
    for file in change.files:
        oversized = list(_check_size(file))
        yield from oversized
        if any(finding.severity is Severity.BLOCK for finding in oversized):
            continue
        lines, work = count_changed(file.before or b"", file.after or b"", budget)
        budget -= work
        counted.append((file, lines))
        yield from _check_reformatting(file, lines)
    total = sum(lines for _, lines in counted)
    if total > scope.max_lines:
        largest = max(counted, key=lambda pair: pair[1])
        yield SIZE.make_finding(
            "",
            f"The change adds and removes {total:,} lines; scope.max_lines is"
            f" {scope.max_lines:,} (most in {largest[0].path}: {largest[1]:,})",
            "Split the ticket, or raise scope.max_lines.",
        )


def _check_size(file: ChangedFile) -> Iterator[Finding]:
    """Judge one file by its bytes alone."""
    if file.after is None or file.after == file.before:
        return
    size, before = len(file.after), len(file.before or b"")
    if b"\0" in file.after:
        yield SIZE.make_finding(
            file.path,
            "has binary content, which nobody can review",
            "Add binary files in a commit of your own.",
        )
    elif size > HUGE_BYTES and (before <= HUGE_BYTES or size - before > HUGE_BYTES):
        yield SIZE.make_finding(
            file.path,
            f"has {size:,} bytes after the change; {HUGE_BYTES:,} is the most for one file",
            "Keep data of this size out of the repository, or add it in a commit of your own.",
        )
    elif size > HUGE_BYTES:
        yield HUGE_FILE.make_finding(
            file.path,
            f"is edited and has {size:,} bytes",
            "Look at this file's diff on its own machine: web pages will not show it.",
        )


# --- counting lines ---------------------------------------------------------------------------


def count_changed(before: bytes, after: bytes, budget: int = _WORK) -> tuple[int, int]:
    """Count the lines that a shortest diff adds and removes, and the work that it took."""
    old, new = _middle(before, after)
    work = len(old) * len(new)
    if work > budget or not work:
        return len(old) + len(new), 0
    return len(old) + len(new) - 2 * _common(old, new), work


def _middle(before: bytes, after: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the lines of both sides without those that are equal at the start and at the end."""
    # A last line without its newline is another line than the same with it, as git has it.
    old, new = (BytesIO(content).readlines() for content in (before, after))
    for _ in range(2):
        pairs = enumerate(zip(old, new, strict=False))
        shorter = min(len(old), len(new))
        start = next((at for at, (one, other) in pairs if one != other), shorter)
        old, new = old[start:][::-1], new[start:][::-1]
    return old, new


def _common(old: list[bytes], new: list[bytes]) -> int:
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


# --- format -----------------------------------------------------------------------------------


def _check_reformatting(file: ChangedFile, lines: int) -> Iterator[Finding]:
    """Name a file of which much is only written in another way."""
    if lines < _MANY_LINES or not file.before or not file.after:
        return
    if max(len(file.before), len(file.after)) > HUGE_BYTES:
        return
    if is_layout_only(file.before, file.after):
        share = lines
    else:
        old, new = _middle(file.before, file.after)
        before, after = Counter(old), Counter(new)
        # Moved lines are on both sides as they are; what is left only looks alike.
        share = 2 * (_count_stripped(before - after) & _count_stripped(after - before)).total()
    if share >= _MANY_LINES and share >= lines / 2:
        about = "all" if share == lines else f"about {share:,}"
        yield REFORMATTED.make_finding(
            file.path,
            f"is reformatted: {about} of its {lines:,} changed lines differ in layout only",
            "Look at the diff without white space; ask for the format change on its own.",
        )


def is_layout_only(before: bytes, after: bytes) -> bool:
    """Whether both sides have the same words, in another layout at most."""
    old, new = _middle(before, after)
    return _strip_whitespace(b"".join(old)) == _strip_whitespace(b"".join(new))


def _strip_whitespace(content: bytes) -> bytes:
    return _SOFT.sub(b"", content)


def _count_stripped(lines: Counter[bytes]) -> Counter[bytes]:
    squashed: Counter[bytes] = Counter()
    for line, count in lines.items():
        squashed[_strip_whitespace(line)] += count
    del squashed[b""]
    return squashed
