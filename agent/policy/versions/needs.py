"""Find which Python a file asks for: by its syntax, by what runs in it, by the library it uses.

The library tables and much of the run-time behaviour come from vermin. Syntax is read here,
since vermin (1.9) does not see PEP 646, `X | Y` in annotations, or which annotations stay text.
Measured on one snippet per feature: parso refuses valid code (`match`, `except*`), and
`ast.parse(feature_version=...)` lets most of it through.
Leaves to `python_syntax` what to make of it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

import vermin  # type: ignore[import-untyped]
from vermin import formats

from agent.policy import guards, source
from agent.policy.names import DefinitionNode

_BUILTIN_TYPES = frozenset(
    {
        "int",
        "str",
        "float",
        "bytes",
        "bool",
        "complex",
        "object",
        "type",
        "list",
        "dict",
        "set",
        "tuple",
        "frozenset",
        "bytearray",
        "memoryview",
    }
)
#: Built in, and not in vermin's tables.
_BUILTINS = {"aiter": 10, "anext": 10, "EncodingWarning": 10, "PythonFinalizationError": 13}
#: Methods that only `str` and `bytes` have; vermin sees them on literals only.
_METHODS = {"removeprefix": 9, "removesuffix": 9}
#: What vermin reports and this module reads itself, from the whole file.
_OURS = (
    "named expressions",
    "positional-only parameters",
    "pattern matching",
    "`except*`",
    "multiple context expressions in a `with`",
    "type alias statement (",
    "generic class",
    "template string literal",
    "union types",
)
#: Of these, and of what is in _OURS, vermin looks at the text, which takes it long.
_READ_AS_TEXT = (ast.JoinedStr, ast.Match)
#: vermin guesses the type of `(2 * x).is_integer()`, which every float has had for long.
_GUESSED = frozenset({"int.is_integer"})
#: As the parser counts lines.
_LINE_ENDS = re.compile(r"\r\n?|\n")
_LIBRARY = re.compile(r"'(?P<name>[\w.]+)(?:\((?P<argument>\w+)\))?'(?: (?P<kind>[\w ]+))?")


@dataclass(frozen=True)
class Need:
    """Something in a file that asks for a minor version of Python 3."""

    minor: int
    line: int | None
    what: str


def of(
    content: bytes, target: guards.Version, earlier: tuple[ast.Module, str] | None = None
) -> list[Need]:
    """Return all that is newer than the target.

    Args:
        content: The file.
        target: The oldest supported version.
        earlier: The file as it was, and its text: what stands in both is not asked for again,
            since vermin takes most of the time.

    Raises:
        UnreadableError: It does not parse.
    """
    module = source.parse(content)
    text = source.text(content)
    nodes = source.walk(module)
    found = [need for need in _syntax(nodes, text) if (3, need.minor) > target]
    elsewhere = _bound_names(nodes)
    same = _unchanged(module, text, elsewhere, *earlier) if earlier else []
    guarded = guards.prune(module, target)
    found += [need for need in _run_time(source.walk(module)) if (3, need.minor) > target]
    named = {need.what for need in found}
    for node in same:
        node.body = [ast.copy_location(ast.Pass(), node)]
    needs_text = any(isinstance(node, _READ_AS_TEXT) for node in source.walk(module))
    library = _library(module, text if needs_text else None, target, guarded, elsewhere)
    return found + [need for need in library if need.what not in named]


def _unchanged(
    module: ast.Module, text: str, bound: frozenset[str], was: ast.Module, was_text: str
) -> list[DefinitionNode]:
    """Return the functions and classes of the module that are as they were.

    None where any other statement of the module has changed, or a name is no longer bound: it may
    mean something else then.
    """
    now, before = _parts(module, text), _parts(was, was_text)
    if now[1] != before[1] or not _bound_names(source.walk(was)) <= bound:
        return []
    known = {part for _, part in before[0]}
    return [node for node, part in now[0] if part in known]


def _parts(module: ast.Module, text: str) -> tuple[list[tuple[DefinitionNode, str]], list[str]]:
    """Return functions and classes with their texts, and the texts of all other statements."""
    lines = _LINE_ENDS.split(text)
    definitions: list[tuple[DefinitionNode, str]] = []
    others: list[str] = []
    for node in module.body:
        marks = getattr(node, "decorator_list", [])
        start = min([node.lineno, *(mark.lineno for mark in marks)])
        part = "\n".join(lines[start - 1 : node.end_lineno])
        if isinstance(node, DefinitionNode):
            definitions.append((node, part))
        else:
            others.append(part)
    return definitions, others


def _syntax(nodes: list[ast.AST], text: str) -> Iterator[Need]:
    """Find what an older parser refuses."""
    lines = text.splitlines()
    for node in nodes:
        first = node.posonlyargs[:1] if isinstance(node, ast.arguments) else [node]
        line = next((getattr(place, "lineno", None) for place in first), None)
        for minor, what in _node_syntax(node):
            yield Need(minor, line, what)
        if isinstance(node, (ast.With, ast.AsyncWith)) and _parenthesised(node, lines):
            yield Need(9, line, "`with` and several items in parentheses")


def _node_syntax(node: ast.AST) -> Iterator[tuple[int, str]]:  # noqa: C901 - one branch each
    kind = type(node).__name__
    if isinstance(node, ast.NamedExpr):
        yield 8, "`:=`"
    elif isinstance(node, ast.arguments) and node.posonlyargs:
        yield 8, "positional-only parameters"
    elif isinstance(node, (ast.Return, ast.Yield)) and _bare_star(node.value):
        yield 8, "unpacking in `return` or `yield` without parentheses"
    elif isinstance(node, ast.Match):
        yield 10, "`match`"
    elif kind == "TryStar":
        yield 11, "`except*`"
    elif isinstance(node, ast.Subscript) and _bare_star(node.slice):
        yield 11, "unpacking in an index"
    elif isinstance(node, ast.arg) and isinstance(node.annotation, ast.Starred):
        yield 11, "an unpacked annotation (`*args: *Ts`)"
    elif kind == "TypeAlias":
        yield 12, "the `type` statement"
    elif kind == "TemplateStr":
        yield 14, 'a template string (`t"…"`)'
    elif isinstance(node, ast.ExceptHandler) and _bare_tuple(node.type):
        yield 14, "`except` with several types and no parentheses"
    for parameter in getattr(node, "type_params", ()):
        yield 12, "type parameters in brackets"
        if getattr(parameter, "default_value", None) is not None:
            yield 13, "a default of a type parameter"


def _bare_tuple(node: ast.AST | None) -> bool:
    """Whether a tuple stands without parentheses: then it begins where its first item does."""
    if not isinstance(node, ast.Tuple) or not node.elts:
        return False
    first = node.elts[0]
    return (node.lineno, node.col_offset) == (first.lineno, first.col_offset)


def _bare_star(node: ast.AST | None) -> bool:
    if isinstance(node, ast.Starred):
        return True
    return (
        isinstance(node, ast.Tuple)
        and _bare_tuple(node)
        and any(isinstance(item, ast.Starred) for item in node.elts)
    )


def _parenthesised(node: ast.With | ast.AsyncWith, lines: list[str]) -> bool:
    """Whether one pair of parentheses holds all items of a `with`."""
    if len(node.items) == 1 and node.items[0].optional_vars is None:
        return False
    segment = [lines[node.lineno - 1][node.col_offset :], *lines[node.lineno : node.body[0].lineno]]
    depth, opened = 0, False
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(segment)).readline):
            if token.type in {tokenize.NL, tokenize.COMMENT} or token.string in {"async", "with"}:
                continue
            if depth == 0 and opened:
                return token.string == ":"
            if depth == 0 and token.string != "(":
                return False
            opened = True
            depth += (token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"})
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return False
    return False


# --- what would run there ---------------------------------------------------------------------


def _run_time(nodes: list[ast.AST]) -> Iterator[Need]:
    """Find, in what is left of a pruned module, what an older Python parses and cannot run."""
    bound = _bound_names(nodes)
    types = _BUILTIN_TYPES - bound
    for node in nodes:
        for annotation in _annotations(node):
            for part in source.walk(annotation):
                if _is_union(part):
                    yield Need(10, part.lineno, "`X | Y` as a type")
        if isinstance(node, ast.BinOp) and _is_union(node) and _of_types(node, types):
            yield Need(10, node.lineno, "`X | Y` as a type")
        elif isinstance(node, ast.Call):
            yield from _call(node, bound)
        elif isinstance(node, ast.Name) and node.id in _BUILTINS and node.id not in bound:
            yield Need(_BUILTINS[node.id], node.lineno, f"`{node.id}`")


def _call(node: ast.Call, bound: frozenset[str]) -> Iterator[Need]:
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


def _library(
    module: ast.Module,
    text: str | None,
    target: guards.Version,
    guarded: frozenset[str],
    elsewhere: frozenset[str],
) -> list[Need]:
    """Ask vermin for what the standard library does not have on the target.

    Args:
        module: Pruned, so that only what runs on the target is seen.
        text: The whole file; None where vermin has no question to it.
        target: The oldest supported version.
        guarded: Names with a fallback.
        elsewhere: Names that the file binds, and that are thus not built in.
    """
    settings = vermin.Config()
    settings.set_parse_comments(False)  # `# novm` in a file must not hide anything from us
    settings.set_eval_annotations(True)  # those that stay text are cut already
    settings.set_format(formats.ParsableFormat())
    visitor = vermin.SourceVisitor(config=settings, path="-", source=text)
    visitor.set_no_lines(set())
    visitor.tour(module)
    visitor.minimum_versions()
    found: dict[str, Need] = {}
    for row in visitor.output_text().splitlines():
        _, line, _, _, version, message = row.split(":", 5)
        minor = re.fullmatch(r"3\.(\d+)", version)
        if not minor or (3, int(minor[1])) <= target or message.startswith(_OURS):
            continue
        named = _LIBRARY.fullmatch(message)
        is_use = named and named["kind"] == "member"
        if named and is_use and _has_fallback(named["name"], guarded, elsewhere):
            continue
        if named and named["name"] in _GUESSED:
            continue
        what = _words(named) if named else message
        found.setdefault(what, Need(int(minor[1]), int(line) if line else None, what))
    return [need for need in found.values() if not _part_of_another(need, found)]


def _has_fallback(name: str, guarded: frozenset[str], elsewhere: frozenset[str]) -> bool:
    """Whether a reported name is one that the file gets from elsewhere on older versions.

    vermin takes a name for the built-in one even where it is imported or assigned.
    """
    root, dot, _ = name.partition(".")
    return root in guarded or (not dot and root in elsewhere)


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
