"""The units of a change: the parts of the syntax tree that can be taken back one at a time.

A unit is a statement, the decorators of a function, or the head of a class. A changed one gets
base's text back, of a function each statement for itself; a new function raises, or returns what
nobody expects; what is new besides goes; what has gone comes back.
"""

from __future__ import annotations

import ast
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from typing import NamedTuple, TypeVar

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_OWN_BLOCKS = ("body", "orelse", "finalbody")
_DO = "do"
"""The kind of statements without a name."""
_FAILS = b"raise NotImplementedError\n"
_FOREIGN = b"return object()\n"
"""Where a value is expected: a test that only calls the function does not notice."""
_IN_ORDER = operator.itemgetter(0, 1)
_Node = TypeVar("_Node", bound=ast.AST)


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


@dataclass(frozen=True)
class _Unit:
    key: tuple[str, ...]
    """The same on both sides: what it is, in which class, called how, the how manieth so."""
    owner: tuple[str, ...]
    """The names of the classes around it."""
    node: ast.stmt | None
    """Without its decorators; None: these alone."""
    first: int
    last: int
    code: str
    """What it does; its text may differ from that of another one with the same."""


def find_edits(
    before: ast.Module | None,
    old: bytes,
    after: ast.Module,
    new: bytes,
    can_read: Callable[[bytes], bool],
) -> list[TextEdit]:
    """Find what takes back each unit in which a module differs from base, by its lines.

    Args:
        before: As `strip_words` leaves it, like `after`; None: base has no such file.
        can_read: Whether a text is a module.
    """
    old_lines, new_lines = (text.splitlines(keepends=True) for text in (old, new))
    olds = [*_collect(before.body if before else [], (), Counter())]
    news = [*_collect(after.body, (), Counter())]
    pairs = _pair(olds, news)
    bound = {name for unit in olds for name in _list_imported(unit)}
    used = {node.id for node in ast.walk(after) if isinstance(node, ast.Name)}
    edits: list[TextEdit] = []
    sides = _Sides(old_lines, new_lines, can_read)
    for unit in news:
        if (other := pairs.get(unit)) is not None:
            if other.code != unit.code and not _drops_imports(unit.node, other.node):
                edits += sides.split_unit(unit, other)
        # That a new import is missing shows where what it brings in is used.
        elif not (names := {*_list_imported(unit)}) or not names <= used - bound:
            edits += _take_away(unit, new_lines)
    counterparts = {other: unit for unit, other in pairs.items()}
    edits += _bring_back(olds, news, counterparts, old_lines, new_lines)
    return sorted(edits, key=_IN_ORDER)


def apply_edits(lines: Sequence[bytes], edits: Iterable[TextEdit]) -> bytes:
    """Put edits in the place of their lines; what comes back at one place stays in its order."""
    at, text = 0, list[bytes]()
    for edit in sorted(edits, key=_IN_ORDER):
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


def _collect(
    body: Sequence[ast.stmt], owner: tuple[str, ...], seen: Counter[tuple[str, ...]]
) -> Iterator[_Unit]:
    for statement in body:
        node, (kind, names) = statement, _name_statement(statement)
        key = (kind, *owner, *(names or (ast.dump(node),)))
        seen[key] += 1
        key = (*key, str(seen[key]))
        first = node.lineno - 1
        if isinstance(node, _DEFINITIONS) and node.decorator_list:
            code = " ".join(map(ast.dump, node.decorator_list))
            yield _Unit(("@", *key), owner, None, _find_first(node), first, code)
            node = _empty(node, "decorator_list")
        inner = node.body if isinstance(node, ast.ClassDef) else []
        if inner and _find_first(inner[0]) > first and not all(map(_is_filler, inner)):
            head = ast.dump(_empty(node, "body"))
            yield _Unit(key, owner, node, first, _find_first(inner[0]), head)
            yield from _collect(inner, (*owner, *names), seen)
        else:
            yield _Unit(key, owner, node, first, _find_end(node), ast.dump(node))


