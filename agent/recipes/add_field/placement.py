"""Put a field, a list item, an attribute or an import where it belongs in a file (LibCST).

Positions come from the syntax tree; the text around them is never written anew.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from agent.errors import EditFailed
from agent.recipes.add_field import rendering
from agent.recipes.add_field.parameters import Place
from agent.recipes.add_field.source import SourceFile


def class_at(source: SourceFile, place: Place) -> cst.ClassDef:
    """Find a class by name and line.

    Raises:
        EditFailed: It is not there (any more).
    """

    class Finder(cst.CSTVisitor):
        found: cst.ClassDef | None = None

        def visit_ClassDef(self, node: cst.ClassDef) -> None:  # noqa: N802
            if node.name.value == place.class_name and source.line(node.name) == place.line:
                self.found = node

    finder = Finder()
    source.module.visit(finder)
    if finder.found is None:
        raise EditFailed(f"{place.shown()} is not where it was when the ticket was read.")
    return finder.found


def inner_class(node: cst.ClassDef, name: str) -> cst.ClassDef | None:
    """The class of that name in a class body."""
    for statement in _statements(node):
        if isinstance(statement, cst.ClassDef) and statement.name.value == name:
            return statement
    return None


def assignment(node: cst.ClassDef, name: str) -> tuple[cst.BaseExpression | None, int]:
    """The value a class body assigns to a name, and how often it does."""
    values: list[cst.BaseExpression] = []
    for statement in _statements(node):
        if not isinstance(statement, cst.SimpleStatementLine):
            continue
        for small in statement.body:
            if isinstance(small, cst.Assign):
                for target in small.targets:
                    if isinstance(target.target, cst.Name) and target.target.value == name:
                        values.append(small.value)
            elif isinstance(small, cst.AnnAssign) and small.value is not None:
                if isinstance(small.target, cst.Name) and small.target.value == name:
                    values.append(small.value)
    return (values[0] if values else None), len(values)


def _statements(node: cst.ClassDef) -> Sequence[cst.BaseStatement]:
    return node.body.body if isinstance(node.body, cst.IndentedBlock) else ()


def _is_field(statement: cst.BaseStatement) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    for small in statement.body:
        value = small.value if isinstance(small, cst.Assign | cst.AnnAssign) else None
        if isinstance(value, cst.Call):
            called = rendering.dotted_name(value.func).rpartition(".")[2]
            if called.endswith(("Field", "ForeignKey", "ParentalKey", "ForeignObject")):
                return True
    return False


def _is_docstring(statement: cst.BaseStatement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and len(statement.body) == 1
        and isinstance(statement.body[0], cst.Expr)
        and isinstance(statement.body[0].value, cst.SimpleString | cst.ConcatenatedString)
    )


def _is_filler(statement: cst.BaseStatement) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return False
    only = statement.body[0]
    return isinstance(only, cst.Pass) or (
        isinstance(only, cst.Expr) and isinstance(only.value, cst.Ellipsis)
    )


# --- a field ---------------------------------------------------------------------------------


def body_indent(source: SourceFile, node: cst.ClassDef) -> str:
    """The white space in front of the statements of a class body."""
    statements = _statements(node)
    if statements:
        return source.indent_at(source.start(statements[0]))
    step = source.module.default_indent or "    "
    return source.indent_at(source.start(node.name)) + step


def add_field(source: SourceFile, node: cst.ClassDef, lines: list[str]) -> None:
    """Put lines after the last field of a class; without one, first in its body."""
    statements = list(_statements(node))
    if not statements:
        _open_body(source, node, lines)
        return
    fields = [statement for statement in statements if _is_field(statement)]
    if fields:
        last = fields[-1]
        spaced = _are_spaced(source, fields)
        end = source.next_line(source.end(last))
        source.insert_lines(end, ["", *lines] if spaced else lines)
        return
    _first_in_body(source, statements, lines)


def _are_spaced(source: SourceFile, fields: list[cst.BaseStatement]) -> bool:
    gaps = [
        not source.text[
            source.next_line(source.end(before)) : source.next_line(
                source.next_line(source.end(before))
            )
        ].strip()
        for before in fields[:-1]
    ]
    return bool(gaps) and sum(gaps) * 2 > len(gaps)


def _first_in_body(
    source: SourceFile, statements: list[cst.BaseStatement], lines: list[str]
) -> None:
    has_docstring = _is_docstring(statements[0])
    rest = statements[1:] if has_docstring else statements
    if rest and len(rest) == 1 and _is_filler(rest[0]):
        start = source.line_start(source.start(rest[0]))
        end = source.line_end(source.end(rest[0]))
        source.replace(start, end, "\n".join(lines))
        return
    if has_docstring:
        after = source.next_line(source.end(statements[0]))
        following = source.text[after : source.line_end(after)].strip()
        source.insert_lines(after, ["", *lines, *([""] if following and rest else [])])
        return
    # The comments above a statement belong to it: the block starts where the header ends.
    first = source.line_start(source.start(statements[0]))
    for _ in getattr(statements[0], "leading_lines", ()):
        first = source.line_start(first - 1)
    source.insert_lines(first, [*lines, ""])


def _open_body(source: SourceFile, node: cst.ClassDef, lines: list[str]) -> None:
    suite = node.body
    small = suite.body[0] if isinstance(suite, cst.SimpleStatementSuite) else None
    if not isinstance(small, cst.BaseSmallStatement):
        raise EditFailed(f"{source.path}: the body of class {node.name.value} is empty.")
    start = source.text.rindex(":", 0, source.start(small)) + 1
    end = source.end(small)
    kept = source.text[source.start(small) : end].strip()
    indent = body_indent(source, node)
    filler = isinstance(small, cst.Pass) or kept == "..."
    body = lines if filler else [indent + kept, *lines]
    source.replace(start, end, "\n" + "\n".join(body))


# --- an item of a list or tuple ----------------------------------------------------------------


@dataclass(frozen=True)
class _Item:
    start: int
    end: int
    after_comma: int | None
    """Offset after the comma that follows, if one does."""


def is_editable(value: cst.BaseExpression | None) -> bool:
    """Whether a value is a literal tuple or list that an item can be added to."""
    return isinstance(value, cst.List | cst.Tuple)


def strings_in(value: cst.BaseExpression) -> tuple[str, ...]:
    """The plain strings among a literal's items."""
    if not isinstance(value, cst.List | cst.Tuple):
        return ()
    found: list[str] = []
    for element in value.elements:
        if isinstance(element.value, cst.SimpleString):
            content = element.value.evaluated_value
            if isinstance(content, str):
                found.append(content)
    return tuple(found)


