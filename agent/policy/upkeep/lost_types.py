"""Tell of types that a change takes away, or leaves out where all the others have theirs.

A type checker says nothing of what has no types, so that a lost annotation hides later faults. What
is new is held against its own module only: where most functions have all their types, a function
without any stands out; where they have none, it is as it should be. Errors in types are left to
the type checker.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.layout import is_apart
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.upkeep import defined
from agent.policy.view import FunctionNode, View

LOST_TYPES = Rule(
    id="lost-types",
    demands="No argument or result of a function loses its type.",
    severity=Severity.INFO,
    bad="def total(order): ...  # before: (order: Order) -> Decimal",
    good="def total(order: Order) -> Decimal: ...",
)
UNTYPED = Rule(
    id="untyped-function",
    demands="Where the functions of a module have types, new public ones have them too.",
    severity=Severity.INFO,
    bad="def total(order): ...  # among functions with types",
    good="def total(order: Order) -> Decimal: ...",
)
RULES = (LOST_TYPES, UNTYPED)

_ENOUGH = 3
_MOSTLY = 0.8


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every function that lost types, or was made without."""
    typed: dict[View, bool] = {}
    for pair in defined.pairs(proposal):
        path, line = pair.file.path, pair.node.lineno
        if pair.before is not None:
            if lost := sorted(_typed(pair.before) & _places(pair.node) - _typed(pair.node)):
                yield LOST_TYPES.at(
                    path,
                    f"takes the type of {', '.join(lost)} from {pair.name}",
                    "Keep it, or say why it no longer holds.",
                    line,
                )
        elif defined.is_public(pair.name) and not is_apart(path):
            before = pair.file.before
            if before is None or defined.is_nested(pair.visit) or _is_typed(pair.node):
                continue
            if before not in typed:
                typed[before] = _has_types(before)
            if typed[before]:
                yield UNTYPED.at(
                    path,
                    f"has {pair.name} without types, where the functions beside it have theirs",
                    "Give types to its arguments and its result.",
                    line,
                )


def _arguments(node: FunctionNode) -> list[ast.arg]:
    args = node.args
    several = [one for one in (args.vararg, args.kwarg) if one]
    found = [*args.posonlyargs, *args.args, *args.kwonlyargs, *several]
    return [one for one in found if one.arg not in ("self", "cls")]


def _places(node: FunctionNode) -> set[str]:
    return {*(one.arg for one in _arguments(node)), "the result"}


def _typed(node: FunctionNode) -> set[str]:
    found = {one.arg for one in _arguments(node) if one.annotation is not None}
    return found | ({"the result"} if node.returns is not None else set())


def _is_typed(node: FunctionNode) -> bool:
    """Whether it has any types; a whole set of them is the type checker's matter."""
    return bool(_typed(node))


def _has_types(view: View) -> bool:
    functions = [visit.node for visit in view.functions]
    typed = sum(_typed(node) == _places(node) or node.name == "__init__" for node in functions)
    return len(functions) >= _ENOUGH and typed >= _MOSTLY * len(functions)
