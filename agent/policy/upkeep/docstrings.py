"""Tell of public functions without a docstring in a module whose public functions have them.

Held against the module alone: whoever reads it expects to find the words that all its neighbours
have. What a docstring says, and in which style, is left to the repository's linter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.layout import is_apart
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.upkeep import defined
from agent.policy.view import View

MISSING_DOCSTRING = Rule(
    id="missing-docstring",
    demands="Where the public functions of a module have docstrings, new ones have them too.",
    severity=Severity.INFO,
    bad="def total(order):\n    ...",
    good='def total(order):\n    """Return the price of all items."""\n    ...',
)
RULES = (MISSING_DOCSTRING,)

_ENOUGH = 3
_MOSTLY = 0.8


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new public function that is silent among those that speak."""
    told: dict[View, bool] = {}
    for pair in defined.pairs(proposal):
        before = pair.file.before
        if pair.before or before is None or is_apart(pair.file.path):
            continue
        if not defined.is_public(pair.name) or defined.is_nested(pair.visit):
            continue
        if pair.node.decorator_list or ast.get_docstring(pair.node) is not None:
            continue
        if before not in told:
            told[before] = _speaks(before)
        if told[before]:
            yield MISSING_DOCSTRING.at(
                pair.file.path,
                f"has {pair.name} without a docstring, where those beside it have one",
                "Say in a sentence what it does that its name does not.",
                pair.node.lineno,
            )


def _speaks(view: View) -> bool:
    public = [
        visit.node
        for name, visit in defined.named(view)
        if defined.is_public(name) and not defined.is_nested(visit)
    ]
    speaking = sum(ast.get_docstring(node) is not None for node in public)
    return len(public) >= _ENOUGH and speaking >= _MOSTLY * len(public)
