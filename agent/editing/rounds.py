"""What became of each change that was judged. Pure.

It is made of the results of steps alone: the same again after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.check_summary import count_things
from agent.domain import (
    Change,
    CheckReport,
    ClearedChange,
    Comparison,
    Finding,
    Plan,
    Proof,
    Severity,
    Verdict,
)
from agent.editing import failures
from agent.editing.failures import Failures

if TYPE_CHECKING:
    from agent.editing.attempts import Attempt


@dataclass(frozen=True)
class Draft:
    """A change as it was submitted."""

    plan: Plan
    change: Change
    words: str = ""
    """What the model says of it: claims, no facts."""
    by: Attempt | None = None
    """The conversation that it comes from; None: no model has edited it."""
    submitted: Change | None = None
    """As it came from there, before anything of ours was added."""


@dataclass(frozen=True)
class Round:
    """A draft, with what policy, checks and decision made of it."""

    number: int
    draft: Draft
    refused: tuple[Finding, ...] = ()
    """Why policy did not let it through; then there is nothing else."""
    cleared: ClearedChange | None = None
    after: CheckReport | None = None
    compared: tuple[Comparison, ...] = ()
    proof: Proof = field(default_factory=Proof)
    verdict: Verdict | None = None
    unfinished: bool = False
    """Whether the run's minutes ended before all that was known."""

    @property
    def passed(self) -> bool:
        """Whether it may be published."""
        return self.verdict is not None and self.verdict.publish

    @property
    def failures(self) -> Failures:
        """All that stands against it."""
        if self.verdict is None or self.after is None:
            return failures.refused(self.refused)
        return failures.red(self.compared, self.verdict, self.after)

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """What a person has to look at first."""
        said = (self.cleared, *self.compared, self.verdict)
        found = dict.fromkeys(finding for one in said if one for finding in one.findings)
        return tuple(one for one in found if one.severity is Severity.REVIEW)

    @property
    def rank(self) -> tuple[bool, bool, int, int]:
        """The greater, the better: what was checked, then what is wrong, then what is remarked."""
        wrong, remarked = len(self.failures.names), len(self.remarks)
        return self.passed, self.cleared is not None, -wrong, -remarked

    @property
    def told(self) -> str:
        """How it ended, in one sentence."""
        if self.unfinished:
            return "not checked to its end"
        if self.passed:
            return "passed"
        count = len(self.failures.names)
        if self.verdict is None:
            return f"refused by rules before any check: {count_things(count, 'finding')}"
        return f"{count_things(count, 'problem')} ({self.verdict.reason.value})"


def best(rounds: Sequence[Round]) -> Round:
    """Return the best one; of equals the first."""
    return max(rounds, key=lambda one: (one.rank, -one.number))
