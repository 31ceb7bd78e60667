"""Write a file without some edits of its syntax tree; what stays as it is keeps its lines."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from agent.policy.meaning import UNREADABLE
from repo_config import foreign_python

#: Lists of a node that belong together, part by part.
_PARALLEL = {
    ast.Dict: ("keys", "values"),
    ast.Compare: ("ops", "comparators"),
    ast.MatchMapping: ("keys", "patterns"),
    ast.MatchClass: ("kwd_attrs", "kwd_patterns"),
}


class Pair(ast.AST):
    """What is at one place of two lists: key and value, parameter and default."""

    _fields = ("first", "second")

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__()
        self.first, self.second = first, second


class Add(NamedTuple):
    owner: ast.AST
    name: str
    """Name of the owner's field with the list."""
    behind: ast.AST | None
    """In the list, also where that goes; None: at its beginning."""
    node: ast.AST


class Parts(Protocol):
    @property
    def sets(self) -> tuple[tuple[ast.AST, str, Any], ...]: ...
    @property
    def drops(self) -> tuple[ast.AST, ...]: ...
    @property
    def adds(self) -> tuple[Add, ...]: ...


def pair_lists(module: ast.Module) -> ast.Module:
    """Put what belongs together in pairs, which `Writer` takes apart again."""
    for node in [*ast.walk(module)]:
        if names := _PARALLEL.get(type(node)):
            parts = zip(*(getattr(node, name) for name in names), strict=True)
            setattr(node, names[0], [Pair(one, other) for one, other in parts])
            setattr(node, names[1], [])
        elif isinstance(node, ast.arguments):
            plain = [*node.posonlyargs, *node.args]
            defaults = [*[None] * (len(plain) - len(node.defaults)), *node.defaults]
            pairs: Any = [*map(Pair, plain, defaults)]
            own: Any = [*map(Pair, node.kwonlyargs, node.kw_defaults)]
            cut = len(node.posonlyargs)
            node.posonlyargs, node.args, node.kwonlyargs = pairs[:cut], pairs[cut:], own
            node.defaults, node.kw_defaults = [], []
    return module


def _part_lists(node: ast.AST, values: dict[str, Any]) -> dict[str, Any]:
    if names := _PARALLEL.get(type(node)):
        pairs = values[names[0]]
        values[names[0]] = [pair.first for pair in pairs]
        values[names[1]] = [pair.second for pair in pairs]
    elif isinstance(node, ast.arguments):
        plain = [*values["posonlyargs"], *values["args"]]
        values["defaults"] = [pair.second for pair in plain if pair.second is not None]
        values["kw_defaults"] = [pair.second for pair in values["kwonlyargs"]]
        for name in ("posonlyargs", "args", "kwonlyargs"):
            values[name] = [pair.first for pair in values[name]]
    return values


def is_words(node: object) -> bool:
    """Whether a statement is only a text, such as a docstring."""
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)


