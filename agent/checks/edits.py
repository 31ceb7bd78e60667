"""The edits of a change: the smallest differences between the syntax trees of two versions.

Statements, operands, arguments, elements and the like are paired: equal ones first, then those of
one name, then those of a kind in order. What has no counterpart is new or gone, what is
elsewhere has moved, and of what differs only the smallest part is an edit. Each is taken back
alone: base's part is put back, what is new goes, what has gone comes back. Of a new function
the body goes, so that it does nothing.
"""

import ast
import builtins
import dataclasses
import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from typing import Any

from agent.checks.edit_text import Add, Pair, Writer, is_words, pair_lists
from agent.models.change import Change, ChangedFile
from agent.models.record import replace
from agent.models.review import SourcePart
from agent.policy import meaning
from repo_config import foreign_python

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_BUILTINS = frozenset(dir(builtins))
_COLLECTIONS = (ast.Dict, ast.List, ast.Set, ast.Tuple, ast.BoolOp)
#: Maximum number of edits of a file: there is never time to try more.
_MOST_INNER = 200
_LONGEST = 60
PROSE = (".md", ".rst", ".txt")


@dataclass(frozen=True, eq=False)
class Edit:
    """A difference between both versions of a file, or a mistake in the newer one."""

    source: "Versions" = field(repr=False)
    line: int
    """Line of the newer version, 1-based."""
    sets: tuple[tuple[ast.AST, str, Any], ...] = ()
    """Nodes of the newer version with a field, and what is there without the edit."""
    drops: tuple[ast.AST, ...] = ()
    adds: tuple[Add, ...] = ()
    before: str = ""
    after: str = ""
    """Its text on both sides; a function that has parts is its name."""
    outer: "Edit | None" = None
    """The edit that it is a part of."""
    breaks: bool = False
    """Whether a function does nothing, in place of what it did on base."""
    mistake: str = ""
    """What is there wrongly, in words, where it is no part of the change."""

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def part(self) -> SourcePart:
        names = ("path", "line", "before", "after", "breaks", "mistake")
        return SourcePart(**{name: getattr(self, name) for name in names})

    @cached_property
    def without(self) -> bytes | None:
        """The file without it; None: no file, or nothing that Python can read."""
        return self.source.revert_edits([self])

    def is_same(self, annotations: meaning.Annotations = "read") -> bool:
        """Whether the file does the same without it, by what of annotations counts."""
        return meaning.is_same(self.without, self.source.after, annotations)

    @property
    def is_note(self) -> bool:
        """Whether no test is asked for it.

        It only removes, annotations or `import *` alone may need it, or it is a function that does
        nothing.
        """
        if (self.before and not self.after) or self.is_same("none"):
            return True
        lists = (node for node in self.source.now.body if _list_given(node) == {"__all__"})
        if self.drops and {*self.drops} <= {part for node in lists for part in ast.walk(node)}:
            return True
        match self.drops:
            case [ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body)]:
                return _does_nothing(body)
            case [ast.Assign() as node] if not self.adds:
                now, bare = self.source.now, self.source.bare
                typed = _list_names([now], ast.Load) - _list_names([bare], ast.Load)
                return set() < _list_bound(node) <= typed
        return False

    @cached_property
    def restored(self) -> tuple[ast.AST, ...]:
        """The part of base that it restores."""
        values = [value for _, _, value in self.sets] + [add.node for add in self.adds]
        nodes = (value if isinstance(value, list) else [value] for value in values)
        return tuple(node for some in nodes for node in some if isinstance(node, ast.AST))


