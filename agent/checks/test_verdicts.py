"""Say what became of each test: paired with base's, and run once more where it fails newly."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from agent.checks import change_parts, measuring, reruns, running, suite, test_pairs
from agent.checks.change_parts import ChangeParts
from agent.checks.check import Site, get_last_lines
from agent.checks.running import Bench
from agent.checks.suite import FAILING, PASSING
from agent.checks.test_pairs import PairedTest
from agent.models.checks import (
    TESTS,
    UNPROVED,
    AnyRun,
    CheckItem,
    CheckReport,
    RepeatedTest,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.record import replace

NEAR, AGAIN = "tests near the change", "changed tests, once more"
VERSIONS = "tests as the base branch has them"


def find_tests(ran: Mapping[str, AnyRun], name: str) -> TestRun | None:
    """Find a run of tests among results."""
    run = ran.get(name)
    return run if isinstance(run, TestRun) else None


@dataclass
class TestVerdicts:
    """What became of the tests of one change."""

    __test__ = False

    parts: ChangeParts
    base: CheckReport
    """Measured anew where its results turn out to be out of date."""
    bench: Bench
    pairs: tuple[PairedTest, ...] = ()

    @cached_property
    def versions_site(self) -> Site:
        """The change with base's versions of the tests that it touches."""
        return self.bench.lay_out(change_parts.revert_tests(self.parts), "versions")

    def weigh(
        self, tests: TestRun, ran: Mapping[str, AnyRun], *, repeats: bool
    ) -> tuple[TestRun, TestComparison]:
        """Compare the tests with base's; what fails with the change alone runs once more."""
        bench, repeated = self.bench, self.bench.repeated
        versions, doubts = self._read_versions(find_tests(ran, VERSIONS))
        classified = test_pairs.classify_tests(self.base.tests, tests, versions, self.parts)
        pairs = [pair for pair in classified.values() if pair.head or not tests.is_partial]
        broken = [pair for pair in pairs if pair.state == "broken"]
        if repeats and bench.suite is not None and reruns.is_conclusive(self.base.tests):
            fresh = [pair for pair in broken if pair.current_id not in repeated]
            repeated |= reruns.repeat_failures(fresh, bench)
            if bench.measure_anew and self._is_base_out_of_date(broken):
                bench.say("base fails tests that it passed before: measuring it anew")
                anew, bench.measure_anew = bench.measure_anew(), None
                kept = (anew if run.name == TESTS else run for run in self.base.results)
                self.base = replace(self.base, results=tuple(kept))
                return self.weigh(tests, ran, repeats=True)
        pairs = [reruns.weigh_again(pair, repeated.get(pair.current_id)) for pair in pairs]
        if tests.is_partial:
            # What passes without a tracer is left to the run of all tests.
            passing = {name for name, test in repeated.items() if test.head in PASSING}
            pairs = [
                pair for pair in pairs if pair.state != "broken" or pair.current_id not in passing
            ]
        else:
            pairs = self._weigh_other_runs(pairs, ran)
            tests = self._explain_code(tests)
        self.pairs = tuple(pairs)
        tests = replace(
            tests,
            repeated=tuple(repeated.values()),
            uncollected=change_parts.list_uncollected(self.parts, tests),
            doubts=doubts,
        )
        return tests, test_pairs.count_tests(self.base.tests, tests, pairs, self.parts)

    def _read_versions(self, run: TestRun | None) -> tuple[TestRun | None, tuple[str, ...]]:
        """Return what tests do as base has them, or why that is not known.

        What fails runs once more, and counts as it ends then.
        """
        if run is None:
            return None, ()
        if not reruns.is_conclusive(suite.accept_empty(run)):
            return None, (f"{VERSIONS} did not run to their end: {run.reason or run.limit}",)
        passed = {item.item_id for item in self.base.tests.items if item.outcome in PASSING}
        red = (item.item_id for item in run.items if item.outcome not in PASSING)
        ids = sorted(passed.intersection(red))[: reruns.MOST_TESTS]
        [again] = reruns.run_again(self.bench, (self.versions_site, ids))
        green = {item_id for item_id, outcome in again.items() if outcome in PASSING}
        items = (
            replace(item, outcome="passed") if item.item_id in green else item for item in run.items
        )
        return replace(run, items=tuple(items)), ()

    def _is_base_out_of_date(self, broken: list[PairedTest]) -> bool:
        """Whether base fails a test today that its stored results have as passed."""
        again = (
            test.base
            for pair in broken
            if pair.base and pair.base.outcome in PASSING
            if (test := self.bench.repeated.get(pair.current_id))
        )
        return any(outcome not in ("", UNPROVED, *PASSING) for outcome in again)

    def _weigh_other_runs(
        self, pairs: list[PairedTest], ran: Mapping[str, AnyRun]
    ) -> list[PairedTest]:
        """Let a test of the change's own pass only if it passed in each run."""
        again, near = (self._list_failures(ran, name) for name in (AGAIN, NEAR))
        own = [
            pair
            for pair in pairs
            if pair.head and pair.head.outcome in PASSING and pair.current_id in again | near
        ]
        [on_base] = reruns.run_again(
            self.bench, (self.bench.base, [pair.item_id for pair in own if pair.base])
        )
        weighed = {}
        for pair in own:
            if on_base.get(pair.item_id, "passed") not in PASSING:
                continue
            if (item := again.get(pair.current_id)) is not None:
                failed = replace(item, text=f"It fails intermittently.\n{item.text}")
                weighed[pair.current_id] = pair._replace(head=failed, state="broken")
                continue
            # Under the tracer alone; the run of all tests is counted as well.
            self.bench.repeated[pair.current_id] = RepeatedTest(
                item_id=pair.current_id, head="passed", place=near[pair.current_id].place
            )
            weighed[pair.current_id] = pair._replace(state="flaky")
        return [weighed.get(pair.current_id, pair) for pair in pairs]

    def _list_failures(self, ran: Mapping[str, AnyRun], name: str) -> dict[str, CheckItem]:
        """List what failed in another run of the change's own tests, by id."""
        run = find_tests(ran, name)
        items = run.items if run and reruns.is_conclusive(run) else ()
        own = {*self.parts.own_tests}
        return {
            item.item_id: item for item in items if item.outcome in FAILING and item.file in own
        }

    def _explain_code(self, tests: TestRun) -> TestRun:
        """Fail tests whose exit code no test explains, and that base does not have, seen twice."""
        base = self.base.tests
        known = {0, None} | ({base.exit_code} if not reruns.list_red(base) else set())
        is_red = bool(reruns.list_red(tests))
        if tests.reason or tests.limit or is_red or tests.exit_code in known:
            return tests
        self.bench.say("tests: the exit code is red where no test is; running all again")
        [(check, site)] = measuring.list_tests(self.bench.head)
        again = running.run_check(check, site, self.bench.sandbox, self.bench.say)
        is_red = bool(isinstance(again, TestRun) and reruns.list_red(again))
        if again.exit_code in known or is_red:
            return tests
        reason = (
            f"the tests end with exit code {again.exit_code}, and with {base.exit_code} on the base"
            f" branch, though none fails: {get_last_lines(again)}"
        )
        return replace(tests, status=Status.FAILED, reason=reason)
