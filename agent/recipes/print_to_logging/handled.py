"""Which level a print in an `except` gets, by what it says of the exception."""

from __future__ import annotations

import re
from collections.abc import Sequence

import libcst as cst

from agent.recipes.print_to_logging.calls import Call
from agent.recipes.print_to_logging.parameters import Level
from agent.recipes.print_to_logging.pieces import Piece, Value

_TRACEBACK = re.compile(r"\bformat_exc\(|\bexc_info\(\)")


def level(call: Call, pieces: Sequence[Piece]) -> Level | None:
    """Choose the level of a message that has the exception in it; None: it has not.

    `exception` adds the traceback that tells where it comes from. Not so where the handler raises
    in the end: whoever catches that logs the traceback, and it would be there twice.
    """
    handler = call.context.handler
    if handler is None:
        return None
    codes = [one.code for one in pieces if isinstance(one, Value)]
    if any(_TRACEBACK.search(code) for code in codes):
        return "error"
    name = handler.name.name if handler.name else None
    if not isinstance(name, cst.Name):
        return None
    if not any(re.search(rf"\b{re.escape(name.value)}\b", code) for code in codes):
        return None
    return "error" if _raises(call) else "exception"


def _raises(call: Call) -> bool:
    """Whether the handler ends with an exception that carries this one's traceback."""
    handler = call.context.handler
    beside = [*call.block, *(handler.body.body if handler else ())]
    for statement in beside:
        small = statement.body if isinstance(statement, cst.SimpleStatementLine) else (statement,)
        for one in small:
            if isinstance(one, cst.Raise) and not _hides_cause(one):
                return True
    return False


def _hides_cause(node: cst.Raise) -> bool:
    cause = node.cause.item if node.cause else None
    return isinstance(cause, cst.Name) and cause.value == "None"
