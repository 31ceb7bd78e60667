"""Measure a change by the tests that were merged, as SWE-bench does.

A change resolves a task if it passes two kinds of tests: those that fail before the merged change
and pass with it, and those that pass before and with it. If a task does not name these tests, they
are found by running the merged test files on the base commit, and twice with the merged change.
Each run has a fresh sandbox that no model has seen.
"""

from dataclasses import dataclass
from typing import NamedTuple

from agent.backtest.tasks import PastChange
from agent.checks import check, running
from agent.checks.check import Selection
from agent.checks.runners import Suite
from agent.desk import Desk
from agent.editing import rebuilding
from agent.errors import AgentError
from agent.git import history, worktree
from agent.models.checks import Status
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.policy import new_dependencies


class ExpectedTests(NamedTuple):
    """The tests that have to pass with a change."""

    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    """Tests that ended differently in two runs with the merged change; they do not count."""
    why_not: str = ""
    """Why no change can be measured by them; "": it can."""


@dataclass(frozen=True)
class MergedTests:
    """Runs the merged tests of one past change."""

    task: PastChange
    prepared: Prepared
    """Base with its environment; the caller keeps the folders of its run locked."""
    desk: Desk

    def find_wanted(self) -> ExpectedTests:
        """Return the tests that the task names, or measure which ones count."""
        task = self.task
        if task.FAIL_TO_PASS:
            return ExpectedTests(fail_to_pass=task.FAIL_TO_PASS, pass_to_pass=task.PASS_TO_PASS)
        try:
            before = self._run_tests("")
            first, second = self._run_tests(task.patch), self._run_tests(task.patch)
        except AgentError as problem:
            return ExpectedTests(why_not=f"the merged change cannot be measured: {problem.message}")
        every = first.keys() | second.keys()
        unsteady = {test for test in every if first.get(test) != second.get(test)}
        passing = sorted(test for test in first.keys() - unsteady if first[test])
        wanted = ExpectedTests(
            fail_to_pass=tuple(test for test in passing if not before.get(test)),
            pass_to_pass=tuple(test for test in passing if before.get(test)),
            unsteady=tuple(sorted(unsteady)),
        )
        if wanted.fail_to_pass:
            return wanted
        why = "no merged test fails before the merged change and passes with it"
        if unsteady:
            why = f"{why}; of {len(first):,} tests {len(unsteady):,} are flaky"
        return wanted._replace(why_not=why)

    def list_failing(self, patch: str, wanted: ExpectedTests) -> tuple[str, ...]:
        """List the expected tests that fail with a patch of the base commit.

        Raises:
            AgentError: Packages that the patch declares cannot be installed, or no sandbox works.
        """
        ended = self._run_tests(patch)
        counted = (*wanted.fail_to_pass, *wanted.pass_to_pass)
        return tuple(test_id for test_id in counted if not ended.get(test_id))

    def _run_tests(self, patch: str) -> dict[str, bool]:
        """Run the merged test files with a patch; return whether each test passes, by id."""
        prepared, desk, base = self.prepared, self.desk, self.prepared.checkout
        tests = history.read_patch(base, self.task.test_patch)
        change = history.read_patch(base, patch)
        # The merged test files replace those of the patch.
        laid = {file.path: file for file in (*change.files, *tests.files)}
        made = replace(change, files=tuple(laid[path] for path in sorted(laid)))
        folder = desk.head_folder(prepared.run)
        worktree.lay_out(base, folder, desk.stopped).replay(made)
        environment = desk.environment(prepared)
        if not all(path.endswith(".py") for path in made.paths):
            asked = new_dependencies.list_new_requirements(
                rebuilding.make_context(made, prepared, desk)
            )
            environment = desk.environment_of_change(prepared, asked)
        site = check.make_site(folder, environment, prepared.contract, desk.settings)
        if not site.names_tests:
            return {}
        names = {file.path for file in tests.files if file.after is not None}
        files = tuple(sorted(name for name in names if name.endswith(".py")))
        suite = Suite(only=Selection(files=files))
        result = running.run_check(suite, site, desk.sandbox, desk.say)
        # In an unverified run the report may be wrong, so that no test counts as passed.
        is_proved = result.status is not Status.UNVERIFIED
        return {
            item.item_id: is_proved and item.outcome in ("passed", "xfailed")
            for item in result.items
        }
