"""A Python file that is edited in places: everything else stays as it is, to the byte."""

from __future__ import annotations

import ast
import bisect
import io
import re
import tokenize
from functools import cached_property
from typing import NoReturn

import libcst as cst
from libcst import metadata

from agent.errors import RequestRefused
from repo_config import foreign_python

_LINE_END = re.compile(r"\r\n|\n|\r")

#: What LibCST is given at most. It recurses on the machine's own stack, so that deep nesting ends
#: the whole process, and it takes some 50 microseconds and 2 kB for a token.
MAX_BYTES = 1 << 20
MAX_TOKENS = 150_000
MAX_TOKENS_OF_A_LINE = 20_000
MAX_NESTING = 150

#: Levels of LibCST's tree that one node of Python's own takes up, where they are not one.
_LEVELS: dict[type[ast.AST], int] = {
    ast.Call: 2,
    ast.Subscript: 3,
    ast.List: 2,
    ast.Tuple: 2,
    ast.Set: 2,
    ast.Dict: 2,
}
_NO_TOKENS = frozenset(
    (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
)


def parse_module(path: str, text: str) -> cst.Module:
    """Parse Python with LibCST, after a look at whether it can bear it.

    Raises:
        RequestRefused: It is not Python, or too large or too deeply nested to be parsed.
    """
    _hold_bounds(path, text)
    try:
        module = cst.parse_module(text)
        same = module.code == text
    except cst.ParserSyntaxError as problem:
        raise RequestRefused(
            f"{path} is not Python that can be read: {problem.message} "
            f"(line {problem.raw_line}). Repair it, then ask again."
        ) from problem
    except RecursionError as problem:
        raise RequestRefused(
            f"{path} is nested too deeply to be edited. Split its longest expressions, "
            "then ask again."
        ) from problem
    if not same:
        raise RequestRefused(
            f"{path} cannot be edited without changing other lines: its line ends are "
            "unusual. Convert them to LF or CRLF, then ask again."
        )
    return module


def _hold_bounds(path: str, text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise RequestRefused(
            f"{path} has {size:,} bytes; files of up to {MAX_BYTES:,} bytes can be edited. "
            "Split the file, then ask again."
        )
    try:
        tree = foreign_python.parse_module(text)
    except SyntaxError as problem:
        raise RequestRefused(
            f"{path} is not Python that can be read: {problem.msg} "
            f"(line {problem.lineno or 1}). Repair it, then ask again."
        ) from problem
    except (RecursionError, MemoryError) as problem:
        raise RequestRefused(
            f"{path} is nested too deeply to be read. Split its longest expressions, then ask "
            "again."
        ) from problem
    except ValueError as problem:
        raise RequestRefused(
            f"{path} is not Python that can be read: {problem}. Repair it, then ask again."
        ) from problem
    _hold_nesting(path, tree)
    _hold_tokens(path, text)


def _hold_nesting(path: str, tree: ast.Module) -> None:
    """Refuse what LibCST would nest too deeply; without recursion of its own."""
    waiting: list[tuple[ast.AST, int, int, bool]] = [(tree, 0, 1, False)]
    while waiting:
        node, depth, line, is_elif = waiting.pop()
        line = getattr(node, "lineno", line)
        depth += 1 if is_elif else _levels(node)
        if depth > MAX_NESTING:
            _too_deep(path, line)
        chained = node.orelse if isinstance(node, ast.If) and len(node.orelse) == 1 else []
        waiting += [
            (child, depth, line, child in chained and isinstance(child, ast.If))
            for child in ast.iter_child_nodes(node)
        ]


def _levels(node: ast.AST) -> int:
    """Levels of LibCST's tree for a node; what Python holds as a flat list may be a chain there."""
    if isinstance(node, ast.BoolOp):
        return len(node.values)
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        return 1 + len(node.generators)
    if isinstance(node, ast.alias):
        return 1 + node.name.count(".")
    if isinstance(node, ast.ImportFrom):
        return 1 + (node.module or "").count(".")
    if isinstance(node, ast.stmt) and hasattr(node, "body"):
        return 2
    return _LEVELS.get(type(node), 1 if isinstance(node, ast.expr | ast.stmt) else 0)


def _hold_tokens(path: str, text: str) -> None:
    """Bound the number of tokens, and what only they show: brackets, strings side by side."""
    lines = io.StringIO(_LINE_END.sub("\n", text))
    total = of_line = brackets = strings = 0
    try:
        for token in tokenize.generate_tokens(lines.readline):
            line = token.start[0]
            if token.type == tokenize.NEWLINE:
                of_line = strings = 0
            if token.type in _NO_TOKENS:
                continue
            total, of_line = total + 1, of_line + 1
            strings = strings + 1 if token.type == tokenize.STRING else 0
            if token.type == tokenize.OP:
                brackets += (token.string in "([{") - (token.string in ")]}")
            if max(brackets, strings) > MAX_NESTING:
                _too_deep(path, line)
            if of_line > MAX_TOKENS_OF_A_LINE:
                raise RequestRefused(
                    f"{path}:{line}: this statement has more than {MAX_TOKENS_OF_A_LINE:,} "
                    "parts. Split it, or move its data to a file of its own, then ask again."
                )
            if total > MAX_TOKENS:
                raise RequestRefused(
                    f"{path}:{line}: the file has more than {MAX_TOKENS:,} parts, too many to be "
                    "edited safely. Split the file, then ask again."
                )
    except (tokenize.TokenError, SyntaxError) as problem:
        raise RequestRefused(
            f"{path} is not Python that can be read: {problem}. Repair it, then ask again."
        ) from problem


def _too_deep(path: str, line: int) -> NoReturn:
    raise RequestRefused(
        f"{path}:{line}: this is nested or chained more than {MAX_NESTING} levels deep, too deep "
        "to be edited safely. Split this line, then ask again."
    )


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
        return parse_module(self.path, self.text)

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

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Offsets of the first character of a node of Python's own tree, and after its last."""
        end = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._offset(node.lineno, node.col_offset), self._offset(*end)

    def _offset(self, line: int, column: int) -> int:
        """Offset of a place that is counted in lines, and in bytes of UTF-8."""
        start = self._line_starts[line - 1]
        return start + len(self.text[start : start + column].encode()[:column].decode())

    def line(self, node: cst.CSTNode) -> int:
        """1-based line on which a node starts."""
        return self._positions[node].start.line

    def last_line(self, node: cst.CSTNode) -> int:
        """1-based line on which a node ends."""
        return self._positions[node].end.line

    def line_start(self, offset: int) -> int:
        """Offset of the first character of the line an offset is in."""
        return self._line_starts[bisect.bisect_right(self._line_starts, offset) - 1]

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
