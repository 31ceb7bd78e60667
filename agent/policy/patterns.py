"""Match glob patterns of the configuration, with the rules of a .gitignore file.

`**` crosses folders, `*` does not. A pattern without a slash matches at every depth; a pattern that
matches a folder covers all files in it; `!` reverts an earlier match.
"""

import re
import unicodedata
from collections.abc import Iterable

import pathspec


def fold_case(path: str) -> str:
    """Return a form that two paths share if a file system or a reader may take them for one."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


class Patterns:
    """Compiled patterns of a list."""

    def __init__(self, lines: Iterable[str], *, lenient: bool = False) -> None:
        """Compile the patterns.

        Args:
            lenient: Match paths in other case or with look-alike letters too. For lists that
                forbid: a path that equals a forbidden one on any system is forbidden.

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
        """Return the pattern that matches a path; None: none does, or a later `!` reverts it."""
        result = self._spec.check_file(fold_case(path) if self._lenient else path)
        if not result.include or result.index is None:
            return None
        return self._lines[result.index]
