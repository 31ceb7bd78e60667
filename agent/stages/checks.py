"""Checks: run everything the repository has on the change, and compare it with base.

The checked files are laid out again from the base commit and the Change: the commit will contain
exactly these. What a check writes is deleted with its sandbox.
"""

import dataclasses
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

from agent.checks import (
    changed_files,
    comparison,
    measuring,
    packages,
    reports,
    reruns,
    rule_changes,
    running,
    weighing,
)
from agent.checks.check import Selection, Site, make_site
from agent.checks.django_state import DJANGO_CHECK, MAKEMIGRATIONS, MIGRATIONS
from agent.checks.two_runs import TwoRuns
from agent.checks.whole_commit import WHOLE, WHOLE_PART, judge_whole
from agent.desk import Desk
from agent.editing import rebuilding
from agent.editing.proving import EarlyProof
from agent.errors import EnvironmentFailed, PolicyRefused
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.models.change import Change, ClearedChange, Severity
from agent.models.checks import (
    AnyComparison,
    AnyRun,
    CheckReport,
    CommandRun,
    LintRun,
    PackageRun,
    Status,
    TestRun,
)
from agent.models.environment import Environment, Prepared
from agent.models.record import replace
from agent.policy import levels, migrations, requirements, ruff_contract
from repo_config import dependencies
from repo_config.rule_files import has_tables, is_tool_setting, list_read_by_tools

#: Checks that look at source alone, and not at what tests are.
_OF_SOURCE = (DJANGO_CHECK.name, MAKEMIGRATIONS.name, MIGRATIONS.name)


def run_checks(
    cleared: ClearedChange,
    before: CheckReport,
    prepared: Prepared,
    desk: Desk,
    human_changes: Change | None = None,
    seconds: float = math.inf,
    proof: EarlyProof | None = None,
) -> CheckReport:
    """Run all checks on the change; first of all, check it by ruff's rules.

    Tests are run as base has them, and what is left of them as the change has it. Linters and type
    checkers read their settings as base has them. Where the change touches what Django is started
    with, its checks are first run without that; these results carry `comparison.BASE_RULES` in
    their names. Where the change declares other packages than base, all of its side runs with
    those.

    Args:
        human_changes: The branch's earlier change; what rules find in lines of people only remarks.
        seconds: Left of the run's minutes; what is not over by then is ended.
        proof: Begins once the first checks have passed, while the others run.

    Raises:
        EnvironmentFailed: The packages that the change declares cannot be installed.
        PolicyRefused: A rule that ruff checks forbids it.
    """
    change, trees = cleared.change, _Trees(prepared, desk, time.monotonic() + seconds)
    environment, added = _prepare_environment(change, trees)
    trees = dataclasses.replace(trees, environment=environment)
    site = trees.lay_out(change, desk.head_folder(prepared.run).name)
    runs = _prepare_two_runs(change, site, before, trees)
    disguised = runs.disguised_files if runs else frozenset()
    given = change, site, trees.make_base(), disguised, desk.sandbox, desk.say
    linted = changed_files.lint_change(*given)
    _refuse_forbidden(linted, change, human_changes, trees)
    results: tuple[AnyRun, ...] = (*added, *_run_by_base_rules(change, trees))
    measured = _measure_change(change, site, runs, before, trees, proof)
    report = CheckReport(
        side="head",
        commit=prepared.checkout.commit,
        results=(*results, *measured, *((linted,) if linted else ())),
    )
    desk.store_report(prepared.run, report)
    return report


def compare_sides(
    base: CheckReport, head: CheckReport, prepared: Prepared, desk: Desk
) -> tuple[AnyComparison, ...]:
    """Compare the two sides, check by check; rules weigh what some tools find."""
    contract = prepared.contract
    tools = {command.name: command.tool for command in contract.project.commands}
    return weighing.weigh_comparisons(
        comparison.compare_reports(base, head), base, head, contract.config, tools
    )


@dataclass(frozen=True)
class _Trees:
    """Base and parts of the change on disk, with the environment of the change."""

    prepared: Prepared
    desk: Desk
    until: float = math.inf
    """When the run's minutes end, by the monotonic clock."""
    environment: Environment | None = None

    @property
    def base(self) -> WorkTree:
        return self.desk.open_base(self.prepared)

    def make_base(self) -> Site:
        tree = self.base  # a run that goes on after a kill has its records, but no files
        return self._make_site(tree, self.desk.environment(self.prepared))

    def lay_out(self, part: Change, name: str) -> Site:
        folder = self.desk.head_folder(self.prepared.run).with_name(name)
        tree = worktree.lay_out(self.prepared.checkout, folder, self.desk.stopped)
        tree.replay(part)
        return self._make_site(tree, self.environment or self.desk.environment(self.prepared))

    def _make_site(self, tree: WorkTree, environment: Environment) -> Site:
        contract, settings = self.prepared.contract, self.desk.settings
        return make_site(tree.folder, environment, contract, settings, self.until)


