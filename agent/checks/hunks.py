"""Take the hunks of a change back one at a time, or make small mistakes, for tests to notice.

A hunk without effect on what the code does (comments, documentation, types, layout) needs no test.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agent.models.change import Change, ChangedFile
from agent.models.review import SourcePart
from agent.policy.meaning import UNREADABLE, is_same
from repo_config import foreign_python

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PROSE = (".md", ".rst", ".txt")


@dataclass(frozen=True)
class Hunk:
    """A part of the change of one file."""

    path: str
    line: int
    """Its first line in the new file, 1-based."""
    original: bytes
    without: bytes | None
    """The file with this part as base has it, or with a mistake; None: no file at all."""
    mistake: str = ""
    """What stands there wrongly, in words, where it is no part of the change."""

    @property
    def part(self) -> SourcePart:
        return SourcePart(path=self.path, line=self.line, mistake=self.mistake)

    def take_back(self, change: Change) -> Change:
        """Return the change without this hunk."""
        files = {file.path: file for file in change.files}
        known = files.get(self.path) or ChangedFile(
            path=self.path, before=self.original, after=self.original
        )
        files[self.path] = known.model_copy(update={"after": self.without})
        if known.before is None and self.without is None:
            del files[self.path]
        every = tuple(files[path] for path in sorted(files))
        return change.model_copy(update={"files": every, "notes": ()})


def changes_what_runs(file: ChangedFile) -> bool:
    """Whether the change of a file is more than documentation, comments and types."""
    if not file.path.endswith(".py"):
        return False
    if file.before is None or file.after is None:
        return True
    return not is_same(file.before, file.after)


def split_hunks(file: ChangedFile) -> tuple[Hunk, ...]:
    """Return the hunks of a Python file that change what it does.

    A part that cannot be taken back alone, since the rest is no Python then, goes with its
    neighbour; of a deleted file, and of one that cannot be parsed, there is none.
    """
    if file.after is None or not file.path.endswith(".py"):
        return ()
    if None in (_parse(file.before), _parse(file.after)) or is_same(file.before, file.after):
        return ()
    if file.before is None:
        return (_without_code(file.path, file.after),)
    found = _find_readable_hunks(file)
    return tuple(hunk for hunk in found if not is_same(hunk.without, file.after))


def _without_code(path: str, content: bytes) -> Hunk:
    """Have every function of a new file fail; one that is more than functions goes as a whole.

    Whatever imports a file notices that it is gone, which shows nothing of what its functions do.
    """
    try:
        module = foreign_python.parse_module(content, to_write=True)
    except SyntaxError:  # a newer Python reads it
        return Hunk(path, 1, content, None)
    every = sum(isinstance(node, ast.stmt) for node in ast.walk(module))
    functions = [node for node in ast.walk(module) if isinstance(node, _FUNCTIONS)]
    inner = {one for each in functions for one in ast.walk(each) if isinstance(one, ast.stmt)}
    if 2 * len(inner) < every:
        return Hunk(path, 1, content, None)
    for node in functions:
        node.body = [ast.Raise(ast.Name("NotImplementedError", ast.Load()))]
    return Hunk(path, 1, content, ast.unparse(ast.fix_missing_locations(module)).encode())


def _find_readable_hunks(file: ChangedFile) -> Iterator[Hunk]:
    old = (file.before or b"").splitlines(keepends=True)
    new = (file.after or b"").splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    pending: Hunk | None = None
    shift: list[tuple[int, int, list[bytes]]] = []
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            continue
        shift.append((first, last, old[start:end]))
        without = b"".join(_replace_parts(new, shift))
        hunk = Hunk(file.path, shift[0][0] + 1, file.after or b"", without)
        pending = hunk
        if _parse(without) is not None:
            yield hunk
            pending, shift = None, []
    if pending is not None:
        # What is left goes with all before it: that is the whole file.
        yield replace(pending, line=1, without=file.before or b"")


def _replace_parts(new: list[bytes], parts: list[tuple[int, int, list[bytes]]]) -> Iterator[bytes]:
    at = 0
    for first, last, instead in parts:
        yield from new[at:first]
        yield from instead
        at = last
    yield from new[at:]


def _parse(content: bytes | None) -> ast.Module | None:
    try:
        return foreign_python.parse_module(content or b"")
    except UNREADABLE:
        return None


# --- mistakes -------------------------------------------------------------------------------------

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE,
    ast.LtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
}  # fmt: skip
_MOST_OF_FUNCTION = 3
_LONGEST = 40


def list_used_names(test: bytes) -> frozenset[str]:
    module = _parse(test)
    return frozenset(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in (ast.walk(module) if module else ())
        if isinstance(node, ast.Name | ast.Attribute)
    )


def make_mutants(path: str, source: bytes, names: Iterable[str]) -> Iterator[Hunk]:
    """Yield a file with one mistake each, in its functions of these names."""
    module, wanted = _parse(source), frozenset(names)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in ast.walk(module) if module else ():
        if isinstance(node, _FUNCTIONS) and node.name in wanted:
            found = (one for inner in ast.walk(node) if (one := _mistake(inner)) is not None)
            for (old, new), _ in zip(found, range(_MOST_OF_FUNCTION), strict=False):
                # Columns count bytes of UTF-8.
                start = starts[old.lineno - 1] + old.col_offset
                end = starts[(old.end_lineno or old.lineno) - 1] + (old.end_col_offset or 0)
                text = f"({ast.unparse(new)})".encode()
                wrong = source[:start] + text + source[end:]
                mistake = " in place of ".join(map(_shorten_code, (new, old)))
                yield Hunk(path, old.lineno, source, wrong, mistake)


def _mistake(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """Return an expression and what a mistake makes of it."""
    match node:
        case ast.Compare(ops=[op]) if opposite := _OPPOSITE.get(type(op)):
            return node, ast.Compare(node.left, [opposite()], node.comparators)
        case ast.BinOp(op=op) if other := _ARITHMETIC.get(type(op)):
            return node, ast.BinOp(node.left, other(), node.right)
        case ast.BoolOp(op=op):
            return node, ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), node.values)
        case ast.Return(value=ast.Constant(value=None)):
            return None
        case ast.Return(value=ast.expr() as value):
            return value, ast.Constant(None)
    return None


def _shorten_code(node: ast.expr) -> str:
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
