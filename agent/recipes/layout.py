"""Write Python the way a certain file writes it: its quotes, and calls broken over lines."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from agent.recipes.source import SourceFile


def text(content: str, source: SourceFile) -> str:
    """A string literal in the file's quotes."""
    return adopt_quotes(repr(content), source)


def adopt_quotes(code: str, source: SourceFile) -> str:
    """Give all strings in a piece of code the file's quotes, where that needs no escape."""
    wanted = source.quote
    pieces = re.split(r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", code)
    for number in range(1, len(pieces), 2):
        piece = pieces[number]
        if not source.can_hold(piece):
            piece = ascii(ast.literal_eval(piece))
        if wanted not in piece[1:-1] and f"\\{piece[0]}" not in piece:
            piece = wanted + piece[1:-1] + wanted
        pieces[number] = piece
    return "".join(pieces)


def wrap_call(
    head: str, arguments: list[str], indent: str, width: int, *, one_per_line: bool = False
) -> list[str]:
    """A call in one line, or in as many as the width asks for, as black would break it."""
    tabs = indent.count("\t")
    space = width - tabs * 3
    line = f"{indent}{head}({', '.join(arguments)})"
    if len(line) <= space or not arguments:
        return [line]
    step = "\t" if tabs and "    " not in indent else "    "
    shape = _Shape(step, space, one_per_line)
    return _break_lines(f"{head}(", arguments, ")", indent, shape)


@dataclass(frozen=True)
class _Shape:
    """How brackets are broken."""

    step: str
    space: int
    one_per_line: bool


def _break_lines(head: str, parts: list[str], tail: str, indent: str, shape: _Shape) -> list[str]:
    """A bracket's content on a line of its own, or each part on one."""
    deeper = indent + shape.step
    inner = f"{deeper}{', '.join(parts)}"
    # black joins the arguments of a call where they fit, and never the items of a literal.
    is_call = re.search(r"\w\($", head) is not None
    if len(inner) <= shape.space and is_call and not shape.one_per_line:
        return [f"{indent}{head}", inner, f"{indent}{tail}"]
    lines = [f"{indent}{head}"]
    for part in parts:
        whole = f"{deeper}{part},"
        opened = _split_bracket(part) if len(whole) > shape.space else None
        if opened is None:
            lines.append(whole)
        else:
            start, inside, end = opened
            lines += _break_lines(start, inside, f"{end},", deeper, shape)
    return [*lines, f"{indent}{tail}"]


def _split_bracket(part: str) -> tuple[str, list[str], str] | None:
    """An argument that ends with a bracket: what stands before, its parts, the bracket."""
    closing = {"[": "]", "(": ")", "{": "}"}
    head = re.match(r"[\w.=]*[\[({]", part)
    if head is None or part[-1:] != closing[head[0][-1]]:
        return None
    parts = split_parts(part[head.end() : -1])
    single_tuple = head[0][-1] == "(" and len(parts) == 1
    return (head[0], parts, part[-1]) if parts and not single_tuple else None


def split_parts(code: str) -> list[str]:
    """Code split at commas outside brackets and strings."""
    found, depth, start, quote, position = [], 0, 0, "", 0
    while position < len(code):
        letter = code[position]
        if quote:
            if letter == "\\":
                position += 1
            elif letter == quote:
                quote = ""
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            found.append(code[start:position].strip())
            start = position + 1
        position += 1
    return [part for part in [*found, code[start:].strip()] if part]
