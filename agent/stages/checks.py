"""Checks: run all checks on a change, compare the results with base's, and find what tests prove.

The checked files are laid out again from the base commit and the Change: the commit will contain
exactly these. Files that a check writes are deleted with its sandbox.
"""

import math
import threading
import time
from collections.abc import Callable

from agent.checks import changed_files, judging, packages, reports
from agent.checks.change_split import SplitChange, split_change
from agent.checks.check import Site, make_site
from agent.checks.running import Bench, Jobs
from agent.desk import Desk
from agent.editing import rebuilding
from agent.errors import EnvironmentFailed, PolicyRefused
from agent.git import worktree
from agent.models.change import Change, ClearedChange, Plan, Severity
from agent.models.checks import CheckReport, LintRun, PackageRun, TestRun
from agent.models.environment import Environment, Prepared
from agent.models.review import Judgement
from agent.policy import levels, new_dependencies, ruff_contract


def check_cleared(
    cleared: ClearedChange,
    plan: Plan,
    before: CheckReport,
    prepared: Prepared,
    desk: Desk,
    human_changes: Change | None = None,
    seconds: float = math.inf,
    measure_anew: Callable[[], TestRun] | None = None,
) -> Judgement:
    """Run the checks on a change that the rules of policy let pass.

    Rules that ruff checks come before all other checks. If the change declares other packages than
    base, its checks run with these.

    Args:
        before: The checks on base.
        human_changes: The branch's change so far, if people committed to it; its lines never block.
        seconds: Seconds that are left of the run's minutes; checks that take longer are ended.
        measure_anew: Measures base's tests once more, if their results are from an earlier run.

    Raises:
        EnvironmentFailed: The packages that the change declares cannot be installed.
        PolicyRefused: A rule that ruff checks forbids it.
    """
    change, until = cleared.change, time.monotonic() + seconds
    environment, added = _prepare_environment(change, prepared, desk)
    bench = _make_bench(change, plan, environment, prepared, desk, until)
    bench.human_changes = human_changes
    if reports.is_older(prepared, desk.settings):
        bench.measure_anew = measure_anew
    # An earlier round may have measured base anew.
    before = reports.refresh_tests(before, prepared, desk.settings)
    split = split_change(change, before.tests, bench.tree, prepared.contract.project)
    linted = _run_ruff_rules(split, bench, desk)
    judged = judging.judge_change(split, before, bench, (*added, *linted))
    desk.store_report(prepared.run, judged.ran)
    return judged


def _make_bench(
    change: Change,
    plan: Plan,
    environment: Environment,
    prepared: Prepared,
    desk: Desk,
    until: float,
) -> Bench:
    """Lay out base and the change.

    Args:
        environment: The environment of the change.
        until: When the run's minutes end, by the monotonic clock.
    """
    contract, settings = prepared.contract, desk.settings

    def lay_out(laid: Change, name: str) -> Site:
        name = name or threading.current_thread().name
        folder = desk.head_folder(prepared.run).with_name(name)
        tree = worktree.lay_out(prepared.checkout, folder, desk.stopped)
        tree.replay(laid)
        return make_site(tree.folder, environment, contract, settings, until)

    tree = desk.open_base(prepared)
    base = make_site(tree.folder, desk.environment(prepared), contract, settings, until)
    return Bench(
        base=base,
        head=lay_out(change, "head"),
        tree=tree,
        hunks=worktree.list_hunks(prepared.checkout, change),
        lay_out=lay_out,
        contract=contract,
        plan=plan,
        jobs=Jobs(desk.sandbox, desk.say, base.at_once, until),
        say=desk.say,
    )


# --- the environment of the change ----------------------------------------------------------------


def _prepare_environment(
    change: Change, prepared: Prepared, desk: Desk
) -> tuple[Environment, tuple[PackageRun, ...]]:
    """Return the environment of the change, and a check of its packages if they differ.

    It is base's unless the change declares other packages, or edits files that set-up reads.
    """
    change_context = rebuilding.make_context(change, prepared, desk)
    declares_others = new_dependencies.has_changed(change_context)
    if declares_others:
        reason = "the change declares different packages; checking with those"
        failed = "The packages that the change declares cannot be installed."
    elif rebuilding.list_built(change, prepared, desk):
        reason = "the change edits what set-up may read; checking with what it makes of that"
        failed = "Set-up fails with the change."
    else:
        return desk.environment(prepared), ()
    desk.say(reason)
    desk.lay_out_head(prepared, change)
    try:
        asked = new_dependencies.list_new_requirements(change_context)
        built = desk.environment_of_change(prepared, asked)
    except EnvironmentFailed as problem:
        raise EnvironmentFailed(f"{failed}\n{problem.message}") from problem
    _, declared = change_context.declared
    checked = packages.check_packages(desk.environment(prepared), built, declared)
    added = checked.added_packages
    if not (declares_others or added.altered or added.unasked):
        return built, ()
    desk.say(f"{checked.name}: {checked.counts}")
    return built, (checked,)


# --- rules that ruff checks -----------------------------------------------------------------------


def _run_ruff_rules(split: SplitChange, bench: Bench, desk: Desk) -> tuple[LintRun, ...]:
    """Apply the rules that ruff checks; if one forbids the change, no other checks run."""
    linted = changed_files.lint_change(split, bench.head, bench.base, desk.sandbox, desk.say)
    if linted is None or linted.reason:
        return (linted,) if linted else ()
    config = bench.contract.config
    graded = levels.apply_levels(ruff_contract.find_problems(linted.items, config), config)
    findings = levels.soften_human_findings(graded, split.change, bench.human_changes)
    if blocking := [finding for finding in findings if finding.severity is Severity.BLOCK]:
        desk.say(f"{linted.name}: {blocking[0].rule} blocks the change; no checks run")
        raise PolicyRefused(findings)
    return (linted,)
