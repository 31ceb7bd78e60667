"""Find what in a file needs a newer Python, by vermin.

What stands inside a branch on `sys.version_info`, `TYPE_CHECKING`, `hasattr` or an import that may
fail is left out. Syntax and evaluated annotations are for ruff (`newer-syntax`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import vermin  # type: ignore[import-untyped]
from vermin import formats

from agent.policy import source

Version = tuple[int, int]

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_NAME_ERRORS = frozenset({"AttributeError", "NameError"})
_FLAG = re.compile(r"_?(?:HAS_|IS_|GTE_)?(?:PY|PYTHON)_?3_?(\d+)(?:_PLUS|_OR_\w+)?")
_CONDITIONS = frozenset({"version_info", "hexversion", "hasattr"})
_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: vermin takes a tuple for two items, and guesses the type of `(2 * x).is_integer()`.
_MISTAKEN = ("multiple context expressions in a `with` statement with", "'int.is_integer'")
_LIBRARY = re.compile(r"'(?P<name>[\w.]+)(?:\((?P<argument>\w+)\))?'(?: (?P<kind>[\w ]+))?")


@dataclass(frozen=True)
class VersionNeed:
    """Something in a file that asks for a minor version of Python 3."""

    minor: int
    line: int | None
    what: str


def find_needs(content: bytes, target: Version) -> list[VersionNeed]:
    """Return all that is newer than the target, the oldest supported version."""
    module = source.parse_module(content)
    nodes = [*ast.walk(module)]
    guarded = _find_guarded_lines(nodes)
    imports = [node for node in nodes if isinstance(node, _IMPORTS)]
    fallbacks = _list_imported(node for node in imports if node.lineno in guarded)
    bound = _list_imported(imports) | {
        getattr(node, "id", None) or getattr(node, "name", "")
        for node in nodes
        if isinstance(node, _DEFINITIONS)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }
    newer: dict[str, VersionNeed] = {}
    for need in _ask_vermin(module, source.decode_text(content)):
        named = _LIBRARY.fullmatch(need.what)
        root, dot, _ = named["name"].partition(".") if named else ("", "", "")
        # vermin takes a name for the built-in one even where it is imported or assigned.
        has_fallback = root in fallbacks or (not dot and root in bound)
        if named and named["kind"] == "member" and has_fallback:
            continue
        if need.line in guarded or need.what.startswith(_MISTAKEN) or (3, need.minor) <= target:
            continue
        what = _format_name(named) if named else need.what
        newer.setdefault(what, VersionNeed(need.minor, need.line, what))
    return list(newer.values())


def _ask_vermin(module: ast.Module, text: str) -> Iterator[VersionNeed]:
    settings = vermin.Config()
    settings.set_parse_comments(False)  # `# novm` in a file must not hide anything from us
    settings.set_format(formats.ParsableFormat())
    visitor = vermin.SourceVisitor(config=settings, path="-", source=text)
    visitor.set_no_lines(set())
    visitor.tour(module)
    visitor.minimum_versions()
    for row in visitor.output_text().splitlines():
        _, line, _, _, version, message = row.split(":", 5)
        if minor := re.fullmatch(r"3\.(\d+)", version):
            yield VersionNeed(int(minor[1]), int(line) if line else None, message)


def _format_name(named: re.Match[str]) -> str:
    name, argument = named["name"], named["argument"]
    return f"`{name}({argument}=…)`" if argument else f"`{name}`"


def _list_imported(imports: Iterable[ast.Import | ast.ImportFrom]) -> set[str]:
    names = (alias.asname or alias.name for node in imports for alias in node.names)
    return {name.partition(".")[0] for name in names}


# --- what only some Pythons run -----------------------------------------------------------------


def _find_guarded_lines(nodes: list[ast.AST]) -> set[int]:
    return {
        line
        for node in nodes
        for part in _find_guarded_parts(node)
        for line in range(part.lineno, (part.end_lineno or part.lineno) + 1)
    }


def _find_guarded_parts(node: ast.AST) -> Iterator[ast.stmt | ast.expr]:
    match node:
        case ast.If(test=test, body=body) if source.is_type_checking(test):
            yield from body
        case ast.If(test=test) | ast.IfExp(test=test) if _asks_for_version(test):
            yield node
        case ast.BoolOp() if _asks_for_version(node):
            yield node
        case ast.Try(body=body, handlers=handlers):
            caught = _list_caught(handlers)
            if caught & _NAME_ERRORS:
                yield from body
            if caught & _IMPORT_ERRORS:
                yield from (part for part in ast.walk(node) if isinstance(part, _IMPORTS))
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            # Such as `skipif(sys.version_info < (3, 11))`.
            if any(_asks_for_version(decorator) for decorator in node.decorator_list):
                yield node


def _list_caught(handlers: list[ast.ExceptHandler]) -> set[str]:
    """List the exceptions that handlers catch; one without a type catches all."""
    parts = (part for handler in handlers if handler.type for part in ast.walk(handler.type))
    caught = {source.get_last_name(part) for part in parts if isinstance(part, ast.expr)}
    return caught | {"Exception" for handler in handlers if handler.type is None}


def _asks_for_version(test: ast.expr) -> bool:
    parts = (node for node in ast.walk(test) if isinstance(node, ast.Name | ast.Attribute))
    names = {source.get_last_name(part) for part in parts}
    return any(name in _CONDITIONS or _FLAG.fullmatch(name) for name in names)
