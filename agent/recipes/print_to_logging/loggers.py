"""The logger that a file's messages go to, and the level of each message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.recipes.modules import Module, Modules, read_dotted_name
from agent.recipes.print_to_logging.calls import Call, Context
from agent.recipes.print_to_logging.message import Piece, Printed, Value
from agent.recipes.print_to_logging.parameters import LEVELS, Level, Library

_GETTERS = frozenset({"getLogger", "get_logger", "get_task_logger"})
_NAME = re.compile(r"_*(?:\w+_)?log(?:ger)?_*", re.IGNORECASE)
#: Tried in this order for a new logger.
_NAMES = ("logger", "log", "_logger", "module_logger")
_PREFIX = re.compile(
    r"\s{0,8}\[?(debug|info|warning|warn|error|critical)(?::|\]:?)\s{0,8}", re.IGNORECASE
)
_TRACEBACK = re.compile(r"\bformat_exc\(|\bexc_info\(\)")
_GUARDS = frozenset({"debug", "verbose"})


@dataclass(frozen=True)
class Logger:
    name: str
    library: Library
    line: int
    """From here on it is there."""


def find_logger(module: Module, known: Modules) -> Logger | None:
    found: list[Logger] = []
    for statement in module.node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            if library := _get_made_library(statement.value, module):
                line = statement.end_lineno or statement.lineno
                found.append(Logger(statement.targets[0].id, library, line))
        elif isinstance(statement, ast.ImportFrom):
            found += _find_imported_loggers(statement, module, known)
    named = [one for one in found if _NAME.fullmatch(one.name)]
    return next(iter(named or found), None)


def _get_made_library(value: ast.expr, module: Module) -> Library | None:
    """Return the library of the logger that an expression makes, if it does."""
    dotted = read_dotted_name(value.func) if isinstance(value, ast.Call) else None
    if not dotted or dotted.rpartition(".")[2] not in _GETTERS:
        return None
    origins = module.scope.look_up(dotted.partition(".")[0])
    return "structlog" if any(one.startswith("structlog") for one in origins) else "logging"


def _find_imported_loggers(
    statement: ast.ImportFrom, module: Module, known: Modules
) -> Iterator[Logger]:
    source = known.name_origin(statement, module.path)
    for alias in statement.names:
        line, name = statement.end_lineno or statement.lineno, alias.asname or alias.name
        there = known.find_module(source, module.path) if _NAME.fullmatch(alias.name) else None
        if source == "loguru" and alias.name == "logger":
            yield Logger(name, "loguru", line)
        elif there and there.path != module.path:
            own = find_logger(there, known)
            if own and own.name == alias.name:
                yield Logger(name, own.library, line)


def choose_library(module: Module, known: Modules) -> Library:
    """Choose what a new logger comes from: structlog where most of the package uses it."""
    top = module.path.rpartition("/")[0]
    near = [known.read_text(path) for path in known.files if path.startswith(f"{top}/")]
    structlog = sum(b"import structlog" in one for one in near)
    return "structlog" if structlog > sum(b"import logging" in one for one in near) else "logging"


def choose_name(used: set[str]) -> str:
    numbered = (f"logger_{number}" for number in range(2, len(used) + 3))
    return next(name for name in (*_NAMES, *numbered) if name not in used)


# --- levels -----------------------------------------------------------------------------------


def split_prefix(pieces: Sequence[Piece]) -> tuple[Level | None, tuple[Piece, ...]]:
    """Return the level that a message begins with, as in `ERROR: …`, and the message without it."""
    first = pieces[0] if pieces else None
    found = _PREFIX.match(first) if isinstance(first, str) else None
    if not found or not isinstance(first, str):
        return None, tuple(pieces)
    begins = found[1].lower()
    level = next(one for one in LEVELS if one.startswith(begins))
    rest = [first[found.end() :], *pieces[1:]]
    while rest and isinstance(rest[0], str) and not rest[0].strip():
        del rest[0]
    return level, tuple(rest)


def choose_level(call: Call, said: Printed) -> Level:
    codes = [one.code for one in said.pieces if isinstance(one, Value)]
    handler = call.context.handler
    if handler and any(_TRACEBACK.search(code) for code in codes):
        return "error"
    if handler and handler.name:
        name = re.compile(rf"\b{re.escape(handler.name)}\b")
        if any(name.search(code) for code in codes):
            # Whoever catches what is raised logs its traceback.
            raises = any(isinstance(one, ast.Raise) for one in (*handler.body, *(call.block or ())))
            return "error" if raises else "exception"
    if _is_on_demand(call.context):
        return "debug"
    return "warning" if said.to_stderr or handler else "info"


def _is_on_demand(context: Context) -> bool:
    """Whether it shows only where details are wanted, as below `if self.verbose`."""
    tests = list(context.tests)
    for test in context.tests:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            tests += test.values
    names = {(read_dotted_name(test) or "").rpartition(".")[2].lower() for test in tests}
    return not names.isdisjoint(_GUARDS)
