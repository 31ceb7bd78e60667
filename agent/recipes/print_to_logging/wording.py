"""Write a log message: the format with its arguments, in the way of the library and the file."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Sequence

from agent.recipes import layout, word_lists
from agent.recipes.print_to_logging.parameters import Library
from agent.recipes.print_to_logging.pieces import Piece, Text, Value
from agent.recipes.source import SourceFile

#: What structlog itself has a use for.
_TAKEN = word_lists.words(
    "event level timestamp logger exc_info stack_info positional_args self args kw method_name"
)
#: Between a text and a value at its end, or between two values: says nothing of its own.
_JOINT = re.compile(r"[\s:=,;|()\[\]\u2013\u2014-]*")


def arguments(
    pieces: Sequence[Piece], library: Library, source: SourceFile
) -> tuple[list[str], list[str]]:
    """The message, as a literal for each of its lines, and the arguments after it."""
    values = [one for one in pieces if isinstance(one, Value)]
    if library == "structlog" and (said := _event(pieces)):
        event, named = said
        return [_literal(event, source)], named
    if library == "loguru" and any(one.conversion not in ("s", "r", "a") for one in values):
        formats = (
            _placeholder(one, "logging") if isinstance(one, Value) else _escape(one, "logging")
            for one in pieces
        )
        whole = _literal("".join(one.value for one in formats), source)
        return ['"{}"'], [f"{whole} % ({', '.join(one.code for one in values)},)"]
    texts = [
        _placeholder(one, library)
        if isinstance(one, Value)
        else (_escape(one, library) if values else one)
        for one in pieces
    ]
    whole = "".join(one.value for one in texts)
    lines = whole.splitlines(keepends=True) if "\n" in whole.rstrip("\n") else [whole]
    return [_literal(line, source) for line in lines] or ['""'], [one.code for one in values]


def _placeholder(value: Value, library: Library) -> Text:
    if library == "loguru":
        mark = "{}" if value.conversion == "s" else f"{{!{value.conversion}}}"
    else:
        mark = f"%{value.conversion}"
    return Text(mark)


def _escape(text: Text, library: Library) -> Text:
    """Have a text stand for itself in a format."""
    value = text.value
    for mark in "{}" if library == "loguru" else "%":
        value = value.replace(mark, mark * 2)
    return Text(value)


def _literal(whole: str, source: SourceFile) -> str:
    """A string literal in the file's quotes, where that needs no escape."""
    quote = source.quote
    other = "'" if quote == '"' else '"'
    if quote in whole and other not in whole:
        quote = other
    found = ""
    for letter in whole:
        if letter in (quote, "\\"):
            found += "\\" + letter
        elif letter in "\n\t":
            found += {"\n": "\\n", "\t": "\\t"}[letter]
        elif letter.isprintable() and source.can_hold(letter):
            found += letter
        else:
            found += ascii(letter)[1:-1]
    return quote + found + quote


def _event(pieces: Sequence[Piece]) -> tuple[str, list[str]] | None:
    """An event with named values, where the message is a text with values after it."""
    values = [one for one in pieces if isinstance(one, Value)]
    names = [one.name for one in values]
    if not values or len(set(names)) < len(names) or set(names) & _TAKEN:
        return None
    if any(one.conversion != "s" or not one.name.isidentifier() for one in values):
        return None
    event, behind = "", False
    for piece in pieces:
        if isinstance(piece, Value):
            behind = True
        elif isinstance(piece, Text):
            if not behind:
                event += piece.value
            elif not _JOINT.fullmatch(_without_labels(piece.value, names)):
                return None
    last = values[0].name
    event = re.sub(rf"\b{re.escape(last)}\s*[:=]\s*$", "", event)
    event = event.rstrip(" \t\n:=,;(-\u2013\u2014")
    return (event, [f"{one.name}={one.code}" for one in values]) if event.strip() else None


