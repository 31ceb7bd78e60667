"""Questions about single nodes of LibCST's tree."""

from __future__ import annotations

import libcst as cst


def dotted_name(node: cst.BaseExpression) -> str:
    """The dotted name that a node is."""
    if isinstance(node, cst.Attribute):
        return f"{dotted_name(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


def top_statements(
    module: cst.Module,
) -> list[cst.BaseSmallStatement | cst.BaseCompoundStatement]:
    """Statements at the top level of a module, simple lines taken apart."""
    found: list[cst.BaseSmallStatement | cst.BaseCompoundStatement] = []
    for statement in module.body:
        if isinstance(statement, cst.SimpleStatementLine):
            found += statement.body
        else:
            found.append(statement)
    return found


def is_docstring(statement: cst.BaseStatement) -> bool:
    """Whether a statement is a string alone."""
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and len(statement.body) == 1
        and isinstance(statement.body[0], cst.Expr)
        and isinstance(statement.body[0].value, cst.SimpleString | cst.ConcatenatedString)
    )
