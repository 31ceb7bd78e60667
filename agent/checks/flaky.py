"""Tell a test that fails at times from one that the change breaks, by its runs on both sides. Pure.

What excuses a failure is seen on base code, which a change cannot touch, and in sandboxes that are
alike: the test passed there, and failed as it does with the change. Where it never passes with the
change, a person has to look. Anything less excuses nothing. Who runs tests again is `again`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, auto

from agent.models.change import Finding, Severity
from agent.models.checks import CheckItem, RepeatedTest, Rerun

RULE = "flaky-tests"
PASSING = ("passed", "xpassed")
FAILING = ("failed", "error")
_KIND = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")


class Proof(Enum):
    """What the runs of a test show of its failure."""

    STEADY = auto()
    """It fails whenever it is run with the change, and does not fail so on base."""
    UNSURE = auto()
    """It fails at times, and was not seen to do so on base."""
    FLAKY = auto()
    """It fails at times, on base as well."""


def proof(failure: CheckItem, repeated: RepeatedTest | None) -> Proof:
    """Say what the runs of a test that failed with the change alone have shown."""
    if repeated is None:
        return Proof.STEADY
    is_alike = {_kind(failure.text)} | _kinds(repeated.head) <= _kinds(repeated.base)
    # One that never passes alone needs other tests before it: that is no matter of chance.
    flipped = has_both_outcomes((*repeated.base, *repeated.head))
    if is_alike and flipped and _has_outcome(repeated.head, (*PASSING, *FAILING)):
        return Proof.FLAKY
    return Proof.UNSURE if _has_outcome(repeated.head, PASSING) else Proof.STEADY


def has_both_outcomes(runs: tuple[Rerun, ...]) -> bool:
    """Whether a test both passed and failed."""
    return _has_outcome(runs, PASSING) and _has_outcome(runs, FAILING)


def finding(repeated: RepeatedTest) -> Finding:
    """Name a test that fails at times; a new one, or one that never passed, is for review."""
    is_known = not repeated.is_new and _has_outcome(repeated.head, PASSING)
    path, _, line = repeated.place.rpartition(":")
    return Finding(
        rule=RULE,
        severity=Severity.INFO if is_known else Severity.REVIEW,
        path=path or repeated.item_id.partition("::")[0],
        line=int(line) if path and line.isdecimal() else None,
        message=f"the test {repeated.item_id} is flaky: it {repeated.summary}.",
        fix="Find what it depends on besides the code: time, order, chance, the network.",
    )


def _has_outcome(runs: Iterable[Rerun], outcomes: tuple[str, ...]) -> bool:
    return any(run.outcome in outcomes for run in runs)


def _kinds(runs: Iterable[Rerun]) -> set[str]:
    return {_kind(run.text) for run in runs if run.outcome in FAILING}


def _kind(text: str) -> str:
    """Name the kind of error; pytest leaves out that of a plain assertion."""
    found = _KIND.match(text.strip())
    return found[0].rpartition(".")[2] if found else "AssertionError"
