"""Turn the arguments of a `print` into a format and lazy arguments that say the same.

Knows f-strings, `%` with a tuple, and `+`. What has no equivalent that means the same stays whole,
as one value. The order in which calls are evaluated never changes.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.recipes import code_style
from agent.recipes.modules import read_dotted_name
from agent.recipes.print_to_logging.parameters import Library
from agent.recipes.source import SourceFile

_SPEC = re.compile(r"%(?P<how>[-+ #0]*\d*(?:\.\d+)?)[hlL]?(?P<type>[diouxXeEfFgGcrsa%])")
_SEPARATOR = re.compile(r"[\s=*_#~.+\u2500-\u257f\u2014-]*")
_CONTROL = ("\r", "\b", "\x1b", "\a", "\f")
#: What the marks of an f-string call, and what they are in a `%` format.
_CONVERSIONS = {-1: ("", "s"), 97: ("ascii", "a"), 114: ("repr", "r"), 115: ("str", "s")}
#: Calls that never give a tuple, which would fill the places of a `%` format one by one.
_SINGLES = frozenset({"str", "repr", "len", "int", "float", "round", "type", "sorted", "format"})


@dataclass(frozen=True)
class Value:
    code: str
    conversion: str = "s"
    """What stands after the percent sign."""
    is_ruler: bool = False
    """Whether it is a line of signs, as in `"-" * 60`."""


Piece = str | Value


@dataclass(frozen=True)
class Printed:
    pieces: tuple[Piece, ...]
    to_stderr: bool
    is_literal: bool
    """Whether one literal is the whole message, which can be kept as it is written."""

    @property
    def is_blank(self) -> bool:
        """Whether nothing but a blank line or one that separates comes out."""
        return all(
            one.is_ruler if isinstance(one, Value) else _SEPARATOR.fullmatch(one)
            for one in self.pieces
        )


class UnfitError(Exception):
    """The call cannot be a log message; the reason in words."""


class Reader:
    def __init__(self, source: SourceFile, bound: set[str]) -> None:
        """Look at a file; `bound` are its own names, so that `format` may be another."""
        self._source, self._bound = source, bound

    def read(self, node: ast.Call) -> Printed:
        """Understand a call of `print`.

        Raises:
            UnfitError: It cannot be a log message.
        """
        named = self._read_options(node)
        separator = _read_literal(named.get("sep"), " ", "sep=")
        end = _read_literal(named.get("end"), "\n", "end=")
        if end.strip("\n") or not end:
            raise UnfitError(f"it is part of a line that others go on with (end={end!r})")
        pieces: list[Piece] = []
        for number, value in enumerate(node.args):
            pieces += [separator] if number else []
            pieces += (
                self._read_starred(value, separator)
                if isinstance(value, ast.Starred)
                else self._take(value)
            )
        stripped = _strip_line_ends(_join_texts(pieces))
        if any(mark in one for one in stripped if isinstance(one, str) for mark in _CONTROL):
            raise UnfitError("it steers the terminal (progress, colour or cursor)")
        alone = node.args[0] if len(node.args) == 1 and not node.keywords else None
        is_literal = isinstance(alone, ast.Constant) and stripped == (alone.value,)
        if not is_literal and self._has_comment(node):
            raise UnfitError("comments stand between its arguments")
        return Printed(stripped, _goes_to_stderr(named.get("file")), is_literal)

    def _read_options(self, node: ast.Call) -> dict[str, ast.expr]:
        named = {one.arg or "**": one.value for one in node.keywords}
        if unknown := named.keys() - {"sep", "end", "file", "flush"}:
            raise UnfitError(f"its option {min(unknown)} cannot be known")
        return named

    def _has_comment(self, node: ast.Call) -> bool:
        code = self._source.text[slice(*self._source.span(node))]
        tokens = tokenize.generate_tokens(io.StringIO(code).readline)
        return any(one.type == tokenize.COMMENT for one in tokens)

    def code(self, node: ast.expr) -> str:
        """Return a value's code on one line, fit to be an argument among others."""
        code = self._source.text[slice(*self._source.span(node))]
        if "\n" in code or "\r" in code or isinstance(node, ast.Yield | ast.YieldFrom):
            return code_style.adopt_quotes(ast.unparse(node), self._source)
        return code

    # --- arguments ----------------------------------------------------------------------------

    def _read_starred(self, node: ast.Starred, separator: str) -> list[Piece]:
        if self._bound & {"map", "str"}:
            raise UnfitError("its arguments are not to be seen (*)")
        joined = code_style.quote_text(separator, self._source)
        return [Value(f"{joined}.join(map(str, {self.code(node.value)}))")]

    def _take(self, node: ast.expr) -> list[Piece]:
        whole: list[Piece] = [Value(self.code(node), is_ruler=_is_ruler(node))]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.JoinedStr):
            return self._take_formatted(node) or whole
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._take_percent(node) or whole
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = _list_addends(node)
            is_text = any(_is_text(one) for one in parts)
            return [piece for one in parts for piece in self._take(one)] if is_text else whole
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            called, value = read_dotted_name(node.func), node.args[0]
            simple = not isinstance(value, ast.Starred | ast.GeneratorExp)
            if called in ("str", "repr") and called not in self._bound and simple:
                return [Value(self.code(value), "s" if called == "str" else "r")]
        return whole

    def _take_formatted(self, node: ast.JoinedStr) -> list[Piece]:
        found: list[Piece] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                # Inside the f-string they had to be other quotes than those of the file.
                code = code_style.adopt_quotes(ast.unparse(part.value), self._source)
                if not part.format_spec:
                    found.append(Value(code, _CONVERSIONS[part.conversion][1]))
                elif shown := self._write_spec(code, part.conversion, part.format_spec):
                    found.append(Value(shown))
                else:
                    return []
            elif isinstance(part, ast.Constant):
                found.append(str(part.value))
        return found

    def _write_spec(self, code: str, conversion: int, spec: ast.expr) -> str:
        """Write a value with its format as a call of `format`; empty: it cannot be written so."""
        parts = spec.values if isinstance(spec, ast.JoinedStr) else []
        name = _CONVERSIONS[conversion][0]
        if (
            len(parts) != 1
            or not isinstance(parts[0], ast.Constant)
            or self._bound & {"format", name}
        ):
            return ""
        value = f"{name}({code})" if name else code
        return f"format({value}, {code_style.quote_text(str(parts[0].value), self._source)})"

    def _take_percent(self, node: ast.BinOp) -> list[Piece]:
        left, right = node.left, node.right
        if not isinstance(left, ast.Constant) or not isinstance(left.value, str):
            return []
        given = right.elts if isinstance(right, ast.Tuple) else [right]
        if any(isinstance(one, ast.Starred) for one in given):
            return []
        if not isinstance(right, ast.Tuple) and not self._is_single(right):
            return []
        text, found, at, rest = left.value, list[Piece](), 0, [*given]
        for spec in _SPEC.finditer(text):
            gap, at = text[at : spec.start()], spec.end()
            is_sign = spec[0] == "%%"
            if "%" in gap or not (is_sign or (rest and spec["type"] != "%")):
                return []
            conversion = spec["how"] + spec["type"]
            found += [gap, "%" if is_sign else Value(self.code(rest.pop(0)), conversion)]
        return [] if rest or "%" in text[at:] else [*found, text[at:]]

    def _is_single(self, node: ast.expr) -> bool:
        """Whether a value is surely no tuple, which would fill several places, or fail."""
        if isinstance(node, ast.Call):
            called = read_dotted_name(node.func)
            return called in _SINGLES and called not in self._bound
        return isinstance(
            node, ast.Constant | ast.JoinedStr | ast.ListComp | ast.List | ast.Compare
        )


