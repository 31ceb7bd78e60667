"""Which tickets say the same."""

from __future__ import annotations

import re

from agent.models.ticket import Snapshot


def is_same_text(one: Snapshot, other: Snapshot) -> bool:
    """Whether two issues are the same text; case and spaces do not count."""
    mine, theirs = (f"{issue.title}\n{issue.body}".casefold().split() for issue in (one, other))
    return bool(mine) and mine == theirs


def has_same_title(one: Snapshot, other: Snapshot) -> bool:
    """Whether two issues have one title; case, spaces and punctuation do not count."""
    mine, theirs = (re.findall(r"\w+", issue.title.casefold()) for issue in (one, other))
    return bool(mine) and mine == theirs
