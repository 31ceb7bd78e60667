"""Judge a change: run its checks, compare them with base, and prove it.

Three trees show most of it, beside base: the commit, the commit with base's versions of the test
files that it touches, and the commit without a part of what it does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from agent.checks import compare, imports, running, test_pairs
from agent.checks.change_split import SplitChange
from agent.checks.check import Selection, Site
from agent.checks.proof import ProofTrials
from agent.checks.runners import Suite
from agent.checks.running import Bench, Job
from agent.checks.test_verdicts import (
    AGAIN,
    NEAR,
    VERSIONS,
    TestVerdicts,
    find_tests,
    is_conclusive,
)
from agent.models.change import Change
from agent.models.checks import (
    TESTS,
    AnyRun,
    CheckReport,
    TestRun,
)
from agent.models.environment import Contract
from agent.models.record import replace
from agent.models.review import Judgement

#: Part of the seconds of base's tests; what took less there runs first.
_QUICK = 0.1


def judge_change(
    split: SplitChange, base: CheckReport, bench: Bench, already: Sequence[AnyRun]
) -> Judgement:
    """Run all checks on a change and compare them with base's.

    Where linters fail, or tests near the change fail twice, that is the answer, which is never
    published, and the others are ended. Short suites are awaited whole: there one failure is enough
    that base does not show.

    Args:
        already: What ran before, such as the look at packages that the change brings along.
    """
    work = _ChangeRuns(split, bench, TestVerdicts(split, base, bench), already)
    # All of the exact commit's, as CI runs them.
    tests, first = running.list_tests(bench.head), work.list_first()
    is_short = work.base_seconds < imports.SHORT_SUITE
    with bench.jobs as jobs:
        # All tests begin at once where others can run beside them, and are ended if those fail.
        is_beside = is_short or bench.base.at_once > 1
        jobs.start([*(tests if is_beside else ()), *first])
        work.ran = jobs.wait([*first, *(tests if is_short else ())])
        early = work.compare_with_base(is_partial=True)
        if is_in_the_way(early):
            bench.say("a check fails already: the others are ended")
            return early
        jobs.start([*(() if is_beside else tests), *work.list_rest()])
        work.ran |= jobs.wait()
        judged = work.compare_with_base()
        if is_in_the_way(judged):
            return judged
        return replace(judged, proof=work.proof.finish(work.ran, work.verdicts.pairs))


def compare_base(base: CheckReport, contract: Contract) -> Judgement:
    """Compare base with itself: no edit has caused what that says."""
    split, counted = SplitChange(Change(base_commit=base.commit, files=())), None
    if isinstance(tests := base.result(TESTS), TestRun):
        pairs = test_pairs.classify_tests(tests, tests, None, split).values()
        counted = test_pairs.count_tests(tests, tests, pairs)
    compared = compare.compare_reports(base, base, counted)
    return Judgement(ran=base, compared=compare.apply_rules(compared, base, base, contract))


def is_in_the_way(judged: Judgement) -> bool:
    """Whether a check keeps a change from being published."""
    return any(check.is_in_the_way for check in judged.compared)


@dataclass
class _ChangeRuns:
    """The runs of one change, and what they say."""

    split: SplitChange
    bench: Bench
    verdicts: TestVerdicts
    already: Sequence[AnyRun]
    ran: dict[str, AnyRun] = field(default_factory=dict)

    @cached_property
    def proof(self) -> ProofTrials:
        return ProofTrials(self.split, self.bench, self.near)

    @property
    def base_seconds(self) -> float:
        """Seconds that base's tests take."""
        result = self.verdicts.base.result(TESTS)
        return result.seconds if result else 0.0

    @cached_property
    def near(self) -> Selection:
        """Test files near the change; empty: there are none, or base does not tell."""
        tests, split = self.verdicts.base.tests, self.split
        if not is_conclusive(tests):
            return Selection()
        collected = {item.file for item in tests.items}
        helpers = (path for path in split.own_tests if path not in collected)
        edited = [*(path for path in split.product if path.endswith(".py")), *helpers]
        paths = {*self.bench.tree.paths(), *split.change.paths}
        return Selection(
            files=imports.choose_near(edited, split.own_tests, tests, split.imports, paths)
        )

    # --- what runs --------------------------------------------------------------------------------

    @cached_property
    def _others(self) -> tuple[Job, ...]:
        """All checks but the tests."""
        return running.list_others(self.bench.head)

    def _is_quick(self, job: Job) -> bool:
        result = self.verdicts.base.result(job.check.name)
        is_lint = job.check.name in {command.name for command in self.bench.head.project.lint}
        return is_lint or (result is not None and result.seconds < _QUICK * self.base_seconds)

    def _list_some(self, suite: Suite, lay_out: Callable[[], Site] | None = None) -> list[Job]:
        """List what runs some of the tests, by default of the change; nothing for none of them."""
        if not self.bench.base.names_tests or suite.only == Selection():
            return []
        return [Job(suite, lay_out or (lambda: self.bench.head))]

    def list_first(self) -> list[Job]:
        """List linters, what takes base a moment, and the tests near the change."""
        quick = filter(self._is_quick, self._others)
        source = (path for path in self.split.product if path.endswith(".py"))
        covers = tuple(path for path in source if (self.bench.head.tree / path).is_file())
        return [*quick, *self._list_some(Suite(NEAR, self.near, covers=covers))]

    def list_rest(self) -> list[Job]:
        """List what runs where none of the first fails, the longest first."""
        as_base, own = Suite(VERSIONS, self.split.as_base), self.split.own_tests
        again = Selection(files=tuple(path for path in own if path in self.near.files))
        slow = [job for job in self._others if not self._is_quick(job)]
        return [
            *self._list_some(as_base, lambda: self.verdicts.versions_site),
            *slow[::-1],
            *self._list_some(Suite(AGAIN, again)),  # each run has another hash seed
            *self.proof.list_jobs(self.ran),
        ]

    # --- what it says -----------------------------------------------------------------------------

    def compare_with_base(self, *, is_partial: bool = False) -> Judgement:
        """Compare what has run with all of base, and keep the pairs of tests for the proof.

        What fails newly runs once more, but not again where an earlier call has done that.
        """
        tests, near = find_tests(self.ran, TESTS), find_tests(self.ran, NEAR)
        if tests is None and near and is_conclusive(near):
            tests = replace(near, name=TESTS, is_partial=True)
        ended, counted = self.ran.get(TESTS), None
        if tests:
            ended, counted = self.verdicts.find_verdicts(tests, self.ran)
        # Runs of tests are read by their names, all others here.
        names = dict.fromkeys((*(job.check.name for job in self._others), *self.ran))
        others = (
            self.ran[name]
            for name in names
            if name in self.ran and name != TESTS and not isinstance(self.ran[name], TestRun)
        )
        base, bench = self.verdicts.base, self.bench
        report = CheckReport(
            side="head",
            commit=base.commit,
            results=(*self.already, *others, *((ended,) if ended else ())),
            is_partial=is_partial,
        )
        compared = compare.compare_reports(base, report, counted)
        compared = compare.apply_rules(
            compared, base, report, bench.contract, self.split.change, bench.human_changes
        )
        return Judgement(ran=report, compared=compared, is_partial=is_partial)