# --- the environment of the change ----------------------------------------------------------------


def _prepare_environment(
    change: Change, trees: _Trees
) -> tuple[Environment | None, tuple[PackageRun, ...]]:
    """Build what the change declares or sets up, and look at it; None: that of base will do."""
    prepared, desk = trees.prepared, trees.desk
    change_context = rebuilding.make_context(change, prepared, desk)
    declares_others = requirements.has_changed(change_context)
    if declares_others:
        reason = "the change declares different packages; checking with those"
        failed = "The packages that the change declares cannot be installed."
    elif rebuilding.list_built(change, prepared, desk) or (
        prepared.contract.config.setup and not all(path.endswith(".py") for path in change.paths)
    ):
        reason = "the change touches more than Python code; running set-up again"
        failed = "Set-up fails with the change."
    else:
        return None, ()
    desk.say(reason)
    trees.lay_out(change, desk.head_folder(prepared.run).name)
    try:
        asked = requirements.list_new_requirements(change_context)
        built = desk.environment_of_change(prepared, asked)
    except EnvironmentFailed as problem:
        raise EnvironmentFailed(f"{failed}\n{problem.message}") from problem
    declared = dependencies.list_declared(requirements.read_sides(change_context)[1])
    found = packages.check_packages(desk.environment(prepared), built, declared)
    if not (declares_others or found.added_packages.altered or found.added_packages.unasked):
        return built, ()
    desk.say(f"{found.name}: {found.counts}")
    return built, (found,)


# --- rules that ruff checks -----------------------------------------------------------------------


def _refuse_forbidden(
    linted: LintRun | None, change: Change, human_changes: Change | None, trees: _Trees
) -> None:
    """End the checks before they have begun, where a rule that ruff checks forbids the change."""
    if linted is None or linted.reason:
        return
    config, desk = trees.prepared.contract.config, trees.desk
    problems = ruff_contract.find_problems(linted.items, config)
    weighed = levels.apply_levels(problems, config)
    found = levels.soften_human_findings(weighed, change, human_changes)
    if blocking := [finding for finding in found if finding.severity is Severity.BLOCK]:
        desk.say(f"{linted.name}: {blocking[0].rule} blocks the change; no checks run")
        raise PolicyRefused(found)


# --- the runs -------------------------------------------------------------------------------------


def _prepare_two_runs(
    change: Change, site: Site, before: CheckReport, trees: _Trees
) -> TwoRuns | None:
    """Prepare both runs of the tests; None where base does not tell what its tests are."""
    suite, base, desk = measuring.suite_of(site), before.test_run, trees.desk
    if suite is None or base is None or base.suite is None or not reruns.is_proved(base):
        return None
    sites = reruns.SuiteRerunner(trees.make_base(), site, suite, desk.sandbox, desk.say)
    reach = reports.load_reach(trees.prepared, desk.settings)
    processes = reports.load_processes(trees.prepared, desk.settings)
    given = change, base, sites, trees.base, trees.lay_out, site.project, reach
    return TwoRuns(*given, processes=processes)


def _run_by_base_rules(change: Change, trees: _Trees) -> tuple[LintRun, ...]:
    """Ask Django without the changes to what it is started with, where there are such."""
    desk, contract = trees.desk, trees.prepared.contract
    rules = rule_changes.rule_files(change, contract.project)
    rules = frozenset(path for path in rules if not is_tool_setting(path, contract.project))
    if not rules or contract.project.django is None:
        return ()
    desk.say(f"Django's checks without {', '.join(sorted(rules))}")
    site = trees.lay_out(rule_changes.drop_files(change, rules), "base-rules")
    results = (
        running.run_check(makemigration, site, desk.sandbox, desk.say)
        for makemigration in (DJANGO_CHECK, MAKEMIGRATIONS)
        if not makemigration.explain_absence(site)
    )
    return tuple(replace(result, name=result.name + comparison.BASE_RULES) for result in results)


def _lay_out_for_tools(change: Change, site: Site, trees: _Trees) -> tuple[Site, tuple[str, ...]]:
    """Lay the change out with the settings of linters and type checkers as base has them.

    Returns:
        Where they run, and which of their settings the change touches.
    """
    reverted = tuple(
        file.path
        for file in change.files
        if is_tool_setting(file.path, trees.prepared.contract.project)
        and (
            not has_tables(file.path)
            or list_read_by_tools(file.path, file.before, file.after) != ()
        )
    )
    if not reverted or not trees.prepared.contract.project.commands:
        return site, ()
    trees.desk.say(
        "the change edits tool settings: linters and type checkers use the base branch's"
        f" {', '.join(reverted)}"
    )
    return trees.lay_out(
        rule_changes.drop_files(change, frozenset(reverted)), "base-settings"
    ), reverted