def append_item(source: SourceFile, value: cst.List | cst.Tuple, item: str, width: int) -> None:
    """Put an item at the end of a literal tuple or list, in the shape the literal has."""
    items = [_item(source, element.value, element.comma) for element in value.elements]
    if not items:
        if isinstance(value, cst.Tuple):
            source.insert(source.end(value.lpar[0]), f"{item},")
        else:
            source.insert(source.end(value.lbracket), item)
        return
    last = items[-1]
    if _is_on_own_line(source, last) and source.line(value) != source.last_line(value):
        _append_line(source, last, item)
        return
    fits = _line_length(source, last.end) + len(item) + 2 <= width
    if fits or source.line(value) != source.last_line(value):
        _append_inline(source, last, item, fits, single=len(items) == 1)
        return
    _explode(source, value, [source.text[one.start : one.end] for one in items], item)


def _item(source: SourceFile, node: cst.CSTNode, comma: cst.Comma | cst.MaybeSentinel) -> _Item:
    after = None
    if isinstance(comma, cst.Comma):
        after = source.text.index(",", source.end(node)) + 1
    return _Item(source.start(node), source.end(node), after)


def _is_on_own_line(source: SourceFile, item: _Item) -> bool:
    return not source.text[source.line_start(item.start) : item.start].strip()


