"""Take the hunks of a change back one at a time, so that a test can be seen to notice. Pure.

A hunk without effect on what the code does (comments, documentation, types, layout) needs no test.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.domain import Change, ChangedFile
from repo_config import foreign_python

_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Hunk:
    """A part of the change of one file."""

    path: str
    line: int
    """Its first line in the new file, 1-based."""
    original: bytes
    without: bytes
    """The file with this part as base has it, or with a mistake."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.path}:{self.line}"

    def take_back(self, change: Change) -> Change:
        """Return the change without this hunk."""
        files = {file.path: file for file in change.files}
        known = files.get(self.path) or ChangedFile(
            path=self.path, before=self.original, after=self.original
        )
        files[self.path] = known.model_copy(update={"after": self.without})
        every = tuple(files[path] for path in sorted(files))
        return change.model_copy(update={"files": every, "notes": ()})


def changes_what_runs(file: ChangedFile) -> bool:
    """Whether the change of a file is more than documentation, comments and types."""
    if not file.path.endswith(".py"):
        return False
    if file.before is None or file.after is None:
        return True
    try:
        return _meaning(file.before) != _meaning(file.after)
    except _UNREADABLE:
        return True


def split(file: ChangedFile) -> tuple[Hunk, ...]:
    """Return the hunks of a Python file that change what it does.

    A part that cannot be taken back alone, since the rest is no Python then, goes with its
    neighbour; of a new or deleted file, and of one that cannot be parsed, there is none.
    """
    if file.before is None or file.after is None or not file.path.endswith(".py"):
        return ()
    try:
        whole = _meaning(file.after)
        _meaning(file.before)
    except _UNREADABLE:
        return ()
    return tuple(hunk for hunk in _readable(file) if _meaning(hunk.without) != whole)


def _readable(file: ChangedFile) -> Iterator[Hunk]:
    old = (file.before or b"").splitlines(keepends=True)
    new = (file.after or b"").splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    pending: Hunk | None = None
    shift: list[tuple[int, int, list[bytes]]] = []
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            continue
        shift.append((first, last, old[start:end]))
        without = b"".join(_replaced(new, shift))
        hunk = Hunk(file.path, shift[0][0] + 1, file.after or b"", without)
        pending = hunk
        if _is_readable(without):
            yield hunk
            pending, shift = None, []
    if pending is not None:
        # What is left goes with all before it: that is the whole file.
        yield replace(pending, line=1, without=file.before or b"")


def _replaced(new: list[bytes], parts: list[tuple[int, int, list[bytes]]]) -> Iterator[bytes]:
    at = 0
    for first, last, instead in parts:
        yield from new[at:first]
        yield from instead
        at = last
    yield from new[at:]


def _is_readable(content: bytes) -> bool:
    try:
        foreign_python.parse(content)
    except _UNREADABLE:
        return False
    return True


def _meaning(content: bytes) -> str:
    """Return what a module does, without its documentation and types.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
    """
    return ast.dump(_Bare().visit(foreign_python.parse(content)))


class _Bare(ast.NodeTransformer):
    """Takes out docstrings, annotations of arguments and results, and imports for types alone."""

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        return node
