"""A Python file that is edited in places: everything else stays as it is, to the byte."""

from __future__ import annotations

import ast
import bisect
import io
import re
import sys
import tokenize
from functools import cached_property

from agent.errors import RequestRefused
from repo_config import foreign_python

_LINE_END = re.compile(r"\r\n|\n|\r")
Node = ast.expr | ast.stmt | ast.alias


class SourceFile:
    """Text of a file with its encoding, byte order mark and line ends, and its syntax tree."""

    def __init__(self, path: str, content: bytes, quote: str = "") -> None:
        """Decode a file.

        Args:
            quote: The quote character to write; "": the one that most strings have.

        Raises:
            RequestRefused: It cannot be decoded and encoded again.
        """
        self.path = path
        self._quote = quote
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            self.text = content.decode(encoding)
            same = self.text.encode(encoding) == content
        except (SyntaxError, UnicodeError, LookupError) as problem:
            raise RequestRefused(
                f"{path} cannot be read as text ({problem}). Convert it to UTF-8, or state its "
                "encoding in the first line, then ask again."
            ) from problem
        if not same:
            raise RequestRefused(
                f"{path} would not come out of its encoding ({encoding}) as it went in. "
                "Convert it to UTF-8, then ask again."
            )
        self.encoding = encoding
        self._edits: list[tuple[int, int, str]] = []

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree.

        Raises:
            RequestRefused: It is not Python, or beyond the bounds of what is read.
        """
        try:
            return foreign_python.parse_module(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            said = str(problem) or "it is nested too deeply"
            if isinstance(problem, SyntaxError):
                said = f"{problem.msg} (line {problem.lineno or 1})"
            host = ".".join(map(str, sys.version_info[:2]))
            raise RequestRefused(
                f"{self.path} is not read by Python {host}, on which this service runs, nor by a"
                f" newer one here: {said}. Repair it, then ask again."
            ) from problem

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    @cached_property
    def newline(self) -> str:
        """The line end that most lines have."""
        ends = _LINE_END.findall(self.text)
        return max(("\n", "\r\n", "\r"), key=ends.count)

    @cached_property
    def quote(self) -> str:
        if self._quote:
            return self._quote
        quotes = []
        try:
            for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
                body = token.string.lstrip("rRbBuUfF")
                if token.type == tokenize.STRING and not body.startswith(("'''", '"""')):
                    quotes.append(body[0])
        except (tokenize.TokenError, SyntaxError):
            pass
        return "'" if quotes.count("'") > quotes.count('"') else '"'

    def span(self, node: Node) -> tuple[int, int]:
        """Return the offsets of the first character of a node, and after its last."""
        end = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._offset(node.lineno, node.col_offset), self._offset(*end)

    def _offset(self, line: int, column: int) -> int:
        start = self._line_starts[line - 1]
        return start + len(self.text[start : start + column].encode()[:column].decode())

    def line_start(self, offset: int) -> int:
        return self._line_starts[bisect.bisect_right(self._line_starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        found = _LINE_END.search(self.text, offset)
        return found.start() if found else len(self.text)

    def next_line(self, offset: int) -> int:
        found = _LINE_END.search(self.text, offset)
        return found.end() if found else len(self.text)

    def line_at(self, offset: int) -> str:
        return self.text[self.line_start(offset) : self.line_end(offset)]

    def indent_at(self, offset: int) -> str:
        found = re.match(r"[ \t]*", self.line_at(offset))
        return found[0] if found else ""

    def start_above(self, offset: int, *, blank_too: bool = False) -> int:
        """Return where the comments above the line of an offset begin.

        Args:
            blank_too: Blank lines among and above them count as well.
        """
        start = self.line_start(offset)
        while start:
            above = self.line_at(start - 1).strip()
            if not (above.startswith("#") or (blank_too and not above)):
                break
            start = self.line_start(start - 1)
        return start

    def insert(self, offset: int, text: str) -> None:
        self._edits.append((offset, offset, text))

    def replace(self, start: int, end: int, text: str) -> None:
        self._edits.append((start, end, text))

    def insert_lines(self, offset: int, lines: list[str]) -> None:
        """Note whole lines to be put in at the start of a line, or after a last unended one."""
        if offset == len(self.text) and self.text and not self.text.endswith(("\n", "\r")):
            self.insert(offset, "\n" + "\n".join(lines))
        else:
            self.insert(offset, "\n".join(lines) + "\n")

    def can_hold(self, text: str) -> bool:
        """Whether the file's encoding has all characters of a text."""
        try:
            text.encode(self.encoding.removesuffix("-sig"))
        except UnicodeError:
            return False
        return True

    def result(self) -> bytes:
        """Return the file with all edits made, in its own encoding and with its own line ends."""
        text = self.text
        ordered = sorted(enumerate(self._edits), key=lambda one: (one[1][0], one[0]), reverse=True)
        for _, (start, end, new) in ordered:
            text = text[:start] + new.replace("\n", self.newline) + text[end:]
        return text.encode(self.encoding)
