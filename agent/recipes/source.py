"""A Python file that is edited in places: everything else stays as it is, to the byte."""

import ast
import bisect
import codecs
import re
from functools import cached_property

from agent.errors import RequestRefused
from repo_config import foreign_python

_LINE_END = re.compile(r"\r\n|\n|\r")
Node = ast.expr | ast.stmt | ast.alias


class SourceFile:
    """Text of a file with its byte order mark and line ends, and its syntax tree."""

    def __init__(self, path: str, content: bytes) -> None:
        """Decode a file; RequestRefused: it is not UTF-8."""
        self.path = path
        self._mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
        try:
            self.text = content.removeprefix(self._mark).decode()
        except UnicodeDecodeError as problem:
            raise RequestRefused(
                f"{path} is not UTF-8 ({problem}). Convert it, then try again."
            ) from problem
        self._edits: list[tuple[int, int, str]] = []

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; RequestRefused: it is not Python, or beyond what is read."""
        try:
            return foreign_python.parse_module(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            said = str(problem) or "it is nested too deeply"
            if isinstance(problem, SyntaxError):
                said = f"{problem.msg} (line {problem.lineno or 1})"
            words = f"{self.path} cannot be read as Python: {said}. Fix it, then try again."
            raise RequestRefused(words) from problem

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
        """The quote character with which most of its texts begin."""
        texts = [node for node in ast.walk(self.tree) if isinstance(node, ast.Constant)]
        quotes = [self.text[start : start + 1] for start, _ in map(self.span, texts)]
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

    def start_above(self, offset: int) -> int:
        """Return where the comments above the line of an offset begin."""
        start = self.line_start(offset)
        while start and self.line_at(start - 1).strip().startswith("#"):
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

    def result(self) -> bytes:
        """Return the file with all edits made, with its own line ends."""
        text = self.text
        for start, end, new in sorted(self._edits, key=lambda edit: edit[0])[::-1]:
            text = text[:start] + new.replace("\n", self.newline) + text[end:]
        return self._mark + text.encode()
