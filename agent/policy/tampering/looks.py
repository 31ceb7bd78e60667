"""One thing that a test looks at, written in one way whatever library it is said with.

`self.assertEqual(total, 3)`, `assert total == 3` and `assert 3 == total` are the same Check. Owns
which of two is the weaker one. Where in a test checks stand, and whether they run at all, is left
to `expectations`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.policy import source

_SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in",
    ast.NotIn: "not in", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_NEGATED = {
    "==": "!=", "!=": "==", "is": "is not", "is not": "is", "in": "not in", "not in": "in",
    "<": ">=", ">=": "<", ">": "<=", "<=": ">", "true": "false", "false": "true",
}  # fmt: skip
#: How much a check pins down; of two on the same thing the lower one is weaker.
_RANK = {
    "==": 6, "is": 6, "raises": 6, "~=": 5, "call": 5, "in": 4, "not in": 4, "<": 4, "<=": 4,
    ">": 4, ">=": 4, "false": 3, "true": 2, "!=": 2, "is not": 2,
}  # fmt: skip
_OF_CASES = {
    "assertEqual": "==", "assertEquals": "==", "assertNotEqual": "!=", "assertIs": "is",
    "assertIsNot": "is not", "assertIn": "in", "assertNotIn": "not in", "assertGreater": ">",
    "assertGreaterEqual": ">=", "assertLess": "<", "assertLessEqual": "<=",
    "assertListEqual": "==", "assertDictEqual": "==", "assertSetEqual": "==",
    "assertTupleEqual": "==", "assertSequenceEqual": "==", "assertMultiLineEqual": "==",
    "assertAlmostEqual": "~=", "assert_equal": "==", "eq_": "==",
}  # fmt: skip
_OF_ONE = {"assertTrue": "true", "assertFalse": "false", "assert_": "true", "ok_": "true"}
_OF_MOCKS = {
    "assert_called_once_with": 6, "assert_awaited_once_with": 6, "assert_called_with": 5,
    "assert_awaited_with": 5, "assert_has_calls": 6, "assert_has_awaits": 5,
    "assert_not_called": 6, "assert_not_awaited": 6, "assert_any_call": 4, "assert_any_await": 4,
    "assert_called_once": 3, "assert_awaited_once": 3, "assert_called": 2, "assert_awaited": 2,
}  # fmt: skip
_LOOSER_UP = frozenset(
    {"rel", "abs", "delta", "rtol", "atol", "tol", "rel_tol", "abs_tol", "tolerance"}
)
_LOOSER_DOWN = frozenset({"places", "decimal", "significant"})
_BROAD = frozenset({"Exception", "BaseException", "builtins.Exception", "builtins.BaseException"})
#: Of unittest.mock: equal to everything.
_ANY = re.compile(r"\bANY\b")
_EMPTY = frozenset({"[]", "{}", "()", "''", "0", "None", "False", "set()", "0.0"})
#: By its name a class, or a method that makes one.
_MADE = re.compile(r"_*[A-Z]")
_PLAIN_MAKERS = frozenset(
    {"Decimal", "D", "Fraction", "date", "datetime", "timedelta", "str", "int", "float", "UUID"}
)


@dataclass(frozen=True)
class Check:
    """One thing that a test looks at."""

    text: str
    """The whole of it, written in one way."""
    subject: str
    """What is looked at."""
    rank: int
    """How much it pins down."""
    line: int
    op: str = ""
    bare: str = ""
    """The text without the bounds that may be wide or narrow."""
    slack: Mapping[str, float] = field(default_factory=dict, hash=False, compare=False)
    """Those bounds by name; more is looser."""
    value: str = ""
    """What the subject is compared with."""
    always: bool = False
    """Whether it holds whatever the code does."""


def is_weaker(old: Check, new: Check) -> bool:
    """Whether the new one lets something through on the same subject that the old one did not."""
    if old.bare == new.bare:
        return any(new.slack.get(key, 0.0) > at for key, at in old.slack.items()) or any(
            at > 0 for key, at in new.slack.items() if key not in old.slack
        )
    if old.op == "==" and new.op == "false" and old.value in _EMPTY:
        return False
    if old.op == "==" and new.op == "~=" and not new.slack:
        return False
    return new.rank < old.rank


def of_condition(test: ast.expr, line: int) -> Iterator[Check]:
    """Yield what an asserted condition looks at: each part of an `and` by itself."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for part in test.values:
            yield from of_condition(part, line)
    elif isinstance(test, ast.Compare) and len(test.ops) > 1:
        left = test.left
        for op, right in zip(test.ops, test.comparators, strict=True):
            yield _comparison(_OPS[type(op)], left, right, line)
            left = right
    else:
        yield _single(test, line)