@dataclass(frozen=True, eq=False)
class Versions:
    path: str
    before: bytes | None
    after: bytes

    @cached_property
    def now(self) -> ast.Module:
        return pair_lists(foreign_python.parse_module(self.after))

    @cached_property
    def bare(self) -> ast.Module:
        """The newer one without annotations."""
        return meaning.strip(self.after, "none")

    @cached_property
    def was(self) -> ast.Module:
        module = pair_lists(foreign_python.parse_module(self.before or b""))
        _rename_locals(self.now, module)
        return module

    @cached_property
    def whole(self) -> Edit:
        return Edit(self, 1)

    def list_edits(self, *, breaks: bool = False) -> list[Edit]:
        """List what can be taken back, each before its parts.

        Args:
            breaks: An edited function does nothing, as a new one, and does not get base's text.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: One of them cannot be read.
        """
        comparison = _Comparison(self, breaks=breaks)
        found = [*comparison.list_units(self.now, self.was)]
        found = [*_join_needed(found, comparison.missed, self.now, self.was)]
        inner = [edit for edit in found if edit.outer][:_MOST_INNER]
        return [edit for edit in found if not edit.outer or edit in inner]

    def revert_edits(self, edits: Sequence["Edit"]) -> bytes | None:
        """Return the file without these edits, its other lines as they are."""
        if any(edit is self.whole for edit in edits):
            return self.before
        try:
            return Writer(self.after, self.now, edits).write()
        except meaning.UNREADABLE:
            return None


def list_edits(file: ChangedFile, *, breaks: bool = False) -> list[Edit]:
    """List the edits of a Python file; where it cannot be compared, the file as one.

    Of a deleted file there are none.
    """
    if file.after is None or not file.path.endswith(".py"):
        return []
    source = Versions(file.path, file.before, file.after)
    try:
        found = source.list_edits(breaks=breaks)
        # A file that cannot be parsed without an edit cannot show that a test misses it.
        units = [edit for edit in found if not edit.outer and edit.without is None]
    except (SyntaxError, ValueError):
        return []
    except (RecursionError, MemoryError):
        return [source.whole]
    return [source.whole] if units else found


def list_outermost(several: Sequence[Edit]) -> list[Edit]:
    """List those of some edits that do not stand within what another one of them added."""
    inside = {
        inner
        for edit in several
        for node in edit.drops
        for inner in ast.walk(node)
        if inner is not node
    }
    return [edit for edit in several if not edit.drops or inside.isdisjoint(edit.drops)]


def revert_edits(change: Change, several: Iterable[Edit]) -> Change:
    """Return a change without these edits."""
    files = {file.path: file for file in change.files}
    sources = defaultdict[Versions, list[Edit]](list)
    for edit in several:
        sources[edit.source].append(edit)
    for source, edits in sources.items():
        text, path = source.revert_edits(edits), source.path
        known = files.get(path) or ChangedFile(path=path, before=source.after, after=source.after)
        files[path] = replace(known, after=text)
        if known.before is None and text is None:
            del files[path]
    every = tuple(files[path] for path in sorted(files))
    return replace(change, files=every, notes=())


# --- the trees ------------------------------------------------------------------------------------


def _is_filler(node: ast.AST) -> bool:
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant or isinstance(node, ast.Pass)


def _list_elements(node: ast.AST) -> list[ast.AST]:
    """List the operands of a condition, or the elements of a collection that is read."""
    match node:
        case ast.BoolOp(values=parts) | ast.Set(elts=parts) | ast.Dict(keys=parts):
            return [*parts]
        case ast.List(elts=parts, ctx=ast.Load()) | ast.Tuple(elts=parts, ctx=ast.Load()):
            return [*parts]
    return []


