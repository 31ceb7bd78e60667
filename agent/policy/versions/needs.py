"""Find which Python a file asks for: by its syntax, by what runs in it, by the library it uses.

vermin knows most of it; `X | Y` as a type, and which annotations stay text, is read here. Syntax
that vermin does not see is found by ruff (`newer-syntax`).
Leaves to `python_syntax` what to make of it.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

import vermin  # type: ignore[import-untyped]
from vermin import formats

from agent.policy import guards, source

_BUILTIN_TYPES = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type)
)
#: Built in, and not in vermin's tables.
_BUILTINS = {"anext": 10, "EncodingWarning": 10, "PythonFinalizationError": 13}
#: Methods that only `str` and `bytes` have; vermin sees them on literals only.
_METHODS = {"removeprefix": 9, "removesuffix": 9}
#: vermin takes a tuple for two items, and passes over one.
_OURS = "multiple context expressions in a `with` statement with"
#: vermin guesses the type of `(2 * x).is_integer()`, which every float has had for long.
_GUESSED = frozenset({"int.is_integer"})
_LIBRARY = re.compile(r"'(?P<name>[\w.]+)(?:\((?P<argument>\w+)\))?'(?: (?P<kind>[\w ]+))?")


@dataclass(frozen=True)
class Need:
    """Something in a file that asks for a minor version of Python 3."""

    minor: int
    line: int | None
    what: str


def find_needs(content: bytes, target: guards.Version) -> list[Need]:
    """Return all that is newer than the target, the oldest supported version.

    Raises:
        UnreadableError: It does not parse.
    """
    text, module = source.text(content), source.parse_module(content)
    elsewhere = _bound_names(source.list_nodes(module))
    guarded = guards.prune_module(module)
    found = [*_run_time(source.list_nodes(module))]
    for need in _ask_vermin(module, text):
        named = _LIBRARY.fullmatch(need.what)
        if named is None:
            found += [need] if not need.what.startswith(_OURS) else []
        elif named["name"] not in _GUESSED and not _has_fallback(named, guarded, elsewhere):
            found.append(Need(need.minor, need.line, _words(named)))
    newer = {need.what: need for need in reversed(found) if (3, need.minor) > target}
    return [need for need in newer.values() if not _part_of_another(need, newer)]


def _run_time(nodes: list[ast.AST]) -> Iterator[Need]:
    """Find, in what is left of a pruned module, what an older Python parses and cannot run."""
    bound = _bound_names(nodes)
    types = _BUILTIN_TYPES - bound
    for node in nodes:
        for annotation in _annotations(node):
            for part in source.list_nodes(annotation):
                if _is_union(part):
                    yield Need(10, part.lineno, "`X | Y` as a type")
        if isinstance(node, ast.BinOp) and _is_union(node) and _of_types(node, types):
            yield Need(10, node.lineno, "`X | Y` as a type")
        elif isinstance(node, ast.Call):
            yield from _find_call_needs(node, bound)
        elif isinstance(node, ast.Name) and node.id in _BUILTINS and node.id not in bound:
            yield Need(_BUILTINS[node.id], node.lineno, f"`{node.id}`")


def _find_call_needs(node: ast.Call, bound: frozenset[str]) -> Iterator[Need]:
    if isinstance(node.func, ast.Attribute):
        method = node.func.attr
        if method in _METHODS and method not in bound and len(node.args) == 1:
            yield Need(_METHODS[method], node.lineno, f"`str.{method}`")
    elif isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "issubclass"}:
        yield from (
            Need(10, side.lineno, "`X | Y` as a type") for side in node.args[1:] if _is_union(side)
        )


def _bound_names(nodes: list[ast.AST]) -> frozenset[str]:
    """Return every name that is bound anywhere: it may not be the built-in one."""
    names: set[str] = set(_imported_names(nodes))
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
    return frozenset(names)


def _imported_names(nodes: list[ast.AST]) -> frozenset[str]:
    """Return the names that imports bind, but for those from the built-ins."""
    return frozenset(
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and getattr(node, "module", None) != "builtins"
        for alias in node.names
    )


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
        yield node.annotation
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
        yield node.returns


def _is_union(node: ast.AST) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)


def _of_types(node: ast.BinOp, types: frozenset[str]) -> bool:
    """Whether a `|` joins types for certain: one side is None or a built-in type."""
    for side in (node.left, node.right):
        if isinstance(side, ast.Constant) and side.value is None:
            return True
        plain = side.value if isinstance(side, ast.Subscript) else side
        if isinstance(plain, ast.Name) and plain.id in types:
            return True
        if _is_union(side) and _of_types(side, types):
            return True
    return False


def _ask_vermin(module: ast.Module, text: str) -> list[Need]:
    """Return what vermin finds, with its words."""
    settings = vermin.Config()
    settings.set_parse_comments(False)  # `# novm` in a file must not hide anything from us
    settings.set_eval_annotations(True)  # those that stay text are cut already
    settings.set_format(formats.ParsableFormat())
    visitor = vermin.SourceVisitor(config=settings, path="-", source=text)
    visitor.set_no_lines(set())
    visitor.tour(module)
    visitor.minimum_versions()
    found = []
    for row in visitor.output_text().splitlines():
        _, line, _, _, version, message = row.split(":", 5)
        if minor := re.fullmatch(r"3\.(\d+)", version):
            found.append(Need(int(minor[1]), int(line) if line else None, message))
    return found


def _has_fallback(named: re.Match[str], guarded: frozenset[str], elsewhere: frozenset[str]) -> bool:
    """Whether a reported name is one that the file gets from elsewhere on older versions.

    vermin takes a name for the built-in one even where it is imported or assigned.
    """
    root, dot, _ = named["name"].partition(".")
    return named["kind"] == "member" and (root in guarded or (not dot and root in elsewhere))


def _words(named: re.Match[str]) -> str:
    name, argument = named["name"], named["argument"]
    return f"`{name}({argument}=…)`" if argument else f"`{name}`"


def _part_of_another(need: Need, found: dict[str, Need]) -> bool:
    """Whether the package of this module or the module of this member is named already."""
    name = need.what.strip("`")
    parents = (name[:at] for at, letter in enumerate(name) if letter == ".")
    return any(
        (other := found.get(f"`{parent}`")) is not None and other.minor >= need.minor
        for parent in parents
    )
