"""Take the hunks of a change back one at a time, or make small mistakes, for tests to notice.

A hunk without effect on what the code does (comments, documentation, layout) needs no test; one of
types alone is for the type checker.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

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
    replaced: tuple[tuple[int, int, tuple[bytes, ...]], ...] = ()
    """Lines of the new file, and what base has in their place; nothing where it is all of them."""

    @property
    def part(self) -> SourcePart:
        return SourcePart(path=self.path, line=self.line, mistake=self.mistake)


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
            parts = sorted(part for hunk in some for part in hunk.replaced)
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


def changes_what_runs(file: ChangedFile) -> bool:
    """Whether the change of a file is more than documentation, comments and types."""
    if not file.path.endswith(".py"):
        return False
    if file.before is None or file.after is None:
        return True
    return not _is_same_but_types(file.before, file.after)


def split_hunks(file: ChangedFile) -> tuple[Hunk, ...]:
    """Return the hunks of a Python file that change what it does.

    A part that cannot be taken back alone, since the rest is no Python then, goes with its
    neighbour; of a deleted file, and of one that cannot be parsed, there is none.
    """
    if file.after is None or not file.path.endswith(".py"):
        return ()
    before, after = _parse(file.before), _parse(file.after)
    if before is None or after is None or _dump_code(before) == _dump_code(after):
        return ()
    if file.before is None:
        return (_without_code(file.path, file.after),)
    return tuple(
        replace(hunk, is_of_types=_is_same_but_types(hunk.without, file.after))
        for hunk in _find_readable_hunks(file)
        if (without := _parse(hunk.without)) and _dump_code(without) != _dump_code(after)
    )


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
        parts = tuple((at, to, tuple(lines)) for at, to, lines in shift)
        hunk = Hunk(file.path, shift[0][0] + 1, file.after or b"", without, replaced=parts)
        pending = hunk
        if _parse(without) is not None:
            yield hunk
            pending, shift = None, []
    if pending is not None:
        # What is left goes with all before it: that is the whole file.
        yield replace(pending, line=1, without=file.before or b"", replaced=())


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


def _dump_code(module: ast.Module) -> str:
    """Describe a module without its documentation."""
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
