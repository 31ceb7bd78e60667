"""Tell a test that fails at times from one that the change breaks, by its runs on both sides.

What excuses a failure is seen on base code, which a change cannot touch, and in sandboxes that are
alike: the test passed there, and failed as it does with the change. Where it never passes with the
change, a person has to look. Anything less excuses nothing.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from agent.checks import running
from agent.checks.check import Part, Selection, Site
from agent.checks.runners import Suite
from agent.checks.running import Say
from agent.models.change import Finding, Severity
from agent.models.checks import (
    TESTS,
    UNPROVED,
    CheckItem,
    CheckRun,
    RepeatedTest,
    Rerun,
    Status,
    TestRun,
    split_place,
)
from agent.models.record import replace
from agent.models.sandbox import Sandbox

RULE = "flaky-tests"
PASSING = ("passed", "xpassed")
FAILING = ("failed", "error")
_KIND = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")
#: If more fail, the change is the cause.
MOST_TESTS = 10
_MOST_ROUNDS = 5
#: After so many rounds a test that has not surprised anybody is not run again.
_ENOUGH = 3
#: A sandbox with less time than this before it is not opened any more.
_LEAST_SECONDS = 5.0
_TEXT = 200


def is_flaky(failure: CheckItem, repeated: RepeatedTest | None) -> bool:
    """Whether a test that failed with the change alone was seen to fail so on base as well."""
    if repeated is None:
        return False
    is_alike = {_kind(failure.text)} | _kinds(repeated.head) <= _kinds(repeated.base)
    # One that never passes alone needs other tests before it: that is no matter of chance.
    flipped = _has_both_outcomes((*repeated.base, *repeated.head))
    return is_alike and flipped and _has_outcome(repeated.head, (*PASSING, *FAILING))


def make_finding(repeated: RepeatedTest) -> Finding:
    """Name a test that fails at times; one that never passed with the change is for review."""
    is_known = _has_outcome(repeated.head, PASSING)
    path, line = split_place(repeated.place)
    return Finding(
        rule=RULE,
        severity=Severity.INFO if is_known else Severity.REVIEW,
        path=path or repeated.item_id.partition("::")[0],
        line=line,
        message=f"the test {repeated.item_id} is flaky: it {repeated.summary}.",
        fix="Find out what it depends on: time, order, randomness, the network.",
        asks_author=False,
    )


def is_proved(result: CheckRun) -> bool:
    """Whether a check came to its end and names its findings by test or place."""
    return result.status in (Status.PASSED, Status.FAILED) and not result.reason


def list_failing(items: Iterable[CheckItem]) -> tuple[CheckItem, ...]:
    return tuple(item for item in items if item.outcome in FAILING)


def list_red(result: TestRun) -> frozenset[str]:
    """List the ids of the tests that fail."""
    return frozenset(item.item_id for item in list_failing(result.items))


def _has_outcome(runs: Iterable[Rerun], outcomes: tuple[str, ...]) -> bool:
    return any(run.outcome in outcomes for run in runs)


def _has_both_outcomes(runs: tuple[Rerun, ...]) -> bool:
    return _has_outcome(runs, PASSING) and _has_outcome(runs, FAILING)


def _kinds(runs: Iterable[Rerun]) -> set[str]:
    return {_kind(run.text) for run in runs if run.outcome in FAILING}


def _kind(text: str) -> str:
    """Name the kind of error; pytest leaves out that of a plain assertion."""
    found = _KIND.match(text.strip())
    return found[0].rpartition(".")[2] if found else "AssertionError"


@dataclass
class SuiteRerunner:
    """Both sides of a run, ready to run tests of it again."""

    base: Site
    head: Site
    suite: Suite
    sandbox: Sandbox
    say: Say

    def run_part(self, site: Site, part: Part, shown_as: str = TESTS) -> TestRun:
        """Run a part of the tests of one side in a sandbox of its own.

        Args:
            shown_as: Is put before the lines that it prints.
        """
        name = f"{shown_as} on the base branch" if site.tree == self.base.tree else shown_as
        return running.run_check(self.suite.select(part, name), site, self.sandbox, self.say)

    def run_some(self, site: Site, only: Selection, shown_as: str = TESTS) -> TestRun:
        return self.run_part(site, Part(only), shown_as)

    def repeat(self, failures: tuple[CheckItem, ...]) -> tuple[RepeatedTest, ...]:
        """Run failed tests again until their runs say enough, for as long as the suite may take.

        With the change once; more often only where base has failed it, or it has passed.
        """
        verb = "fails" if len(failures) == 1 else "fail"
        self.say(f"tests: {len(failures)} {verb} only with the change; running again")
        found = {
            failure.item_id: RepeatedTest(item_id=failure.item_id, place=failure.place)
            for failure in failures
        }
        end = time.monotonic() + self.head.test_limits().seconds
        for number in range(_MOST_ROUNDS):
            left = [
                failure.item_id
                for failure in failures
                if _is_open(failure, found[failure.item_id], number)
            ]
            if not left or end - time.monotonic() < _LEAST_SECONDS:
                break
            # One side after the other: code of the change must not slow down what base does.
            for side, site in (("base", self.base), ("head", self.head)):
                ids = [item_id for item_id in left if _tells_more(found[item_id], side)]
                for item_id, run in self._run_again(site, ids, end):
                    test = found[item_id]
                    found[item_id] = (
                        replace(test, base=(*test.base, run))
                        if side == "base"
                        else replace(test, head=(*test.head, run))
                    )
        for one in found.values():
            self.say(f"tests: {one.item_id} {one.summary}")
        return tuple(found.values())

    def _run_again(self, site: Site, ids: list[str], end: float) -> Iterable[tuple[str, Rerun]]:
        """Say what each test did; nothing, where its sandbox proves nothing."""
        if not ids:
            return
        site = site.limit_seconds(max(end - time.monotonic(), _LEAST_SECONDS))
        result = self.run_some(site, Selection(ids=tuple(ids)))
        items = {item.item_id: item for item in result.items} if is_proved(result) else {}
        for item_id in ids:
            item = items.get(item_id) or CheckItem(item_id=item_id, outcome=UNPROVED)
            yield item_id, Rerun(outcome=item.outcome, text=item.text[:_TEXT])


def _is_open(failure: CheckItem, one: RepeatedTest, rounds: int) -> bool:
    """Whether another run could still change what is known of a test."""
    if is_flaky(failure, one):
        return False
    return rounds < _ENOUGH or _is_surprising(one)


def _tells_more(one: RepeatedTest, side: str) -> bool:
    """Whether another run on a side could change what is known of a test that is open."""
    if side == "base":
        return not _has_both_outcomes(one.base)
    return not one.head or _is_surprising(one)


def _is_surprising(one: RepeatedTest) -> bool:
    """Whether a test did what nobody expects of one that the change breaks."""
    return _has_outcome(one.base, FAILING) or _has_outcome(one.head, PASSING)
