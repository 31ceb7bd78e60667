"""A Python file into which lines are put: everything else stays as it is, to the byte."""

import ast
import codecs
import re
from collections import defaultdict
from functools import cached_property

from agent.errors import RequestRefused
from repo_config import foreign_python

_ENDS = ("\n", "\r\n", "\r")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")


class SourceFile:
    """Lines of a file with its byte order mark and line ends, and its syntax tree."""

    def __init__(self, path: str, content: bytes) -> None:
        """Decode a file; RequestRefused: it is not UTF-8."""
        self.path = path
        self._mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
        try:
            self._text = content.removeprefix(self._mark).decode()
        except UnicodeDecodeError as problem:
            raise RequestRefused(
                f"{path} is not UTF-8 ({problem}). Convert it, then try again."
            ) from problem
        self.lines = _LINE.findall(self._text)
        """With their ends; their indexes stay when others are put between them."""
        self._added: dict[int, list[str]] = defaultdict(list)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; RequestRefused: it is not Python, or beyond what is read."""
        try:
            return foreign_python.parse_module(self._text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            said = str(problem) or "it is nested too deeply"
            if isinstance(problem, SyntaxError):
                said = f"{problem.msg} (line {problem.lineno or 1})"
            words = f"{self.path} cannot be read as Python: {said}. Fix it, then try again."
            raise RequestRefused(words) from problem

    @cached_property
    def newline(self) -> str:
        """The line end that most lines have."""
        ends = [line[len(line.rstrip("\r\n")) :] for line in self.lines]
        return max(_ENDS, key=ends.count)

    @cached_property
    def quote(self) -> str:
        """The quote character with which most of its texts begin."""
        texts = [node for node in ast.walk(self.tree) if isinstance(node, ast.Constant)]
        quotes = [self.lines[node.lineno - 1].encode()[node.col_offset :][:1] for node in texts]
        return "'" if quotes.count(b"'") > quotes.count(b'"') else '"'

    def get_indent(self, at: int) -> str:
        """Return the blanks with which the line of an index begins."""
        return str(self.lines[at][: -len(self.lines[at].lstrip(" \t"))])

    def start_above(self, at: int) -> int:
        """Return where the comments above a line begin."""
        while at and self.lines[at - 1].strip().startswith("#"):
            at -= 1
        return at

    def insert(self, at: int, lines: list[str]) -> None:
        """Put lines before the line of an index, behind what was put there earlier."""
        if at == len(self.lines) and at and not self.lines[-1].endswith(_ENDS):
            self.lines[-1] += self.newline
        self._added[at] += lines

    def replace(self, at: int, lines: list[str]) -> None:
        self.insert(at, lines)
        self.lines[at] = ""

    def result(self) -> bytes:
        """Return the file with its new lines, which have its own line ends."""
        parts: list[str] = []
        for at, line in enumerate([*self.lines, ""]):
            parts += (new + self.newline for new in self._added.get(at, ()))
            parts.append(line)
        return self._mark + "".join(parts).encode()
