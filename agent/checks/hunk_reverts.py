"""Take parts of a change back: a hunk, or what a new function does. Pure."""

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO

from agent.models.change import Change, ChangedFile, Hunk
from agent.models.record import replace
from agent.models.review import SourcePart
from agent.policy import meaning
from agent.policy.meaning import UNREADABLE, Annotations
from repo_config import foreign_python

_LONGEST = 120


@dataclass(frozen=True)
class Unit:
    """A part of a file that a test should notice, and what is there without it."""

    part: SourcePart
    file: ChangedFile
    edits: tuple[tuple[range, bytes], ...] = field(repr=False)
    """1-based lines of the newer version, and what takes their place."""
    is_note: bool = False
    """Whether no test is asked for it."""


def list_units(
    file: ChangedFile, hunks: Sequence[Hunk], annotations: Annotations
) -> tuple[Unit, ...]:
    """List the parts of a Python file: new functions to be emptied, other hunks to be taken back.

    Args:
        annotations: The ones that act.
    """
    if file.after is None:
        return ()
    units: list[Unit] = []
    left = [*hunks]
    while left:
        joined = [left.pop(0)]
        # Where the file does not parse without it, neighbours go along.
        while not _is_readable(_revert(file, joined)) and left:
            joined.append(left.pop(0))
        units += _list_of_hunks(file, joined, annotations)
    if units and not _is_readable(_apply(file, units[-1].edits)):
        units = [*_list_of_hunks(file, [*hunks], annotations)]
    return tuple(units)


def take_back(change: Change, units: Collection[Unit]) -> Change:
    """Give the change without these parts."""
    files = {file.path: file for file in change.files}
    for file in dict.fromkeys(unit.file for unit in units):
        edits = [edit for unit in units if unit.file is file for edit in unit.edits]
        after = _apply(file, edits)
        files[file.path] = replace(file, after=None if file.before is None and not after else after)
        if files[file.path].after is files[file.path].before is None:
            del files[file.path]
    return replace(change, files=tuple(files[path] for path in sorted(files)), notes=())


def _list_of_hunks(
    file: ChangedFile, hunks: Sequence[Hunk], annotations: Annotations
) -> Iterator[Unit]:
    functions = [*_list_new_functions(file, hunks)]
    left = {number for hunk in hunks for number in hunk.after}
    for name, node, lines in functions:
        part = SourcePart(path=file.path, line=node.lineno, text=name, kind="empty")
        if all(map(_does_nothing, node.body)):
            left.difference_update(lines)
            yield Unit(part, file, (), is_note=True)
            continue
        body = _find_body(node)
        if body is None:
            continue
        left.difference_update(lines)
        first = _split_lines(file.after)[body.start - 1]
        indent = first[: len(first) - len(first.lstrip())]
        yield Unit(part, file, ((body, indent + b"pass\n"),))
    lines_after = _split_lines(file.after)
    rest = sorted(number for number in left if lines_after[number - 1].strip())
    if functions and not rest:
        return
    removed = _quote(file.before, [number for hunk in hunks for number in hunk.before])
    added = _quote(file.after, rest)
    text = f"{added}" if added else f"{removed} was removed"
    line = rest[0] if rest else min(hunk.after.start for hunk in hunks)
    part = SourcePart(path=file.path, line=max(line, 1), text=text, kind="revert")
    part = replace(part, is_removal=not added)
    edits = tuple((hunk.after, _join_before(file, hunk)) for hunk in hunks)
    without = _apply(file, edits)
    is_note = meaning.is_same(without, file.after, annotations) or (
        not added and _removes_whole(file, hunks)
    )
    yield Unit(part, file, edits, is_note=is_note)


def _removes_whole(file: ChangedFile, hunks: Sequence[Hunk]) -> bool:
    """Whether hunks remove imports alone, or functions as a whole."""
    try:
        module = foreign_python.parse_module(file.before or b"")
    except UNREADABLE:
        return False
    gone = {number for hunk in hunks for number in hunk.before}
    whole = [node for _, node in foreign_python.list_functions(module)]
    imports = [node for node in ast.walk(module) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in (*whole, *imports):
        lines = _list_lines(node)
        if gone.issuperset(lines):
            gone.difference_update(lines)
    text = _split_lines(file.before)
    return not any(text[number - 1].strip() for number in gone)


def _list_new_functions(
    file: ChangedFile, hunks: Sequence[Hunk]
) -> Iterator[tuple[str, foreign_python.FunctionNode, range]]:
    """Yield the functions that stand wholly in added lines."""
    try:
        module = foreign_python.parse_module(file.after or b"")
    except UNREADABLE:
        return
    for name, node in foreign_python.list_functions(module):
        lines = _list_lines(node)
        if any(lines.start in hunk.after and lines.stop - 1 in hunk.after for hunk in hunks):
            yield name, node, lines


def _list_lines(node: ast.stmt) -> range:
    first = min((one.lineno for one in getattr(node, "decorator_list", ())), default=node.lineno)
    return range(first, (node.end_lineno or node.lineno) + 1)


def _find_body(node: foreign_python.FunctionNode) -> range | None:
    """Find the lines behind the docstring; None: something else stands on the first of them."""
    is_documented = ast.get_docstring(node, clean=False) is not None
    body = node.body[1:] if is_documented else node.body
    header = node.body[0].end_lineno if is_documented else max(node.lineno, node.body[0].lineno - 1)
    if body[0].lineno <= (header or node.lineno):
        return None
    first = min(_list_lines(each).start for each in body)
    return range(first, (node.end_lineno or node.lineno) + 1)


def _does_nothing(node: ast.stmt) -> bool:
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError")):
            return True
        case ast.Raise(exc=ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
    return False


def _join_before(file: ChangedFile, hunk: Hunk) -> bytes:
    lines = _split_lines(file.before)
    return b"".join(lines[hunk.before.start - 1 : hunk.before.stop - 1] if hunk.before else ())


def _revert(file: ChangedFile, hunks: Sequence[Hunk]) -> bytes:
    return _apply(file, [(hunk.after, _join_before(file, hunk)) for hunk in hunks])


def _apply(file: ChangedFile, edits: Iterable[tuple[range, bytes]]) -> bytes:
    """Replace lines of the newer version, the last first; what lies in another goes with it."""
    lines = _split_lines(file.after)
    start = len(lines) + 1
    for place, text in sorted(edits, key=lambda edit: (edit[0].stop, len(edit[0])), reverse=True):
        if place.stop > start:
            continue
        lines[place.start - 1 : place.stop - 1] = [text]
        start = place.start
    return b"".join(lines)


def _split_lines(content: bytes | None) -> list[bytes]:
    """Split as git does: a carriage return alone ends no line."""
    return BytesIO(content or b"").readlines()


def _is_readable(content: bytes) -> bool:
    try:
        foreign_python.parse_module(content)
    except UNREADABLE:
        return False
    return True


def _quote(content: bytes | None, numbers: Sequence[int]) -> str:
    """Quote the first of some lines."""
    lines = _split_lines(content)
    texts = (lines[number - 1].strip() for number in numbers if number <= len(lines))
    return next(filter(None, texts), b"").decode("utf-8", "replace")[:_LONGEST]