def _without_labels(text: str, names: list[str]) -> str:
    """`, size=` says nothing that the keyword does not say."""
    for name in names:
        text = re.sub(rf"\b{re.escape(name)}\s*[:=]", "", text)
    return text


def wrapped(
    head: str,
    message: list[str],
    rest: list[str],
    *,
    indent: str,
    width: int,
    one_per_line: bool = False,
) -> str:
    """The call in one line, or in as many as the width asks for, as black would break it."""
    rest = [flat(code) for code in rest]
    joined = _joined(message)
    lines = layout.wrapped(head, [joined, *rest], indent, width, one_per_line=one_per_line)
    step = "\t" if "\t" in indent and "    " not in indent else "    "
    deeper = indent + step
    space = width - 3 * deeper.count("\t") - len(deeper) - 1
    literals = _fitting(message, space)
    if len(lines) > 1 and f"{deeper}{joined}," in lines and len(literals) > 1:
        place = lines.index(f"{deeper}{joined},")
        lines[place : place + 1] = [f"{deeper}{one}" for one in literals[:-1]]
        lines.insert(place + len(literals) - 1, f"{deeper}{literals[-1]},")
    elif len(lines) == 3 and not rest and len(literals) > 1 and len(lines[1]) > width:
        lines[1:2] = [f"{deeper}{one}" for one in literals]
    return "\n".join(lines).removeprefix(indent)


def flat(code: str) -> str:
    """An argument in one line; as it is where that would change it."""
    if "\n" not in code and "\r" not in code:
        return code
    line = _in_one_line(code)
    return line if _means(line) == _means(code) else code


def _means(code: str) -> str:
    try:
        return ast.dump(ast.parse(f"f({code}\n)", mode="eval"))
    except SyntaxError:
        # Unlike any other, itself included.
        return f"{code!r} is no argument"


def _in_one_line(code: str) -> str:
    found, last = "", (1, 1)
    previous = ""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(f"({code}\n)").readline))
    except (tokenize.TokenError, SyntaxError):
        return code
    for token in tokens[1:]:
        if token.type in (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER):
            continue
        if token.type == tokenize.COMMENT or "\n" in token.string:
            return code
        closing = token.string in (")", "]", "}")
        if token.start[0] == last[0]:
            found += " " * (token.start[1] - last[1])
        elif closing and previous == "," and not _one_tuple(found):
            found = found.rstrip(", ")
        elif not closing and previous not in ("(", "[", "{"):
            found += " "
        found += token.string
        last, previous = token.end, token.string
    return found.rstrip().removesuffix(")")


def _one_tuple(code: str) -> bool:
    """Whether the comma at the end of a piece of code may make a tuple."""
    depth = 0
    for place in range(len(code) - 2, -1, -1):
        letter = code[place]
        depth += (letter in ")]}") - (letter in "([{")
        if depth < 0:
            return letter == "(" and not re.search(r"[\w\])]\s*$", code[:place])
    return True


def _joined(literals: list[str]) -> str:
    """Literals of the same quotes as one."""
    quote = literals[0][:1]
    if all(one.startswith(quote) and one.endswith(quote) for one in literals):
        return quote + "".join(one[1:-1] for one in literals) + quote
    return " ".join(literals)


def _fitting(message: list[str], space: int) -> list[str]:
    """The literals of the lines, each cut at spaces where it does not fit."""
    found: list[str] = []
    for literal in message:
        found += [literal] if len(literal) <= space else _split(literal, space)
    return found


def _split(literal: str, space: int) -> list[str]:
    quote, content = literal[0], literal[1:-1]
    if "\\N{" in content:
        return [literal]
    words = re.findall(r"\S*\s*", content)
    lines, current = [], ""
    for word in words:
        if current and len(current) + len(word) + 2 > space:
            lines.append(current)
            current = ""
        current += word
    return [f"{quote}{line}{quote}" for line in [*lines, current] if line]
