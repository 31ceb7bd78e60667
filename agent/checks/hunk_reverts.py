"""Revert parts of a change (hunks, bodies of new functions), or put mistakes into code. Pure."""

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice

from agent.models.change import Change, ChangedFile, Hunk
from agent.models.record import replace
from agent.models.review import SourcePart
from agent.policy.source import find_problem, is_same, read_module
from repo_config import foreign_python

_LONGEST = 120
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE,
    ast.LtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_MOST_OF_FUNCTION = 3
Edit = tuple[range, bytes]
"""1-based lines of the newer version, and the text that replaces them."""


@dataclass(frozen=True)
class Unit:
    """A part of a changed file, and the edits that revert it."""

    part: SourcePart
    file: ChangedFile
    edits: tuple[Edit, ...] = field(repr=False)
    is_note: bool = False
    """Whether no test needs to fail when the part is reverted."""


def list_units(
    file: ChangedFile, hunks: Sequence[Hunk], *, reads_signatures: bool
) -> tuple[Unit, ...]:
    """List the parts of a changed Python file: new functions to empty, other hunks to revert.

    Args:
        reads_signatures: Whether a library reads annotations of functions at run time.
    """
    units: list[Unit] = []
    joined: list[Hunk] = []
    for hunk in hunks if file.after is not None else ():
        joined.append(hunk)
        # If the file does not parse without a hunk, the next hunks are reverted with it.
        if not find_problem(_apply(file, _list_reverts(file, joined))):
            units += _list_of_hunks(file, joined, reads_signatures=reads_signatures)
            joined = []
    if joined:
        return tuple(_list_of_hunks(file, hunks, reads_signatures=reads_signatures))
    return tuple(units)


def take_back(change: Change, units: Collection[Unit]) -> Change:
    """Return the change without these parts."""
    files = {file.path: file for file in change.files}
    for file in dict.fromkeys(unit.file for unit in units):
        edits = [edit for unit in units if unit.file is file for edit in unit.edits]
        after = _apply(file, edits)
        files[file.path] = replace(file, after=None if file.before is None and not after else after)
        if files[file.path].after is files[file.path].before is None:
            del files[file.path]
    return replace(change, files=tuple(files[path] for path in sorted(files)), notes=())


def _list_of_hunks(
    file: ChangedFile, hunks: Sequence[Hunk], *, reads_signatures: bool
) -> Iterator[Unit]:
    lines = _split_lines(file.after)
    left = {number for hunk in hunks for number in hunk.after if lines[number - 1].strip()}
    for name, node in foreign_python.list_functions(read_module(file.after)):
        place = _list_lines(node)
        if not any(place[0] in hunk.after and place[-1] in hunk.after for hunk in hunks):
            continue
        emptied, is_idle = _empty(node, lines), all(map(_does_nothing, node.body))
        if not (emptied or is_idle):
            continue
        left.difference_update(place)
        part = SourcePart(path=file.path, line=node.lineno, text=name, kind="empty")
        yield Unit(part, file, emptied, is_note=is_idle)
        if not left:
            return
    line, added = _quote(file.after, left)
    _, removed = _quote(file.before, {number for hunk in hunks for number in hunk.before})
    line = line or max(1, min(hunk.after.start for hunk in hunks))
    text = added or (f"{removed} was removed" if removed else "blank lines")
    part = SourcePart(path=file.path, line=line, text=text, is_removal=not added)
    edits = _list_reverts(file, hunks)
    old, new = _apply(file, edits), file.after or b""
    is_note = is_same(old, new, reads_signatures=reads_signatures) or (
        not added and _removes_whole(file, hunks)
    )
    yield Unit(part, file, edits, is_note=is_note)


