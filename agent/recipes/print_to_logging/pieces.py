"""Take the arguments of a `print` apart: text that is always the same, and values within it.

Knows f-strings, `%` and `+`. What has no equivalent that means the same stays whole,
as one value. The order in which calls are evaluated never changes.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

import libcst as cst

from agent.recipes import layout
from agent.recipes.nodes import dotted_name
from agent.recipes.print_to_logging.calls import Context
from agent.recipes.print_to_logging.singles import Singles
from agent.recipes.source import SourceFile


@dataclass(frozen=True)
class Text:
    """Text that is always the same."""

    value: str


@dataclass(frozen=True)
class Value:
    """A value within the message."""

    code: str
    conversion: str = "s"
    """For `%`: what stands after the percent sign."""
    name: str = ""
    """The last part of its name, where it is nothing but a name."""


Piece = Text | Value

_PERCENT = re.compile(
    r"%(?P<key>\([^)]*\))?(?P<spec>[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?)[hlL]?(?P<type>.)",
    re.DOTALL,
)
_NUMBER = re.compile(
    r"(?P<sign>[+ ]?)(?P<zero>0?)(?P<width>\d*)(?P<precision>\.\d+)?(?P<type>[dxXoeEfFgG])"
)
_TEXT = re.compile(r"(?P<align>[<>]?)(?P<width>\d*)(?P<precision>\.\d+)?s?")


class Taker:
    """Takes the arguments of one file's calls apart."""

    def __init__(self, source: SourceFile, tree: ast.Module, own_names: frozenset[str]) -> None:
        """Look at one file.

        Args:
            source: The file.
            tree: The same, as Python itself parses it.
            own_names: What the file itself gives a meaning to, so that `format` may be another.
        """
        self._source = source
        self._module = source.module
        self._functions = {
            node.lineno: node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self._own = own_names
        self._singles = Singles(None, "", own_names)
        # "%.2f" would turn a Decimal into a float first.
        self._floats = "Decimal" not in source.text

    def enter(self, context: Context) -> None:
        """Take apart what stands in this place from now on."""
        function = context.function
        handler = context.handler
        bound = dotted_name(handler.name.name) if handler and handler.name else ""
        around = self._functions.get(self._source.line(function.name)) if function else None
        self._singles = Singles(around, bound, self._own)

    def code(self, node: cst.BaseExpression) -> str:
        """A value's code, as it stands, fit to be an argument among others."""
        code = self._module.code_for_node(node)
        bare = isinstance(node, cst.GeneratorExp) and not node.lpar
        return f"({code.strip()})" if bare else code.strip()

    def value(self, node: cst.BaseExpression, conversion: str = "s") -> Value:
        """A value as a whole."""
        name = dotted_name(node).rpartition(".")[2] if not getattr(node, "lpar", ()) else ""
        return Value(self.code(node), conversion, name)

    def take(self, node: cst.BaseExpression) -> list[Piece]:
        """Take one argument apart."""
        if isinstance(node, cst.SimpleString | cst.FormattedString | cst.ConcatenatedString):
            return self._string(node)
        if isinstance(node, cst.BinaryOperation):
            if isinstance(node.operator, cst.Modulo):
                return self._percent(node)
            if isinstance(node.operator, cst.Add):
                return self._sum(node)
        if isinstance(node, cst.Call):
            return self._call(node)
        return [self.value(node)]

    # --- strings ------------------------------------------------------------------------------

    def _string(self, node: cst.BaseExpression) -> list[Piece]:
        if isinstance(node, cst.ConcatenatedString):
            if isinstance(node.evaluated_value, bytes):
                return [self.value(node)]
            return [*self._string(node.left), *self._string(node.right)]
        if isinstance(node, cst.SimpleString):
            said = node.evaluated_value
            return [Text(said)] if isinstance(said, str) else [self.value(node)]
        if isinstance(node, cst.FormattedString):
            return self._formatted(node)
        return [self.value(node)]

    def _formatted(self, node: cst.FormattedString) -> list[Piece]:
        found: list[Piece] = []
        prefix = node.prefix
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                text = _decoded(part.value, prefix, node.quote)
                if text is None:
                    return [self.value(node)]
                found.append(text)
            elif isinstance(part, cst.FormattedStringExpression):
                pieces = self._expression(part)
                if pieces is None:
                    return [self.value(node)]
                found += pieces
        return found

    def _expression(self, part: cst.FormattedStringExpression) -> list[Piece] | None:
        before: list[Piece] = []
        conversion = part.conversion
        if part.equal:
            code = self._module.code_for_node
            written = (
                code(part.whitespace_before_expression)
                + code(part.expression)
                + code(part.equal.whitespace_before)
                + "="
                + code(part.equal.whitespace_after)
            )
            before.append(Text(written))
            if conversion is None and part.format_spec is None:
                conversion = "r"
        spec = ""
        for one in part.format_spec or ():
            if not isinstance(one, cst.FormattedStringText) or "\\" in one.value:
                return None
            spec += one.value
        inner = self.value(part.expression)
        if "'''" not in inner.code and '"""' not in inner.code:
            # Inside the f-string they had to be other quotes than those of the file.
            inner = replace(inner, code=layout.quoted(inner.code, self._source))
        value = self._with_spec(inner, conversion, spec)
        return None if value is None else [*before, value]

    def _with_spec(self, value: Value, conversion: str | None, spec: str) -> Value | None:
        """A value with its format; None where nothing but the string as it is says the same."""
        if not spec:
            return Value(value.code, conversion or "s", value.name)
        if conversion:
            found = _TEXT.fullmatch(spec)
            if found:
                # As texts are: to the left, unless it says otherwise.
                minus = "-" if found["width"] and found["align"] != ">" else ""
                if not (found["width"].startswith("0") and found["width"]):
                    layout = f"{minus}{found['width']}{found['precision'] or ''}"
                    return Value(value.code, f"{layout}{conversion}")
            return None
        number = _NUMBER.fullmatch(spec)
        if number and (self._floats or number["type"] in "dxXo"):
            whole = number["type"] in "dxXo"
            if not (whole and number["precision"]):
                return Value(value.code, spec)
        if "format" in self._own or '"' in spec or "'" in spec or "{" in spec:
            return None
        return Value(f"format({value.code}, {self._source.quote}{spec}{self._source.quote})")

    # --- operators ----------------------------------------------------------------------------

    def _sum(self, node: cst.BinaryOperation) -> list[Piece]:
        parts = _addends(node)
        if not any(_is_text(part) for part in parts):
            return [self.value(node)]
        found: list[Piece] = []
        for part in parts:
            found += self.take(part)
        return found

    def _call(self, node: cst.Call) -> list[Piece]:
        """`str(x)` and `repr(x)` are the value itself."""
        plain = len(node.args) == 1 and not node.args[0].keyword and not node.args[0].star
        name = node.func.value if isinstance(node.func, cst.Name) else ""
        if plain and name in ("str", "repr") and name not in self._own:
            inner = node.args[0].value
            if not isinstance(inner, cst.GeneratorExp):
                return [self.value(inner, "s" if name == "str" else "r")]
        return [self.value(node)]

    def _percent(self, node: cst.BinaryOperation) -> list[Piece]:
        pieces = self._string(node.left) if _is_text(node.left) else []
        if not pieces or not all(isinstance(one, Text) for one in pieces):
            return [self.value(node)]
        right = node.right
        given: list[cst.BaseExpression] = [right]
        if isinstance(right, cst.Tuple):
            if any(isinstance(one, cst.StarredElement) for one in right.elements):
                return [self.value(node)]
            given = [one.value for one in right.elements]
        elif isinstance(right, cst.Dict | cst.DictComp) or not self._is_single(right):
            return [self.value(node)]
        found: list[Piece] = []
        rest = list(given)
        for piece in pieces:
            if not isinstance(piece, Text):
                found.append(piece)
                continue
            taken = self._percent_text(piece, rest)
            if taken is None:
                return [self.value(node)]
            found += taken
        return [self.value(node)] if rest else found

    def _is_single(self, node: cst.BaseExpression) -> bool:
        """Whether a value is surely no tuple, which would fill several places, or fail."""
        try:
            code = ast.parse(f"({self.code(node)}\n)", mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
        return self._singles.sure(code.body)

    def _percent_text(self, piece: Text, rest: list[cst.BaseExpression]) -> list[Piece] | None:
        found: list[Piece] = []
        at = 0
        text = piece.value
        while True:
            place = text.find("%", at)
            if place < 0:
                found += [Text(text[at:])] if text[at:] else []
                return found
            spec = _PERCENT.match(text, place)
            if spec is None or spec["key"] is not None or "*" in spec["spec"]:
                return None
            found += [Text(text[at:place])] if text[at:place] else []
            at = spec.end()
            if spec["type"] == "%":
                if spec[0] != "%%":
                    return None
                found.append(Text("%"))
                continue
            if not rest or spec["type"] not in "diouxXeEfFgGcrsa":
                return None
            conversion = spec["spec"] + spec["type"]
            node = rest.pop(0)
            inner = self._call(node) if conversion == "s" and isinstance(node, cst.Call) else []
            same_said = len(inner) == 1 and isinstance(inner[0], Value)
            found += inner if same_said else [self.value(node, conversion)]


def _decoded(source: str, prefix: str, quote: str) -> Text | None:
    """The text of a part of an f-string."""
    single = source.replace("{{", "{").replace("}}", "}")
    marks = "".join(letter for letter in prefix.lower() if letter == "r")
    try:
        value = ast.literal_eval(f"{marks}{quote}{single}{quote}")
    except (SyntaxError, ValueError):
        return None
    return Text(value) if isinstance(value, str) else None


def _is_text(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.BinaryOperation):
        return isinstance(node.operator, cst.Modulo) and _is_text(node.left)
    if isinstance(node, cst.SimpleString):
        return isinstance(node.evaluated_value, str)
    return isinstance(node, cst.FormattedString) or (
        isinstance(node, cst.ConcatenatedString) and not isinstance(node.evaluated_value, bytes)
    )


def _addends(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """The parts of `a + b + c`."""
    found: list[cst.BaseExpression] = []
    while isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        found.append(node.right)
        node = node.left
    return [node, *reversed(found)]