def _line_length(source: SourceFile, offset: int) -> int:
    return source.line_end(offset) - source.line_start(offset)


def _append_line(source: SourceFile, last: _Item, item: str) -> None:
    indent = source.indent_at(last.start)
    if last.after_comma is None:
        source.insert(last.end, ",")
    comma = "," if last.after_comma is not None else ""
    closing_here = source.text[last.after_comma or last.end : source.line_end(last.end)].strip()
    if closing_here.startswith((")", "]")):
        source.insert(last.after_comma or last.end, f"\n{indent}{item}{comma}")
        return
    source.insert_lines(source.next_line(last.end), [f"{indent}{item}{comma}"])


def _append_inline(source: SourceFile, last: _Item, item: str, fits: bool, *, single: bool) -> None:
    gap = " " if fits else "\n" + source.indent_at(last.start)
    if last.after_comma is None:
        source.insert(last.end, f",{gap}{item}")
    elif single:  # ("a",): the comma was there to make the tuple
        source.insert(last.after_comma, f"{gap}{item}")
    else:
        source.insert(last.after_comma, f"{gap}{item},")


def _explode(source: SourceFile, value: cst.List | cst.Tuple, items: list[str], item: str) -> None:
    indent = source.indent_at(source.start(value))
    step = "\t" if "\t" in indent else "    "
    opening, closing = ("[", "]") if isinstance(value, cst.List) else ("(", ")")
    inner = "".join(f"\n{indent}{step}{one}," for one in [*items, item])
    start, end = source.start(value), source.end(value)
    if isinstance(value, cst.Tuple) and value.lpar:  # a tuple's position leaves its brackets out
        start, end = source.start(value.lpar[0]), source.end(value.rpar[-1])
    source.replace(start, end, f"{opening}{inner}\n{indent}{closing}")


def add_attribute(source: SourceFile, node: cst.ClassDef, line: str) -> None:
    """Put an attribute first in a class body, after its docstring and `model = ...`."""
    statements = list(_statements(node))
    if not statements:
        _open_body(source, node, [line])
        return
    for statement in statements:
        if isinstance(statement, cst.SimpleStatementLine):
            first = statement.body[0]
            if isinstance(first, cst.Assign) and isinstance(first.targets[0].target, cst.Name):
                if first.targets[0].target.value == "model":
                    source.insert_lines(source.next_line(source.end(statement)), [line])
                    return
    _first_in_body_attribute(source, statements, line)


def _first_in_body_attribute(
    source: SourceFile, statements: list[cst.BaseStatement], line: str
) -> None:
    rest = statements[1:] if _is_docstring(statements[0]) else statements
    if rest and isinstance(rest[0], cst.SimpleStatementLine) and not _is_filler(rest[0]):
        start = source.line_start(source.start(rest[0]))
        for _ in rest[0].leading_lines:
            start = source.line_start(start - 1)
        if rest is statements:
            source.insert_lines(start, [line])
        else:
            source.insert_lines(source.line_start(source.start(rest[0])), [line])
        return
    _first_in_body(source, statements, [line])


# --- imports ---------------------------------------------------------------------------------


def add_imports(source: SourceFile, needed: list[tuple[str, str | None]], width: int) -> None:
    """Add imports: into a statement that imports from the module already, else as a new line."""
    for module, name in needed:
        existing = [
            statement
            for statement in source.module.body
            if isinstance(statement, cst.SimpleStatementLine)
            for small in statement.body
            if name and imports_from(small, module)
        ]
        if existing and name:
            small = existing[0].body[0]
            if isinstance(small, cst.ImportFrom):
                _extend_import(source, small, name, width)
                continue
        _new_import(source, module, name)


def imports_from(small: cst.BaseSmallStatement | cst.BaseCompoundStatement, module: str) -> bool:
    """Whether a statement imports names from a module."""
    return (
        isinstance(small, cst.ImportFrom)
        and small.module is not None
        and not isinstance(small.names, cst.ImportStar)
        and "." * len(small.relative) + rendering.dotted_name(small.module) == module
    )


