"""Put a field or an attribute where it belongs in a class body (LibCST).

Positions come from the syntax tree; the text around them is never written anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from agent.errors import EditFailed, RequestRefused
from agent.recipes import nodes
from agent.recipes.add_field.parameters import Place
from agent.recipes.source import SourceFile


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
        raise EditFailed(f"{place.format()} is not where it was when the ticket was read.")
    return finder.found


def inner_class(node: cst.ClassDef, name: str) -> cst.ClassDef | None:
    """The class of that name in a class body."""
    for statement in _statements(node):
        if isinstance(statement, cst.ClassDef) and statement.name.value == name:
            return statement
    return None


def assignment(node: cst.ClassDef, name: str) -> cst.BaseExpression | None:
    """The value a class body assigns to a name."""
    for statement in _statements(node):
        if not isinstance(statement, cst.SimpleStatementLine):
            continue
        for small in statement.body:
            if isinstance(small, cst.Assign):
                for target in small.targets:
                    if isinstance(target.target, cst.Name) and target.target.value == name:
                        return small.value
            elif isinstance(small, cst.AnnAssign) and small.value is not None:
                if isinstance(small.target, cst.Name) and small.target.value == name:
                    return small.value
    return None


def _statements(node: cst.ClassDef) -> Sequence[cst.BaseStatement]:
    return node.body.body if isinstance(node.body, cst.IndentedBlock) else ()


def _is_field(statement: cst.BaseStatement) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    for small in statement.body:
        value = small.value if isinstance(small, cst.Assign | cst.AnnAssign) else None
        if isinstance(value, cst.Call):
            called = nodes.dotted_name(value.func).rpartition(".")[2]
            if called.endswith(("Field", "ForeignKey", "ParentalKey", "ForeignObject")):
                return True
    return False


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
    if not statements:
        raise RequestRefused(
            f"{source.path}: the body of class {node.name.value} stands on the line of its name. "
            "Put it on lines of its own, then ask again."
        )
    return source.indent_at(source.start(statements[0]))


def add_field(source: SourceFile, node: cst.ClassDef, lines: list[str]) -> None:
    """Put lines after the last field of a class; without one, first in its body."""
    statements = list(_statements(node))
    fields = [statement for statement in statements if _is_field(statement)]
    if fields:
        last = fields[-1]
        spaced = _are_spaced(source, fields)
        end = source.next_line(source.end(last))
        source.insert_lines(end, ["", *lines] if spaced else lines)
        return
    _first_in_body(source, statements, lines)


def _are_spaced(source: SourceFile, fields: list[cst.BaseStatement]) -> bool:
    after = [source.next_line(source.end(before)) for before in fields[:-1]]
    gaps = [not source.text[start : source.next_line(start)].strip() for start in after]
    return sum(gaps) * 2 > len(gaps)


def _first_in_body(
    source: SourceFile, statements: list[cst.BaseStatement], lines: list[str]
) -> None:
    has_docstring = nodes.is_docstring(statements[0])
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
    is_spaced = not source.text[first : source.line_end(first)].strip()
    source.insert_lines(first, lines if is_spaced else [*lines, ""])
