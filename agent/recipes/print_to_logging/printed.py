"""What one `print` says: its pieces, and where they go; or why it cannot be a log message."""

from __future__ import annotations

import re
from dataclasses import dataclass

import libcst as cst

from agent.recipes.nodes import dotted_name
from agent.recipes.print_to_logging.calls import Call
from agent.recipes.print_to_logging.pieces import Piece, Taker, Text, Value

_COLOUR = re.compile(
    r"\b(?:style\.[A-Z_]+|(?:termcolor\.)?colored|Fore\.|Back\.|click\.style|crayons\.|colorama\.)"
)
_SEPARATOR = re.compile(r"[\s=*_#~.+\u2500-\u257f\u2014-]*")
_CONTROL = ("\r", "\b", "\x1b", "\a", "\f")


@dataclass(frozen=True)
class Printed:
    """One call, understood."""

    pieces: tuple[Piece, ...]
    to_stderr: bool
    whole: cst.BaseExpression | None
    """The one literal that is the whole message, to be kept as it is written."""

    @property
    def text(self) -> str:
        """What is the same in every message."""
        return "".join(one.value for one in self.pieces if isinstance(one, Text))

    @property
    def empty(self) -> bool:
        """Whether nothing but a blank line or one that separates comes out."""
        if any(isinstance(one, Value) and not _is_ruler(one.code) for one in self.pieces):
            return False
        return _SEPARATOR.fullmatch(self.text) is not None


def _is_ruler(code: str) -> bool:
    """Whether a value is a line of signs, as in `"-" * 60`."""
    found = re.fullmatch(r"([\"'])(?P<sign>[^\"'\\]+)\1\s*\*\s*[\w.]+", code)
    return found is not None and _SEPARATOR.fullmatch(found["sign"]) is not None


class Unfit(Exception):
    """The call cannot be a log message; the reason in words."""


def read(call: Call, taker: Taker, own_names: frozenset[str]) -> Printed:
    """Understand a call of `print`.

    Raises:
        Unfit: It cannot be a log message.
    """
    node = call.node
    taker.enter(call.context)
    given, named = _arguments(node)
    to_stderr = _goes_to_stderr(named)
    separator = _literal(named.get("sep"), " ", "sep=")
    end = _literal(named.get("end"), "\n", "end=")
    if not end.endswith("\n"):
        raise Unfit(f"it is part of a line that others go on with (end={end!r})")
    pieces: list[Piece] = []
    for number, arg in enumerate(given):
        if number and separator:
            pieces.append(Text(separator))
        pieces += _starred(arg, separator, taker, own_names) if arg.star else taker.take(arg.value)
    if end[:-1].strip("\n"):
        pieces.append(Text(end.rstrip("\n")))
    text = "".join(one.value for one in pieces if isinstance(one, Text))
    if any(mark in text for mark in _CONTROL):
        raise Unfit("it steers the terminal (progress, colour or cursor)")
    if any(isinstance(one, Value) and _COLOUR.search(one.code) for one in pieces):
        raise Unfit("it is coloured for a terminal")
    stripped = _stripped(pieces)
    whole = None
    if len(given) == 1 and not end[:-1].strip("\n") and stripped == tuple(pieces):
        literal = given[0].value
        if isinstance(literal, cst.SimpleString | cst.ConcatenatedString) and not any(
            isinstance(one, Value) for one in pieces
        ):
            whole = literal
    if whole is None and _has_comment(node):
        raise Unfit("comments stand between its arguments")
    return Printed(stripped, to_stderr, whole)


def _arguments(node: cst.Call) -> tuple[list[cst.Arg], dict[str, cst.BaseExpression]]:
    given: list[cst.Arg] = []
    named: dict[str, cst.BaseExpression] = {}
    for arg in node.args:
        if arg.star == "**":
            raise Unfit("its options are not to be seen (**)")
        if arg.keyword:
            named[arg.keyword.value] = arg.value
        else:
            given.append(arg)
    if unknown := named.keys() - {"sep", "end", "file", "flush"}:
        raise Unfit(f"print has no option {', '.join(sorted(unknown))}")
    flush = named.get("flush")
    if flush is not None and dotted_name(flush) not in ("True", "False"):
        raise Unfit("whether it flushes is worked out (flush=)")
    return given, named


def _goes_to_stderr(named: dict[str, cst.BaseExpression]) -> bool:
    file = named.get("file")
    target = "sys.stdout" if file is None else dotted_name(file)
    if target in ("sys.stderr", "sys.__stderr__"):
        return True
    if target not in ("sys.stdout", "sys.__stdout__", "None"):
        raise Unfit("it writes to a file or stream of its own (file=)")
    return False


def _literal(node: cst.BaseExpression | None, default: str, option: str) -> str:
    if node is None or dotted_name(node) == "None":
        return default
    if isinstance(node, cst.SimpleString) and isinstance(node.evaluated_value, str):
        return node.evaluated_value
    raise Unfit(f"{option} is no literal text")


def _starred(arg: cst.Arg, separator: str, taker: Taker, own_names: frozenset[str]) -> list[Piece]:
    if arg.star != "*" or own_names & {"map", "str"}:
        raise Unfit("its arguments are not to be seen (*)")
    code = taker.code(arg.value)
    quoted = '"' + repr(separator)[1:-1].replace('"', '\\"') + '"'
    return [Value(f"{quoted}.join(map(str, {code}))")]


def _stripped(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Without the line ends around the message, which only set it apart on a terminal."""
    found = [one for one in pieces if one != Text("")]
    for place, cut in ((0, str.lstrip), (-1, str.rstrip)):
        while found and isinstance(one := found[place], Text):
            left = cut(one.value, "\n")
            if left:
                found[place] = Text(left)
                break
            del found[place]
    return tuple(found)


def _has_comment(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Comment) or any(_has_comment(child) for child in node.children)