def _only_names(node: ast.AST) -> bool:
    """Whether a statement only gives names to what other statements read."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) for target in node.targets)
    return isinstance(node, _IMPORTS)


def _list_statements(node: ast.AST) -> list[ast.stmt]:
    return [part for part in ast.walk(node) if isinstance(part, ast.stmt) and part is not node]


def _list_names(nodes: Iterable[ast.AST], context: type[ast.expr_context]) -> set[str]:
    each = (inner for node in nodes for inner in ast.walk(node))
    return {
        node.id for node in each if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }


def _list_given(node: ast.AST) -> set[str]:
    """List the names that a statement binds in its own scope."""
    return {node.name} if isinstance(node, _DEFINITIONS) else _list_bound(node)


def _list_bound(node: ast.AST) -> set[str]:
    """List the names that something binds, wherever in it."""
    found = _list_names([node], ast.Store)
    for inner in ast.walk(node):
        if isinstance(inner, _DEFINITIONS):
            found.add(inner.name)
        elif isinstance(inner, ast.arg):
            found.add(inner.arg)
        elif isinstance(inner, ast.alias):
            found.add((inner.asname or inner.name).partition(".")[0])
        elif isinstance(inner, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and inner.name:
            found.add(inner.name)
    return found


def _rename_locals(now: ast.AST, was: Any) -> None:
    """Give the variables of base's functions their new names, so that these are no edits.

    A name has become another one where a statement is the same but for it.
    """
    known = {node.name: node for node in was.body if isinstance(node, _DEFINITIONS)}
    for node in getattr(now, "body", ()):
        other = known.get(node.name) if isinstance(node, _DEFINITIONS) else None
        if isinstance(node, ast.ClassDef) and isinstance(other, ast.ClassDef):
            _rename_locals(node, other)
        elif isinstance(node, _FUNCTIONS) and isinstance(other, _FUNCTIONS):
            renamed = _find_renamed(node, other)
            for part in ast.walk(other):
                if isinstance(part, ast.Name):
                    part.id = renamed.get(part.id, part.id)


def _find_renamed(now: ast.AST, was: ast.AST) -> dict[str, str]:
    new, old = _list_names([now], ast.Store), _list_names([was], ast.Store)
    new -= _list_names([was], ast.Load) | _list_bound(was)
    old -= _list_names([now], ast.Load) | _list_bound(now)
    if not (new and old):
        return {}
    name = re.compile(f"id='({'|'.join(sorted(new | old))})'")
    here, there = (
        {name.sub("", text): name.findall(text) for text in map(ast.dump, _list_statements(each))}
        for each in (now, was)
    )
    pairs = (
        pair
        for text, names in here.items()
        for pair in zip(there.get(text, ()), names, strict=False)
    )
    found = {before: after for before, after in pairs if before in old and after in new}
    return found if len({*found.values()}) == len(found) else {}


# --- pairs ----------------------------------------------------------------------------------------


class _Descriptions:
    """What nodes are, without their places and without texts that stand alone."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def format_node(self, node: object) -> str:
        if isinstance(node, list):
            return f"[{','.join(self.format_node(part) for part in node if not is_words(part))}]"
        if not isinstance(node, ast.AST):
            return repr(node)
        if id(node) not in self._known:
            parts = (self.format_node(value) for _, value in ast.iter_fields(node))
            self._known[id(node)] = f"{type(node).__name__}({','.join(parts)})"
        return self._known[id(node)]

    def format_name(self, node: ast.AST) -> str:
        """Tell what a node is by what it names, where that tells it from its like."""
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                return f"def {node.name}"
            case ast.AnnAssign(target=target):
                return f"set {ast.unparse(target)}"
            case ast.Assign(targets=targets):
                return f"set {' '.join(map(ast.unparse, targets))}"
            case ast.ExceptHandler(type=part) | ast.match_case(pattern=part):
                return f"{type(node).__name__} {self.format_node(part)}"
            case ast.keyword(arg=name) | ast.arg(arg=name):
                return f"name {name}"
            case ast.alias(name=name, asname=asname):
                return f"name {asname or name}"
            case Pair(first=first) if not isinstance(first, ast.cmpop):
                return (
                    self.format_name(first)
                    if isinstance(first, ast.arg)
                    else self.format_node(first)
                )
        return self.format_node(node)

    def name_kind(self, node: ast.AST) -> str:
        """A definition has no other of its kind."""
        named = (*_DEFINITIONS, ast.keyword)
        return self.format_name(node) if isinstance(node, named) else type(node).__name__

    def pair(self, now: Sequence[ast.AST], was: Sequence[ast.AST]) -> dict[ast.AST, ast.AST]:
        """Return base's node for those of a list that have one."""
        pairs: dict[ast.AST, ast.AST] = {}
        for describe, is_fit in (
            (self.format_node, None), (self.format_name, None), (self.name_kind, self.is_like),
            (self.name_kind, None), (_classify, None),
        ):  # fmt: skip
            taken, left = {*pairs.values()}, defaultdict[object, list[ast.AST]](list)
            for other in was:
                if other not in taken:
                    left[describe(other)].append(other)
            for node in now:
                each = left[describe(node)] if node not in pairs else []
                fit = next((one for one in each if is_fit is None or is_fit(node, one)), None)
                if fit is not None:
                    each.remove(fit)
                    pairs[node] = fit
        return pairs

    def is_like(self, now: object, was: object) -> bool:
        """Whether two expressions have so much in common that a part of them differs."""
        if not isinstance(now, ast.AST) or type(now) is not type(was):
            return False
        if isinstance(now, (*_COLLECTIONS, ast.arguments, ast.Slice)):
            return True
        if isinstance(now, ast.JoinedStr) and isinstance(was, ast.JoinedStr):
            return [*map(type, now.values)] == [*map(type, was.values)]
        if isinstance(now, (ast.Constant, ast.Name)):
            return False
        for name, value in ast.iter_fields(now):
            other = getattr(was, name)
            if isinstance(value, ast.expr_context) or not value:
                continue
            if self.format_node(value) == self.format_node(other) or self.is_like(value, other):
                return True
            if isinstance(value, list) and isinstance(other, list):
                known = {self.format_name(part) for part in other if isinstance(part, ast.AST)}
                if any(self.format_name(part) in known for part in value):
                    return True
        return False


