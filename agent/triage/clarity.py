"""Whether a ticket says anything at all: a form that nobody has filled in asks for nothing."""

from __future__ import annotations

import re

from agent.domain import Ticket
from agent.triage import reading

#: Titles that forms begin with, and nobody has gone on.
_NO_TITLE = re.compile(
    r"\W*(?:(?:new |a |the )?(?:bug|feature|request|issue|help|question|problem|report|title"
    r"|enhancement|improvement|todo|untitled|test|docs?|use|support|suggestion)s?\b\W*){0,4}",
    re.IGNORECASE,
)
#: How the usual forms tell people what to write.
_OF_FORM = re.compile(
    r"^\W*(?:a clear and concise description|describe (?:the|what|your|how|any)|if applicable"
    r"|add any other|steps to reproduce the behaviou?r|please (?:describe|provide|fill|replace"
    r"|complete)|go to '|click on '|scroll down to '|see error|tell us|explain (?:the|what|how|why)"
    r"|what (?:did|do|happened|were) |_?no response_?|n/?a\b|none\b|tbd\b|todo\b|\.{2,}$|e\.g\.)",
    re.IGNORECASE,
)
_FACT = re.compile(r"^\W*[\w /-]{1,40}:\s*(?:\[[^\]]{0,80}\])?\s*$")
_MOST = 8


def missing(ticket: Ticket) -> tuple[str, ...]:
    """List what a ticket that says nothing leaves open; nothing where it has a word of its own."""
    if not _NO_TITLE.fullmatch(reading.title_of(ticket.title)) or _has_code(ticket.body):
        return ()
    parts = reading.parts(ticket.body)
    if any(_own_words(part) for part in parts):
        return ()
    empty = [part.heading for part in parts if part.heading]
    if not empty:
        return ("What is to be done, and where? The ticket says no more than its title.",)
    return tuple(f"“{reading.short(heading)}” is not answered." for heading in empty[:_MOST])


def _has_code(body: str) -> bool:
    return "```" in body or "~~~" in body


def _own_words(part: reading.Part) -> bool:
    lines = [*part.prose.split("\n"), *part.items]
    told = (line for line in lines if any(letter.isalnum() for letter in line))
    return any(not _OF_FORM.match(line) and not _FACT.match(line) for line in told)
