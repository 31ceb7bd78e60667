"""Take the hunks of a change back one at a time, or make small mistakes, for tests to notice.

A hunk without effect on what the code does (comments, documentation, layout) needs no test; one of
types alone is for the type checker.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.checks import units
from agent.models.change import Change, ChangedFile
from agent.models.review import SourcePart
from agent.policy.meaning import OF_TYPES, UNREADABLE, is_same, strip
from repo_config import foreign_python

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
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
    is_of_types: bool = False
    """Whether it changes nothing but what a type checker reads."""
    goes: bool = False
    """Whether the change only takes away what would be missed by its name."""
    replaced: tuple[tuple[int, int, tuple[bytes, ...]], ...] = ()
    """Lines of the new file, and what base has in their place; nothing where it is all of them."""

    @property
    def part(self) -> SourcePart:
        return SourcePart(path=self.path, line=self.line, mistake=self.mistake, goes=self.goes)


def take_back_together(change: Change, several: Sequence[Hunk]) -> Change:
    """Return the change without these hunks."""
    files = {file.path: file for file in change.files}
    by_path: dict[str, list[Hunk]] = {}
    for hunk in several:
        by_path.setdefault(hunk.path, []).append(hunk)
    for path, some in by_path.items():
        without = some[0].without
        if len(some) > 1:
            lines = some[0].original.splitlines(keepends=True)
            # What comes back at one place stays in its order.
            parts = sorted((part for hunk in some for part in hunk.replaced), key=_get_lines)
            is_in_parts = all(hunk.replaced for hunk in some)
            whole = next((hunk.without for hunk in some if not hunk.replaced), None)
            without = b"".join(_replace_parts(lines, parts)) if is_in_parts else whole
        original = some[0].original
        known = files.get(path) or ChangedFile(path=path, before=original, after=original)
        files[path] = known.model_copy(update={"after": without})
        if known.before is None and without is None:
            del files[path]
    every = tuple(files[path] for path in sorted(files))
    return change.model_copy(update={"files": every, "notes": ()})


def _get_lines(part: tuple[int, int, tuple[bytes, ...]]) -> tuple[int, int]:
    return part[:2]


def changes_what_runs(file: ChangedFile) -> bool:
    """Whether the change of a file is more than documentation, comments and types."""
    if not file.path.endswith(".py"):
        return False
    if file.before is None or file.after is None:
        return True
    return not _is_same_but_types(file.before, file.after)


def split_hunks(file: ChangedFile) -> tuple[Hunk, ...]:
    """Return the units of a Python file whose change does something.

    Where they share a line, or one of them cannot be taken back alone, the file goes as a whole;
    of a deleted file, and of one that cannot be parsed, there is none.
    """
    if file.after is None or not file.path.endswith(".py"):
        return ()
    before, after = _parse(file.before), _parse(file.after)
    code = _describe_code(file.after)
    if before is None or after is None or _describe_code(file.before) == code:
        return ()
    old = before if file.before is not None else None
    sides = old, file.before or b"", after, file.after
    edits = units.find_edits(*sides, lambda text: _parse(text) is not None)
    new, found = file.after.splitlines(keepends=True), []
    is_of_types = file.before is not None and _is_same_but_types(file.before, file.after)
    for edit in edits:
        part = edit.first, edit.last, edit.instead
        without = b"".join(_replace_parts(new, (part,)))
        if (left := _describe_code(without)) is None:
            break
        if left != code:
            found.append(
                Hunk(
                    file.path, edit.line + 1, file.after, without, goes=edit.goes,
                    is_of_types=is_of_types or _is_same_but_types(without, file.after),
                    replaced=(part,),
                )
            )  # fmt: skip
    else:
        if all(one.last <= other.first for one, other in pairwise(edits)):
            return tuple(found)
    return (Hunk(file.path, 1, file.after, file.before, is_of_types=is_of_types),)


def _replace_parts(
    new: list[bytes], parts: Iterable[tuple[int, int, Iterable[bytes]]]
) -> Iterator[bytes]:
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


def _describe_code(content: bytes | None) -> str | None:
    """Describe a module without its documentation; None: it cannot be read."""
    if (module := _parse(content)) is None:
        return None
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | _FunctionNode) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.dump(module)


# --- types ----------------------------------------------------------------------------------------


def _is_same_but_types(before: bytes | None, after: bytes | None) -> bool:
    """Whether two versions do the same, also without aliases and imports for annotations alone."""
    if is_same(before, after):
        return True
    try:
        one, other = (ast.dump(_strip_aliases(content or b"")) for content in (before, after))
    except UNREADABLE:
        return False
    return one == other


def _strip_aliases(content: bytes) -> ast.Module:
    """Take out what a type checker alone reads, with its aliases of types and its imports.

    What code that runs uses, stays.
    """
    whole, bare = foreign_python.parse_module(content), strip(content)
    named, typing = {*_list_names(whole)}, {"typing"}
    for node in whole.body:
        if isinstance(node, ast.ImportFrom) and node.module in OF_TYPES:
            typing.update(alias.asname or alias.name for alias in node.names)

    def is_for_types(node: ast.stmt, used: Collection[str]) -> bool:
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                bound = {(one.asname or one.name).partition(".")[0] for one in names}
                return bound <= named - {*used}
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                return name not in used and _is_type(value, typing)
        return False

    while True:
        used = [*_list_names(bare)]
        left = [node for node in bare.body if not is_for_types(node, used)]
        if len(left) == len(bare.body):
            return bare
        bare.body = left


def _list_names(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


def _is_type(value: ast.expr, typing: Collection[str]) -> bool:
    """Whether an expression is made of types, and of what `typing` makes them from."""
    parts = (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.BitOr, ast.Constant, ast.Tuple)
    more = (ast.List, ast.Call, ast.keyword, ast.expr_context)
    nodes = [*ast.walk(value)]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    made = (
        ast.unparse(node.func).partition(".")[0] for node in nodes if isinstance(node, ast.Call)
    )
    types = {name for name in names if isinstance(getattr(builtins, name, None), type)}
    is_known = bool(types | names & {*typing})
    return is_known and {*made} <= {*typing} and all(isinstance(one, parts + more) for one in nodes)


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


def list_called_names(test: bytes, functions: Collection[str]) -> frozenset[str]:
    """Return what functions of a test file call; these are named as in `Case.test_it`."""
    module = _parse(test)
    found: set[str] = set()

    def look(nodes: Iterable[ast.stmt], owner: str) -> None:
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                look(node.body, f"{owner}{node.name}.")
            elif isinstance(node, _FUNCTIONS) and f"{owner}{node.name}" in functions:
                called = (one.func for one in ast.walk(node) if isinstance(one, ast.Call))
                found.update(ast.unparse(one).rpartition(".")[2] for one in called)

    look(module.body if module else (), "")
    return frozenset(found)


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
