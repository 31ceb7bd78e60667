"""Tell a test that fails at times from one that the change breaks, by its runs on both sides.

What excuses a failure is seen on base code, which a change cannot touch, and in sandboxes that are
alike: the test passed there, and failed as it does with the change. Where it never passes with the
change, a person has to look. Anything less excuses nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from enum import Enum, auto

from agent.checks import running
from agent.checks.check import Part, PartOfSuite, Selection, Site, Suite
from agent.models.change import Finding, Severity
from agent.models.checks import TESTS, UNPROVED, CheckItem, CheckResult, RepeatedTest, Rerun, Status
from agent.models.sandbox import Sandbox

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


def judge_failure(failure: CheckItem, repeated: RepeatedTest | None) -> Proof:
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
    return _has_outcome(runs, PASSING) and _has_outcome(runs, FAILING)


def make_finding(repeated: RepeatedTest) -> Finding:
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


Say = Callable[[str], None]

#: Where more fail, it is the change.
MOST_TESTS = 10
#: After so many rounds a test that has not surprised anybody is not run again.
_ENOUGH = 3
#: A sandbox with less time than this before it is not opened any more.
_LEAST_SECONDS = 5.0
_TEXT = 200


@dataclass
class Reruns:
    """Both sides of a run, ready to run tests of it again."""

    base: Site
    head: Site
    suite: Suite
    sandbox: Sandbox
    say: Say
    """Told what runs, and some of the lines that are printed meanwhile."""

    def repeat(
        self,
        failures: tuple[CheckItem, ...],
        rounds: int,
        new: Container[str] = (),
    ) -> tuple[RepeatedTest, ...]:
        """Run failed tests again until their runs say enough, for as long as the suite may take.

        Args:
            rounds: So often at most.
            new: The tests that base does not have; they run with the change alone.
        """
        count = len(failures)
        verb = "fails" if count == 1 else "fail"
        self.say(f"tests: {count} {verb} with the change alone; run again")
        found = {
            item.item_id: RepeatedTest(
                item_id=item.item_id,
                is_new=item.item_id in new,
                place=item.place,
            )
            for item in failures
        }
        end = time.monotonic() + self.head.test_limits().seconds
        for number in range(rounds):
            left = [item for item in failures if _is_open(item, found[item.item_id], number)]
            if not left or end - time.monotonic() < _LEAST_SECONDS:
                break
            self._round([item.item_id for item in left], found, end)
        for one in found.values():
            self.say(f"tests: {one.item_id} {one.summary}")
        return tuple(found.values())

    def _round(self, ids: list[str], found: dict[str, RepeatedTest], end: float) -> None:
        """Run them once more on both sides; on base only those that were not seen to flip there."""
        on_base = [
            one for one in ids if not found[one].is_new and not has_both_outcomes(found[one].base)
        ]
        # One side after the other: what base is seen to do, code of the change must not slow down.
        ran = {"base": self._run(self.base, on_base, end), "head": self._run(self.head, ids, end)}
        for side, runs in ran.items():
            for item_id, run in runs.items():
                one = found[item_id]
                found[item_id] = one.model_copy(update={side: (*getattr(one, side), run)})

    def run(self, site: Site, part: Part, shown_as: str = TESTS) -> CheckResult:
        """Run a part of the tests of one side in a sandbox of its own.

        Args:
            shown_as: Stands before the lines that it prints.
        """
        name = f"{shown_as} on base" if site.tree == self.base.tree else shown_as
        return running.run_check(
            PartOfSuite(self.suite, part, name=name), site, self.sandbox, self.say
        )

    def run_some(self, site: Site, only: Selection, shown_as: str = TESTS) -> CheckResult:
        return self.run(site, Part(only), shown_as)

    def _run(self, site: Site, ids: list[str], end: float) -> dict[str, Rerun]:
        if not ids:
            return {}
        site = site.limit_seconds(max(end - time.monotonic(), _LEAST_SECONDS))
        return dict(_find_outcomes(ids, self.run_some(site, Selection(ids=tuple(ids)))))


def is_proved(result: CheckResult) -> bool:
    """Whether a run of tests came to its end and says of each what it did."""
    return result.status in (Status.PASSED, Status.FAILED) and not result.reason


def _is_open(failure: CheckItem, one: RepeatedTest, rounds: int) -> bool:
    """Whether another run could still change what is known of a test."""
    if judge_failure(failure, one) is Proof.FLAKY:
        return False
    surprised = has_both_outcomes(one.base) or any(run.outcome in PASSING for run in one.head)
    failed_on_base = any(run.outcome in FAILING for run in one.base)
    return rounds < _ENOUGH or surprised or failed_on_base


def _find_outcomes(ids: Iterable[str], result: CheckResult) -> Iterable[tuple[str, Rerun]]:
    """What a sandbox says of each test; nothing, where it proves nothing."""
    items = {item.item_id: item for item in result.items} if is_proved(result) else {}
    for item_id in ids:
        item = items.get(item_id)
        if item is None:
            yield item_id, Rerun(outcome=UNPROVED)
        else:
            yield item_id, Rerun(outcome=item.outcome, text=item.text[:_TEXT])
