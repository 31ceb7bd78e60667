"""Choose the level of a message by where it stands and what it begins with."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from agent.recipes.modules import name_of
from agent.recipes.print_to_logging.calls import Call, Context
from agent.recipes.print_to_logging.message import Piece, Printed, Value
from agent.recipes.print_to_logging.parameters import LEVELS, Level

_PREFIX = re.compile(
    r"\s{0,8}\[?(debug|info|warning|warn|error|critical)(?::|\]:?)\s{0,8}", re.IGNORECASE
)
_TRACEBACK = re.compile(r"\bformat_exc\(|\bexc_info\(\)")
_GUARDS = frozenset({"debug", "verbose"})


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
    """Choose the level of a message that does not begin with one."""
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
    names = {(name_of(test) or "").rpartition(".")[2].lower() for test in tests}
    return not names.isdisjoint(_GUARDS)
