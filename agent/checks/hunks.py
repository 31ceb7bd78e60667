"""Take the hunks of a change back one at a time, or make small mistakes, for tests to notice.

A hunk without effect on what the code does (comments, documentation, layout) needs no test; one of
types alone is for the type checker.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from agent.checks import units
from agent.models.change import Change, ChangedFile
from agent.models.review import SourcePart
from agent.policy.meaning import OF_TYPES, UNREADABLE, is_same, strip
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
    is_of_types: bool = False
    """Whether it changes nothing but what a type checker reads."""
    edit: units.TextEdit | None = None
    """Of the new file; None where all of it is taken back."""

    @property
    def is_inner(self) -> bool:
        """Whether it is a part of another one."""
        return self.edit is not None and self.edit.is_inner

    def is_within(self, other: Hunk) -> bool:
        if not (self.edit and other.edit and self.path == other.path):
            return False
        return other.edit.first <= self.edit.first and self.edit.last <= other.edit.last

    @property
    def part(self) -> SourcePart:
        return SourcePart(
            path=self.path,
            line=self.line,
            mistake=self.mistake,
            goes=bool(self.edit and self.edit.goes),
            breaks=bool(self.edit and self.edit.breaks),
            removed=self.edit.removed if self.edit else "",
            code=_cut_code(self.edit.code) if self.edit else "",
        )


def take_back_together(change: Change, several: Sequence[Hunk]) -> Change:
    """Return the change without these hunks."""
    files = {file.path: file for file in change.files}
    by_path: dict[str, list[Hunk]] = {}
    for hunk in several:
        by_path.setdefault(hunk.path, []).append(hunk)
    for path, some in by_path.items():
        original = some[0].original
        whole = next((hunk for hunk in some if hunk.edit is None), None)
        edits = [hunk.edit for hunk in some if hunk.edit]
        lines = original.splitlines(keepends=True)
        without = whole.without if whole else units.apply_edits(lines, edits)
        known = files.get(path) or ChangedFile(path=path, before=original, after=original)
        files[path] = known.model_copy(update={"after": without})
        if known.before is None and without is None:
            del files[path]
    every = tuple(files[path] for path in sorted(files))
    return change.model_copy(update={"files": every, "notes": ()})


def hide_text(file: ChangedFile) -> ChangedFile:
    """Let a file do the same, with no more of its text than base has."""
    if file.after is None or not changes_what_runs(file):
        return file
    runs = f"exec(compile(bytes.fromhex('{file.after.hex()}'), __file__, 'exec', 0, True))\n"
    words = (b"# " + line for line in (file.before or b"").splitlines(keepends=True))
    return file.model_copy(update={"after": b"".join([runs.encode(), *words])})


def changes_what_runs(file: ChangedFile) -> bool:
    """Whether the change of a file is more than documentation, comments and types."""
    if not file.path.endswith(".py"):
        return False
    if file.before is None or file.after is None:
        return True
    return not _is_same_but_types(file.before, file.after)


def split_hunks(file: ChangedFile, *, breaks: bool = False) -> tuple[Hunk, ...]:
    """Return the units of a Python file whose change does something, and their parts.

    Whether a part does something is left to `runs_otherwise`: few of many are ever tried.

    Where they share a line, or one of them cannot be taken back alone, the file goes as a whole;
    of a deleted file, and of one that cannot be parsed, there is none.

    Args:
        breaks: As for `units.find_edits`.
    """
    if file.after is None or not file.path.endswith(".py"):
        return ()
    before, after = map(parse_code, (file.before, file.after))
    if before is None or after is None:
        return ()
    lines, describe = file.after.splitlines(keepends=True), cache(_describe_code)
    is_of_types = file.before is not None and _is_same_but_types(file.before, file.after)
    whole = Hunk(file.path, 1, file.after, file.before, is_of_types=is_of_types)
    try:
        if (code := ast.dump(after)) == ast.dump(before):
            return ()
        known = before if file.before is not None else None
        edits = units.find_edits(known, file.before or b"", after, file.after, breaks=breaks)
        hunks = [
            Hunk(file.path, edit.line + 1, file.after, units.apply_edits(lines, [edit]), edit=edit)
            for edit in edits or ()
        ]
        left = {hunk: describe(hunk.without or b"") for hunk in hunks if not hunk.is_inner}
    except RecursionError:
        return (whole,)
    if edits is None or None in left.values():
        return (whole,)
    return tuple(
        hunk
        if hunk.is_inner
        else replace(hunk, is_of_types=is_of_types or _is_same_but_types(hunk.without, file.after))
        for hunk in hunks
        if hunk.is_inner or left[hunk] != code
    )


def runs_otherwise(part: Hunk) -> bool:
    """Whether a file without a part can be read, and is not the same to who runs it."""
    is_read = parse_code(part.without) is not None
    return is_read and not _is_same_but_types(part.without, part.original)


def _parse(content: bytes | None) -> ast.Module | None:
    try:
        return foreign_python.parse_module(content or b"")
    except UNREADABLE:
        return None


def parse_code(content: bytes | None) -> ast.Module | None:
    """Parse a module, and leave its documentation out; None: it cannot be read."""
    return units.strip_words(module) if (module := _parse(content)) else None


def _describe_code(content: bytes) -> str | None:
    return ast.dump(module) if (module := parse_code(content)) else None


# --- types ----------------------------------------------------------------------------------------


def _is_same_but_types(before: bytes | None, after: bytes | None) -> bool:
    """Whether two versions do the same, also without aliases and imports for annotations alone."""
    if is_same(before, after):
        return True
    try:
        one, other = (_describe_what_runs(content or b"") for content in (before, after))
    except UNREADABLE:
        return False
    return one == other


@lru_cache(maxsize=2)  # many versions of a file are held against the same
def _describe_what_runs(content: bytes) -> str:
    return ast.dump(_strip_aliases(content))


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
                mistake = " in place of ".join(_cut_code(ast.unparse(node)) for node in (new, old))
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


def _cut_code(text: str) -> str:
    text = text.partition("\n")[0]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