def _classify(node: ast.AST) -> object:
    """An expression is the counterpart of the one at its place, whatever its kind."""
    return ast.expr if isinstance(node, ast.expr) else node


def _find_moved(
    pairs: Mapping[ast.AST, ast.AST], now: Sequence[ast.AST], was: Sequence[ast.AST]
) -> set[ast.AST]:
    """Find the fewest nodes without which the others stand in the same order on both sides."""
    places = {node: number for number, node in enumerate(was)}
    order = [places[pairs[node]] for node in now if node in pairs]
    if order == sorted(order):
        return set()
    same = difflib.SequenceMatcher(None, order, sorted(order), autojunk=False)
    kept = {
        order[at]
        for first, _, size in same.get_matching_blocks()
        for at in range(first, first + size)
    }
    return {node for node, other in pairs.items() if places[other] not in kept}


def _has_place(node: ast.AST, givers: Counter[str], *, is_class: bool) -> bool:
    """Whether the place of a statement in its module or class matters."""
    if isinstance(node, _DEFINITIONS):
        is_plain = not node.decorator_list
    else:
        # Libraries read the fields of a class in their order.
        is_plain = not is_class and isinstance(node, (*_IMPORTS, ast.Assign, ast.AnnAssign))
    return not is_plain or any(givers[name] > 1 for name in _list_given(node))


# --- the comparison -------------------------------------------------------------------------------


