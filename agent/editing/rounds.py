"""What became of each change that was judged, and whether it is worth going on. Pure.

It is made of the results of steps alone: the same again after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agent.domain import (
    Change,
    CheckReport,
    ClearedChange,
    Comparison,
    Finding,
    Plan,
    Proof,
    Verdict,
)
from agent.editing import failures
from agent.editing.failures import Failures

LAST = 2
"""Number of an attempt that is mended or left, and not begun anew from the start."""
#: So many rounds in a row may bring no fewer failures, as long as they bring others.
_PATIENCE = 2


@dataclass(frozen=True)
class Draft:
    """A change as a model left it."""

    plan: Plan
    tests: Change
    """The acceptance tests alone."""
    change: Change
    words: str = ""
    """What the model says of it: claims, no facts."""
    repairs: int = 0
    """Of this candidate so far."""
    attempt: int = 1
    """1: the candidate's first, `LAST`: it was begun anew, or goes on with what is published."""

    def edited(self, change: Change, words: str) -> Draft:
        """Return it as an attempt has left it."""
        return replace(self, change=change, words=words)

    def mended(self, change: Change, words: str) -> Draft:
        """Return it as a repair has left it; what was noted of it before still holds."""
        change = change.model_copy(update={"notes": self.change.notes})
        return replace(self, change=change, words=words or self.words, repairs=self.repairs + 1)


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
        return failures.red(self.compared, self.proof, self.verdict, self.after)

    @property
    def findings(self) -> int:
        """Remarks of rules for the reviewer."""
        more = sum(len(check.findings) for check in self.compared)
        return more + (len(self.cleared.findings) if self.cleared else len(self.refused))

    @property
    def rank(self) -> tuple[bool, bool, int, int]:
        """The greater, the better: what was checked, then what is wrong, then what is remarked."""
        return self.passed, self.cleared is not None, -self.failures.score, -self.findings

    @property
    def told(self) -> str:
        """How it ended, in one sentence."""
        if self.unfinished:
            return "not checked to its end"
        if self.verdict is None:
            count = self.failures.score
            return f"refused by {count} rule{'s' * (count != 1)} before any check"
        if self.passed:
            return "passed"
        count = self.failures.score
        return f"{count} new failure{'s' * (count != 1)} ({self.verdict.reason.value})"


def best(rounds: Sequence[Round]) -> Round:
    """Return the best one; of equals the first."""
    return max(rounds, key=lambda one: (one.rank, -one.number))


def is_known(change: Change, tried: Sequence[Round]) -> bool:
    """Whether a change was judged before."""
    return any(one.draft.change.digest == change.digest for one in tried)


def stuck(rounds: Sequence[Round]) -> str:
    """Say why going on as before would lead nowhere; empty: it may lead somewhere."""
    *earlier, last = rounds
    if any(one.failures.names == last.failures.names for one in earlier):
        return "the same fails as before"
    lowest = [one.failures.score for one in rounds]
    if len(rounds) > _PATIENCE and min(lowest[-_PATIENCE:]) >= min(lowest[:-_PATIENCE]):
        return f"{_PATIENCE} rounds brought no fewer failures"
    return ""
