"""Glob patterns of the configuration, read as in a .gitignore file.

`**` crosses folders, `*` does not; a pattern without a slash matches at every depth; one that
matches a folder covers all that is in it; `!` takes an earlier match back.
"""

import re
import unicodedata
from collections.abc import Iterable

import pathspec


def fold_case(path: str) -> str:
    """Return the form in which two paths are one file on some file system, or look like one."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


class Patterns:
    def __init__(self, lines: Iterable[str], *, lenient: bool = False) -> None:
        """Compile the patterns.

        Args:
            lenient: Match look-alikes too (other case, other form of the same letters). For
                lists that forbid: what is equal to a forbidden path on any system is forbidden.

        Raises:
            ValueError: A pattern cannot be read.
        """
        self._lenient = lenient
        self._lines = tuple(lines)
        compiled = (fold_case(line) for line in self._lines) if lenient else self._lines
        try:
            self._spec = pathspec.GitIgnoreSpec.from_lines(compiled)
        except re.error as problem:
            raise ValueError(f"invalid brackets in a pattern: {problem}") from problem

    def first(self, path: str) -> str | None:
        """Return the pattern that decides for this path, if it matches."""
        result = self._spec.check_file(fold_case(path) if self._lenient else path)
        if not result.include or result.index is None:
            return None
        return self._lines[result.index]
