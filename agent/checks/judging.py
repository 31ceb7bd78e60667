"""Judge a change: run its checks, compare them with base, and prove it.

Three trees show all of it, beside base: the commit, the commit with base's versions of the test
files that it touches, and the commit without a part of what it does.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from agent.checks import (
    change_parts,
    compare,
    imports,
    measuring,
    reruns,
    runners,
    running,
    suite,
    test_pairs,
)
from agent.checks.change_parts import ChangeParts
from agent.checks.check import Selection, Site, TestRequest, get_last_lines
from agent.checks.commands import ToolCheck
from agent.checks.django_state import MIGRATIONS
from agent.checks.imports import Imports
from agent.checks.proof import ProofTrials
from agent.checks.running import Bench, Job
from agent.checks.suite import FAILING, PASSING
from agent.checks.test_pairs import PairedTest
from agent.models.change import Change
from agent.models.checks import (
    TESTS,
    UNPROVED,
    AnyComparison,
    AnyRun,
    CheckItem,
    CheckReport,
    LintRun,
    RepeatedTest,
    Rerun,
    RewrittenTest,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.record import replace
from agent.models.review import Judgement, Proof
from agent.policy.migrations import is_migration

NEAR, AGAIN = "tests near the change", "changed tests, once more"
VERSIONS = "tests as the base branch has them"
BASE_SETTINGS = ", base settings"
#: Part of the seconds of base's tests; what took less there runs first.
_QUICK = 0.1
_MOST_VERSIONS = 20


def judge_change(
    parts: ChangeParts, base: CheckReport, bench: Bench, already: Sequence[AnyRun] = ()
) -> Judgement:
    """Run all checks on a change and compare them with base's.

    Where linters, or tests near the change, fail, these alone answer: nothing else begins.

    Args:
        already: What ran before, such as the look at packages that the change brings along.
    """
    work = _Judging(parts, base, bench, already)
    first = [*work.list_quick(), *work.list_near()]
    rest = [*work.list_versions(), *work.list_slow()]
    if work.base_seconds < imports.SHORT_SUITE:
        first = [*work.list_tests(), *first]
    else:
        rest = [*work.list_tests(), *rest]
    work.ran |= bench.run_all(first)
    compared = work.compare(is_partial=True)
    if any(check.is_in_the_way for check in compared):
        bench.say("a check fails already: the others are not run")
        return Judgement(ran=work.report, compared=compared, is_partial=True)
    work.ran |= bench.run_all([*rest, *work.list_again(), *work.list_proof()])
    compared = work.compare(is_partial=False)
    is_wrong = any(check.is_in_the_way for check in compared)
    proof = Proof() if is_wrong else work.prove()
    return Judgement(ran=work.report, compared=compared, proof=proof)


def compare_with_itself(base: CheckReport, nothing: Change) -> tuple[AnyComparison, ...]:
    """Compare base with itself: no edit has caused what that says."""
    parts = ChangeParts(
        change=nothing,
        product=(),
        own_tests=(),
        touched=frozenset(),
        moved={},
        configuration=frozenset(),
        as_base=Selection(),
        imports=Imports({}),
    )
    pairs = test_pairs.classify_tests(base.tests, base.tests, None, parts)
    return compare.compare_reports(base, base, [*pairs.values()])


@dataclass
class _Judging:
    """The runs of one change, and what they say."""

    parts: ChangeParts
    base: CheckReport
    bench: Bench
    already: Sequence[AnyRun]
    ran: dict[str, AnyRun] = field(default_factory=dict)
    report: CheckReport = field(init=False)
    pairs: tuple[PairedTest, ...] = ()
    as_base: dict[str, RepeatedTest] = field(default_factory=dict)
    """What rewritten tests did once more as base has them."""

    @property
    def base_seconds(self) -> float:
        """Seconds that base's tests take."""
        result = self.base.result(TESTS)
        return result.seconds if result else 0.0

    @cached_property
    def proof(self) -> ProofTrials:
        return ProofTrials(self.parts, self.bench, self.near)

    @cached_property
    def near(self) -> Selection:
        """Test files near the change; empty: there are none, or base does not tell."""
        if self.bench.suite is None or not reruns.is_conclusive(self.base.tests):
            return Selection()
        parts = self.parts
        helpers = (path for path in parts.own_tests if path not in self._collected)
        edited = [*(path for path in parts.product if path.endswith(".py")), *helpers]
        paths = frozenset(self.bench.tree.paths()) | {*self.parts.change.paths}
        given = self.base.tests, parts.imports, paths
        return Selection(files=imports.choose_near(edited, parts.own_tests, *given))

    @cached_property
    def _collected(self) -> frozenset[str]:
        return frozenset(item.file for item in self.base.tests.items)

    @cached_property
    def _others(self) -> measuring.Checks:
        """All checks but the tests; new migrations have one of their own."""
        new = tuple(
            file.path
            for file in self.parts.change.files
            if is_migration(file.path, file.after) and not is_migration(file.path, file.before)
        )
        linted = ((dataclasses.replace(MIGRATIONS, new=new), self.bench.head),) if new else ()
        return (*measuring.list_others(self.bench.head), *linted)

    @cached_property
    def _settings(self) -> frozenset[str]:
        """Files with settings of linters and type checkers that the change edits."""
        return change_parts.list_tool_settings(self.parts.change)

    # --- what runs --------------------------------------------------------------------------------

    def _list_others(self) -> Iterator[tuple[str, Job]]:
        """Yield all checks but the tests; tools also with base's settings, where these differ."""
        kept = (file for file in self.parts.change.files if file.path not in self._settings)
        before = replace(self.parts.change, files=tuple(kept))
        for check, site in self._others:
            yield check.name, Job.at(check, site)
            if self._settings and isinstance(check, ToolCheck):
                renamed = check.rename(check.name + BASE_SETTINGS)
                yield check.name, Job(renamed, lambda: self.bench.lay_out(before, ""))

    def _is_quick(self, name: str) -> bool:
        result = self.base.result(name)
        is_lint = name in {command.name for command in self.bench.head.project.lint}
        return is_lint or (result is not None and result.seconds < _QUICK * self.base_seconds)

    def list_quick(self) -> list[Job]:
        return [job for name, job in self._list_others() if self._is_quick(name)]

    def list_slow(self) -> list[Job]:
        """List the other checks, the longest first."""
        jobs = [job for name, job in self._list_others() if not self._is_quick(name)]
        return jobs[::-1]

    def list_tests(self) -> list[Job]:
        """List what runs all tests of the exact commit, as CI does."""
        return [Job.at(check, site) for check, site in measuring.list_tests(self.bench.head)]

    def _list_some(self, name: str, request: TestRequest) -> list[Job]:
        runner = self.bench.suite
        if runner is None or request.only == Selection():
            return []
        return [Job.at(runners.select(runner, request, name), self.bench.head)]

    def list_near(self) -> list[Job]:
        covers = tuple(
            path
            for path in self.parts.product
            if path.endswith(".py") and (self.bench.head.tree / path).is_file()
        )
        return self._list_some(NEAR, TestRequest(self.near, covers=covers))

    def list_versions(self) -> list[Job]:
        """List what runs base's versions of tests that the change touches."""
        if self.bench.suite is None or self.parts.as_base == Selection():
            return []
        check = runners.select(self.bench.suite, TestRequest(self.parts.as_base), VERSIONS)
        return [Job(check, lambda: self._versions_site)]

    @cached_property
    def _versions_site(self) -> Site:
        return self.bench.lay_out(change_parts.revert_tests(self.parts), "versions")

    def list_again(self) -> list[Job]:
        """List what runs the change's own tests once more: each run has another hash seed."""
        own = tuple(path for path in self.parts.own_tests if path in self.near.files)
        return self._list_some(AGAIN, TestRequest(Selection(files=own)))

    def list_proof(self) -> list[Job]:
        return self.proof.list_jobs(self.near_run, self.pairs)

    # --- what it says -----------------------------------------------------------------------------

    def _find(self, name: str) -> TestRun | None:
        run = self.ran.get(name)
        return run if isinstance(run, TestRun) else None

    @property
    def near_run(self) -> TestRun | None:
        return self._find(NEAR)

    def compare(self, *, is_partial: bool) -> tuple[AnyComparison, ...]:
        """Compare what has run with all of base; what fails newly runs once more."""
        tests = self._find(TESTS)
        if tests is None and (near := self.near_run) and reruns.is_conclusive(near):
            tests = replace(near, name=TESTS, is_partial=True)
        if tests is not None:
            tests = self._weigh_tests(tests)
        others = {name: run for name, run in self.ran.items() if name != TESTS}
        results = (*self.already, *self._list_results(others), *((tests,) if tests else ()))
        if tests is None and TESTS in self.ran:
            results = (*results, self.ran[TESTS])
        self.report = CheckReport(
            side="head", commit=self.base.commit, results=results, is_partial=is_partial
        )
        compared = compare.compare_reports(self.base, self.report, self.pairs)
        compared = tuple(
            replace(one, rewritten=tuple(self._add_versions(one.rewritten)))
            if isinstance(one, TestComparison)
            else one
            for one in compared
        )
        return self.bench.weigh(compared, self.base, self.report)

    def _add_versions(self, tests: Sequence[RewrittenTest]) -> Iterator[RewrittenTest]:
        """Yield tests with both versions, of which the first are shown."""
        items = {pair.current_id: pair.base for pair in self.pairs if pair.state == "rewritten"}
        for number, test in enumerate(tests):
            item = items.get(test.item_id) if number < _MOST_VERSIONS else None
            before, after = change_parts.find_versions(self.parts, item) if item else ("", "")
            yield replace(test, before=before, after=after)

    def _list_results(self, ran: dict[str, AnyRun]) -> Iterator[AnyRun]:
        """Yield the results of checks, those with base's settings joined to the others."""
        for check, _ in self._others:
            result, before = ran.get(check.name), ran.get(check.name + BASE_SETTINGS)
            if isinstance(result, LintRun) and isinstance(before, LintRun):
                seen = {item.item_id for item in result.items}
                more = tuple(item for item in before.items if item.item_id not in seen)
                if before.reason and not result.reason:
                    # What the base branch's settings find is not known.
                    more = (
                        CheckItem(item_id=f"{before.name}: {before.reason}", outcome="finding"),
                    )
                status = Status.FAILED if more and not result.reason else result.status
                result = replace(
                    result,
                    items=(*result.items, *more),
                    status=status,
                    settings_of_base=tuple(sorted(self._settings)),
                )
            if result is not None:
                yield result

    def _weigh_tests(self, tests: TestRun) -> TestRun:
        """Pair the tests with base's; what fails with the change alone runs once more."""
        bench, versions = self.bench, self._find(VERSIONS)
        doubts = []
        if versions is not None and not reruns.is_conclusive(suite.accept_empty(versions)):
            doubts = [f"{VERSIONS} did not run to their end: {versions.reason or versions.limit}"]
            versions = None
        classified = test_pairs.classify_tests(self.base.tests, tests, versions, self.parts)
        pairs = [pair for pair in classified.values() if pair.head or not tests.is_partial]
        if bench.suite is not None and reruns.is_conclusive(self.base.tests):
            self._repeat(pairs)
            if bench.measure_anew and self._is_base_out_of_date(pairs):
                bench.say("base fails tests that it passed before: measuring it anew")
                self._replace_base(bench.measure_anew())
                bench.measure_anew = None
                return self._weigh_tests(tests)
        pairs = list(reruns.weigh_repeated(pairs, bench.repeated, self.as_base))
        if tests.is_partial:
            pairs = [pair for pair in pairs if not self._is_by_chance(pair)]
        else:
            pairs = self._weigh_other_runs(pairs)
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
            self.as_base |= reruns.repeat_failures(rewritten, self._versions_site, self.bench)

    def _is_base_out_of_date(self, pairs: list[PairedTest]) -> bool:
        """Whether base fails a test today that its stored results have as passed."""
        ran = (self.bench.repeated.get(pair.current_id) for pair in pairs if pair.base)
        ended = (run.outcome for test in ran if test for run in test.base)
        return any(outcome not in (*PASSING, UNPROVED) for outcome in ended)

    def _replace_base(self, tests: TestRun) -> None:
        results = tuple(tests if one.name == TESTS else one for one in self.base.results)
        self.base = replace(self.base, results=results)

    def _is_by_chance(self, pair: PairedTest) -> bool:
        """Whether a test near the change failed once, and passed without a tracer."""
        test = self.bench.repeated.get(pair.current_id)
        passes = test is not None and any(run.outcome in PASSING for run in test.head)
        return pair.state == "broken" and passes

    def _weigh_other_runs(self, pairs: list[PairedTest]) -> list[PairedTest]:
        """Let a test of the change's own pass only if it passed in each run."""
        again, near = self._list_failures(AGAIN), self._list_failures(NEAR)
        own = [
            pair
            for pair in pairs
            if pair.head and pair.head.outcome in PASSING and pair.state != "fixed"
            if pair.current_id in again or pair.current_id in near
        ]
        # Some tests of base need others before them: alone they fail there as well.
        old = [pair.item_id for pair in own if pair.is_of_base]
        on_base = reruns.run_again(old, self.bench.base, self.bench)
        weighed = {}
        for pair in own:
            run = on_base.get(pair.item_id)
            if pair.is_of_base and (run is None or run.outcome not in PASSING):
                continue
            item = again.get(pair.current_id)
            if item is not None:
                words = f"It fails intermittently.\n{item.text}"
                failed = replace(item, text=words)
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

    def _list_failures(self, name: str) -> dict[str, CheckItem]:
        """List what failed in another run of the change's own tests, by id."""
        run = self._find(name)
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

    def prove(self) -> Proof:
        """Prove the change, where all else has passed."""
        tests = self._find(TESTS)
        if self.bench.head.config.checks.tests == "off":
            return Proof(unneeded="tests are turned off in the configuration")
        if tests is None or self.bench.suite is None:
            is_code = any(path.endswith(".py") for path in self.parts.product)
            why = "no runner of its tests is known"
            return Proof(missing=why) if is_code else Proof(unneeded="no code was changed")
        return self.proof.finish(self.ran, tests, self.near_run, self.pairs)