def _removes_whole(file: ChangedFile, hunks: Sequence[Hunk]) -> bool:
    """Whether hunks remove only imports and whole functions."""
    module = read_module(file.before)
    gone = {number for hunk in hunks for number in hunk.before}
    whole = [node for _, node in foreign_python.list_functions(module)]
    imports = [node for node in ast.walk(module) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in (*whole, *imports):
        lines = _list_lines(node)
        if gone.issuperset(lines):
            gone.difference_update(lines)
    text = _split_lines(file.before)
    return not any(text[number - 1].strip() for number in gone)


def _list_lines(node: ast.stmt) -> range:
    decorators = getattr(node, "decorator_list", ())
    first = min((decorator.lineno for decorator in decorators), default=node.lineno)
    return range(first, (node.end_lineno or node.lineno) + 1)


def _empty(node: foreign_python.FunctionNode, lines: Sequence[bytes]) -> tuple[Edit, ...]:
    """Return the edit that empties a function after its docstring.

    There is none if the function is empty, or its body begins on the line of its `def`.
    """
    is_documented = ast.get_docstring(node, clean=False) is not None
    body = node.body[is_documented:]
    if not body:
        return ()
    first = min(_list_lines(statement).start for statement in body)
    indent = b"".join(lines[first - 1 : first])[: body[0].col_offset]
    place = range(first, (node.end_lineno or first) + 1)
    return () if indent.strip() else ((place, indent + b"pass\n"),)


def _does_nothing(node: ast.stmt) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    words = ast.unparse(node)
    return is_text or words == "pass" or words.startswith("raise NotImplementedError")


def _list_reverts(file: ChangedFile, hunks: Iterable[Hunk]) -> tuple[Edit, ...]:
    lines = _split_lines(file.before)
    return tuple(
        (hunk.after, b"".join(lines[number - 1] for number in hunk.before)) for hunk in hunks
    )


def _apply(file: ChangedFile, edits: Iterable[Edit]) -> bytes:
    """Apply edits to the newer version, from its end; an edit within another one is skipped."""
    lines = _split_lines(file.after)
    start = len(lines) + 1
    for place, text in sorted(edits, key=lambda edit: (edit[0].stop, len(edit[0])), reverse=True):
        if place.stop > start:
            continue
        lines[place.start - 1 : place.stop - 1] = [text]
        start = place.start
    return b"".join(lines)


def _split_lines(content: bytes | None) -> list[bytes]:
    """Split into lines as git does: a carriage return alone ends no line."""
    return BytesIO(content or b"").readlines()


def _quote(content: bytes | None, numbers: Collection[int]) -> tuple[int, str]:
    """Return number and text of the first of these lines, preferably code; (0, ""): no text."""
    texts = dict(enumerate(map(bytes.strip, _split_lines(content)), 1))
    filled = {number for number in numbers if texts.get(number)}
    code = set(filled)
    for node in ast.walk(read_module(content)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                code.difference_update(_list_lines(node))
    line = min(code or filled, default=0)
    text = texts[line].decode("utf-8", "replace") if code else "docstring" * bool(line)
    return line, text[:_LONGEST]


# --- mistakes, for the tests of a ticket that asks for tests ----------------------------------


def list_called_names(test: bytes) -> frozenset[str]:
    """Return what a test file calls, by the last part of each name."""
    nodes = ast.walk(read_module(test))
    calls = (node.func for node in nodes if isinstance(node, ast.Call))
    return frozenset(ast.unparse(called).rpartition(".")[2] for called in calls)


def make_mistakes(path: str, source: bytes, names: Collection[str]) -> Iterator[Unit]:
    """Yield units that each make one mistake in a function of the file with one of these names."""
    lines = source.splitlines(keepends=True)
    file = ChangedFile(path=path, before=source, after=source)
    for name, node in foreign_python.list_functions(read_module(source)):
        if name.rpartition(".")[2] in names:
            wrong = (made for inner in ast.walk(node) if (made := _make_wrong(inner)))
            for old, new in islice(wrong, _MOST_OF_FUNCTION):
                words = f"{ast.unparse(new)} in place of {ast.unparse(old)}"
                part = SourcePart(path=path, line=old.lineno, text=words, kind="mistake")
                place = range(old.lineno, (old.end_lineno or old.lineno) + 1)
                first, last = lines[place.start - 1], lines[place.stop - 2]
                text = first[: old.col_offset] + ast.unparse(new).encode()
                yield Unit(part, file, ((place, text + last[old.end_col_offset :]),))


def _make_wrong(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """Return an expression, and a wrong one to replace it; None: we know none for this node."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=values) if type(op) in _OPPOSITE:
            return node, ast.Compare(left, [_OPPOSITE[type(op)]()], values)
        case ast.BoolOp(op=op, values=values):
            return node, ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            return value, ast.Constant(None)
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return node, ast.Constant(number + 1)
    return None
