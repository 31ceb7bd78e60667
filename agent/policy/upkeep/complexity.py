"""Tell of functions that a change makes hard to follow, counted as McCabe did.

Each way that a function can take has to be thought of by whoever changes it next, and tested. Said
only of functions beyond the bound that the change brings in or makes worse; what was so before and
is not touched is nobody's fault here. Limits that a repository sets for its own linter are left to
that linter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import source
from agent.policy.layout import is_apart
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.upkeep import defined

COMPLEXITY = Rule(
    id="complexity",
    demands="No function takes more than 15 ways through its code.",
    severity=Severity.INFO,
    bad="def price(order):\n    if ...: ...  # and fifteen more of these",
    good="def price(order):\n    return base(order) + extras(order)",
)
RULES = (COMPLEXITY,)

#: pylint and ruff warn from 10 on, which good code passes every day; beyond 15 it is rare in it.
_MOST = 15
_BRANCHES = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case,
)  # fmt: skip


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every function that is beyond the bound, and further than before."""
    for pair in defined.pairs(proposal):
        now = _ways(pair.node)
        if now <= _MOST or is_apart(pair.file.path):
            continue
        was = _ways(pair.before) if pair.before else 0
        if now > was:
            before = f", {was} before" if was else ""
            yield COMPLEXITY.at(
                pair.file.path,
                f"has {now} ways through {pair.name} ({_MOST} at most{before})",
                "Take parts out that can be named and tested by themselves.",
                pair.node.lineno,
            )


def _ways(node: ast.AST) -> int:
    return 1 + sum(isinstance(inner, _BRANCHES) for inner in source.walk(node))
