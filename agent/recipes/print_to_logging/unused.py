"""Take out imports of `sys` and `traceback` that only prints needed."""

from __future__ import annotations

import ast
from collections.abc import Iterable

import libcst as cst

from agent.recipes.source import SourceFile

_MODULES = ("sys", "traceback")
_NAMES = ("format_exc", "exc_info", "stderr", "stdout")


def dropped(path: str, before: ast.Module, made: bytes) -> bytes:
    """An edited file without what was used before and is not any more.

    Args:
        path: Of the file.
        before: The file as it was.
        made: The file as it is.
    """
    now = ast.parse(made)
    source = SourceFile(path, made)
    gone = {
        name
        for name in (*_MODULES, *_NAMES)
        if _mentions([before], name) and not _mentions([now], name)
    }
    changed = [_drop_import(source, name) for name in sorted(gone)]
    return source.result() if any(changed) else made


def _mentions(nodes: Iterable[ast.AST], name: str) -> bool:
    """Whether code uses a name, or offers it to others in `__all__`."""
    return any(
        (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Constant) and node.value == name)
        for one in nodes
        for node in ast.walk(one)
    )


def _drop_import(source: SourceFile, name: str) -> bool:
    """Take a name out of the imports at the top level."""
    for statement in source.module.body:
        if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) > 1:
            continue
        small = statement.body[0]
        if not isinstance(small, cst.Import | cst.ImportFrom):
            continue
        if isinstance(small.names, cst.ImportStar) or not _may_bind(small, name):
            continue
        for alias in small.names:
            if isinstance(alias.name, cst.Name) and alias.name.value == name and not alias.asname:
                return _drop_alias(source, statement, list(small.names), alias)
    return False


def _may_bind(small: cst.Import | cst.ImportFrom, name: str) -> bool:
    if isinstance(small, cst.Import):
        return name in _MODULES
    origin = small.module.value if isinstance(small.module, cst.Name) else ""
    return name in _NAMES and origin in _MODULES and not small.relative


def _drop_alias(
    source: SourceFile,
    statement: cst.SimpleStatementLine,
    names: list[cst.ImportAlias],
    alias: cst.ImportAlias,
) -> bool:
    if statement.trailing_whitespace.comment is not None:
        return False  # the comment may say why it is there
    place = names.index(alias)
    if len(names) == 1:
        start = source.line_start(source.start(statement))
        source.replace(start, source.next_line(source.end(statement)), "")
    elif place + 1 < len(names):
        source.replace(source.start(alias), source.start(names[place + 1]), "")
    else:
        source.replace(source.end(names[place - 1].name), source.end(alias.name), "")
    return True
