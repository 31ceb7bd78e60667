"""How much two tickets say the same, by their words; deterministic, and knows no repository."""

from __future__ import annotations

import re

from agent.triage import reading

#: Headings of issue forms stand in every ticket made from them and say nothing of this one.
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t].*$", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]{1,200})`|\b(\w+(?:[./_]\w+)+)\b")
SIMILAR = 0.6
_TITLES = 0.5
#: Two words in common are no likeness.
_FEWEST = 3


def identical(title: str, body: str, other_title: str, other_body: str) -> bool:
    """Whether two tickets are the same text; case and spaces do not count."""
    mine, theirs = _folded(f"{title}\n{body}"), _folded(f"{other_title}\n{other_body}")
    return bool(mine) and mine == theirs


def alike(title: str, body: str, other_title: str, other_body: str) -> float:
    """Say how much two tickets have in common, from 0 to 1; 0 where their titles differ.

    Tickets that name other things of the code are other tickets, however alike they read: so are
    two fields of one model.
    """
    titles = _share(reading.subject(title), reading.subject(other_title))
    if titles < _TITLES:
        return 0.0
    codes, others = _codes(f"{title}\n{body}"), _codes(f"{other_title}\n{other_body}")
    if (codes or others) and _share(codes, others) < _TITLES:
        return 0.0
    mine, theirs = _about(title, body), _about(other_title, other_body)
    if len(mine & theirs) < _FEWEST and mine != theirs:
        return 0.0
    return _share(mine, theirs)


def _about(title: str, body: str) -> frozenset[str]:
    return reading.subject(f"{title}\n{_HEADING.sub('', body)}")


def _codes(text: str) -> frozenset[str]:
    return frozenset((one or other).lower() for one, other in _CODE.findall(text))


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's index: what both have, of what either has."""
    either = one | other
    return len(one & other) / len(either) if either else 0.0


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
