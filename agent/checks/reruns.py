"""Run tests again, alone and in fresh sandboxes, that failed with the change and passed on base.

Owns which tests, how often and for how long. What their runs prove is left to `flaky`; that a run
counts at all is proved in each sandbox as in every other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from agent.checks import flaky, running
from agent.checks.check import TESTS, Part, PartOfSuite, Selection, Site, Suite
from agent.models.checks import UNPROVED, CheckItem, CheckResult, RepeatedTest, Rerun, Status
from agent.models.sandbox import Sandbox

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
            one
            for one in ids
            if not found[one].is_new and not flaky.has_both_outcomes(found[one].base)
        ]
        # One side after the other: what base is seen to do, code of the change must not slow down.
        ran = {"base": self._run(self.base, on_base, end), "head": self._run(self.head, ids, end)}
        for side, runs in ran.items():
            for item_id, run in runs.items():
                one = found[item_id]
                found[item_id] = one.model_copy(update={side: (*getattr(one, side), run)})

    def run(self, site: Site, part: Part) -> CheckResult:
        """Run a part of the tests of one side in a sandbox of its own."""
        name = f"{TESTS} on base" if site.tree == self.base.tree else TESTS
        return running.run_check(
            PartOfSuite(self.suite, part, name=name), site, self.sandbox, self.say
        )

    def run_some(self, site: Site, only: Selection) -> CheckResult:
        """Run some of the tests."""
        return self.run(site, Part(only))

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
    if flaky.proof(failure, one) is flaky.Proof.FLAKY:
        return False
    surprised = flaky.has_both_outcomes(one.base) or any(
        run.outcome in flaky.PASSING for run in one.head
    )
    failed_on_base = any(run.outcome in flaky.FAILING for run in one.base)
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