class _Comparison:
    """Finds the edits between two trees."""

    def __init__(self, source: Versions, *, breaks: bool) -> None:
        self._source, self._breaks = source, breaks
        self._words = _Descriptions()
        now, was = source.now, source.was
        self._used, self._was_used = (_list_names([each], ast.Load) for each in (now, was))
        # Code that uses a removed name fails on it. Settings are read by their names.
        plain = (node for node in was.body if isinstance(node, _DEFINITIONS))
        known = self._was_used | {node.name for node in plain if not node.decorator_list}
        bound = _list_bound(now)
        # Python looks for builtins where a module has no such name.
        lost = set() if "*" in bound else known - bound - _BUILTINS
        self._lost = {name for name in lost if not name.startswith("__")}
        self._known = _BUILTINS.union(*map(_list_given, now.body))
        self._local: set[str] = set()
        """The names that have a value in a function before what is new there."""
        self._line = 1
        self.missed: list[Edit] = []
        """Edits that only remove, and whose name would be missed."""

    # Units: what is in a module or a class.

    def list_units(self, now: Any, was: Any) -> Iterator[Edit]:
        """List the edits in the body of a module or a class, each with its parts."""
        is_module = isinstance(now, ast.Module)
        if is_module:
            yield from self._compare_imports()
        here, there = (
            [
                node
                for node in side.body
                if not (_is_filler(node) or (is_module and isinstance(node, _IMPORTS)))
            ]
            for side in (now, was)
        )
        pairs = self._words.pair(here, there)
        for node in here:
            if (other := pairs.get(node)) is None:
                yield from self._add_unit(node, now, there)
            elif self._words.format_node(node) != self._words.format_node(other):
                yield from self._compare_unit(now, node, other)
        for other, behind in _place(there, pairs):
            self._line = _find_line(behind) or self._line
            bound = _list_given(other)
            # An attribute that a class, or settings, no longer have is inherited without an error.
            named = isinstance(other, _DEFINITIONS) or _only_names(other)
            text = ", ".join(sorted(bound)) if named else quote(other)
            edit = self._make(adds=(Add(now, "body", behind, other),), before=text)
            if is_module and set() < bound <= self._lost:
                self.missed.append(edit)
            else:
                yield edit
        givers = Counter(name for node in here for name in _list_given(node))
        placed = [node for node in here if _has_place(node, givers, is_class=not is_module)]
        for move in self._list_moves(now, "body", pairs, placed, there):
            yield dataclasses.replace(move, outer=self._source.whole)

    def _compare_unit(self, owner: ast.AST, now: Any, was: Any) -> Iterator[Edit]:
        if type(now) is not type(was):
            yield self._replace(owner, "body", now, was)
            return
        if isinstance(now, ast.ClassDef):
            yield from self._compare_fields(now, was, {"body"})
            yield from self.list_units(now, was)
            return
        skipped: set[str] = set()
        self._local = set()
        if isinstance(now, _FUNCTIONS):
            self._local = _list_bound(now.args) | _list_bound(was)
            skipped = {"decorator_list"}
            yield from self._compare_fields(now, was, {*now._fields} - skipped)
        inner = [*self._compare_fields(now, was, skipped)]
        if self._breaks and isinstance(now, _FUNCTIONS):
            yield from self._empty(now) if inner else ()
        elif len(inner) < 2:
            yield from inner
        else:
            line = min(edit.line for edit in inner)
            sets = tuple(
                (now, name, value) for name, value in ast.iter_fields(was) if name not in skipped
            )
            texts = "" if isinstance(now, _FUNCTIONS) else quote(was), quote(now)
            if all(edit.before and not edit.after for edit in inner):
                texts = inner[0].before, ""
            outer = Edit(self._source, line, sets=sets, before=texts[0], after=texts[1])
            yield outer
            yield from (dataclasses.replace(edit, outer=outer) for edit in inner)

    def _add_unit(self, node: Any, owner: Any, there: Sequence[ast.AST] = ()) -> Iterator[Edit]:
        if isinstance(node, _DEFINITIONS):
            yield from map(self._drop, node.decorator_list)
        if isinstance(node, ast.ClassDef) and not all(map(_is_filler, node.body)):
            for inner in node.body:
                yield from () if is_words(inner) else self._add_unit(inner, node)
            return
        outer: Edit | None = self._drop(node)
        hides = any(not _list_given(other).isdisjoint(_list_given(node)) for other in there)
        if isinstance(node, _FUNCTIONS) and not hides:
            self._local = _list_bound(node.args)
            # A body that does nothing, or fails, can still replace that of a base class.
            instead = outer if getattr(owner, "bases", ()) else None
            outer = next(self._empty(node), instead)
        if outer:
            yield outer
            yield from (dataclasses.replace(edit, outer=outer) for edit in self._list_inside(node))

    def _empty(self, node: Any) -> Iterator[Edit]:
        if not _does_nothing(node.body):
            self._line = node.lineno
            yield self._make(
                sets=((node, "body", [*filter(is_words, node.body), ast.Pass()]),), breaks=True
            )

    def _compare_imports(self) -> Iterator[Edit]:
        """Find the imports of a module that differ, by the names that they bind.

        That a name which code uses is missing shows by itself, unless something else gives it.
        """
        others = (node for node in self._source.now.body if not isinstance(node, _IMPORTS))
        given = _BUILTINS.union(*map(_list_given, others))
        now, was = map(_list_imports, (self._source.now, self._source.was))
        for name in sorted(now.keys() | was.keys()):
            here, there = now.get(name, {}), was.get(name, {})
            new = [here[key] for key in here.keys() - there.keys()]
            gone = [there[key] for key in there.keys() - here.keys()]
            for one, other in zip_longest(new, gone):
                is_missed = not gone and name in self._used - given
                if is_missed or (not here and name in self._was_used - _BUILTINS):
                    continue
                self._line = (one or other)[0].lineno if one else 1
                behind = one[0] if one else None
                adds = (
                    (Add(self._source.now, "body", behind, _import_one(*other)),) if other else ()
                )
                yield self._make(
                    drops=(one[1],) if one else (),
                    adds=adds,
                    before=quote(_import_one(*other)) if other else "",
                    after=quote(_import_one(*one)) if one else "",
                )

    # Parts: what is in a statement.

    def _compare_fields(self, now: Any, was: Any, skipped: Collection[str] = ()) -> Iterator[Edit]:
        """List the smallest edits between two nodes of one type."""
        self._line = getattr(now, "lineno", self._line)
        for name, value in ast.iter_fields(now):
            other = getattr(was, name)
            if name in skipped or self._words.format_node(value) == self._words.format_node(other):
                continue
            if isinstance(value, list) and all(
                isinstance(part, ast.AST) for part in (*value, *other)
            ):
                yield from self._compare_lists(now, name, value, other)
            elif self._words.is_like(value, other):
                yield from self._compare_fields(value, other)
            else:
                yield self._set(now, name, value, other)

    def _compare_lists(
        self, owner: ast.AST, name: str, now: list[Any], was: list[Any]
    ) -> Iterator[Edit]:
        now, was = ([part for part in side if not is_words(part)] for side in (now, was))
        pairs = self._words.pair(now, was)
        gone = [*_place(was, pairs)]
        for node in now:
            self._line = getattr(node, "lineno", self._line)
            other = pairs.get(node)
            if other is None:
                within = {self._words.format_node(inner) for inner in ast.walk(node)}
                inside: dict[ast.AST, Add] = {
                    old: Add(owner, name, behind, old)
                    for old, behind in gone
                    if isinstance(old, ast.stmt) and self._words.format_node(old) in within
                }
                gone = [(old, behind) for old, behind in gone if old not in inside]
                yield from self._add_part(node, inside)
            elif self._words.format_node(node) == self._words.format_node(other):
                continue
            elif type(node) is not type(other) or (
                isinstance(node, ast.expr) and not self._words.is_like(node, other)
            ):
                both = self._replace(owner, name, node, other)
                if isinstance(owner, (ast.List, ast.Set)):
                    # They have nothing to do with each other.
                    yield dataclasses.replace(both, adds=(), before="")
                    yield dataclasses.replace(both, drops=(), after="")
                else:
                    yield both
            else:
                yield from self._compare_fields(node, other)
        for other, behind in gone:
            self._line = _find_line(behind) or self._line
            if not _is_filler(other):
                added = (Add(owner, name, behind, other),)
                yield self._make(adds=added, before=quote(other))
        overwrites = any(isinstance(part, Pair) and part.first is None for part in now)
        if name != "keywords" and (overwrites or not isinstance(owner, (ast.Dict, ast.Set))):
            yield from self._list_moves(owner, name, pairs, now, was)

    def _list_moves(
        self, owner: ast.AST, name: str, pairs: Mapping[Any, Any], now: list[Any], was: list[Any]
    ) -> Iterator[Edit]:
        """List what is elsewhere in a list."""
        here = {node: pairs[node] for node in now if node in pairs}
        name_of = self._words.format_name
        moved = {
            node for node in _find_moved(here, now, was) if name_of(node) == name_of(here[node])
        }
        stays = {other: node for node, other in pairs.items() if node not in moved}
        for node in moved:
            self._line = _find_line(node) or self._line
            before = (stays[one] for one in reversed(was[: was.index(here[node])]) if one in stays)
            text, added = quote(node), (Add(owner, name, next(before, None), node),)
            yield self._make(drops=(node,), adds=added, before=text, after=text)

    def _add_part(self, node: Any, inside: Mapping[ast.AST, Add]) -> Iterator[Edit]:
        """List what is new in a list, and in it; base's statements in it stay."""
        if not isinstance(node, ast.stmt):
            yield self._drop(node)
            return
        if not self._only_gives(node):
            yield dataclasses.replace(self._drop(node), adds=tuple(inside.values()))
        if _list_statements(node) or self._only_gives(node):
            yield from self._list_inside(node, [*map(self._words.format_node, inside)])

    def _only_gives(self, node: ast.AST) -> bool:
        """Whether a statement does nothing, or gives values to names that have none without it."""
        is_first = _list_bound(node).isdisjoint(self._known | self._local)
        return _is_filler(node) or (_only_names(node) and is_first)

    def _list_inside(self, node: ast.AST, known: Collection[str] = ()) -> Iterator[Edit]:
        """List what is new within a new statement: other statements, operands and elements.

        Nothing is said of names that are only set for the statements behind.
        """
        alone = node.body if isinstance(node, _FUNCTIONS) and len(node.body) == 1 else []
        left = [node]
        for inner in left:
            if isinstance(inner, ast.JoinedStr) or self._words.format_node(inner) in known:
                continue
            left += ast.iter_child_nodes(inner)
            is_leaf = (
                isinstance(inner, ast.stmt) and not _list_statements(inner) and inner is not node
            )
            if is_leaf and inner not in alone and not self._only_gives(inner):
                yield self._drop(inner)
            elif len(elements := _list_elements(inner)) > 1:
                yield from map(self._drop, elements)

    # Parts of an edit.

    def _make(self, **about: Any) -> Edit:
        return Edit(self._source, self._line, **about)

    def _drop(self, node: ast.AST) -> Edit:
        self._line = _find_line(node) or self._line
        return self._make(drops=(node,), after=quote(node))

    def _replace(self, owner: ast.AST, name: str, now: ast.AST, was: ast.AST) -> Edit:
        self._line = _find_line(now) or self._line
        adds = (Add(owner, name, now, was),)
        return self._make(drops=(now,), adds=adds, before=quote(was), after=quote(now))

    def _set(self, owner: Any, name: str, now: Any, was: Any) -> Edit:
        self._line = _find_line(now) or self._line
        before, after = was, now
        if not all(value is None or isinstance(value, ast.expr) for value in (now, was)):
            before, after = alter(owner, name, was), owner
        texts = {"before": quote(before), "after": quote(after)}
        return self._make(sets=((owner, name, was),), **texts)


