"""Whole lines of text that comes in pieces, so that no secret shows in two parts."""

from __future__ import annotations

import threading
from collections.abc import Callable


class WholeLines:
    """Makes whole lines of pieces: a secret may begin in one and end in the next.

    However long a line is, it is not cut before somebody has looked for secrets in it: a request's
    `most_tokens` bounds it.
    """

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._begun: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, piece: str) -> None:
        """Take the next piece; any thread."""
        with self._lock:
            if "\n" not in piece:
                self._begun.append(piece)
                return
            *lines, begun = "".join((*self._begun, piece)).split("\n")
            self._begun = [begun]
            for line in filter(str.strip, lines):
                self._take(line.rstrip())

    def flush(self) -> None:
        """Hand on what has no end yet."""
        self("\n")
