"""What a print in an `except` says of the exception, and how much of it a logger says by itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

import libcst as cst

from agent.recipes.print_to_logging.calls import Call, Context
from agent.recipes.print_to_logging.parameters import Level
from agent.recipes.print_to_logging.pieces import Break, Piece, Text, Value

_TRACEBACK = re.compile(r"(?:\w+\.)?format_exc\(\)")
_PARTS = (".message", ".args", ".__class__.__name__", ".reason")
#: What stands between a sentence and the exception at its end, and after it.
_EDGE = " \t\n:=,;.!|()[]{}<>'\"`\u2018\u2019\u201c\u201d\u2013\u2014-"


def level(call: Call, pieces: Sequence[Piece]) -> Level | None:
    """The level of a message that has the exception or its traceback in it; None: it has not.

    A traceback goes where one was printed. Of the exception's text alone `exception` makes more,
    the traceback that tells where it comes from, and the text is then left to it. Not so where the
    handler raises in the end: whoever catches that logs the traceback, and it would be there twice.
    Nor where the text stands amid a sentence: that stays whole, as an `error`.
    """
    handler = call.context.handler
    if handler is None:
        return None
    values = [one for one in pieces if isinstance(one, Value)]
    if any("format_exc(" in one.code for one in values):
        return "exception"
    name = _name(call.context)
    if not any(_is_exception(one, name) for one in values):
        return None
    return "error" if _raises(call) or _cut(pieces, name) is None else "exception"


def without_exception(pieces: tuple[Piece, ...], context: Context) -> tuple[Piece, ...]:
    """The message without what a logger writes by itself, once it is given the exception."""
    cut = _cut(pieces, _name(context))
    return pieces if cut is None else cut


def _name(context: Context) -> str:
    bound = context.handler.name if context.handler else None
    return bound.name.value if bound and isinstance(bound.name, cst.Name) else ""


def _is_exception(value: Value, name: str) -> bool:
    """Whether a value is the exception; a part of it, such as its code, is a fact of its own."""
    if re.match(r"(?:\w+\.)?exc_info\(\)", value.code):
        return True
    try:
        code = ast.unparse(ast.parse(value.code.strip(), mode="eval"))
    except SyntaxError:
        return False
    if code in (f"type({name})", f"type({name}).__name__"):
        return bool(name)
    code = re.sub(r"^(?:str|repr)\((.*)\)$", r"\1", code)
    return bool(name) and (code == name or code.removeprefix(name) in _PARTS)


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


def _cut(pieces: Sequence[Piece], name: str) -> tuple[Piece, ...] | None:
    """The message without exception and traceback; None where they are not at its end.

    Empty where nothing else is said.
    """
    kept = [
        one for one in pieces if not (isinstance(one, Value) and _TRACEBACK.fullmatch(one.code))
    ]
    if len(kept) == len(pieces) and not _ends_with_exception(kept, name):
        return None
    is_apart = False
    while kept:
        last = kept[-1]
        if isinstance(last, Value):
            if not _is_exception(last, name):
                break
        elif isinstance(last, Text) and (text := last.value.rstrip(_EDGE)):
            # What no sign sets apart from the exception goes on with it, as in “got {e}”.
            if not is_apart and not last.value[len(text) :].strip():
                return None
            same = last.source == last.value
            kept[-1] = Text(text, text if same else None, last.quote if same else "")
            break
        else:
            is_apart = True
        kept.pop()
    values = [one for one in kept if isinstance(one, Value)]
    said = any(isinstance(one, Text) and re.search(r"\w", one.value) for one in kept)
    if any(_is_exception(one, name) for one in values) or (values and not said):
        return None
    return tuple(kept)


def _ends_with_exception(pieces: list[Piece], name: str) -> bool:
    for one in reversed(pieces):
        if isinstance(one, Value):
            return _is_exception(one, name)
        if isinstance(one, Text) and one.value.strip(_EDGE):
            return False
        if isinstance(one, Break):
            continue
    return False