def _name_statement(node: ast.stmt) -> tuple[str, tuple[str, ...]]:
    """Return a kind of statement, and what it binds where that tells it from its like."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return "def", (name,)
        case ast.AnnAssign(target=target):
            targets = [target]
        case ast.Assign(targets=targets):
            pass
        case _:
            return _DO, ()
    return "set", tuple(ast.unparse(target) for target in targets)


def _find_first(node: ast.stmt) -> int:
    """Return the first line of a statement with its decorators, 0-based."""
    decorators = node.decorator_list if isinstance(node, _DEFINITIONS) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)]) - 1


def _empty(node: _Node, *names: str) -> _Node:
    """Copy a node with these of its lists empty."""
    fields = dict(ast.iter_fields(node))
    bare = type(node)(**{**fields, **{name: [] for name in names if name in fields}})
    return ast.copy_location(bare, node)


def _is_words(node: ast.AST) -> bool:
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant and isinstance(node.value.value, str)  # type: ignore[attr-defined]


def _is_filler(node: ast.stmt) -> bool:
    """Whether a statement only fills a body."""
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant or isinstance(node, ast.Pass)


def _list_imported(unit: _Unit) -> Iterator[str]:
    if isinstance(unit.node, _IMPORTS):
        for alias in unit.node.names:
            yield (alias.asname or alias.name).partition(".")[0]


def _drops_imports(now: ast.stmt | None, before: ast.stmt | None) -> bool:
    """Whether an import brings in less than it did, and nothing else."""
    if not (isinstance(now, _IMPORTS) and isinstance(before, _IMPORTS)):
        return False
    kept, had = ({*map(ast.dump, node.names)} for node in (now, before))
    return kept <= had and getattr(now, "module", "") == getattr(before, "module", "")


def _pair(olds: Sequence[_Unit], news: Sequence[_Unit]) -> dict[_Unit, _Unit]:
    """Return base's unit for each new one; of statements without a name, by their order."""
    by_key = {unit.key: unit for unit in olds}
    pairs = {unit: by_key[unit.key] for unit in news if unit.key in by_key}
    taken = {*pairs.values()}
    unnamed: dict[tuple[object, ...], tuple[list[_Unit], list[_Unit]]] = {}
    for side, units in enumerate((olds, news)):
        for unit in units:
            if unit.key[0] == _DO and unit not in taken and unit not in pairs:
                kind = unit.owner, type(unit.node)
                unnamed.setdefault(kind, ([], []))[side].append(unit)
    for before, after in unnamed.values():
        if len(before) == len(after):
            pairs |= dict(zip(after, before, strict=True))
    return pairs


