"""The functions and classes of a change, found again on its other side, also after a move.

Owns which function of the base is the one that stands in the change; what became of it is left to
the rules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent.policy.proposal import Proposal, PythonFile
from agent.policy.view import FunctionNode, View, Visit


@dataclass(frozen=True, eq=False)
class Pair:
    """A function of the change, and what it was."""

    file: PythonFile
    view: View
    visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]
    name: str
    """With its classes and functions around it, as in `Orders.total`."""
    before: FunctionNode | None
    """None: it is new."""

    @property
    def node(self) -> FunctionNode:
        """Its definition."""
        return self.visit.node


def pairs(proposal: Proposal) -> tuple[Pair, ...]:
    """Return every function of the changed files that is new, or not what it was."""
    return proposal.once(_pairs)


def _pairs(proposal: Proposal) -> tuple[Pair, ...]:
    return tuple(_found(proposal))


def _found(proposal: Proposal) -> Iterator[Pair]:
    moved = proposal.once(_gone)
    for file in proposal.python:
        view = file.after
        if view is None:
            continue
        old = dict(named(file.before)) if file.before else {}
        for name, visit in named(view):
            was = old.get(name)
            if was is None and name in moved:
                yield Pair(file, view, visit, name, moved[name].node)
            elif was is None or file.before is None:
                yield Pair(file, view, visit, name, None)
            elif file.before.segment(was.node) != view.segment(visit.node):
                yield Pair(file, view, visit, name, was.node)


def named(
    view: View,
) -> Iterator[tuple[str, Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]]]:
    """Yield the functions of a file with their full names."""
    for visit in view.functions:
        around = visit.qualname
        yield f"{around}.{visit.node.name}" if around else visit.node.name, visit


def is_public(name: str) -> bool:
    """Whether no part of a name begins with an underscore."""
    return not any(part.startswith("_") for part in name.split("."))


def is_nested(visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]) -> bool:
    """Whether it stands within another function."""
    return visit.function is not None


def _gone(
    proposal: Proposal,
) -> dict[str, Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]]:
    """Return the functions that left their file; what is new elsewhere may be one of them."""
    found = {}
    for file in proposal.python:
        if file.before is not None:
            kept = {name for name, _ in named(file.after)} if file.after else set()
            found.update({name: visit for name, visit in named(file.before) if name not in kept})
    return found
