"""Which tickets ask for nothing but what only people change."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from agent.models.ticket import Ticket
from agent.policy.patterns import Patterns


def find_closed_path(
    ticket: Ticket, human_only: tuple[str, ...], present: Iterable[str]
) -> tuple[str, str] | None:
    """Return a path of the title and its pattern, where the ticket names no open path.

    Only the title surely names the place; a text may name a path to say that it stays as it is.

    Args:
        ticket: The request.
        human_only: `scope.human_only`.
        present: The paths of the base commit.
    """
    try:
        patterns = Patterns(human_only, lenient=True)
    except ValueError:
        # Told by the rule that holds every change to these patterns.
        return None
    known = frozenset(present)
    closed = [(path, patterns.first(path)) for path in _find_paths(ticket.title, known)]
    named = [patterns.first(path) for path in _find_paths(ticket.body, known)]
    if not closed or not all((*(pattern for _, pattern in closed), *named)):
        return None
    path, pattern = closed[0]
    return path, pattern or ""


def _find_paths(text: str, present: frozenset[str]) -> list[str]:
    """Return the files and folders of the base commit that a text names."""
    words = (word.rstrip(".").removeprefix("./") for word in re.findall(r"[\w./-]+", text))
    folders = {f"{parent}/" for path in present for parent in PurePosixPath(path).parents}
    return [word for word in dict.fromkeys(words) if word in present or word in folders]
