"""Say what became of each test: paired with base's, and run once more where it fails newly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    AnyComparison,
    AnyRun,
    CheckItem,
    CheckReport,
    RepeatedTest,
    Rerun,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.record import replace

NEAR, AGAIN = "tests near the change", "changed tests, once more"
VERSIONS = "tests as the base branch has them"
_MOST_VERSIONS = 20


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
    lay_out_versions: Callable[[], Site]
    """Lays the change out with base's versions of the tests that it touches."""
    pairs: tuple[PairedTest, ...] = ()
    as_base: dict[str, RepeatedTest] = field(default_factory=dict)
    """What rewritten tests did once more as base has them."""

    def weigh(self, tests: TestRun, ran: Mapping[str, AnyRun], *, repeats: bool = True) -> TestRun:
        """Pair the tests with base's; what fails with the change alone runs once more."""
        bench, versions = self.bench, find_tests(ran, VERSIONS)
        doubts = []
        if versions is not None and not reruns.is_conclusive(suite.accept_empty(versions)):
            doubts = [f"{VERSIONS} did not run to their end: {versions.reason or versions.limit}"]
            versions = None
        classified = test_pairs.classify_tests(self.base.tests, tests, versions, self.parts)
        pairs = [pair for pair in classified.values() if pair.head or not tests.is_partial]
        if repeats and bench.base.names_tests and reruns.is_conclusive(self.base.tests):
            self._repeat(pairs)
            if bench.measure_anew and self._is_base_out_of_date(pairs):
                bench.say("base fails tests that it passed before: measuring it anew")
                anew, bench.measure_anew = bench.measure_anew(), None
                kept = (anew if run.name == TESTS else run for run in self.base.results)
                self.base = replace(self.base, results=tuple(kept))
                return self.weigh(tests, ran)
        pairs = list(reruns.weigh_repeated(pairs, bench.repeated, self.as_base))
        if tests.is_partial:
            pairs = [pair for pair in pairs if not self._is_by_chance(pair)]
        else:
            pairs = self._weigh_other_runs(pairs, ran)
            tests = self._explain_code(tests)
        self.pairs = tuple(pairs)
        return replace(
            tests,
            repeated=tuple(bench.repeated.values()),
            uncollected=change_parts.list_uncollected(self.parts, tests),
            doubts=tuple(doubts),
        )

    def _repeat(self, pairs: list[PairedTest]) -> None:
        repeated = self.bench.repeated
        broken = [
            pair for pair in pairs if pair.state == "broken" and pair.current_id not in repeated
        ]
        rewritten = [
            pair
            for pair in pairs
            if pair.state == "rewritten" and pair.version and pair.current_id not in self.as_base
        ]
        if broken:
            repeated |= reruns.repeat_failures(broken, self.bench.head, self.bench)
        if rewritten:
            self.as_base |= reruns.repeat_failures(rewritten, self.lay_out_versions(), self.bench)

    def _is_base_out_of_date(self, pairs: list[PairedTest]) -> bool:
        """Whether base fails a test today that its stored results have as passed."""
        ran = (self.bench.repeated.get(pair.current_id) for pair in pairs if pair.base)
        ended = (run.outcome for test in ran if test for run in test.base)
        return any(outcome not in (*PASSING, UNPROVED) for outcome in ended)

    def _is_by_chance(self, pair: PairedTest) -> bool:
        """Whether a test near the change failed once, and passed without a tracer."""
        test = self.bench.repeated.get(pair.current_id)
        passes = test is not None and any(run.outcome in PASSING for run in test.head)
        return pair.state == "broken" and passes

    def _weigh_other_runs(
        self, pairs: list[PairedTest], ran: Mapping[str, AnyRun]
    ) -> list[PairedTest]:
        """Let a test of the change's own pass only if it passed in each run."""
        again, near = self._list_failures(ran, AGAIN), self._list_failures(ran, NEAR)
        own = [
            pair
            for pair in pairs
            if pair.head and pair.head.outcome in PASSING and pair.state != "fixed"
            if pair.current_id in again or pair.current_id in near
        ]
        if not own:
            return pairs
        # Some tests of base need others before them: alone they fail there as well.
        old = [pair.item_id for pair in own if pair.is_of_base]
        (on_base,) = reruns.run_again(self.bench, (old, self.bench.base))
        weighed = {}
        for pair in own:
            run = on_base.get(pair.item_id)
            if pair.is_of_base and (run is None or run.outcome not in PASSING):
                continue
            item = again.get(pair.current_id)
            if item is not None:
                failed = replace(item, text=f"It fails intermittently.\n{item.text}")
                weighed[pair.current_id] = pair._replace(head=failed, state="broken")
                continue
            # Under the tracer alone; the run of all tests is counted as well.
            passed = (Rerun(outcome="passed"),)
            place = near[pair.current_id].place
            self.bench.repeated[pair.current_id] = RepeatedTest(
                item_id=pair.current_id, head=passed, place=place
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
        again = self._suite_again
        if again is None or again.exit_code in known or reruns.list_red(again):
            return tests
        reason = (
            f"the tests end with exit code {again.exit_code}, and with {base.exit_code} on the base"
            f" branch, though none fails: {get_last_lines(again)}"
        )
        return replace(tests, status=Status.FAILED, reason=reason)

    @cached_property
    def _suite_again(self) -> TestRun | None:
        (check, site), *_ = measuring.list_tests(self.bench.head)
        run = running.run_check(check, site, self.bench.sandbox, self.bench.say)
        return run if isinstance(run, TestRun) else None

    def add_versions(self, check: AnyComparison) -> AnyComparison:
        """Add to rewritten tests, of which the first are shown, both of their versions."""
        if not isinstance(check, TestComparison):
            return check
        items = {pair.current_id: pair.base for pair in self.pairs if pair.state == "rewritten"}
        shown = []
        for test in check.rewritten[:_MOST_VERSIONS]:
            item = items.get(test.item_id)
            before, after = change_parts.find_versions(self.parts, item) if item else ("", "")
            shown.append(replace(test, before=before, after=after))
        return replace(check, rewritten=(*shown, *check.rewritten[_MOST_VERSIONS:]))
