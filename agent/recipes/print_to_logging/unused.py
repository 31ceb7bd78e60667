"""Take out imports that only prints needed."""

from __future__ import annotations

import ast

from agent.recipes.source import SourceFile


def drop_imports(path: str, before: ast.Module, made: bytes) -> bytes:
    """Return an edited file without the imports that were used before and are not any more.

    Args:
        path: Of the file.
        before: The file as it was.
        made: The file as it is.
    """
    now = ast.parse(made)
    gone = _list_used(before) - _list_used(now)
    source = SourceFile(path, made)
    for statement in now.body:
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        kept = [one for one in statement.names if _get_bound_name(one) not in gone]
        start, end = source.span(statement)
        line_end = source.line_end(end)
        # A comment may say why it is there.
        if len(kept) == len(statement.names) or source.text[end:line_end].strip():
            continue
        if kept:
            statement.names = kept
            source.replace(start, end, ast.unparse(statement))
        else:
            source.replace(source.line_start(start), source.next_line(end), "")
    return source.result()


def _get_bound_name(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _list_used(module: ast.Module) -> set[str]:
    """List the names that code uses, or offers to others in `__all__`."""
    found = {one.id for one in ast.walk(module) if isinstance(one, ast.Name)}
    return found | {
        one.value
        for one in ast.walk(module)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }
