"""Write Python the way a certain file writes it: quotes, broken calls, list items and imports."""

from __future__ import annotations

import ast
import re
import sys
from typing import NamedTuple

from agent.recipes.source import Node, SourceFile

# --- strings and calls ------------------------------------------------------------------------


def quote_text(content: str, source: SourceFile) -> str:
    return adopt_quotes(repr(content), source)


def adopt_quotes(code: str, source: SourceFile) -> str:
    """Give all strings in a piece of code the file's quotes, where that needs no escape."""
    pieces = re.split(r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", code)
    for number in range(1, len(pieces), 2):
        piece = pieces[number]
        if not source.can_hold(piece):
            piece = ascii(ast.literal_eval(piece))
        if source.quote not in piece[1:-1] and f"\\{piece[0]}" not in piece:
            piece = source.quote + piece[1:-1] + source.quote
        pieces[number] = piece
    return "".join(pieces)


def wrap_call(head: str, arguments: list[str], indent: str, width: int) -> list[str]:
    """Write a call in one line, or with an argument on each where the width asks for it.

    Every line ends with a comma then, so that a formatter leaves them apart.
    """
    tabs = indent.count("\t")
    space = width - tabs * 3
    line = f"{indent}{head}({', '.join(arguments)})"
    if len(line) <= space or not arguments:
        return [line]
    step = "\t" if tabs and "    " not in indent else "    "
    return _break_lines(f"{head}(", arguments, ")", indent, step, space)


def _break_lines(
    head: str, parts: list[str], tail: str, indent: str, step: str, space: int
) -> list[str]:
    """Put each part of a bracket on a line of its own."""
    lines = [f"{indent}{head}"]
    for part in parts:
        whole = f"{indent}{step}{part},"
        opened = _split_bracket(part) if len(whole) > space else None
        if opened is None:
            lines.append(whole)
        else:
            start, inside, end = opened
            lines += _break_lines(start, inside, f"{end},", indent + step, step, space)
    return [*lines, f"{indent}{tail}"]


def _split_bracket(part: str) -> tuple[str, list[str], str] | None:
    """Split an argument that ends with a bracket: what stands before, its parts, the bracket."""
    head = re.match(r"(?:[\w.]+=)?([\w.]*)[\[({]", part)
    try:
        node = ast.parse(part[head.start(1) :] if head else part, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    parts: list[ast.expr | ast.keyword] = []
    match node:
        case ast.Call(args=args, keywords=keywords):
            parts = [*args, *keywords]
        case ast.List(elts=elements) | ast.Set(elts=elements):
            parts = [*elements]
        case ast.Tuple(elts=elements) if len(elements) > 1:
            parts = [*elements]
    if head is None or not parts:
        return None
    code = part[head.start(1) :]
    written = [ast.get_source_segment(code, one) or "" for one in parts]
    return head[0], written, part[-1]


# --- items of a literal -----------------------------------------------------------------------


class Item(NamedTuple):
    start: int
    end: int
    after_comma: int | None
    """Offset after the comma that follows, if one does."""


def find_item(source: SourceFile, node: Node) -> Item:
    start, end = source.span(node)
    comma = re.compile(r"\s*,").match(source.text, end)
    return Item(start, end, comma.end() if comma else None)


def append_item(source: SourceFile, value: ast.List | ast.Tuple, item: str, width: int) -> None:
    """Put an item at the end of a literal, in the shape that the literal has."""
    items = [find_item(source, element) for element in value.elts]
    start, end = source.span(value)
    if not items:
        source.insert(start + 1, item if isinstance(value, ast.List) else f"{item},")
        return
    last = items[-1]
    if _is_on_own_line(source, last) and value.lineno != value.end_lineno:
        _append_line(source, last, item)
        return
    fits = len(source.line_at(last.end)) + len(item) + 2 <= width
    if fits or "#" in source.text[start:end]:
        _append_inline(source, last, item, fits=fits, single=len(items) == 1)
        return
    indent = source.indent_at(start)
    step = "\t" if "\t" in indent else "    "
    opening, closing = ("[", "]") if isinstance(value, ast.List) else ("(", ")")
    written = [*(source.text[one.start : one.end] for one in items), item]
    inner = "".join(f"\n{indent}{step}{one}," for one in written)
    source.replace(start, end, f"{opening}{inner}\n{indent}{closing}")


def _is_on_own_line(source: SourceFile, item: Item) -> bool:
    return not source.text[source.line_start(item.start) : item.start].strip()


def _append_line(source: SourceFile, last: Item, item: str) -> None:
    indent = source.indent_at(last.start)
    if last.after_comma is None:
        source.insert(last.end, ",")
    comma = "," if last.after_comma is not None else ""
    end = last.after_comma or last.end
    if source.text[end : source.line_end(last.end)].strip().startswith((")", "]")):
        source.insert(end, f"\n{indent}{item}{comma}")
    else:
        source.insert_lines(source.next_line(last.end), [f"{indent}{item}{comma}"])


def _append_inline(source: SourceFile, last: Item, item: str, *, fits: bool, single: bool) -> None:
    """Put an item right after the last one, on a new line where it does not fit."""
    gap = " " if fits else "\n" + source.indent_at(last.start)
    if last.after_comma is None:
        source.insert(last.end, f",{gap}{item}")
    else:  # ("a",): the comma was there to make the tuple
        source.insert(last.after_comma, f"{gap}{item}" + "," * (not single))


# --- imports ----------------------------------------------------------------------------------

Import = ast.Import | ast.ImportFrom
_Key = tuple[int, bool, str]


def add_imports(source: SourceFile, needed: list[tuple[str, str | None]], width: int) -> None:
    """Add imports: into a statement that imports from the module already, else as a new line.

    Args:
        needed: Module and name; None: the module itself.
    """
    imports = [one for one in source.tree.body if isinstance(one, Import)]
    for module, name in needed:
        same = [one for one in imports if name and _imports_from(one, module)]
        if same and name:
            _extend_import(source, same[0], name, width)
        else:
            _add_import(source, imports, module, name)


def _imports_from(node: Import, module: str) -> bool:
    is_from = isinstance(node, ast.ImportFrom) and (node.level, node.module) == (0, module)
    return is_from and node.names[0].name != "*"


def _extend_import(source: SourceFile, node: Import, name: str, width: int) -> None:
    known = [find_item(source, alias) for alias in node.names]
    names = [alias.name for alias in node.names]
    place = len(names)
    for key in (str, str.casefold, _isort_key):
        if names == sorted(names, key=key):
            place = sum(key(one) < key(name) for one in names)
            break
    last = known[-1]
    too_long = len(source.line_at(last.end)) + len(name) + 2 > width
    if source.text[source.span(node)[1] - 1] != ")" and too_long:
        written = [source.text[one.start : one.end] for one in known]
        written.insert(place, name)
        inner = "".join(f"\n    {one}," for one in written)
        source.replace(known[0].start, last.end, f"({inner}\n)")
    elif place < len(known):
        start = known[place].start
        own_line = _is_on_own_line(source, known[place])
        source.insert(start, f"{name},\n{source.indent_at(start)}" if own_line else f"{name}, ")
    elif _is_on_own_line(source, last):
        _append_line(source, last, name)
    else:
        _append_inline(source, last, name, fits=not too_long, single=False)


def _isort_key(name: str) -> str:
    kind = "0" if name.isupper() and len(name) > 1 else "1" if name[:1].isupper() else "2"
    return kind + name


def _add_import(source: SourceFile, every: list[Import], module: str, name: str | None) -> None:
    line = f"from {module} import {name}" if name else f"import {module}"
    imports = [one for one in every if not _imports_from(one, "__future__")]
    if not imports:
        _add_first_import(source, line)
        return
    own = source.path.removeprefix("src/").partition("/")[0]
    key = (_get_section(module, own), name is not None, module.lower())
    keys = [_get_key(one, own) for one in imports]
    before = [one for one, its in zip(imports, keys, strict=True) if its <= key]
    same = [one for one, its in zip(imports, keys, strict=True) if its[0] == key[0]]
    if before:
        # Where imports are in no order, the lowest of those before it is as good as any.
        anchor = before[-1] if keys == sorted(keys) else max(before, key=lambda one: one.lineno)
        end = source.next_line(source.span(anchor)[1])
        source.insert_lines(end, [line] if same else ["", line])
    else:
        first = source.start_above(source.span((same or imports)[0])[0])
        source.insert_lines(first, [line] if same else [line, ""])


def _get_key(node: Import, own: str) -> _Key:
    if isinstance(node, ast.Import):
        name = node.names[0].name
        return _get_section(name, own), False, name.lower()
    name = node.module or ""
    return 9 if node.level else _get_section(name, own), True, name.lower()


def _get_section(module: str, own: str) -> int:
    top = module.partition(".")[0]
    return 0 if top in sys.stdlib_module_names else 2 if top == own else 1


def _add_first_import(source: SourceFile, line: str) -> None:
    body = source.tree.body
    head = [one for one in body[:1] if is_docstring(one)]
    head += [one for one in body if isinstance(one, Import) and _imports_from(one, "__future__")]
    if head:
        source.insert_lines(source.next_line(source.span(head[-1])[1]), ["", line])
    elif body:
        source.insert_lines(source.line_start(source.span(body[0])[0]), [line, "", ""])
    else:
        source.insert_lines(len(source.text), [line])


def is_docstring(node: ast.stmt) -> bool:
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant and isinstance(node.value.value, str)  # type: ignore[attr-defined]
