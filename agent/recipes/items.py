"""Put an item at the end of a literal list or tuple, in the shape that the literal has (LibCST)."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from agent.recipes.source import SourceFile


@dataclass(frozen=True)
class Item:
    """Where an item stands in the text."""

    start: int
    end: int
    after_comma: int | None
    """Offset after the comma that follows, if one does."""


def append_item(source: SourceFile, value: cst.List | cst.Tuple, item: str, width: int) -> None:
    """Put an item at the end of a literal tuple or list, in the shape the literal has."""
    items = [item_at(source, element.value, element.comma) for element in value.elements]
    if not items:
        if isinstance(value, cst.Tuple):
            source.insert(source.end(value.lpar[0]), f"{item},")
        else:
            source.insert(source.end(value.lbracket), item)
        return
    last = items[-1]
    if is_on_own_line(source, last) and source.line(value) != source.last_line(value):
        append_line(source, last, item)
        return
    fits = line_length(source, last.end) + len(item) + 2 <= width
    start, end = source.start(value), source.end(value)
    commented = "#" in source.text[start:end]
    if fits or commented:
        append_inline(source, last, item, fits=fits, single=len(items) == 1)
        return
    _split_lines(source, value, [source.text[one.start : one.end] for one in items], item)


def item_at(source: SourceFile, node: cst.CSTNode, comma: cst.Comma | cst.MaybeSentinel) -> Item:
    """Say where an item stands, and whether a comma follows."""
    after = None
    if isinstance(comma, cst.Comma):
        after = source.text.index(",", source.end(node)) + 1
    return Item(source.start(node), source.end(node), after)


def is_on_own_line(source: SourceFile, item: Item) -> bool:
    """Whether nothing but white space stands before an item on its line."""
    return not source.text[source.line_start(item.start) : item.start].strip()


def line_length(source: SourceFile, offset: int) -> int:
    """Length of the line an offset is in."""
    return source.line_end(offset) - source.line_start(offset)


def append_line(source: SourceFile, last: Item, item: str) -> None:
    """Put an item on a line of its own after the last one."""
    indent = source.indent_at(last.start)
    if last.after_comma is None:
        source.insert(last.end, ",")
    comma = "," if last.after_comma is not None else ""
    closing_here = source.text[last.after_comma or last.end : source.line_end(last.end)].strip()
    if closing_here.startswith((")", "]")):
        source.insert(last.after_comma or last.end, f"\n{indent}{item}{comma}")
        return
    source.insert_lines(source.next_line(last.end), [f"{indent}{item}{comma}"])


def append_inline(source: SourceFile, last: Item, item: str, *, fits: bool, single: bool) -> None:
    """Put an item right after the last one, on a new line where it does not fit."""
    gap = " " if fits else "\n" + source.indent_at(last.start)
    if last.after_comma is None:
        source.insert(last.end, f",{gap}{item}")
    elif single:  # ("a",): the comma was there to make the tuple
        source.insert(last.after_comma, f"{gap}{item}")
    else:
        source.insert(last.after_comma, f"{gap}{item},")


def _split_lines(
    source: SourceFile, value: cst.List | cst.Tuple, items: list[str], item: str
) -> None:
    indent = source.indent_at(source.start(value))
    step = "\t" if "\t" in indent else "    "
    opening, closing = ("[", "]") if isinstance(value, cst.List) else ("(", ")")
    inner = "".join(f"\n{indent}{step}{one}," for one in [*items, item])
    start, end = source.start(value), source.end(value)
    if isinstance(value, cst.Tuple) and value.lpar:  # a tuple's position leaves its brackets out
        start, end = source.start(value.lpar[0]), source.end(value.rpar[-1])
    source.replace(start, end, f"{opening}{inner}\n{indent}{closing}")