def _extend_import(source: SourceFile, node: cst.ImportFrom, name: str, width: int) -> None:
    if isinstance(node.names, cst.ImportStar):
        return
    items = [_item(source, alias, alias.comma) for alias in node.names]
    names = [rendering.dotted_name(alias.name) for alias in node.names]
    for key in (str, str.casefold, _isort_key):
        if names == sorted(names, key=key):
            place = sum(key(one) < key(name) for one in names)
            break
    else:
        place = len(names)
    if place == len(items):
        if _is_on_own_line(source, items[-1]):
            _append_line(source, items[-1], name)
        else:
            fits = _line_length(source, items[-1].end) + len(name) + 2 <= width or not node.lpar
            _append_inline(source, items[-1], name, fits, single=False)
        return
    following = items[place]
    if _is_on_own_line(source, following):
        source.insert(following.start, f"{name},\n{source.indent_at(following.start)}")
    else:
        source.insert(following.start, f"{name}, ")


def _isort_key(name: str) -> str:
    kind = "0" if name.isupper() and len(name) > 1 else "1" if name[:1].isupper() else "2"
    return kind + name


def _new_import(source: SourceFile, module: str, name: str | None) -> None:
    line = f"from {module} import {name}" if name else f"import {module}"
    imports = [
        statement
        for statement in source.module.body
        if isinstance(statement, cst.SimpleStatementLine)
        and isinstance(statement.body[0], cst.Import | cst.ImportFrom)
        and not _is_future(statement.body[0])
    ]
    if not imports:
        _first_import(source, line)
        return
    section = _section(module)
    key = (section, name is not None, module.lower())
    before = [one for one in imports if _key(one) <= key]
    same = [one for one in imports if _key(one)[0] == section]
    if before and same:
        anchor = max(before, key=source.start) if not _sorted(imports) else before[-1]
        source.insert_lines(source.next_line(source.end(anchor)), [line])
    elif same:
        source.insert_lines(_start_with_comments(source, same[0]), [line])
    elif before:
        source.insert_lines(source.next_line(source.end(before[-1])), ["", line])
    else:
        source.insert_lines(_start_with_comments(source, imports[0]), [line, ""])


def _start_with_comments(source: SourceFile, statement: cst.SimpleStatementLine) -> int:
    start = source.line_start(source.start(statement))
    for leading in reversed(statement.leading_lines):
        if leading.comment is None:
            break
        start = source.line_start(start - 1)
    return start


def _sorted(imports: list[cst.SimpleStatementLine]) -> bool:
    keys = [_key(one) for one in imports]
    return keys == sorted(keys)


def _key(statement: cst.SimpleStatementLine) -> tuple[int, bool, str]:
    small = statement.body[0]
    if isinstance(small, cst.Import):
        name = rendering.dotted_name(small.names[0].name)
        return _section(name), False, name.lower()
    if isinstance(small, cst.ImportFrom):
        name = rendering.dotted_name(small.module) if small.module else ""
        if small.relative:
            return 9, True, name.lower()
        return _section(name), True, name.lower()
    return 9, True, ""


def _section(module: str) -> int:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return 0
    return 1


def _is_future(small: cst.BaseSmallStatement) -> bool:
    return isinstance(small, cst.ImportFrom) and imports_from(small, "__future__")


def _first_import(source: SourceFile, line: str) -> None:
    body = list(source.module.body)
    skipped = [
        one
        for one in body
        if _is_docstring(one)
        or (isinstance(one, cst.SimpleStatementLine) and _is_future(one.body[0]))
    ]
    if skipped:
        source.insert_lines(source.next_line(source.end(skipped[-1])), ["", line])
    elif body:
        source.insert_lines(source.line_start(source.start(body[0])), [line, "", ""])
    else:
        source.insert_lines(len(source.text), [line])
