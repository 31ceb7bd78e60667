"""Judge a change: run its checks, compare them with base, and prove it.

Besides base, these trees are checked: the commit, the commit with base's versions of the test files
that the change touches, the commit without a part of the change, and base with the change's tests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from agent.checks import compare, imports, running
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
from agent.models.change import Severity
from agent.models.checks import TESTS, AnyRun, CheckReport
from agent.models.record import replace
from agent.models.review import Judgement

#: A check is quick if, on base, it takes less than this share of the seconds of the tests.
_QUICK_SHARE = 0.1


def judge_change(
    split: SplitChange, base: CheckReport, bench: Bench, ran_before: Sequence[AnyRun]
) -> Judgement:
    """Run all checks on a change and compare them with base's.

    Linters, quick checks and the tests near the change run first. If one of these checks fails, or
    a near test fails twice, the other checks are ended: the author can act on this already, and
    the change is not published as it is. If the suite is short, all tests run first, and a single
    failure that base does not have is enough.

    Args:
        ran_before: Results of earlier checks, such as that of the packages that the change adds.
    """
    runs = _ChangeRuns(split, bench, TestVerdicts(split, base, bench), ran_before)
    # All tests, on the exact commit, as CI runs them.
    all_tests, first = running.list_tests(bench.head), runs.list_first()
    is_short = runs.base_seconds < imports.SHORT_SUITE
    # If other checks can run at the same time, all tests begin at once; a failed check ends them.
    begins_at_once = is_short or bench.base.at_once > 1
    with bench.jobs as jobs:
        jobs.start([*(all_tests if begins_at_once else ()), *first])
        runs.ran = jobs.wait([*first, *(all_tests if is_short else ())])
        early = runs.compare_with_base(is_partial=True)
        if is_in_the_way(early):
            bench.say("a check fails already: the others are ended")
            return early
        jobs.start([*(() if begins_at_once else all_tests), *runs.list_rest()])
        runs.ran |= jobs.wait()
        judged = runs.compare_with_base()
        if is_in_the_way(judged):
            return judged
        return replace(judged, proof=runs.proof.finish(runs.ran, runs.verdicts.pairs))


def is_in_the_way(judged: Judgement) -> bool:
    """Whether a check or a finding keeps a change from being published."""
    findings = (finding for check in judged.compared for finding in check.findings)
    is_blocked = any(finding.severity is Severity.BLOCK for finding in findings)
    return is_blocked or any(check.is_in_the_way for check in judged.compared)


@dataclass
class _ChangeRuns:
    """Lists the runs for one change, and compares their results with base's."""

    split: SplitChange
    bench: Bench
    verdicts: TestVerdicts
    ran_before: Sequence[AnyRun]
    ran: dict[str, AnyRun] = field(default_factory=dict)
    """Results by the names of checks."""

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
        """Test files near the change; empty: there are none, or base's tests are inconclusive."""
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

    # --- which runs -------------------------------------------------------------------------------

    @cached_property
    def _others(self) -> tuple[Job, ...]:
        """All checks but the tests."""
        return running.list_others(self.bench.head)

    def _is_quick(self, job: Job) -> bool:
        result = self.verdicts.base.result(job.check.name)
        is_lint = job.check.name in {command.name for command in self.bench.head.project.lint}
        most = _QUICK_SHARE * self.base_seconds
        return is_lint or (result is not None and result.seconds < most)

    def _list_selected(self, suite: Suite, lay_out: Callable[[], Site] | None = None) -> list[Job]:
        """List the run of selected tests, by default on the change; none for an empty selection."""
        if not self.bench.base.names_tests or suite.only == Selection():
            return []
        return [Job(suite, lay_out or (lambda: self.bench.head))]

    def list_first(self) -> list[Job]:
        """List linters, other quick checks, and the tests near the change."""
        quick = filter(self._is_quick, self._others)
        covers = tuple(file.path for file in self.split.sources)
        return [*quick, *self._list_selected(Suite(NEAR, self.near, covers=covers))]

    def list_rest(self) -> list[Job]:
        """List the runs for a change whose first checks pass, the longest first."""
        as_base = Suite(VERSIONS, self.split.as_base)
        again = Selection(files=self.split.own_tests if self.near.files else ())
        slow = [job for job in self._others if not self._is_quick(job)]
        return [
            *self._list_selected(as_base, lambda: self.verdicts.versions_site),
            *slow[::-1],
            *self._list_selected(Suite(AGAIN, again)),  # each run has another hash seed
            *self.proof.list_jobs(self.ran, self.verdicts.pairs),
        ]

    # --- the comparison ---------------------------------------------------------------------------

    def compare_with_base(self, *, is_partial: bool = False) -> Judgement:
        """Compare the results so far with base's, and keep the pairs of tests for the proof.

        New failures run once more, except those that an earlier call has repeated.
        """
        tests, near = find_tests(self.ran, TESTS), find_tests(self.ran, NEAR)
        if tests is None and near and is_conclusive(near):
            tests = replace(near, name=TESTS, is_partial=True)
        reported, counted = self.ran.get(TESTS), None
        if tests:
            reported, counted = self.verdicts.settle(tests, self.ran)
        # Further runs of tests are not reported as checks: verdicts and proof find them by name.
        names = (job.check.name for job in self._others)
        others = (self.ran[name] for name in names if name in self.ran)
        base, bench = self.verdicts.base, self.bench
        report = CheckReport(
            side="head",
            commit=base.commit,
            results=(*self.ran_before, *others, *((reported,) if reported else ())),
            is_partial=is_partial,
        )
        compared = compare.compare_reports(base, report, counted)
        compared = compare.add_rule_findings(
            compared, base, report, bench.contract, self.split.change, bench.human_changes
        )
        return Judgement(ran=report, compared=compared, is_partial=is_partial)
