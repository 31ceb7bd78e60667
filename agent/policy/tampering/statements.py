"""What a statement of a test does: ends it, fails it, skips it, or never lets anything run.

Told from the names of what is called, whatever library it is of. Which statements of a test are
reached is left to `expectations`.
"""

from __future__ import annotations

import ast

from agent.policy import source
from agent.policy.tampering import cases, looks

RAISING = frozenset(
    {
        "raises", "warns", "deprecated_call", "assertRaises", "assertRaisesRegex",
        "assertRaisesMessage", "assertRaisesRegexp", "assertWarns", "assertWarnsRegex",
        "assertWarnsMessage", "RaisesGroup", "assert_raises",
    }
)  # fmt: skip
_SWALLOWS = frozenset({"AssertionError", "Exception", "BaseException"})
_FAILS = frozenset({"fail", "exit"})
_SKIPS = frozenset({"skip", "skipTest", "xfail"})


def is_assertion(name: str) -> bool:
    """Whether a call of this name is an assertion by its name alone."""
    return name.startswith(("assert", "_assert")) or name in {
        "eq_",
        "ok_",
        "fail",
        "raise_for_status",
    }


def ends(node: ast.stmt) -> bool:
    """Whether nothing behind a statement in its block is reached."""
    if isinstance(node, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
        return True
    return is_skip(node)


def is_skip(node: ast.stmt) -> bool:
    """Whether a statement skips the test."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and cases.called(node.value) in _SKIPS
    )


def is_fail(node: ast.stmt) -> bool:
    """Whether a statement fails the test whenever it is reached."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return cases.called(node.value) in _FAILS
    if isinstance(node, ast.Assert):
        return looks.truth(node.test) is False
    return isinstance(node, ast.Raise)


def raises_other(node: ast.stmt) -> bool:
    """Whether it fails the test by an error that is no AssertionError."""
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    named = source.written(node.exc).partition("(")[0].rpartition(".")[2]
    return named not in {"AssertionError", "SkipTest", "Exit"}


def is_written_out(raised: ast.expr | None) -> bool:
    """Whether what is raised is made on the spot, and not handed out by the code under test."""
    maker = raised.func if isinstance(raised, ast.Call) else raised
    return maker is None or not any(isinstance(inner, ast.Call) for inner in ast.walk(maker))


def only_fails(body: list[ast.stmt]) -> bool:
    """Whether a block ends by failing the test."""
    return bool(body) and is_fail(body[-1])


def raises_again(body: list[ast.stmt]) -> bool:
    """Whether a handler hands a failure on, or fails the test itself."""
    return any(
        is_fail(node)
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.stmt)
    )


def swallows(handler: ast.ExceptHandler) -> bool:
    """Whether a handler takes the failure of an assertion and drops it."""
    kind = handler.type
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind] if kind else []
    takes = kind is None or any(cases.last(one) in _SWALLOWS for one in kinds)
    return takes and not raises_again(handler.body)


def suppresses(node: ast.Call, name: str) -> bool:
    """Whether what a block stands in takes the failure of an assertion: `raises(Exception)`.

    Args:
        node: What the block stands in.
        name: Of what is called, as its library calls it.
    """
    if name == "suppress":
        wanted = node.args
    elif name in RAISING:
        wanted = [
            inner
            for arg in node.args[:1]
            for inner in (arg.elts if isinstance(arg, ast.Tuple) else [arg])
        ]
    else:
        return False
    return any(cases.last(one) in _SWALLOWS for one in wanted)


def handler_kinds(node: ast.Try) -> list[str]:
    """Return the names of what is caught and dropped."""
    found = []
    for handler in node.handlers:
        if handler.type is not None and not raises_again(handler.body):
            kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            found += [cases.last(kind) for kind in kinds]
    return sorted(found)


def looks_at_something(body: list[ast.stmt]) -> bool:
    """Whether something in a block is an assertion, by its form or name."""
    return any(
        isinstance(node, ast.Assert)
        or (
            isinstance(node, ast.Call)
            and (is_assertion(cases.called(node)) or cases.called(node) in RAISING | _FAILS)
        )
        for statement in body
        for node in ast.walk(statement)
    )


def is_empty(node: ast.expr) -> bool:
    """Whether a loop over this has no turn."""
    match node:
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=0)]):
            return True
        case ast.Call(func=ast.Name(id="list" | "tuple" | "set" | "dict" | "iter"), args=[]):
            return True
    return False