def _measure_change(
    change: Change,
    site: Site,
    runs: TwoRuns | None,
    before: CheckReport,
    trees: _Trees,
    proof: EarlyProof | None,
) -> tuple[AnyRun, ...]:
    """Run the checks, and the tests twice where base tells what they are.

    Where linters or the tests that the change adds or reaches fail, they answer, and the rest ends.
    """
    desk = trees.desk
    tools, settings = _lay_out_for_tools(change, site, trees)
    checks = (*measuring.list_others(site, tools), *_list_linted(change, site, trees))
    if runs is None:
        checks = (*checks, *measuring.list_tests(site))
        results = measuring.run_checks(checks, desk.sandbox, desk.say)
    else:
        lint = {command.name for command in site.project.lint}
        quick = tuple(check for check in checks if check[0].name in lint)
        others = tuple(check for check in checks if check[0].name not in lint)
        first, whole = runs.list_first(), runs.list_whole()
        # The last begin first.
        order = (*others, *runs.list_rest(), *quick, *first)
        order = (*order, *whole) if site.at_once > 1 else (*whole, *order)
        early = {one.name for one, _ in (*quick, *first)} if runs.answers_early else set()
        seen: list[AnyRun] = []
        answer: tuple[AnyRun, ...] = ()

        def is_enough(result: AnyRun) -> bool:
            nonlocal answer
            seen.append(result)
            if result.name in early and early <= {one.name for one in seen}:
                answer = _answer_early(_note_settings(seen, settings), runs, before, trees, proof)
            return bool(answer)

        slots = proof.slots if proof else None
        found = measuring.run_checks(
            order, desk.sandbox, desk.say, is_enough=is_enough, slots=slots
        )
        if answer:
            return answer
        ran = {result.name: result for result in found if isinstance(result, TestRun)}
        results = tuple(each for one, _ in checks for each in found if each.name == one.name)
        results = (*results, *_judge_whole(ran[WHOLE], runs.finish(ran), runs, trees))
    return _note_settings(results, settings)


def _answer_early(
    results: Iterable[AnyRun],
    runs: TwoRuns,
    before: CheckReport,
    trees: _Trees,
    proof: EarlyProof | None,
) -> tuple[AnyRun, ...]:
    """Return what the first checks say if one of them is in the way, compared with all of base.

    Else all have to run: returns nothing, and the proof begins.
    """
    ran = {result.name: result for result in results if isinstance(result, TestRun)}
    others = tuple(result for result in results if not isinstance(result, TestRun))
    tests = runs.judge_near(ran)
    if tests.status is Status.UNVERIFIED:
        return ()
    with_change = CheckReport(side="head", commit=before.commit, results=(*others, tests))
    compared = compare_sides(before, with_change, trees.prepared, trees.desk)
    if not any(one.is_in_the_way for one in compared):
        if proof:
            results = *others, runs.expect(tests)
            proof.begin(compared, replace(with_change, results=results))
        return ()
    trees.desk.say("the other tests are ended: a check fails already")
    return *others, tests


def _judge_whole(
    whole: TestRun, tests: TestRun, runs: TwoRuns, trees: _Trees
) -> tuple[CommandRun | TestRun, ...]:
    """Return what the run of all tests adds, if anything, and the tests with what it has seen."""
    of_commit = [whole]

    def run_again() -> tuple[TestRun, TestRun]:
        trees.desk.say(f"{WHOLE}: fails where no test does; running it again on both sides")
        head, base = (
            runs.sites.run_part(site, WHOLE_PART, WHOLE)
            for site in (runs.sites.head, runs.sites.base)
        )
        of_commit.append(head)
        return head, base

    def run_some(only: Selection) -> TestRun:
        return runs.sites.run_some(runs.sites.head, only, WHOLE)

    judged = judge_whole(whole, tests, runs.base, run_again, run_some)
    return (*((judged,) if judged else ()), runs.note_unseen(tests, of_commit))


def _list_linted(change: Change, site: Site, trees: _Trees) -> measuring.Checks:
    """List what reads the new migrations, where there are such; those of tests contain no data."""
    new = tuple(
        file.path
        for file in change.files
        if migrations.is_migration(file.path, file.after)
        and not migrations.is_migration(file.path, file.before)
    )
    return ((dataclasses.replace(MIGRATIONS, new=new), site),) if new else ()


def _note_settings(results: Iterable[AnyRun], settings: tuple[str, ...]) -> tuple[AnyRun, ...]:
    """Note which settings of base linters and type checkers have read."""
    return tuple(
        replace(result, settings_of_base=settings)
        if isinstance(result, LintRun) and result.name not in _OF_SOURCE
        else result
        for result in results
    )
