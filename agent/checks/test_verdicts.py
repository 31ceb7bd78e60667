"""Find the verdict on each test: pair it with base's, and repeat it if it is a new failure.

Only a failure on base, which a change cannot influence, excuses a failure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest

from agent.checks import change_split, running, suite, test_pairs
from agent.checks.change_split import SplitChange
from agent.checks.check import Selection, Site, get_last_lines
from agent.checks.runners import Suite
from agent.checks.running import Bench, Job
from agent.checks.suite import FAILING, PASSING
from agent.checks.test_pairs import UNRUN, PairedTest, name_test
from agent.models.change import Finding, Severity
from agent.models.checks import (
    TESTS,
    UNPROVED,
    AnyRun,
    CheckReport,
    CheckRun,
    RepeatedTest,
    Status,
    TestComparison,
    TestRun,
    split_place,
)
from agent.models.record import replace

NEAR, AGAIN = "tests near the change", "changed tests, once more"
VERSIONS = "tests as the base branch has them"
RULE = "flaky-tests"
#: Maximum number of tests that run once more: if more fail, the change is the cause.
MOST_TESTS = 10
_SUSPECT = ("failed", "error", "skipped")


def find_tests(ran: Mapping[str, AnyRun], name: str) -> TestRun | None:
    """Find a run of tests among results."""
    run = ran.get(name)
    return run if isinstance(run, TestRun) else None


def is_conclusive(run: CheckRun) -> bool:
    """Whether a check ran to its end and listed its findings."""
    return run.status in (Status.PASSED, Status.FAILED) and not run.reason


def list_red(run: TestRun) -> frozenset[str]:
    """List the ids of the tests that fail."""
    return frozenset(item.item_id for item in run.items if item.outcome in FAILING)


@dataclass
class TestVerdicts:
    """Finds the verdicts on the tests of a change."""

    __test__ = False

    split: SplitChange
    base: CheckReport
    """Replaced by a new measurement if its results turn out to be out of date."""
    bench: Bench
    pairs: tuple[PairedTest, ...] = ()
    """The pairs of the last comparison."""

    @cached_property
    def versions_site(self) -> Site:
        """The change, with base's versions of the tests that it touches."""
        return self.bench.lay_out(change_split.revert_tests(self.split), "versions")

    def settle(self, tests: TestRun, ran: Mapping[str, AnyRun]) -> tuple[TestRun, TestComparison]:
        """Compare the tests with base's; new failures run once more on both sides."""
        bench, repeated = self.bench, self.bench.repeated
        versions, doubts = self._read_versions(find_tests(ran, VERSIONS))
        classified = test_pairs.classify_tests(self.base.tests, tests, versions, self.split)
        pairs = [pair for pair in classified.values() if pair.head or not tests.is_partial]
        if is_conclusive(self.base.tests):
            self._repeat(pair for pair in pairs if pair.state == "broken")
        pairs = [read_repeat(pair, repeated.get(pair.current_id)) for pair in pairs]
        if bench.measure_anew and any(pair.state == "flaky" for pair in pairs):
            bench.say("base fails tests that it passed before: measuring it anew")
            anew, bench.measure_anew = bench.measure_anew(), None
            kept = (anew if run.name == TESTS else run for run in self.base.results)
            self.base = replace(self.base, results=tuple(kept))
            return self.settle(tests, ran)
        if tests.is_partial:
            # If a test passes the second time, the run of all tests will decide about it.
            passing = {name for name, test in repeated.items() if test.head in PASSING}
            pairs = [
                pair for pair in pairs if pair.state != "broken" or pair.current_id not in passing
            ]
        else:
            pairs = self._fail_intermittent(pairs, ran)
            tests = self._explain_code(tests)
        self.pairs = tuple(pairs)
        tests = replace(
            tests,
            repeated=tuple(repeated.values()),
            uncollected=tuple(change_split.list_uncollected(self.split, tests)),
            doubts=doubts,
        )
        return tests, test_pairs.count_tests(self.base.tests, tests, pairs)

    def _repeat(self, broken: Iterable[PairedTest]) -> None:
        """Run new failures once more on both sides."""
        bench, by_file = self.bench, defaultdict[str, list[PairedTest]](list)
        for pair in broken:
            if (item := pair.head) is None or pair.current_id in bench.repeated:
                continue
            # A module that cannot be imported has no test that could run.
            if item.outcome in _SUSPECT and not item.is_collection:
                by_file[item.file].append(pair)
        suspects = [*filter(None, chain.from_iterable(zip_longest(*by_file.values())))]
        if not suspects:
            return
        verb = "fails" if len(suspects) == 1 else "fail"
        bench.say(f"tests: {len(suspects)} {verb} only with the change; running again")
        chosen = suspects[:MOST_TESTS]
        base, head = run_again(
            bench,
            (bench.base, [pair.item_id for pair in chosen if pair.base]),
            (bench.head, [pair.current_id for pair in chosen]),
        )
        for pair in chosen:
            test = RepeatedTest(
                item_id=pair.current_id,
                place=pair.head.place if pair.head else "",
                base=base.get(pair.item_id, ""),
                head=head[pair.current_id],
            )
            bench.say(f"tests: {test.item_id} {test.summary}")
            bench.repeated[test.item_id] = test

    def _read_versions(self, run: TestRun | None) -> tuple[TestRun | None, tuple[str, ...]]:
        """Return the run of base's versions of tests, or why it has no result.

        Its failures run once more; the second outcome counts.
        """
        if run is None:
            return None, ()
        if not is_conclusive(suite.accept_empty(run)):
            return None, (f"{VERSIONS} did not run to their end: {run.reason or run.limit}",)
        passed = {item.item_id for item in self.base.tests.items if item.outcome in PASSING}
        red = (item.item_id for item in run.items if item.outcome not in PASSING)
        ids = sorted(passed.intersection(red))[:MOST_TESTS]
        [again] = run_again(self.bench, (self.versions_site, ids))
        green = {item_id for item_id, outcome in again.items() if outcome in PASSING}
        items = (
            replace(item, outcome="passed") if item.item_id in green else item for item in run.items
        )
        return replace(run, items=tuple(items)), ()

    def _fail_intermittent(
        self, pairs: list[PairedTest], ran: Mapping[str, AnyRun]
    ) -> list[PairedTest]:
        """Fail the change's own tests that fail in another run, unless base fails them as well.

        Parameters that come from a set have another order in each run, and thus other ids; so
        base's test runs with all parameters with which it passed.
        """
        runs = (find_tests(ran, name) for name in (NEAR, AGAIN))
        failed = {
            item.item_id: item
            for run in runs
            if run and is_conclusive(run)
            for item in run.items
            if item.outcome in FAILING and item.file in self.split.own_tests
        }
        own = [
            pair
            for pair in pairs
            if pair.head and pair.head.outcome in PASSING and pair.current_id in failed
        ]
        names = {name_test(pair.item_id) for pair in own}
        passed = {
            item.item_id
            for item in (self.base.tests.items if own else ())
            if item.outcome in PASSING and name_test(item.item_id) in names
        }
        ids = {*passed, *(pair.item_id for pair in own if pair.base)}
        [on_base] = run_again(self.bench, (self.bench.base, sorted(ids)))
        excused = {name_test(item_id) for item_id in passed if on_base[item_id] in FAILING}
        broken = {}
        for pair in own:
            fails_on_base = on_base.get(pair.item_id) in FAILING
            if not fails_on_base and name_test(pair.item_id) not in excused:
                item = failed[pair.current_id]
                head = replace(item, text=f"It fails intermittently.\n{item.text}")
                broken[pair.current_id] = pair._replace(head=head, state="broken")
        return [broken.get(pair.current_id, pair) for pair in pairs]

    def _explain_code(self, tests: TestRun) -> TestRun:
        """Fail a run whose exit code is red twice, without a failing test and unlike on base."""
        base = self.base.tests
        harmless = {0, None} | ({base.exit_code} if not list_red(base) else set())
        is_red = bool(list_red(tests))
        if tests.reason or tests.limit or is_red or tests.exit_code in harmless:
            return tests
        self.bench.say("tests: the exit code is red where no test is; running all again")
        again = self._suite_again
        is_red = bool(isinstance(again, TestRun) and list_red(again))
        if again.exit_code in harmless or is_red:
            return tests
        reason = (
            f"the tests end with exit code {again.exit_code}, and with {base.exit_code} on the base"
            f" branch, though none fails: {get_last_lines(again)}"
        )
        return replace(tests, status=Status.FAILED, reason=reason)

    @cached_property
    def _suite_again(self) -> AnyRun:
        return self.bench.run_all(running.list_tests(self.bench.head))[TESTS]


