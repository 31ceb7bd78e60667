"""Find the columns that models of SQLAlchemy and SQLModel map, in source. Pure."""

import ast
from collections.abc import Iterator

from agent.models.change import ChangedFile
from agent.policy.source import UNREADABLE
from repo_config.foreign_python import parse_module


def edits_columns(file: ChangedFile) -> bool:
    """Whether a file maps other columns than before, so that it needs a migration."""
    before, after = ([*map(ast.dump, _list_columns(side))] for side in (file.before, file.after))
    return before != after


def _list_columns(content: bytes | None) -> Iterator[ast.AST]:
    try:
        module = parse_module(content or b"")
    except UNREADABLE:
        return
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in (
                "Column",
                "mapped_column",
            ):
                yield node
            case ast.AnnAssign(annotation=ast.Subscript(value=ast.Name(id="Mapped"))):
                yield node
            case ast.ClassDef(keywords=[ast.keyword(arg="table")]):
                yield from (field for field in node.body if isinstance(field, ast.AnnAssign))
