"""What an issue's labels say: the kind of work, and its place in the queue. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, get_args

from agent.models.ticket import Category

#: Our own names, and those that GitHub and Dependabot give every repository.
_CATEGORIES: dict[str, Category] = {name: name for name in get_args(Category)} | {
    "documentation": "docs",
    "enhancement": "feature",
    "dependencies": "dependency",
}
HIGHEST, HIGH, NORMAL, LOW = 2, 1, 0, -1
NAMES = {HIGHEST: "highest", HIGH: "high", NORMAL: "normal", LOW: "low"}
_LEVELS = {
    **dict.fromkeys(
        ("p0", "critical", "urgent", "blocker", "highest", "immediate", "asap"), HIGHEST
    ),
    **dict.fromkeys(("p1", "high", "important", "major"), HIGH),
    **dict.fromkeys(("p2", "medium", "normal", "moderate", "default"), NORMAL),
    **dict.fromkeys(
        ("p3", "p4", "p5", "low", "lowest", "minor", "trivial", "someday", "nice to have"), LOW
    ),
}
#: As in `priority: high`, `prio/p1`, `Pri-high`, `severity=critical`.
_NAMED = re.compile(r"(?:priority|prio|pri|severity|sev|importance|urgency)[\s:/=._-]*(?P<word>.+)")
_AFTER = re.compile(r"(?P<word>.+?)[\s:/=._-]+(?:priority|prio)")
#: Clear without the word priority; “minor” or “low” alone may be about anything.
_ALONE = frozenset({"p0", "p1", "p2", "p3", "p4", "p5", "urgent", "critical", "blocker", "asap"})


class Priority(NamedTuple):
    level: int
    """From 2, the highest, to -1; 0 without a label."""
    label: str = ""


def read_category(labels: Iterable[str]) -> tuple[Category, str]:
    for label in labels:
        if found := _CATEGORIES.get(re.split(r"[\s:/=]+", label.lower())[-1]):
            return found, label
    return "feature", ""


def read_priority(labels: Iterable[str]) -> Priority:
    """Read the priority from an issue's labels; of several the highest counts."""
    found = [Priority(level, label) for label in labels if (level := _level(label)) is not None]
    return max(found, default=Priority(NORMAL))


def _level(label: str) -> int | None:
    said = " ".join(re.sub(r"[^\w\s:/=.-]", " ", label.lower()).split())
    if said in _ALONE:
        return _LEVELS[said]
    named = _NAMED.fullmatch(said) or _AFTER.fullmatch(said)
    if named is None:
        return None
    word = named["word"].strip(" :-_/=.")
    # GitHub's own forms number them: `priority: 1`, and `p1 - high`.
    first = re.split(r"[\s:/=._-]+", word, maxsplit=1)[0]
    return _LEVELS.get(word, _LEVELS.get(first, _LEVELS.get(f"p{first}")))
