"""Checks: run everything the repository has on the change, compare it with base, and prove it.

The checked files are laid out again from the base commit and the Change: the commit will contain
exactly these. What a check writes is deleted with its sandbox.
"""

import dataclasses
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent.checks import (
    change_parts,
    changed_files,
    judging,
    measuring,
    packages,
    reports,
    weighing,
)
from agent.checks.check import Site, make_site
from agent.checks.running import Bench
from agent.desk import Desk
from agent.editing import rebuilding
from agent.errors import EnvironmentFailed, PolicyRefused
from agent.git import worktree
from agent.models.change import Change, ClearedChange, Plan, Severity
from agent.models.checks import CheckReport, LintRun, PackageRun, TestRun
from agent.models.environment import Environment, Prepared
from agent.models.review import Judgement
from agent.policy import levels, requirements, ruff_contract
from repo_config.test_files import is_test


def judge_cleared(
    cleared: ClearedChange,
    plan: Plan,
    before: CheckReport,
    prepared: Prepared,
    desk: Desk,
    human_changes: Change | None = None,
    seconds: float = math.inf,
    measure_anew: Callable[[], TestRun] | None = None,
) -> Judgement:
    """Judge a change that the rules let pass; first of all, check it by ruff's rules.

    Where the change declares other packages than base, all of its side runs with those.

    Args:
        before: The checks on base.
        human_changes: The branch's earlier change; what rules find in lines of people only remarks.
        seconds: Left of the run's minutes; what is not over by then is ended.
        measure_anew: Measures base's tests once more, where an earlier run has measured them.

    Raises:
        EnvironmentFailed: The packages that the change declares cannot be installed.
        PolicyRefused: A rule that ruff checks forbids it.
    """
    change, trees = cleared.change, _Trees(prepared, desk, time.monotonic() + seconds)
    environment, added = _prepare_environment(change, trees)
    trees = dataclasses.replace(trees, environment=environment)
    site, base = trees.lay_out(change, "head"), trees.make_base()
    # An earlier round may have measured it anew.
    before = reports.refresh_tests(before, prepared, desk.settings)
    tree = desk.open_base(prepared)
    parts = change_parts.split_change(change, before.tests, tree, prepared.contract.project)
    disguised = frozenset(path for path in parts.product if is_test(path))
    linted = changed_files.lint_change(change, site, base, disguised, desk.sandbox, desk.say)
    _refuse_forbidden(linted, change, human_changes, trees)
    bench = Bench(
        base=base,
        head=site,
        tree=tree,
        hunks=worktree.list_hunks(prepared.checkout, change),
        suite=measuring.suite_of(base),
        lay_out=trees.lay_out,
        weigh=partial(
            weighing.weigh_comparisons,
            config=prepared.contract.config,
            tools={each.name: each.tool for each in prepared.contract.project.commands},
            change=change,
            human_changes=human_changes,
        ),
        plan=plan,
        human_changes=human_changes,
        sandbox=desk.sandbox,
        say=desk.say,
        until=trees.until,
        measure_anew=measure_anew if reports.is_older(prepared, desk.settings) else None,
    )
    already = (*added, *((linted,) if linted else ()))
    judged = judging.judge_change(parts, before, bench, already)
    desk.store_report(prepared.run, judged.ran)
    return judged


def judge_base(before: CheckReport, prepared: Prepared) -> Judgement:
    """Compare base with itself, for what is said of every change."""
    contract = prepared.contract
    tools = {each.name: each.tool for each in contract.project.commands}
    compared = judging.compare_with_itself(before)
    weighed = weighing.weigh_comparisons(compared, before, before, contract.config, tools)
    return Judgement(ran=before, compared=weighed)


@dataclass(frozen=True)
class _Trees:
    """Base and parts of the change on disk, with the environment of the change."""

    prepared: Prepared
    desk: Desk
    until: float = math.inf
    """When the run's minutes end, by the monotonic clock."""
    environment: Environment | None = None

    def make_base(self) -> Site:
        tree = self.desk.open_base(self.prepared)
        return self._make_site(tree.folder, self.desk.environment(self.prepared))

    def lay_out(self, part: Change, name: str) -> Site:
        """Lay a part of the change out, in a folder of a name, or of this thread."""
        folder = self.desk.head_folder(self.prepared.run)
        folder = folder.with_name(name or threading.current_thread().name)
        tree = worktree.lay_out(self.prepared.checkout, folder, self.desk.stopped)
        tree.replay(part)
        return self._make_site(
            tree.folder, self.environment or self.desk.environment(self.prepared)
        )

    def _make_site(self, folder: Path, environment: Environment) -> Site:
        contract, settings = self.prepared.contract, self.desk.settings
        return make_site(folder, environment, contract, settings, self.until)


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
    trees.lay_out(change, "head")
    try:
        asked = requirements.list_new_requirements(change_context)
        built = desk.environment_of_change(prepared, asked)
    except EnvironmentFailed as problem:
        raise EnvironmentFailed(f"{failed}\n{problem.message}") from problem
    _, declared = change_context.declared
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
