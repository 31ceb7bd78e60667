"""The diff of a change as lines with numbers, and the findings at them. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.models.change import Finding
from agent.text import sanitise

#: Maximum lines of a diff, and characters of a line; git and GitHub show longer ones.
_MOST_LINES, _LONGEST = 4_000, 400
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
KINDS = {"+": "added", "-": "removed", " ": "same"}


@dataclass
class DiffLine:
    """One line; `kind` is added, removed, same, or hunk."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None
    findings: list[Finding] = field(default_factory=list)


@dataclass
class DiffFile:
    path: str
    lines: list[DiffLine] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """Findings at lines that are not shown."""

    @property
    def added_count(self) -> int:
        return sum(line.kind == "added" for line in self.lines)

    @property
    def removed_count(self) -> int:
        return sum(line.kind == "removed" for line in self.lines)


def parse_diff(
    diff: str, findings: Iterable[Finding] = (), most: int = _MOST_LINES
) -> tuple[list[DiffFile], bool]:
    """Parse a diff of git: files with findings at their lines, and whether it was cut."""
    files: list[DiffFile] = []
    old = new = count = 0
    in_hunk = False
    for raw in diff.split("\n"):
        if raw.startswith("diff --git "):
            files.append(DiffFile(raw.rpartition(" b/")[2]))
            in_hunk = False
        elif not files:
            continue
        elif hunk := _HUNK.match(raw):
            old, new, in_hunk = int(hunk[1]), int(hunk[2]), True
            files[-1].lines.append(DiffLine("hunk", _show(raw)))
        elif in_hunk and raw[:1] in KINDS:
            line = DiffLine(KINDS[raw[0]], _show(raw[1:]))
            if line.kind != "added":
                line.old, old = old, old + 1
            if line.kind != "removed":
                line.new, new = new, new + 1
            files[-1].lines.append(line)
        elif not in_hunk and raw.startswith(("rename ", "Binary ", "new file", "deleted file")):
            files[-1].lines.append(DiffLine("hunk", _show(raw)))
        count += 1
        if count >= most:
            break
    by_path = {file.path: file for file in files}
    for finding in dict.fromkeys(findings):
        if (file := by_path.get(finding.path)) is not None:
            at = (line for line in file.lines if line.new is not None and line.new == finding.line)
            next(at, file).findings.append(finding)
    return files, count >= most


def _show(text: str) -> str:
    plain = sanitise.strip_terminal_codes(text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
