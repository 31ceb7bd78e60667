"""The units of a change: the parts of the syntax tree that can be taken back one at a time.

A unit is a function, its decorators, the head of a class, or another statement. A changed one gets
base's text back. A new function raises, or returns what nobody expects; what is new besides goes;
what has gone comes back, also with what uses it. Within a function, its head and each statement are
tried in the same way, as parts of it; so are each head of a branch or a loop, each new element of a
list, a dictionary and the like, and each operand of `and` and `or`.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import operator
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import NamedTuple, TypeVar

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_OWN_BLOCKS = ("body", "orelse", "finalbody")
_FAILS = b"raise NotImplementedError\n"
_FOREIGN = b"return object()\n"
"""Where a value is expected: a test that only calls the function does not notice."""
#: Of a module: more are never tried in the time that there is.
_MOST_INNER = 200
_QUOTE = "“"
"""Begins the first line of code that goes, where it has no name."""
_LONGEST = 60
_WORD = re.compile(rb"[^\W\d]\w*")
_IN_ORDER = operator.itemgetter(0, 1)
_Node = TypeVar("_Node", bound=ast.AST)
_Block = Sequence[ast.stmt]


class TextEdit(NamedTuple):
    """Lines of the new file, and what stands in their place where a unit is taken back."""

    first: int
    last: int
    """0-based; the end is not part of it."""
    instead: tuple[bytes, ...]
    line: int
    """0-based: where the unit differs from base."""
    goes: bool = False
    """Whether the change only takes away what would be missed by its name."""
    is_inner: bool = False
    """Whether it is a part of another unit."""
    breaks: bool = False
    """Whether it makes a function fail or return something else, in place of taking it back."""
    removed: str = ""
    """What the change removes: names, else its first line in quotes; empty: it does something
    else."""
    code: str = ""
    """Of a part of a statement."""
    needs: tuple[TextEdit, ...] = ()
    """What the change removes and base's text uses: without it, any test would fail."""


def find_edits(
    before: ast.Module | None, old: bytes, after: ast.Module, new: bytes, *, breaks: bool = False
) -> list[TextEdit] | None:
    """Find what takes back each unit in which a module differs from base, by its lines.

    Args:
        before: As `strip_words` leaves it, like `after`; None: base has no such file.
        breaks: An edited function fails, as a new one does, and does not get base's text back.

    Returns:
        None where statements share a line.
    """
    olds = before.body if before else []
    known = {name for node in olds for name in _list_imported(node)}
    used = {node.id for node in ast.walk(after) if isinstance(node, ast.Name)}
    old_lines, new_lines = (text.splitlines(keepends=True) for text in (old, new))
    bound = frozenset(_list_globals(after.body))
    lost = _find_lost(olds, bound)
    sides = _Sides(old_lines, new_lines, frozenset(used - known), lost, breaks)
    if not sides.are_apart(after.body, olds):
        return None
    found = [*sides.compare_blocks(after.body, olds, is_module=True)]
    missing = dict(_bring_imports(olds, bound, after, len(new_lines)))
    for edit in found:
        if not edit.is_inner:
            names = [] if edit.removed.startswith(_QUOTE) else edit.removed.split(", ")
            missing |= dict.fromkeys({*names} - {""}, edit)
    found = [edit._replace(needs=_find_needs(edit, missing)) for edit in found]
    inner = [edit for edit in found if edit.is_inner][:_MOST_INNER]
    return sorted((*(edit for edit in found if not edit.is_inner), *inner), key=_IN_ORDER)


def apply_edits(lines: Sequence[bytes], edits: Iterable[TextEdit]) -> bytes:
    """Put edits in the place of their lines; what comes back at one place stays in its order."""
    at, text = 0, list[bytes]()
    each = (one._replace(needs=()) for edit in edits for one in (*edit.needs, edit))
    for edit in sorted(dict.fromkeys(each), key=_IN_ORDER):
        text += [*lines[at : edit.first], *edit.instead]
        at = edit.last
    return b"".join([*text, *lines[at:]])


def strip_words(module: ast.Module) -> ast.Module:
    """Take the texts that stand alone, such as docstrings, out of a module, and return it."""
    for node in ast.walk(module):
        for name in _OWN_BLOCKS:
            if isinstance(block := getattr(node, name, None), list):
                setattr(node, name, [part for part in block if not _is_words(part)])
    return module