def _single(test: ast.expr, line: int) -> Check:
    if truth(test) is False:
        return Check("fail", "fail", _RANK["call"], line, "call", "fail")
    negated = False
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, negated = test.operand, not negated
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        op = _OPS[type(test.ops[0])]
        return _comparison(_NEGATED[op] if negated else op, test.left, test.comparators[0], line)
    return _truth(test, "false" if negated else "true", line)


def _truth(test: ast.expr, op: str, line: int) -> Check:
    text = source.written(test)
    rank = _RANK[op]
    if op == "true" and isinstance(test, ast.Call):
        # `assert isinstance(x, T)`, `assert form.is_valid()`: what is asked is said.
        rank = 3
        if _name_of(test.func) in {"isclose", "allclose", "array_equal"}:
            return _about("~=", test.args, test.keywords, line) or _plain(op, text, rank, line)
    known = truth(test)
    always = known is (op == "true") if known is not None else False
    return _plain(op, text, rank, line, always=always)


def _plain(op: str, text: str, rank: int, line: int, *, always: bool = False) -> Check:
    whole = f"{op} {text}"
    return Check(whole, text, rank, line, op, whole, {}, "", always)


def _comparison(op: str, left: ast.expr, right: ast.expr, line: int) -> Check:
    always = _always(op, left, right)
    if op == "in" and not is_literal(right):
        left, right = right, left
    elif is_literal(left) and not is_literal(right) and op not in {"in", "not in"}:
        left, right, op = right, left, _SWAPPED.get(op, op)
    subject, value = source.written(left), source.written(right)
    if value in {"True", "False"} and op in {"==", "is"}:
        return _truth(left, value.lower(), line)
    if value == "None" and op in {"==", "!="}:
        op = "is" if op == "==" else "is not"
    slack: dict[str, float] = {}
    bare = f"{subject} {op} {value}"
    rank = _RANK[op]
    if op == "==" and isinstance(right, ast.Call) and _name_of(right.func) == "approx":
        about = _about("~=", [left, *right.args[:1]], right.keywords, line)
        if about:
            return about
    if op in _SWAPPED and (number := _number(right)) is not None:
        slack = {"bound": number if op.startswith("<") else -number}
        bare = f"{subject} {op[0]}"
        # A bound below zero would not count as a bound at all.
        slack["bound"] += 1e12
    elif op == "in" and isinstance(right, (ast.Tuple, ast.List, ast.Set)):
        slack, bare = {"choices": float(len(right.elts))}, f"{subject} in ..."
        if len(right.elts) == 1:
            op, rank = "==", _RANK["=="]
    text = bare if not slack else f"{subject} {op} {value}"
    if op in {"==", "!=", "is"} and not is_literal(right):
        text = bare = f" {op} ".join(sorted((subject, value)))
    if subject == value or _ANY.search(value):
        # An attribute is the same twice, and ANY like everything, whatever the code does.
        rank = 1
    return Check(text, subject, rank, line, op, bare, slack, value, always)


def _always(op: str, left: ast.expr, right: ast.expr) -> bool:
    """Whether a comparison holds whatever the code does."""
    if op == "in":
        return _holds(right, left)
    if op == "not in":
        return _is_nothing(right)
    return _always_so(op, left, right) or _always_so(_SWAPPED.get(op, op), right, left)


def _always_so(op: str, left: ast.expr, right: ast.expr) -> bool:
    is_like = op in {"==", "is", ">=", "<="} and type(left) is type(right)
    if is_like and ast.dump(left) == ast.dump(right):
        return _is_same_twice(left, op)
    number = _number(right)
    if number is not None and isinstance(left, ast.Call) and _name_of(left.func) in {"len", "abs"}:
        below = {">": number < 0, ">=": number <= 0, "!=": number < 0}
        return below.get(op, False)
    return op == "is not" and is_literal(left) and not isinstance(left, ast.Constant)


