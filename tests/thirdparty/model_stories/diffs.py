"""What a pull request's diff has to be, file by file, and where it is something else.

Owns how a diff is read and held against what a story says of it; knows of no story.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: With these a check is silenced; no story asks for that.
_SILENCING = ("noqa", "type: ignore", "pragma: no cover", "mark.skip", "mark.xfail")


@dataclass(frozen=True)
class Part:
    """What the diff of one file has to be."""

    added: int
    """So many lines, no more and no fewer."""
    lines: tuple[str, ...] = ()
    """Some of them to the letter, in order."""
    removed: tuple[str, ...] = ()
    """All lines that it takes away, in order."""


@dataclass
class _Lines:
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def amiss(diff: str, parts: Mapping[str, Part], never: Sequence[str] = ()) -> list[str]:
    """Say in words where a diff is not what it has to be; nothing: it is.

    Args:
        diff: As `git diff --no-renames` gives it.
        parts: By path, all files that it may touch.
        never: What stands in no line that is added.
    """
    found = _read(diff)
    wrong = [f"{path}: not asked for" for path in found.keys() - parts.keys()]
    for path, part in parts.items():
        lines = found.get(path, _Lines())
        if path not in found:
            wrong.append(f"{path}: not in the diff")
        if len(lines.added) != part.added:
            wrong.append(f"{path}: {len(lines.added)} lines added, not {part.added}")
        if tuple(lines.removed) != part.removed:
            wrong.append(f"{path}: removed {lines.removed}")
        left = iter(lines.added)
        # `in` goes on where it stopped: they have to stand in this order.
        wrong += [f"{path}: {line!r} is not added there" for line in part.lines if line not in left]
        wrong += [
            f"{path}: {word!r} in {line!r}"
            for line in lines.added
            for word in (*never, *_SILENCING)
            if word in line
        ]
    return wrong


def _read(diff: str) -> dict[str, _Lines]:
    """Take a diff apart, by path."""
    found: dict[str, _Lines] = {}
    lines, in_hunks = _Lines(), False
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            # No rename: the path stands there twice.
            path = line.removeprefix("diff --git a/")
            lines, in_hunks = found.setdefault(path[: len(path) // 2 - 1], _Lines()), False
        elif line.startswith("@@ "):
            in_hunks = True
        elif in_hunks and line.startswith("+"):
            lines.added.append(line[1:])
        elif in_hunks and line.startswith("-"):
            lines.removed.append(line[1:])
    return found
