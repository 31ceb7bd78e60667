"""What kind of work a ticket asks for, by its words."""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.domain import Category, Ticket


class Kind(NamedTuple):
    """A category, and what it was taken from."""

    category: Category
    because: str
    """In words, with those of the ticket in quotes."""


#: The first that matches decides, in the title before the text.
_CATEGORIES: tuple[tuple[Category, str], ...] = (
    ("docs", r"typos?|readme|docstrings?"),
    (
        "bug",
        (
            r"bugs?|fix(?:es|ed)?|broken|crash\w*|wrong(?:ly)?|incorrect\w*|regression|traceback"
            r"|raises?|fails?|failing|does(?:n't| not) (?:work|return|show|save)|error 5\d\d"
        ),
    ),
    (
        "dependency",
        (
            r"upgrade|bump|migrate (?:from|to)|(?:replace|switch from) \w+ (?:with|by|to)"
            r"|drop (?:the )?dependency"
        ),
    ),
    ("typing", r"type[- ]?(?:hint|annotation)s?|annotat\w+ (?:the )?\w+|mypy|typing"),
    ("tests", r"(?:add|write|more|missing) (?:\w+ )?tests?|tests? for|test coverage|untested"),
    ("docs", r"docs?|documentation|changelog"),
    ("refactor", r"refactor\w*|extract|split|rename|simplif\w+|clean ?up|de-?duplicat\w+|inline"),
)
_PATTERNS = tuple(
    (category, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for category, words in _CATEGORIES
)


def of(ticket: Ticket) -> Kind:
    """Say what kind of work a ticket asks for, as far as its words tell, and by which."""
    for text, place in ((ticket.title, "title"), (ticket.body, "text")):
        for found, pattern in _PATTERNS:
            if hit := pattern.search(text):
                return Kind(found, f"“{hit[0]}” in the {place}")
    return Kind("feature", "no word of another kind")