def _is_text(node: ast.expr) -> bool:
    left = node.left if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) else node
    if isinstance(left, ast.Constant):
        return isinstance(left.value, str)
    return isinstance(left, ast.JoinedStr)


def _is_ruler(node: ast.expr) -> bool:
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return False
    sign = node.left.value if isinstance(node.left, ast.Constant) else None
    return isinstance(sign, str) and _SEPARATOR.fullmatch(sign) is not None


def _list_addends(node: ast.expr) -> list[ast.expr]:
    found: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        found.append(node.right)
        node = node.left
    return [node, *reversed(found)]


def _read_literal(node: ast.expr | None, default: str, option: str) -> str:
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return default
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise UnfitError(f"{option} is no literal text")
    return node.value


def _goes_to_stderr(file: ast.expr | None) -> bool:
    if file is None or (isinstance(file, ast.Constant) and file.value is None):
        return False
    if read_dotted_name(file) not in ("sys.stderr", "sys.stdout"):
        raise UnfitError("it writes to a file or stream of its own (file=)")
    return read_dotted_name(file) == "sys.stderr"


def _join_texts(pieces: Sequence[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for one in pieces:
        last = found[-1] if found else None
        if isinstance(one, str) and isinstance(last, str):
            found[-1] = last + one
        elif one != "":
            found.append(one)
    return found


def _strip_line_ends(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Drop the line ends around the message, which only set it apart on a terminal."""
    cuts: tuple[tuple[int, Callable[[str, str], str]], ...] = ((0, str.lstrip), (-1, str.rstrip))
    for place, cut in cuts:
        if pieces and isinstance(one := pieces[place], str):
            pieces[place] = cut(one, "\n")
    return tuple(one for one in pieces if one != "")


# --- the call of a logger ---------------------------------------------------------------------


def write_call(
    head: str,
    pieces: Sequence[Piece],
    library: Library,
    source: SourceFile,
    *,
    indent: str,
    width: int,
) -> str:
    """Write the call of a logger, over as many lines as the width asks for."""
    values = [one for one in pieces if isinstance(one, Value)]
    message = "".join(_write_placeholder(one, library, has_values=bool(values)) for one in pieces)
    literal = code_style.quote_text(message, source)
    arguments = [_write_argument(one, library, source) for one in values]
    lines = code_style.wrap_call(head, [literal, *arguments], indent, width)
    for place, line in enumerate(lines):
        margin = line[: len(line) - len(line.lstrip())]
        if len(line) > width and line.strip() == f"{literal},":
            space = width - len(margin.expandtabs(4)) - 3
            parts = [code_style.quote_text(one, source) for one in _split_text(message, space)]
            lines[place : place + 1] = [f"{margin}{one}" for one in (*parts[:-1], f"{parts[-1]},")]
            break
    return "\n".join(lines).removeprefix(indent)


def _write_placeholder(piece: Piece, library: Library, *, has_values: bool) -> str:
    if isinstance(piece, str):
        for mark in ("{}" if library == "loguru" else "%") if has_values else "":
            piece = piece.replace(mark, mark * 2)
        return piece
    if library != "loguru":
        return f"%{piece.conversion}"
    return {"s": "{}", "r": "{!r}", "a": "{!a}"}.get(piece.conversion, "{}")


def _write_argument(value: Value, library: Library, source: SourceFile) -> str:
    if library == "loguru" and value.conversion not in ("s", "r", "a"):
        return f"{code_style.quote_text('%' + value.conversion, source)} % ({value.code},)"
    return value.code


def _split_text(text: str, space: int) -> list[str]:
    """Split a text at spaces into parts of at most so many characters, where it can be."""
    lines = [""]
    for word in re.findall(r"\S*\s*", text):
        if lines[-1] and len(lines[-1]) + len(word) > space:
            lines.append("")
        lines[-1] += word
    return [line for line in lines if line] or [""]