def list_blocks(node: ast.AST) -> list[list[ast.stmt]]:
    """List the blocks of statements within a statement that have any."""
    blocks = [getattr(node, name, []) for name in _OWN_BLOCKS]
    inner = (block for part in _list_branches(node) for block in list_blocks(part))
    return [block for block in (*blocks, *inner) if block]


@dataclass(frozen=True)
class _Sides:
    """Both texts of a module, and what takes back the differences of its statements."""

    old: list[bytes]
    new: list[bytes]
    needed: frozenset[str]
    """Names that code uses and base did not import: that one is missing shows by itself."""
    lost: frozenset[str]
    """Names that nothing stands for any more: whoever uses one misses it by its name."""
    breaks: bool
    """Whether edited functions fail, in place of getting base's text back."""

    def are_apart(self, now: _Block, was: _Block) -> bool:
        """Whether statements have lines of their own, indented alike on both sides."""
        columns = {node.col_offset for block in (now, was) for node in block}
        return len(columns) <= 1 and all(
            not lines[node.lineno - 1][: node.col_offset].strip()
            for block, lines in ((now, self.new), (was, self.old))
            for node in block
        )

    def compare_blocks(
        self, now: _Block, was: _Block, *, is_module: bool = False, has_order: bool = False
    ) -> Iterator[TextEdit]:
        """Find what takes back each statement in which two blocks differ.

        Args:
            has_order: A statement that has moved is new where it is, and gone where it was.
        """
        pairs = _keep_order(_pair(now, was), now, was) if has_order else _pair(now, was)
        counterparts = {other: node for node, other in pairs.items()}
        gone, place = defaultdict[ast.stmt | None, list[ast.stmt]](list), None
        for other in was:
            if other in counterparts:
                place = counterparts[other]
            elif not isinstance(other, _IMPORTS):
                gone[place].append(other)
        at = len(self.new) if is_module else _find_first(now[0])
        for node in (None, *now):
            if node is not None:
                at = _find_end(node)
                yield from (
                    self._compare(node, pairs[node]) if node in pairs else self._take_away(node)
                )
            for other in gone[node]:
                # What a class, or settings, no longer have is taken from elsewhere in silence.
                bound = set(_list_bound(other))
                yield self._bring_back(other, at, goes=is_module and set() < bound <= self.lost)

    def _compare(self, now: ast.stmt, was: ast.stmt) -> Iterator[TextEdit]:
        if isinstance(now, _DEFINITIONS) and isinstance(was, _DEFINITIONS):
            if _describe(now.decorator_list) != _describe(was.decorator_list):
                yield self._give_back(_find_decorators(now), _find_decorators(was))
            now, was = _empty(now, "decorator_list"), _empty(was, "decorator_list")
        if ast.dump(now) == ast.dump(was) or _drops_imports(now, was):
            return
        if isinstance(now, _FUNCTIONS) and self.breaks:
            yield from self._break(now)
        else:
            yield from self._compare_parts(now, was)

    def _compare_parts(self, now: ast.stmt, was: ast.stmt) -> Iterator[TextEdit]:
        """Find what takes back a statement that differs, as a whole or in parts, or both."""
        blocks = [*zip(list_blocks(now), list_blocks(was), strict=False)]
        branches = zip((now, *_list_branches(now)), (was, *_list_branches(was)), strict=False)
        heads = [pair for pair in branches if _describe_head(pair[0]) != _describe_head(pair[1])]
        is_whole = isinstance(now, _FUNCTIONS) or (
            bool(heads) and not isinstance(now, ast.ClassDef)
        )
        can_split = len(list_blocks(now)) == len(list_blocks(was)) > 0
        can_split &= all(self.are_apart(*sides) for sides in blocks)
        if is_whole or not can_split:
            yield self._give_back(_find_lines(now), _find_lines(was))
            yield from self._drop_parts(now, was)
        if can_split:
            own = (self._give_back(_find_head(here), _find_head(there)) for here, there in heads)
            has_order = not isinstance(now, ast.ClassDef)
            inner = (self.compare_blocks(*sides, has_order=has_order) for sides in blocks)
            parts = [*chain(own, *inner)]
            # One alone says no more than the whole.
            for edit in parts if len(parts) > 1 or not is_whole else ():
                yield edit._replace(is_inner=edit.is_inner or is_whole)

    def _give_back(self, here: tuple[int, int], there: tuple[int, int]) -> TextEdit:
        now, instead = self.new[slice(*here)], self.old[slice(*there)]
        pairs = zip(now, instead, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        line = here[0] + max(0, min(same, len(now) - 1))
        removed = _find_gone_line(now, instead)
        return TextEdit(*here, tuple(map(_end_line, instead)), line, removed=removed)

    def _take_away(self, node: ast.stmt) -> Iterator[TextEdit]:
        if isinstance(node, _IMPORTS) and self.needed.issuperset(_list_imported(node)):
            return
        if isinstance(node, _DEFINITIONS) and node.decorator_list:
            first, last = _find_decorators(node)
            yield TextEdit(first, last, (), first)
        first, last = node.lineno - 1, _find_end(node)
        yield from self._take_inner(node)
        yield from self._drop_parts(node)
        if isinstance(node, _FUNCTIONS):
            yield from self._break(node)
        elif (
            isinstance(node, ast.ClassDef)
            and self.are_apart(node.body, ())
            and not all(map(_is_filler, node.body))
        ):
            for inner in node.body:
                yield from self._take_away(inner)
        else:
            yield self._replace(node, last, b"pass\n", first)

    def _break(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[TextEdit]:
        body = node.body
        if not all(map(_is_filler, body)) and not _is_abstract(body):
            wrong = _FOREIGN if _gives_value(node) else _FAILS
            edit = self._replace(body[0], _find_end(node), wrong, node.lineno - 1)
            yield edit._replace(breaks=True)

    def _take_inner(self, node: ast.stmt) -> Iterator[TextEdit]:
        """Take away what is within a function or a branch, statement by statement.

        Nothing is said of names that are only set for the statements behind.
        """
        inner = [] if isinstance(node, ast.ClassDef) else list_blocks(node)
        alone = node.body if isinstance(node, _FUNCTIONS) and len(node.body) == 1 else []
        for block in inner:
            for part in block if self.are_apart(block, ()) else ():
                yield from self._drop_parts(part)
                if isinstance(part, ast.ClassDef) or list_blocks(part):
                    yield from self._take_inner(part)
                elif not (_is_filler(part) or _only_names(part)) and block != alone:
                    edit = self._replace(part, _find_end(part), b"pass\n", part.lineno - 1)
                    yield edit._replace(is_inner=True)

    def _drop_parts(self, now: ast.stmt, was: ast.stmt | None = None) -> Iterator[TextEdit]:
        """Drop each new part of the expressions of a statement, its blocks left aside."""
        known = {_name_part(part) for parts in _list_parts(was) for part in parts} if was else set()
        for parts in _list_parts(now):
            for number, part in enumerate(parts):
                if len(parts) == 1 or _name_part(part) in known:
                    continue
                if part is parts[-1]:
                    start, end = _get_end(parts[number - 1][-1]), _get_end(part[-1])
                else:
                    start, end = _get_start(part[0]), _get_start(parts[number + 1][0])
                left = self.new[start[0]][: start[1]] + self.new[end[0]][end[1] :]
                line = part[0].lineno - 1
                code = ": ".join(map(ast.unparse, part))
                yield TextEdit(start[0], end[0] + 1, (left,), line, is_inner=True, code=code)

    def _replace(self, node: ast.stmt, last: int, instead: bytes, line: int) -> TextEdit:
        """Put a line in the place of a statement and all up to a last line."""
        first = min(_find_first(node), node.lineno - 1)
        return TextEdit(first, last, (self.new[first][: node.col_offset] + instead,), line)

    def _bring_back(self, node: ast.stmt, at: int, *, goes: bool) -> TextEdit:
        text = [*map(_end_line, self.old[slice(*_find_lines(node))])]
        if at == len(self.new) and self.new and not self.new[-1].endswith(b"\n"):
            text = [b"\n", *text]
        removed = ", ".join(_list_bound(node)) or _find_gone_line((), text)
        return TextEdit(at, at, tuple(text), max(at - 1, 0), goes, removed=removed)


# --- pairs ----------------------------------------------------------------------------------------


def _pair(now: _Block, was: _Block) -> Mapping[ast.stmt, ast.stmt]:
    """Return base's statement for those of a block that have one.

    Equal ones come first, then those that define or set the same, then those of a kind in order.
    """
    pairs: dict[ast.stmt, ast.stmt] = {}
    for describe in (ast.dump, _name_statement, _name_kind):
        taken, left = {*pairs.values()}, defaultdict[str, list[ast.stmt]](list)
        for other in was:
            if other not in taken:
                left[describe(other)].append(other)
        for node in now:
            if node not in pairs and left[describe(node)]:
                pairs[node] = left[describe(node)].pop(0)
    return pairs


def _keep_order(
    pairs: Mapping[ast.stmt, ast.stmt], now: _Block, was: _Block
) -> Mapping[ast.stmt, ast.stmt]:
    """Leave out pairs until the others stand in the same order on both sides."""
    places = {node: number for number, node in enumerate(was)}
    order = [places[pairs[node]] for node in now if node in pairs]
    same = difflib.SequenceMatcher(None, order, sorted(order), autojunk=False)
    kept = {
        order[at]
        for first, _, size in same.get_matching_blocks()
        for at in range(first, first + size)
    }
    return {node: other for node, other in pairs.items() if places[other] in kept}


def _name_statement(node: ast.stmt) -> str:
    """Name a statement by what it binds, where that tells it from its like."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return f"def {name}"
        case ast.AnnAssign(target=target):
            return f"set {ast.unparse(target)}"
        case ast.Assign(targets=targets):
            return f"set {' '.join(map(ast.unparse, targets))}"
    return ast.dump(node)


def _list_bound(node: ast.stmt) -> Iterator[str]:
    """List the names that a definition, or an assignment to names alone, binds."""
    if isinstance(node, _DEFINITIONS):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if all(isinstance(target, ast.Name) for target in targets):
            yield from map(ast.unparse, targets)


def _find_lost(olds: _Block, bound: frozenset[str]) -> frozenset[str]:
    """Find the names that base's module defines or uses, and for which nothing stands now.

    A framework reads settings by their names, and does without those that are not there.
    """
    names = (node for old in olds for node in ast.walk(old) if isinstance(node, ast.Name))
    known = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    # A decorator may hand on what no name is used of.
    known |= {old.name for old in olds if isinstance(old, _DEFINITIONS) and not old.decorator_list}
    if "*" in bound:
        return frozenset()
    # Python looks for builtins where a module has no such name, and for names of its own itself.
    lost = known - bound - {*dir(builtins)}
    return frozenset(name for name in lost if not name.startswith("__"))


def _bring_imports(
    olds: _Block, bound: frozenset[str], after: ast.Module, end: int
) -> Iterator[tuple[str, TextEdit]]:
    """Find what brings each import back whose name nothing stands for now."""
    own = (node for node in after.body if getattr(node, "module", "") != "__future__")
    at = min(map(_find_first, own), default=end)
    for node in olds:
        for name in {*_list_imported(node)} - bound:
            yield name, TextEdit(at, at, (ast.unparse(node).encode() + b"\n",), at)


def _find_needs(edit: TextEdit, missing: Mapping[str, TextEdit]) -> tuple[TextEdit, ...]:
    """Find what has to come back with an edit, by the words in its text."""
    left = [edit]
    for one in left:
        words = {*map(bytes.decode, _WORD.findall(b"".join(one.instead)))}
        left += {missing[word] for word in words & missing.keys()} - {*left}
    return tuple(one for one in dict.fromkeys(missing.values()) if one in left[1:])


def _list_globals(block: _Block) -> Iterator[str]:
    """List what a module binds, also below `if` and the like; "*" for what is not known."""
    for node in block:
        yield from _list_imported(node)
        if isinstance(node, _DEFINITIONS):
            yield node.name
        else:
            names = (name for name in ast.walk(node) if isinstance(name, ast.Name))
            yield from (name.id for name in names if isinstance(name.ctx, ast.Store))
            for inner in list_blocks(node):
                yield from _list_globals(inner)


def _name_kind(node: ast.stmt) -> str:
    """Name the type of a statement; a definition has none of its kind."""
    return _name_statement(node) if isinstance(node, _DEFINITIONS) else type(node).__name__


# --- statements -----------------------------------------------------------------------------------


def _describe(nodes: Iterable[ast.AST]) -> list[str]:
    return [*map(ast.dump, nodes)]


def _describe_head(node: ast.AST) -> str:
    """Describe a statement, or a branch of it, without what stands in its blocks."""
    return ast.dump(_empty(node, *_OWN_BLOCKS, "handlers", "cases"))


def _list_branches(node: ast.AST) -> list[ast.AST]:
    """List the handlers of a `try`, or the cases of a `match`."""
    branches: list[ast.AST] = getattr(node, "handlers", getattr(node, "cases", []))
    return branches


def _empty(node: _Node, *names: str) -> _Node:
    """Copy a node with these of its lists empty."""
    fields = dict(ast.iter_fields(node))
    bare = type(node)(**{**fields, **{name: [] for name in names if name in fields}})
    return ast.copy_location(bare, node)


def _find_first(node: ast.stmt) -> int:
    """Return the first line of a statement with its decorators, 0-based."""
    decorators = node.decorator_list if isinstance(node, _DEFINITIONS) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)]) - 1


def _find_end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _find_lines(node: ast.stmt) -> tuple[int, int]:
    return _find_first(node), _find_end(node)


def _find_decorators(node: ast.stmt) -> tuple[int, int]:
    return _find_first(node), node.lineno - 1


def _find_head(node: ast.AST) -> tuple[int, int]:
    """Return the lines of a statement or handler up to its body; none where there is no such."""
    body = getattr(node, "body", [])
    return (node.lineno - 1, _find_first(body[0])) if body and hasattr(node, "lineno") else (0, 0)


def _find_gone_line(now: Iterable[bytes], was: Iterable[bytes]) -> str:
    """Quote the first line of code that has gone, where none is new, however all are indented."""
    here, there = (
        [text for line in lines if (text := line.strip()) and not text.startswith(b"#")]
        for lines in (now, was)
    )
    gone = []
    for line in there:
        if here[:1] == [line]:
            del here[0]
        else:
            gone.append(line.decode("utf-8", "replace"))
    return f"{_QUOTE}{gone[0][:_LONGEST]}”" if gone and not here else ""


def _end_line(line: bytes) -> bytes:
    return line if line.endswith(b"\n") else line + b"\n"


def _is_words(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)


def _is_filler(node: ast.stmt) -> bool:
    """Whether a statement only fills a body."""
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant or isinstance(node, ast.Pass)


def _list_parts(node: ast.stmt) -> Iterator[list[list[ast.expr]]]:
    """List the parts of each collection and condition in a statement, its blocks left aside.

    A part has one expression; an entry of a dictionary has two, or one behind `**`.
    """
    is_definition = isinstance(node, _DEFINITIONS)
    left: list[ast.AST] = [] if is_definition else [*ast.iter_child_nodes(node)]
    while left:
        inner = left.pop()
        # Python tells no places within a formatted string.
        if isinstance(inner, (ast.stmt, ast.excepthandler, ast.match_case, ast.JoinedStr)):
            continue
        left += ast.iter_child_nodes(inner)
        match inner:
            case ast.Dict(keys=keys, values=values):
                yield [[*filter(None, pair)] for pair in zip(keys, values, strict=True)]
            case ast.BoolOp(values=values) | ast.Set(elts=values):
                yield [[value] for value in values]
            case ast.List(elts=values, ctx=ast.Load()) | ast.Tuple(elts=values, ctx=ast.Load()):
                yield [[value] for value in values]


def _name_part(part: list[ast.expr]) -> str:
    return " ".join(map(ast.dump, part))


def _get_start(node: ast.expr) -> tuple[int, int]:
    """Return line and column, in bytes, both 0-based."""
    return node.lineno - 1, node.col_offset


def _get_end(node: ast.expr) -> tuple[int, int]:
    return (node.end_lineno or node.lineno) - 1, node.end_col_offset or 0


def _only_names(node: ast.stmt) -> bool:
    """Whether a statement only gives names to what other statements read."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) for target in node.targets)
    return isinstance(node, (*_IMPORTS, ast.Global, ast.Nonlocal))


def _is_abstract(body: _Block) -> bool:
    return isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.unparse(body[0])


def _gives_value(function: ast.AST) -> bool:
    """Whether a function returns a value of its own, and does not yield."""
    found, left = False, [*ast.iter_child_nodes(function)]
    while left:
        node = left.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return False
        found |= isinstance(node, ast.Return) and not (
            node.value is None
            or (isinstance(node.value, ast.Constant) and node.value.value is None)
        )
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            left += ast.iter_child_nodes(node)
    return found


def _list_imported(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, _IMPORTS):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0]


def _drops_imports(now: ast.stmt, was: ast.stmt) -> bool:
    """Whether an import brings in less than it did, and nothing else."""
    if not (isinstance(now, _IMPORTS) and isinstance(was, _IMPORTS)):
        return False
    kept, had = (set(_describe(node.names)) for node in (now, was))
    return kept <= had and getattr(now, "module", "") == getattr(was, "module", "")