def _is_same_twice(node: ast.expr, op: str) -> bool:
    """Whether an expression is what it is a second time.

    Two objects that a class makes are equal by its `__eq__`, and two calls may or may not give
    the same object: tests of that are tests.
    """
    called = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]
    names = {_name_of(call.func) for call in called}
    if op == "is":
        return names <= {"type", "id", "len"}
    return not any(_MADE.match(name) and name not in _PLAIN_MAKERS for name in names)


def _holds(several: ast.expr, one: ast.expr) -> bool:
    """Whether one thing is in several for certain."""
    if isinstance(several, (ast.List, ast.Tuple, ast.Set)):
        either = {inner.value for inner in several.elts if isinstance(inner, ast.Constant)}
        is_bool = isinstance(one, (ast.Compare, ast.UnaryOp)) or (
            isinstance(one, ast.Call) and _name_of(one.func) in {"bool", "isinstance", "callable"}
        )
        return (is_bool and {True, False} <= either) or any(
            ast.dump(item) == ast.dump(one) for item in several.elts
        )
    # The empty text is in every text.
    return isinstance(one, ast.Constant) and one.value in {"", b""}


def _is_nothing(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        plain = {"list", "tuple", "set", "dict", "frozenset"}
        return _name_of(node.func) in plain and not node.args and not node.keywords
    empty = isinstance(node, (ast.List, ast.Tuple, ast.Set)) and not node.elts
    return empty or (isinstance(node, ast.Dict) and not node.keys)


def _about(op: str, args: list[ast.expr], keywords: list[ast.keyword], line: int) -> Check | None:
    if len(args) < 2:
        return None
    left, right = args[:2]
    if is_literal(left) and not is_literal(right):
        left, right = right, left
    slack: dict[str, float] = {}
    for name, value in [*_named_bounds(args[2:]), *((word.arg, word.value) for word in keywords)]:
        number = _number(value)
        if number is not None and name in _LOOSER_UP:
            slack[name] = number
        elif number is not None and name in _LOOSER_DOWN:
            slack[name] = 1000.0 - number
    subject, other = source.written(left), source.written(right)
    bare = f"{subject} {op} {other}"
    bounds = ", ".join(f"{name}={at:g}" for name, at in sorted(slack.items()))
    return Check(f"{bare} {bounds}".strip(), subject, _RANK[op], line, op, bare, slack, other)


def _named_bounds(rest: list[ast.expr]) -> list[tuple[str | None, ast.expr]]:
    # What stands third in assertAlmostEqual.
    return [("places", rest[0])] if rest else []


def of_call(node: ast.Call) -> Iterator[Check]:
    """Yield what a call of an assertion looks at."""
    name = _name_of(node.func)
    line = node.lineno
    args = node.args
    if name == "fail":
        yield Check("fail", "fail", _RANK["call"], line, "call", "fail")
    elif name in _OF_ONE and args:
        if name == "assertFalse":
            inverse = ast.UnaryOp(ast.Not(), args[0])
            yield from of_condition(ast.copy_location(inverse, args[0]), line)
        else:
            yield from of_condition(args[0], line)
    elif name in {"assertIsNone", "assertIsNotNone"} and args:
        op = "is" if name == "assertIsNone" else "is not"
        yield _comparison(op, args[0], ast.Constant(None), line)
    elif name in {
        "assertAlmostEqual",
        "assertAlmostEquals",
        "assert_allclose",
        "assert_almost_equal",
    }:
        found = _about("~=", args, node.keywords, line)
        if found:
            yield found
    elif name in _OF_CASES and len(args) >= 2:
        yield _comparison(_OF_CASES[name], args[0], args[1], line)
    elif name == "assertIsInstance" and len(args) >= 2:
        call = ast.Call(ast.Name("isinstance"), args[:2], [])
        yield _truth(call, "true", line)
    elif name in _OF_MOCKS and isinstance(node.func, ast.Attribute):
        subject = source.written(node.func.value)
        text = source.written(node)
        rank = min(_OF_MOCKS[name], 3) if _ANY.search(text) else _OF_MOCKS[name]
        yield Check(text, subject, rank, line, "mock", text, {}, name)
    else:
        yield _general(node, name, line)


def _general(node: ast.Call, name: str, line: int) -> Check:
    """Make a check of a call whose meaning is not known: by its name and its arguments."""
    slack = {}
    kept = []
    for word in node.keywords:
        number = _number(word.value)
        if word.arg in _LOOSER_UP and number is not None:
            slack[word.arg or ""] = number
        elif word.arg in _LOOSER_DOWN and number is not None:
            slack[word.arg or ""] = 1000.0 - number
        elif word.arg not in {"msg", "msg_prefix", "err_msg"}:
            kept.append(word)
    bare = source.written(ast.Call(node.func, node.args, kept))
    first = source.written(node.args[0]) if node.args else ""
    text = f"{bare} {sorted(slack.items())}" if slack else bare
    return Check(text, f"{name} {first}", _RANK["call"], line, "call", bare, slack)


def of_raises(call: ast.Call, names: frozenset[str]) -> Check:
    """Make the check that a block raises, or warns of, something."""
    how = _name_of(call.func)
    kind = "warns" if "warn" in how.lower() or how == "deprecated_call" else "raises"
    wanted = next(iter(call.args), None) or next(
        (word.value for word in call.keywords if word.arg in {"expected_exception", "exception"}),
        None,
    )
    several = wanted.elts if isinstance(wanted, ast.Tuple) else [wanted] if wanted else []
    texts = sorted(source.written(one).rpartition(".")[2] for one in several)
    is_broad = bool(names & _BROAD) or bool(set(texts) & _BROAD)
    with_words = how in {"assertRaisesRegex", "assertRaisesMessage", "assertWarnsRegex"} or any(
        word.arg == "match" for word in call.keywords
    )
    subject = f"{kind} {' or '.join(texts)}"
    slack = {"words": 0.0 if with_words else 1.0}
    rank = 3 if is_broad else _RANK["raises"]
    says = " with words" if with_words else ""
    return Check(subject + says, kind, rank, call.lineno, kind, subject, slack, ", ".join(texts))


# --- expressions --------------------------------------------------------------------------------


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is written out, without a name in it."""
    return not any(
        isinstance(inner, (ast.Name, ast.Call, ast.Attribute)) for inner in ast.walk(node)
    )


def truth(node: ast.expr) -> bool | None:  # noqa: C901, PLR0912 - one case each
    """Return what a condition always is; None where that is open."""
    match node:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            return bool(items) if not any(isinstance(one, ast.Starred) for one in items) else None
        case ast.Lambda() | ast.GeneratorExp():
            return True
        case ast.Name(id="__debug__"):
            return True
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            known = truth(inner)
            return None if known is None else not known
        case ast.BoolOp(op=op, values=parts):
            if isinstance(op, ast.Or) and _covers_all(parts):
                return True
            each = [truth(part) for part in parts]
            decides = isinstance(op, ast.Or)
            if decides in each:
                return decides
            return None if None in each else not decides
        case ast.Dict(keys=keys):
            return bool(keys) if None not in keys else None
        case ast.JoinedStr(values=parts) if any(isinstance(one, ast.Constant) for one in parts):
            return True
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(_OPS[type(op)], left, right)
        case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[what, kinds]):
            return _is_any(what, kinds) or None
        case ast.Call(func=ast.Attribute(attr="startswith" | "endswith"), args=[ast.Constant("")]):
            return True
        case ast.Call(func=ast.Name(id="bool"), args=[inner]):
            return truth(inner)
    return None


def _compared(op: str, left: ast.expr, right: ast.expr) -> bool | None:
    if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
        same = left.value == right.value
        if op in {"==", "is"}:
            return same
        return not same if op in {"!=", "is not"} else None
    if _always(op, left, right):
        return True
    denied = _NEGATED[op]
    return False if op in {"!=", "is not", "not in"} and _always(denied, left, right) else None


def _is_any(what: ast.expr, kinds: ast.expr) -> bool:
    """Whether everything is one of these."""
    several = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
    own = {f"type({source.written(what)})", f"{source.written(what)}.__class__", "object"}
    return any(source.written(one) in own for one in several)


def _covers_all(parts: list[ast.expr]) -> bool:
    """Whether one part is what another denies."""
    denied = {
        ast.dump(part.operand)
        for part in parts
        if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not)
    }
    return any(ast.dump(part) in denied for part in parts)


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _number(node: ast.expr) -> float | None:
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1.0
    if isinstance(node, ast.Call) and _name_of(node.func) in _PLAIN_MAKERS and node.args:
        inner = node.args[0]
        try:
            return sign * float(inner.value) if isinstance(inner, ast.Constant) else None  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return None
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, (int, float))
        and not isinstance(node.value, bool)
    ):
        try:
            return sign * float(node.value)
        except OverflowError:
            return None
    return None
