"""A Python file that is edited in places: everything else stays as it is, to the byte."""

from __future__ import annotations

import io
import re
import tokenize
from functools import cached_property

import libcst as cst
from libcst import metadata

from agent.errors import RequestRefused

_LINE_END = re.compile(r"\r\n|\n|\r")


class SourceFile:
    """Text of a file with its encoding, byte order mark and line ends, parsed by LibCST."""

    def __init__(self, path: str, content: bytes) -> None:
        self.path = path
        self._content = content
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
    def module(self) -> cst.Module:
        """The syntax tree."""
        try:
            module = cst.parse_module(self.text)
        except cst.ParserSyntaxError as problem:
            raise RequestRefused(
                f"{self.path} is not Python that can be read: {problem.message} "
                f"(line {problem.raw_line}). Repair it, then ask again."
            ) from problem
        if module.code != self.text:
            raise RequestRefused(
                f"{self.path} cannot be edited without changing other lines: its line ends are "
                "unusual. Convert them to LF or CRLF, then ask again."
            )
        return module

    @cached_property
    def _positions(self) -> dict[cst.CSTNode, metadata.CodeRange]:
        wrapper = metadata.MetadataWrapper(self.module, unsafe_skip_copy=True)
        found = wrapper.resolve(metadata.PositionProvider)
        return {node: place for node, place in found.items() if isinstance(node, cst.CSTNode)}

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
        """The quote character that most strings have."""
        single, double = 0, 0
        try:
            for token in tokenize.generate_tokens(io.StringIO(self.text.lstrip("\ufeff")).readline):
                if token.type == tokenize.STRING:
                    body = token.string.lstrip("rRbBuUfF")
                    if not body.startswith(("'''", '"""')):
                        single += body.startswith("'")
                        double += body.startswith('"')
        except (tokenize.TokenError, SyntaxError):
            pass
        return "'" if single > double else '"'

    def start(self, node: cst.CSTNode) -> int:
        """Offset of a node's first character."""
        place = self._positions[node].start
        return self._line_starts[place.line - 1] + place.column

    def end(self, node: cst.CSTNode) -> int:
        """Offset after a node's last character."""
        place = self._positions[node].end
        return self._line_starts[place.line - 1] + place.column

    def line(self, node: cst.CSTNode) -> int:
        """1-based line on which a node starts."""
        return self._positions[node].start.line

    def last_line(self, node: cst.CSTNode) -> int:
        """1-based line on which a node ends."""
        return self._positions[node].end.line

    def line_start(self, offset: int) -> int:
        """Offset of the first character of the line an offset is in."""
        return max(start for start in self._line_starts if start <= offset)

    def line_end(self, offset: int) -> int:
        """Offset of the line end after an offset, or of the end of the file."""
        found = _LINE_END.search(self.text, offset)
        return found.start() if found else len(self.text)

    def next_line(self, offset: int) -> int:
        """Offset of the line after the one an offset is in."""
        found = _LINE_END.search(self.text, offset)
        return found.end() if found else len(self.text)

    def indent_at(self, offset: int) -> str:
        """The white space that the line of an offset begins with."""
        start = self.line_start(offset)
        found = re.match(r"[ \t]*", self.text[start:])
        return found[0] if found else ""

    def has_end_of_line(self, offset: int) -> bool:
        """Whether the line of an offset ends with a line end."""
        return _LINE_END.search(self.text, offset) is not None

    def insert(self, offset: int, text: str) -> None:
        """Note text to be put in at an offset of the original."""
        self._edits.append((offset, offset, text))

    def replace(self, start: int, end: int, text: str) -> None:
        """Note text to stand in for a part of the original."""
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
        """The file with all edits made, in its own encoding and with its own line ends."""
        text = self.text
        ordered = sorted(enumerate(self._edits), key=lambda one: (one[1][0], one[0]), reverse=True)
        for _, (start, end, new) in ordered:
            text = text[:start] + new.replace("\n", self.newline) + text[end:]
        return text.encode(self.encoding)
