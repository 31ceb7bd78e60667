"""Turn what a rule on security sees in a file into findings on what a change brings in.

Tests are left alone: nobody sends them anything, and they are full of what must not be done.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.domain import Finding
from agent.policy import layout, source
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View

_LONGEST = 300


@dataclass(frozen=True)
class Spot:
    """A place that a rule speaks of."""

    rule: Rule
    node: ast.expr
    says: str

    @property
    def hit(self) -> Hit:
        """As `Proposal.fresh` compares it."""
        return Hit(source.written(self.node)[:_LONGEST], self.node.lineno, self.says)


def findings(
    proposal: Proposal,
    find: Callable[[View], Iterable[Spot]],
    fixes: Mapping[Rule, str],
    *,
    apart: Iterable[Rule] = (),
) -> Iterator[Finding]:
    """Yield a finding for every new spot.

    Args:
        proposal: The change.
        find: Yields the spots of one side of a file.
        fixes: The way out, by rule.
        apart: Rules that leave alone what does not run in the application: scripts, migrations.
    """
    known: dict[View, list[Spot]] = {}

    def spots(view: View) -> list[Spot]:
        if view not in known:
            known[view] = list(find(view))
        return known[view]

    for rule, fix in fixes.items():

        def hits(view: View, rule: Rule = rule) -> Iterator[Hit]:
            return (spot.hit for spot in spots(view) if spot.rule is rule)

        def among(file: PythonFile, rule: Rule = rule) -> bool:
            return not (layout.is_apart(file.path) if rule in apart else layout.is_test(file.path))

        for file, hit in proposal.fresh(hits, among):
            yield rule.at(file.path, hit.message, fix, hit.line)