def run_again(bench: Bench, *asked: tuple[Site, Sequence[str]]) -> list[dict[str, str]]:
    """Run tests on several sites, at the same time; return their outcomes by id, site by site.

    The outcome is `unproved` if a run is inconclusive or does not have the test.
    """

    def name_run(site: Site) -> str:
        return f"{TESTS} on the base branch" if site is bench.base else f"{TESTS}, once more"

    suites = (
        (Suite(name_run(site), Selection(ids=tuple(ids))), site) for site, ids in asked if ids
    )
    ran = bench.run_all([Job.at(suite, site) for suite, site in suites])
    outcomes = []
    for site, ids in asked:
        run = find_tests(ran, name_run(site))
        items = run.items if run and is_conclusive(run) else ()
        ended = {item.item_id: item.outcome for item in items}
        outcomes.append({item_id: ended.get(item_id, UNPROVED) for item_id in ids})
    return outcomes


def read_repeat(pair: PairedTest, test: RepeatedTest | None) -> PairedTest:
    """Classify a new failure again, by its outcomes when it ran once more."""
    if pair.state != "broken" or pair.head is None:
        return pair
    was, on_base = pair.base.outcome if pair.base else "", test.base if test else ""
    if was == UNRUN and on_base not in (*PASSING, *FAILING):
        return pair._replace(state="unrun")
    if on_base in FAILING and on_base != was:
        # If base had no time for the test at first, it is unknown how often it fails there.
        return pair._replace(state="known" if was == UNRUN else "flaky")
    if test is None:
        return pair
    note = "It fails intermittently." if test.head in PASSING else ""
    lines = (pair.head.text, note, f"(run again: it {test.summary})")
    return pair._replace(head=replace(pair.head, text="\n".join(filter(None, lines))))


def make_finding(repeated: RepeatedTest) -> Finding:
    """Make the finding of a flaky test: for review unless it passed again with the change."""
    path, line = split_place(repeated.place)
    return Finding(
        rule=RULE,
        severity=Severity.INFO if repeated.head in PASSING else Severity.REVIEW,
        path=path or repeated.item_id.partition("::")[0],
        line=line,
        message=f"the test {repeated.item_id} is flaky: it {repeated.summary}.",
        fix="Find out what it depends on: time, order, randomness, the network.",
        asks_author=False,
    )
