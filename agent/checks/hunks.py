"""Take the hunks of a change back one at a time, or make small mistakes, for tests to notice.

A hunk without effect on what the code does (comments, documentation, types, layout) needs no test.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from agent.errors import EditFailed
from agent.models.change import Change, ChangedFile
from agent.models.review import SourcePart
from repo_config import foreign_python
from repo_config.tree import Tree

_OF_TYPES = frozenset({"typing", "typing_extensions", "collections.abc", "__future__"})
_Block = TypeVar("_Block", ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_Function = TypeVar("_Function", ast.FunctionDef, ast.AsyncFunctionDef)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PROSE = (".md", ".rst", ".txt")
#: Of all files together; where there is more, everything counts as used.
_MOST_BYTES = 200_000_000
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


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
    try:
        return _dump_meaning(file.before) != _dump_meaning(file.after)
    except UNREADABLE:
        return True


def split_hunks(file: ChangedFile) -> tuple[Hunk, ...]:
    """Return the hunks of a Python file that change what it does.

    A part that cannot be taken back alone, since the rest is no Python then, goes with its
    neighbour; of a deleted file, and of one that cannot be parsed, there is none.
    """
    if file.after is None or not file.path.endswith(".py"):
        return ()
    try:
        whole = _dump_meaning(file.after)
        if file.before is None:
            return () if whole == _dump_meaning(b"") else (_without_code(file.path, file.after),)
        _dump_meaning(file.before)
    except UNREADABLE:
        return ()
    return tuple(hunk for hunk in _find_readable_hunks(file) if _is_different(hunk.without, whole))


def _without_code(path: str, content: bytes) -> Hunk:
    """Have every function of a new file fail; one that is more than functions goes as a whole.

    Whatever imports a file notices that it is gone, which shows nothing of what its functions do.
    """
    module = foreign_python.parse_module(content)
    every = sum(isinstance(node, ast.stmt) for node in ast.walk(module))
    functions = [node for node in ast.walk(module) if isinstance(node, _FUNCTIONS)]
    inner = {one for each in functions for one in ast.walk(each) if isinstance(one, ast.stmt)}
    if 2 * len(inner) < every:
        return Hunk(path, 1, content, None)
    for node in functions:
        node.body = [ast.Raise(ast.Name("NotImplementedError", ast.Load()))]
    return Hunk(path, 1, content, ast.unparse(ast.fix_missing_locations(module)).encode())


def _is_different(content: bytes | None, whole: str) -> bool:
    try:
        return _dump_meaning(content or b"") != whole
    except UNREADABLE:  # lines of old and new may nest deeper than either
        return True


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


def _dump_meaning(content: bytes | ast.Module) -> str:
    """Return what a module does, without its documentation and types.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It cannot be read.
    """
    module = content if isinstance(content, ast.Module) else foreign_python.parse_module(content)
    return ast.dump(_Bare().visit(module))


class _Bare(ast.NodeTransformer):
    """Takes out docstrings, and annotations and imports that are for type checkers alone.

    Annotations in a class stay where dataclasses and their kind could read them: it has a
    decorator, a base or a metaclass.
    """

    def __init__(self) -> None:
        self._fields: set[ast.AnnAssign] = set()

    def visit_Module(self, node: ast.Module) -> ast.Module:
        return self._drop_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        if node.decorator_list or node.bases or node.keywords:
            self._fields.update(one for one in node.body if isinstance(one, ast.AnnAssign))
        return self._drop_docstring(node)

    def visit_FunctionDef(self, node: _Function) -> _Function | None:
        names = {ast.unparse(one).rpartition(".")[2] for one in node.decorator_list}
        if "overload" in names:  # for type checkers: the function after it replaces it
            return None
        _take_annotations(node)
        return self._drop_docstring(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as ast calls it

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if node in self._fields:
            return node
        return None if node.value is None else ast.Assign([node.target], node.value)

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Import(self, node: ast.Import) -> ast.Import | None:
        return None if {one.name for one in node.names} <= _OF_TYPES else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        return None if node.module in _OF_TYPES else node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        # It tells readers and type checkers what is public.
        return None if [ast.unparse(one) for one in node.targets] == ["__all__"] else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        is_for_types = ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        return node.orelse if is_for_types else node

    def _drop_docstring(self, node: _Block) -> _Block:
        self.generic_visit(node)
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:]
        return node


def _take_annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Take out the annotations that nothing reads: decorators may, and calls are there for that."""
    if node.decorator_list:
        return
    node.returns = None if not _has_call(node.returns) else node.returns
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg) and not _has_call(argument.annotation):
            argument.annotation = None


def _has_call(node: ast.expr | None) -> bool:
    return node is not None and any(isinstance(one, ast.Call) for one in ast.walk(node))


# --- removals -------------------------------------------------------------------------------------


class Removals:
    """What a change takes away from a tree: no test can notice what nothing referred to."""

    def __init__(self, change: Change, base: Tree) -> None:
        """Take both; files are read when they are needed."""
        self._files = {file.path: file for file in change.files}
        self._base = base

    def is_unused(self, path: str, earlier: bytes | None, later: bytes | None) -> bool:
        """Whether all that a file lost is unused: functions, classes and imports.

        What a framework may find by itself counts as used: by a decorator, a base class or a
        special name. An import is unused where the change removed what read it in its file.
        """
        known = self._files.get(path)
        sides = earlier, later, known.before if known else None
        was, now, base = map(_parse, sides)
        if was is None or now is None or base is None:
            return False
        kept = {name for node in now.body for name in _list_bound(node)}
        orphans = _list_read_names(base) - _list_read_names(now)
        body: list[ast.stmt] = []
        removed: set[str] = set()
        for node in was.body:
            names = set(_list_bound(node)) - kept
            if isinstance(node, ast.Import | ast.ImportFrom):
                node.names = [
                    one for one in node.names if _get_bound_name(one) not in names & orphans
                ]
                if not node.names:
                    continue
            elif names:
                removed |= names
                continue
            body.append(node)
        was.body = body
        try:
            is_all = _dump_meaning(was) == _dump_meaning(now)
        except RecursionError:
            return False
        return is_all and not self._is_any_named(removed)

    def _is_any_named(self, names: set[str]) -> bool:
        """Whether a file with the change, other than one for people, has one of these words."""
        if not names:
            return False
        pattern = re.compile(rb"\b(?:%s)\b" % b"|".join(name.encode() for name in names))
        left = _MOST_BYTES
        for path in {*self._base.paths(), *self._files}:
            if path.endswith(PROSE):
                continue
            try:
                file = self._files.get(path)
                content = (file.after if file else self._base.read(path)) or b""
            except EditFailed:  # a link, or gone
                continue
            left -= len(content)
            if left < 0 or pattern.search(content):
                return True
        return False


def _list_bound(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [_get_bound_name(one) for one in node.names]
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    marks = [*node.decorator_list]
    if isinstance(node, ast.ClassDef):
        marks += [*node.bases, *(one.value for one in node.keywords)]
    is_special = node.name.startswith("__") and node.name.endswith("__")
    is_plain = all(isinstance(one, ast.Name) and hasattr(builtins, one.id) for one in marks)
    return [node.name] if is_plain and not is_special else []


def _get_bound_name(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _list_read_names(module: ast.Module) -> set[str]:
    return {
        node.id
        for node in ast.walk(module)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


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
