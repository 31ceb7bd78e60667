"""Know what a change only removes and nothing refers to any more: no test could notice it. Pure.

Looked for are functions, classes, constants and imports. What a framework may find by itself is
taken for used: by a decorator, a base class or a special name. Methods, constants and imports are
unused only where the change took away what read them: some are there for whoever looks at them.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from contextlib import suppress

from agent.checks import hunks
from agent.errors import EditFailed
from agent.models.change import Change
from repo_config import foreign_python
from repo_config.tree import Tree

_PROSE = (".md", ".rst", ".txt")
_WORD = re.compile(r"[^\W\d]\w*")
#: Of all files together; where there is more, everything counts as used.
_MOST_BYTES = 200_000_000
_Import = ast.Import | ast.ImportFrom


class Removals:
    """What a change takes away from a tree."""

    def __init__(self, change: Change, base: Tree) -> None:
        """Take both; files are read when they are needed."""
        self._files = {file.path: file for file in change.files}
        self._base = base

    def is_unused(self, path: str, earlier: bytes | None, later: bytes | None) -> bool:
        """Whether a file, as it was earlier, has nothing more than what is unused later."""
        try:
            was, now = (foreign_python.parse_module(side or b"") for side in (earlier, later))
            gone = {name for one in _list_plain(was) for name in _find_bound_names(one)}
            gone -= {name for one in _list_plain(now) for name in _find_bound_names(one)}
            if not gone:
                return False
            unused = gone - self._list_referred(gone)
            orphans = self._list_read(path) & gone - _list_names(now)
            read = self._list_read()
            top = list(was.body)
            for node in _list_plain(was):
                if isinstance(node, _Import):
                    keep = [one for one in node.names if not orphans & {_get_bound_name(node, one)}]
                    is_kept, node.names = bool(keep), keep
                else:
                    names = set(_find_bound_names(node))
                    is_found = isinstance(node, ast.Assign | ast.AnnAssign) or node not in top
                    is_kept = not names <= (unused & read if is_found else unused)
                if not is_kept:
                    _take_out(was, node)
            return hunks.tell_meaning(was) == hunks.tell_meaning(now)
        except hunks.UNREADABLE:
            return False

    def _list_read(self, path: str | None = None) -> set[str]:
        """Return the names that base reads in a file of the change; None: in any."""
        found: set[str] = set()
        for file in self._files.values():
            if path in (None, file.path) and file.path.endswith(".py"):
                found |= _list_names(foreign_python.parse_module(file.before or b""))
        return found

    def _list_referred(self, names: set[str]) -> set[str]:
        """Return those of the names that code, or a file beside it, still has."""
        pattern = re.compile(rb"\b(?:%s)\b" % b"|".join(name.encode() for name in names))
        found: set[str] = set()
        size = 0
        for path, content in self._read():
            size += len(content)
            if size > _MOST_BYTES:
                return names
            words = {word.decode() for word in pattern.findall(content)} - found
            if words and path.endswith(".py"):
                with suppress(*hunks.UNREADABLE):  # where it is, each word counts
                    words &= _list_names(foreign_python.parse_module(content))
            found |= words
        return found

    def _read(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files with the change, without those that are for people alone."""
        for path in {*self._base.paths(), *self._files}:
            if path.endswith(_PROSE):
                continue
            try:
                file = self._files.get(path)
                content = file.after if file else self._base.read(path)
            except EditFailed:  # a link, or gone
                continue
            yield path, content or b""


def _list_plain(module: ast.Module) -> list[ast.stmt]:
    """Return the definitions that nobody finds but by their names."""
    found: list[ast.stmt] = []
    for node in module.body:
        found.append(node)
        if isinstance(node, ast.ClassDef) and _is_plain(node):
            found += (one for one in node.body if not isinstance(one, ast.ClassDef))
    return [node for node in found if _is_plain(node)]


def _is_plain(node: ast.stmt) -> bool:
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return any(_find_bound_names(node))
    marks = [*node.decorator_list]
    if isinstance(node, ast.ClassDef):
        marks += [*node.bases, *(one.value for one in node.keywords)]
    is_special = node.name.startswith("__") and node.name.endswith("__")
    return not is_special and all(
        isinstance(one, ast.Name) and hasattr(builtins, one.id) for one in marks
    )


def _find_bound_names(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a definition gives; nothing where it is none, or does more."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (_get_bound_name(node, one) for one in names)
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def _get_bound_name(node: ast.stmt, alias: ast.alias) -> str:
    first = alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name
    return alias.asname or first


def _take_out(module: ast.Module, node: ast.stmt) -> None:
    blocks = [module.body, *(one.body for one in module.body if isinstance(one, ast.ClassDef))]
    for block in blocks:
        block[:] = [one for one in block if one is not node]


def _list_names(module: ast.Module) -> set[str]:
    """Return the names that code refers to, in texts as well."""
    found: set[str] = set()
    prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                found.add(name)
            case ast.ImportFrom(names=names):
                found.update(one.name for one in names)
            case ast.Constant(value=str(text)) if id(node) not in prose:
                found.update(_WORD.findall(text))
    return found