def _place(was: Sequence[Any], pairs: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield base's nodes without a counterpart, each with the one before it."""
    there, behind = {other: node for node, other in pairs.items()}, None
    for other in was:
        if other in there:
            behind = there[other]
        else:
            yield other, behind


def _find_line(node: object) -> int:
    """Return the line of a node, or of what is in it; 0: it has none."""
    each = ast.walk(node) if isinstance(node, ast.AST) else ()
    return next((line for inner in each if (line := getattr(inner, "lineno", 0))), 0)


def alter(node: ast.AST, name: str, value: Any) -> ast.AST:
    """Copy a node with another value of a field."""
    return ast.copy_location(type(node)(**{**dict(ast.iter_fields(node)), name: value}), node)


def quote(node: Any) -> str:
    """Quote the first line of a node that says something."""
    if node is None:
        return ""
    if isinstance(node, Pair) and isinstance(node.first, ast.cmpop):
        parts: Any = [node]
        node = ast.Compare(ast.Name(""), ops=parts, comparators=[])
    elif isinstance(node, Pair):
        return ": ".join(filter(None, map(quote, (node.first, node.second))))
    if not isinstance(node, ast.AST):
        return str(node)
    if isinstance(node, _DEFINITIONS):
        return node.name
    whole = ast.unparse(Writer(b"", ast.Module([], []), ()).build(node)).strip("\n")
    text = re.sub(r"^try:\n\s*", "try: ", whole).partition("\n")[0]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _list_imports(module: ast.Module) -> dict[str, dict[str, tuple[Any, ast.alias]]]:
    """Return the imports of a module by the names that they bind."""
    found = defaultdict[str, dict[str, tuple[Any, ast.alias]]](dict)
    for node in module.body:
        if isinstance(node, _IMPORTS) and getattr(node, "module", "") != "__future__":
            for alias in node.names:
                name = (alias.asname or alias.name).partition(".")[0]
                found[name][ast.dump(_import_one(node, alias))] = node, alias
    return found


def _import_one(node: Any, alias: ast.alias) -> ast.stmt:
    if isinstance(node, ast.Import):
        return ast.Import([alias])
    return ast.ImportFrom(node.module, [alias], node.level)


def _does_nothing(body: list[ast.stmt]) -> bool:
    left = [node for node in body if not _is_filler(node)]
    return not left or (
        isinstance(left[0], ast.Raise) and "NotImplementedError" in ast.unparse(left[0])
    )


def _join_needed(
    edits: list[Edit], missed: list[Edit], now: ast.Module, was: ast.Module
) -> Iterator[Edit]:
    """Take with each edit what it needs: else any test would fail, for a name alone.

    What base's text uses and the newer version no longer has comes back with it.
    """
    bound, joined = _list_bound(now) | _BUILTINS, dict[Edit, Edit]()
    providers = defaultdict[str, list[Edit]](list)
    for name, imports in _list_imports(was).items():
        for node, alias in imports.values() if name not in bound and edits else ():
            added = (Add(now, "body", None, _import_one(node, alias)),)
            providers[name] = [Edit(edits[0].source, 1, adds=added)]
    for edit in (*missed, *edits):
        for name in {name for node in edit.restored for name in _list_bound(node)} - bound:
            providers[name].append(edit)
    for edit in edits:
        needed = [edit]
        for each in needed:
            own = {name for node in each.restored for name in _list_bound(node)}
            lost = _list_names(each.restored, ast.Load) - own - bound
            for name in sorted(lost & providers.keys()):
                # A binding in another function does not bind the name here.
                known = (one for one in providers[name] if one.outer in (edit.outer, None))
                more = next((one for one in known if one is not edit.outer), edit)
                needed += [more] if more not in needed else []
        names = ("sets", "drops", "adds")
        parts = {name: [part for one in needed for part in getattr(one, name)] for name in names}
        about: dict[str, Any] = {name: tuple(some) for name, some in parts.items()}
        outer = joined.get(edit.outer, edit.outer) if edit.outer else None
        joined[edit] = dataclasses.replace(edit, outer=outer, **(about if len(needed) > 1 else {}))
    return iter(joined.values())