@dataclass(frozen=True)
class _Sides:
    """Both texts of a module, to find what differs within a statement."""

    old: list[bytes]
    new: list[bytes]
    can_read: Callable[[bytes], bool]

    def split_unit(self, unit: _Unit, other: _Unit) -> list[TextEdit]:
        """Find the edits within a unit; the whole of it where one of them could not be read."""
        if unit.node and other.node and not isinstance(unit.node, ast.ClassDef):
            edits = [*self._split(unit.node, other.node)]
            if all(map(self._can_be_read, edits)):
                return edits
        return [self._give_back((unit.first, unit.last), (other.first, other.last))]

    def _can_be_read(self, edit: TextEdit) -> bool:
        return self.can_read(apply_edits(self.new, [edit]))

    def _split(self, now: ast.stmt, was: ast.stmt) -> Iterator[TextEdit]:
        """Take back each inner statement that differs alone, where the rest is the same."""
        blocks = [*zip(_list_blocks(now), _list_blocks(was), strict=False)]
        is_alike = blocks and _describe_head(now) == _describe_head(was)
        if not is_alike or not all(map(self._are_apart, blocks)):
            yield self._give_back(_find_lines([now]), _find_lines([was]))
            return
        for inner, before in blocks:
            yield from self._compare(inner, before)

    def _are_apart(self, block: tuple[list[ast.stmt], list[ast.stmt]]) -> bool:
        """Whether statements have lines of their own, indented alike on both sides."""
        return len({part.col_offset for side in block for part in side}) == 1 and all(
            not lines[part.lineno - 1][: part.col_offset].strip()
            for side, lines in zip(block, (self.new, self.old), strict=True)
            for part in side
        )

    def _compare(
        self,
        inner: list[ast.stmt],
        before: list[ast.stmt],
        describe: Callable[[ast.stmt], str] | None = None,
    ) -> Iterator[TextEdit]:
        """Compare two blocks of statements.

        Args:
            describe: Of statements that may differ, what pairs them; None: none may.
        """
        olds, news = ([*map(describe or ast.dump, side)] for side in (before, inner))
        matcher = SequenceMatcher(None, olds, news, autojunk=False)
        for kind, start, end, first, last in matcher.get_opcodes():
            gone, come = before[start:end], inner[first:last]
            if kind == "replace" and len(gone) != len(come):
                if describe is None:
                    yield from self._compare(come, gone, _name_type)
                else:
                    yield self._give_back(_find_lines(come), _find_lines(gone))
            elif kind == "replace" or (kind == "equal" and describe is not None):
                for now, was in zip(come, gone, strict=True):
                    if ast.dump(now) != ast.dump(was):
                        yield from self._split(now, was)
            elif kind == "insert":
                for part in come:
                    at, to = _find_lines([part])
                    filler = self.new[part.lineno - 1][: part.col_offset] + b"pass\n"
                    yield TextEdit(at, to, (filler,), at)
            elif kind == "delete":
                at = _find_first(inner[first]) if first < len(inner) else _find_end(inner[-1])
                begin, stop = _find_lines(gone)
                yield TextEdit(at, at, tuple(map(_end_line, self.old[begin:stop])), max(at - 1, 0))

    def _give_back(self, here: tuple[int, int], there: tuple[int, int]) -> TextEdit:
        now, instead = self.new[slice(*here)], self.old[slice(*there)]
        pairs = zip(now, instead, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        line = here[0] + min(same, len(now) - 1)
        return TextEdit(*here, tuple(map(_end_line, instead)), line)


def _list_blocks(node: ast.AST) -> list[list[ast.stmt]]:
    """List the blocks of statements within a statement that have any."""
    blocks = [getattr(node, name, []) for name in _OWN_BLOCKS]
    inner = (block for part in _list_branches(node) for block in _list_blocks(part))
    return [block for block in (*blocks, *inner) if block]


def _list_branches(node: ast.AST) -> list[ast.AST]:
    """List the handlers of a `try`, or the cases of a `match`."""
    branches: list[ast.AST] = getattr(node, "handlers", getattr(node, "cases", []))
    return branches


def _describe_head(node: ast.stmt) -> str:
    """Describe a statement without what stands in its blocks, but for how many there are."""
    heads = (
        _empty(part, *_OWN_BLOCKS, "handlers", "cases") for part in (node, *_list_branches(node))
    )
    return f"{[*map(ast.dump, heads)]} {len(_list_blocks(node))}"


def _name_type(node: ast.stmt) -> str:
    return type(node).__name__


def _find_lines(several: Sequence[ast.stmt]) -> tuple[int, int]:
    return _find_first(several[0]), _find_end(several[-1])


def _find_end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _take_away(unit: _Unit, new_lines: list[bytes]) -> Iterator[TextEdit]:
    node = unit.node
    if node is None:
        yield TextEdit(unit.first, unit.last, (), unit.first)
    elif isinstance(node, _FUNCTIONS):
        body = node.body
        if not all(map(_is_filler, body)) and not _is_abstract(body):
            first = _find_first(body[0])
            wrong = _FOREIGN if _gives_value(node) else _FAILS
            instead = new_lines[first][: body[0].col_offset] + wrong
            yield TextEdit(first, unit.last, (instead,), unit.first)
    elif not (isinstance(node, ast.ClassDef) and unit.last < (node.end_lineno or 0)):
        filler = new_lines[unit.first][: node.col_offset] + b"pass\n"
        yield TextEdit(unit.first, unit.last, (filler,) if unit.owner else (), unit.first)


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


def _is_abstract(body: Sequence[ast.stmt]) -> bool:
    return isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.unparse(body[0])


def _bring_back(
    olds: Sequence[_Unit],
    news: Sequence[_Unit],
    counterparts: Mapping[_Unit, _Unit],
    old_lines: list[bytes],
    new_lines: list[bytes],
) -> Iterator[TextEdit]:
    """Put what has gone behind what stood before it; with a class all that is in it."""
    end = len(new_lines)
    places = {unit.key: unit for unit in news}
    owners: dict[tuple[str, ...], int] = {(): end}
    first: int | None = None
    for unit in olds:
        here = counterparts.get(unit)
        if here is not None:
            owners[unit.owner] = here.node.end_lineno or here.last if here.node else here.last
            if isinstance(unit.node, ast.ClassDef):
                owners[(*unit.owner, unit.node.name)] = here.last
            continue
        if unit.owner not in owners or [*_list_imported(unit)]:
            continue
        if unit.node is None:
            # With a function that has gone as well, its decorators come back.
            first = unit.first if unit.key[1:] not in places else None
            if (of := places.get(unit.key[1:])) is not None:
                text = old_lines[unit.first : unit.last]
                yield TextEdit(of.first, of.first, tuple(text), of.first)
            continue
        begin, first = unit.first if first is None else first, None
        text, at = old_lines[begin : unit.node.end_lineno], owners[unit.owner]
        if at == end and new_lines and not new_lines[-1].endswith(b"\n"):
            text = [b"\n", *text]
        # Whoever uses a function misses it by its name; what a class, or settings, no longer have
        # is taken from elsewhere in silence.
        goes = not unit.owner and isinstance(unit.node, _DEFINITIONS)
        yield TextEdit(at, at, tuple(map(_end_line, text)), max(at - 1, 0), goes)


def _end_line(line: bytes) -> bytes:
    return line if line.endswith(b"\n") else line + b"\n"