class Writer:
    """Writes a file without some edits; statements that stay as they are keep their lines."""

    def __init__(self, text: bytes, module: ast.Module, edits: Iterable[Parts]) -> None:
        self._lines = text.splitlines(keepends=True)
        if self._lines and not self._lines[-1].endswith(b"\n"):
            self._lines[-1] += b"\n"
        self._module = module
        each = [*edits]
        self._sets = {(id(node), name): value for edit in each for node, name, value in edit.sets}
        self._drops = {id(node) for edit in each for node in edit.drops}
        self._adds = defaultdict[tuple[int, str, int], list[ast.AST]](list)
        for add in dict.fromkeys(add for edit in each for add in edit.adds):
            self._adds[id(add.owner), add.name, id(add.behind)].append(add.node)
        parents = {
            id(node): parent for parent in ast.walk(module) for node in ast.iter_child_nodes(parent)
        }
        left = [node for edit in each for node, *_ in (*edit.sets, *edit.adds)]
        left += [parents[id(node)] for edit in each for node in edit.drops]
        self._touched: set[int] = set()
        for inner in left:
            at: Any = inner
            while at is not None and id(at) not in self._touched:
                self._touched.add(id(at))
                at = parents.get(id(at))
        self._edits: list[tuple[int, int, list[bytes]]] = []

    def write(self) -> bytes | None:
        """Write all of it; None: Python cannot read it."""
        module = self.build(self._module)
        wanted, text, at = ast.dump(module), list[bytes](), 0
        if self._write_block(self._module):
            for first, last, instead in sorted(self._edits, key=lambda edit: edit[:2]):
                text += [*self._lines[at:first], *instead]
                at = last
            found = b"".join([*text, *self._lines[at:]])
            if _can_be(found, wanted):
                return found
        found = ast.unparse(module).encode()
        return found if _can_be(found, wanted) else None

    def build(self, node: Any) -> Any:
        """Return a node without the edits, its lists apart again."""
        if not isinstance(node, ast.AST):
            return node
        values: dict[str, Any] = {}
        for name, here in ast.iter_fields(node):
            key = id(node), name
            found = self._sets.get(key, here)
            if isinstance(found, list):
                at = _count_head(found)
                parts = [*found[:at], *self._adds.get((*key, id(None)), ())]
                for number, part in enumerate(found):
                    parts += [] if number < at or id(part) in self._drops else [part]
                    parts += self._adds.get((*key, id(part)), ())
                is_block = name in ("body", "finalbody") and bool(found)
                values[name] = [*map(self.build, parts or ([ast.Pass()] if is_block else []))]
            else:
                values[name] = self.build(found)
        built = type(node)(**_part_lists(node, values))
        return _simplify(ast.copy_location(built, node))

    def _write_block(self, owner: Any) -> bool:
        """Write the body of a module or class; False: its statements share lines."""
        block = owner.body
        ends = [0, *(_find_end(node) for node in block)]
        indents = [self._lines[_find_first(node)][: node.col_offset] for node in block]
        if b"".join(indents).strip() or any(
            _find_first(node) < end for node, end in zip(block, ends, strict=False)
        ):
            return False
        indent, head = (indents or [b""])[0], _count_head(block)
        start = ends[head] if head else _find_first(block[0]) if block else 0
        count = self._insert(start, self._adds.get((id(owner), "body", id(None)), ()), indent)
        for node in block:
            if id(node) in self._drops:
                self._edits.append(self._fill(node, []))
            else:
                count += 1
                is_class = isinstance(node, ast.ClassDef) and not self._has_other_head(node)
                if id(node) in self._touched and not (is_class and self._write_block(node)):
                    self._edits.append(self._fill(node, self._render(self.build(node), indent)))
            behind = self._adds.get((id(owner), "body", id(node)), ())
            count += self._insert(_find_end(node), behind, indent)
        if not count:
            self._insert(start, [ast.Pass()], indent)
        return True

    def _has_other_head(self, node: ast.ClassDef) -> bool:
        parts = [*node.decorator_list, *node.bases, *node.keywords]
        owned = {name for owner, name, *_ in (*self._sets, *self._adds) if owner == id(node)}
        return bool(owned - {"body"}) or any(
            id(part) in self._touched | self._drops for part in parts
        )

    def _insert(self, at: int, nodes: Sequence[ast.AST], indent: bytes) -> int:
        for node in nodes:
            self._edits.append((at, at, self._render(self.build(node), indent)))
        return len(nodes)

    def _fill(self, node: Any, text: list[bytes]) -> tuple[int, int, list[bytes]]:
        """Put lines in the place of a statement; those behind keep their numbers."""
        first, last = _find_first(node), _find_end(node)
        return first, last, [*text, *[b"\n"] * (last - first - len(text))]

    def _render(self, node: ast.AST, indent: bytes) -> list[bytes]:
        return [indent + line + b"\n" for line in ast.unparse(node).encode().splitlines()]


def _simplify(node: ast.AST) -> ast.AST:
    """Return what is left of a node some parts of which have gone."""
    match node:
        case ast.BoolOp(values=[only]) | ast.Compare(left=only, ops=[]):
            return only
        case ast.Import(names=[]) | ast.ImportFrom(names=[]):
            return ast.Pass()
    return node


def _can_be(text: bytes, wanted: str) -> bool:
    """Whether a text is a module of this tree."""
    try:
        return ast.dump(foreign_python.parse_module(text)) == wanted
    except UNREADABLE:
        return False


def _count_head(parts: list[Any]) -> int:
    """Count the statements that only stand first: texts, and imports of what is to come."""
    is_head = (is_words(part) or getattr(part, "module", "") == "__future__" for part in parts)
    return next((number for number, each in enumerate(is_head) if not each), len(parts))


def _find_first(node: ast.stmt) -> int:
    """Return the first line of a statement with its decorators, 0-based."""
    lines: list[int] = [part.lineno for part in getattr(node, "decorator_list", ())]
    return min([node.lineno, *lines]) - 1


def _find_end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno
