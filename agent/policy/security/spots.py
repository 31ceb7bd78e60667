"""Turn what a rule on security sees in a file into findings on what a change brings in.

Tests are left alone: nobody sends them anything, and they are full of what must not be done.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.models.change import Finding
from agent.policy import layout, source
from agent.policy.proposal import Hit, Proposal
from agent.policy.rule import Rule
from agent.policy.view import View


@dataclass(frozen=True)
class Spot:
    """A place that a rule speaks of."""

    rule: Rule
    node: ast.expr
    says: str

    @property
    def hit(self) -> Hit:
        """As `Proposal.fresh` compares it."""
        return Hit(source.written(self.node)[:300], self.node.lineno, self.says)


def findings(
    proposal: Proposal, find: Callable[[View], Iterable[Spot]], fixes: Mapping[Rule, str]
) -> Iterator[Finding]:
    """Yield a finding for every new spot, with the way out that its rule names."""
    known: dict[View, list[Spot]] = {}
    for rule, fix in fixes.items():

        def hits(view: View, rule: Rule = rule) -> Iterator[Hit]:
            if view not in known:
                known[view] = list(find(view))
            return (spot.hit for spot in known[view] if spot.rule is rule)

        for file, hit in proposal.fresh(hits, lambda file: not layout.is_test(file.path)):
            yield rule.at(file.path, hit.message, fix, hit.line)
