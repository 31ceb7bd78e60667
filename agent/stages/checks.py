"""Checks: run everything the repository has on the change, and hold it against base.

The files that are checked are laid out anew from the base commit and the Change, so that what
is judged is what will be committed. What a check writes is thrown away with its sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agent.checks import (
    changed_files,
    comparison,
    coverage_of_change,
    early_tests,
    linters,
    measuring,
    packages,
    reports,
    reruns,
    rule_changes,
)
from agent.checks.check import Check, Site, get_granted_limits
from agent.checks.two_runs import TwoRuns
from agent.errors import EnvironmentFailed, PolicyRefused
from agent.git import worktree
from agent.models.change import Change, ClearedChange, Finding, Level, Severity
from agent.models.checks import TESTS, CheckReport, CheckResult, Comparison, Status
from agent.models.environment import Environment, Prepared
from agent.policy import levels, ruff_contract, ruff_rules, test_changes, tool_rules
from agent.policy.change_context import ChangeContext
from agent.policy.contract import added_packages, fastapi_auth, requirements
from agent.policy.layout import is_apart, is_migration, is_test
from agent.services import Services
from repo_config.schema import RepoConfig


def run_checks(
    cleared: ClearedChange,
    before: CheckReport,
    prepared: Prepared,
    svc: Services,
    human_changes: Change | None = None,
) -> CheckReport:
    """Run all checks on the change; first of all, hold it against the rules that ruff checks.

    Tests are run as base has them, and what is left of them as the change has it. Where the change
    touches what the other checks are configured by, they are first run under the base commit's
    rules; these results carry `comparison.BASE_RULES` in their names. Where the change declares
    other packages than base, all of its side runs with those.

    Args:
        human_changes: What a branch held before; what rules find in lines of people only remarks.

    Raises:
        EnvironmentFailed: What the change declares cannot be installed.
        PolicyRefused: A rule that ruff checks forbids it.
    """
    change, project = cleared.change, prepared.contract.project
    head = svc.head_folder(prepared.run)
    environment, results = _with_declared(change, prepared, svc)
    site = _laid_out(change, head, environment, prepared, svc)
    runs = _two_runs(change, site, before, prepared, svc)
    base = _base_site(site, prepared, svc)
    sides = changed_files.Sides(change, site, base, svc.sandbox, svc.say)
    linted = _lint(sides, runs)
    _refuse_forbidden(linted, change, human_changes, prepared, svc)
    if rules := rule_changes.rule_files(change, project):
        svc.say(f"checks under the base commit's rules, without {', '.join(sorted(rules))}")
        results += _under_base_rules(change, rules, environment, prepared, svc)
        svc.say("checks on the whole change")
    measured = _measure_change(change, site, runs, prepared, svc)
    unseen = changed_files.check_skipped_files(sides, measured)
    report = CheckReport(
        side="head",
        commit=prepared.checkout.commit,
        change_digest=change.digest,
        results=(*results, *measured, *(one for one in (unseen, linted) if one)),
    )
    reports.store_report(svc.run_folder(prepared.run), report)
    return report


def _lint(sides: changed_files.Sides, runs: TwoRuns | None) -> CheckResult | None:
    """Hold the change against the rules that ruff checks; None where nothing is new."""
    config = sides.head.config
    check = changed_files.ContractLint(
        ruff_contract.CHECK,
        ruff_contract.arguments(sides.head.project.python_version),
        ruff_contract.make_ban(config, changed_files.SCRIPTS),
        ruff_contract.ONCE,
        ruff_contract.find_test_signs,
    )
    found = check.find_new(sides)
    if found is None or found.reason:
        return found
    disguised = runs.disguised_files if runs else frozenset()
    items = ruff_contract.select_items(found.items, sides.change, config, disguised)
    return found.model_copy(update={"items": items}) if items else None


def _refuse_forbidden(
    linted: CheckResult | None,
    change: Change,
    human_changes: Change | None,
    prepared: Prepared,
    svc: Services,
) -> None:
    """End the checks before they have begun, where a rule that ruff checks forbids the change."""
    if linted is None or linted.reason:
        return
    config, floors = prepared.contract.config, svc.settings.floors
    told = ruff_contract.find_problems(linted.items, config)
    weighed = tuple(levels.apply_levels(told, ruff_rules.RULES, config, floors))
    found = levels.soften_in_human_lines(weighed, change, human_changes)
    if blocking := [one for one in found if one.severity is Severity.BLOCK]:
        svc.say(f"{linted.name}: {blocking[0].rule} stands against the change, so nothing runs")
        raise PolicyRefused(found)


def _with_declared(
    change: Change, prepared: Prepared, svc: Services
) -> tuple[Environment, tuple[CheckResult, ...]]:
    """Take the environment of base, or build the one that the change declares and look at it."""
    contract = prepared.contract
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    change_context = ChangeContext(change, contract.config, contract.project, base)
    known = svc.environment(prepared)
    if not requirements.has_changed(change_context):
        return _set_up(change, prepared, svc) or known, ()
    svc.say("the change declares other packages, so it is checked with those")
    folder = svc.head_folder(prepared.run)
    worktree.lay_out(prepared.checkout, folder, svc.stopped).replay(change)
    try:
        built = svc.environment_of_change(
            prepared, requirements.list_new_requirements(change_context)
        )
    except EnvironmentFailed as problem:
        raise EnvironmentFailed(
            f"What the change declares cannot be installed.\n{problem.message}"
        ) from problem
    found = packages.check_packages(requirements.find_added_packages(change_context), known, built)
    svc.say(f"{found.name}: {found.counts}")
    return built, (found,)


def _set_up(change: Change, prepared: Prepared, svc: Services) -> Environment | None:
    """Run set-up on the change, where that touches what its commands may read."""
    if not prepared.contract.config.setup or all(
        file.path.endswith(".py") for file in change.files
    ):
        return None
    svc.say("the change touches more than Python code, so set-up runs on it")
    folder = svc.head_folder(prepared.run)
    worktree.lay_out(prepared.checkout, folder, svc.stopped).replay(change)
    try:
        return svc.environment_set_up(prepared)
    except EnvironmentFailed as problem:
        raise EnvironmentFailed(f"Set-up fails with the change.\n{problem.message}") from problem


def compare_sides(
    base: CheckReport, head: CheckReport, prepared: Prepared, svc: Services
) -> tuple[Comparison, ...]:
    """Hold the two sides against each other, check by check; rules weigh what some tools find."""
    config, floors = prepared.contract.config, svc.settings.floors
    compared = comparison.compare_reports(base, head)
    clean = {one.name for one in compared if one.verdict is Status.PASSED}
    weighed = (_apply_rules(one, config, floors, clean) for one in compared)
    return tuple(_with_remarks(one, base, head, config, floors) for one in weighed)


def _with_remarks(
    found: Comparison,
    base: CheckReport,
    head: CheckReport,
    config: RepoConfig,
    floors: Mapping[str, Level],
) -> Comparison:
    """Add what the change does to tests, to callers and to packages, as a check has measured it."""
    before, after = base.result(found.name), head.result(found.name)
    told: list[Finding] = []
    if before and after and found.counts_tests:
        told += levels.apply_levels(
            test_changes.find_problems(found, before, after), test_changes.OF_TESTS, config, floors
        )
    if before and after:
        access = fastapi_auth.find_problems(config.fastapi, before.endpoints, after.endpoints)
        told += levels.apply_levels(access, (fastapi_auth.FASTAPI_AUTH,), config, floors)
    if after and after.added_packages is not None:
        packages_found = added_packages.find_package_problems(after.added_packages, config)
        told += levels.apply_levels(packages_found, added_packages.OF_PACKAGES, config, floors)
    return found.model_copy(update={"findings": (*found.findings, *told)}) if told else found


def _apply_rules(
    found: Comparison, config: RepoConfig, floors: Mapping[str, Level], clean: set[str]
) -> Comparison:
    """Have rules weigh what is new.

    Args:
        clean: The checks that find nothing new.
    """
    name = found.name.removesuffix(comparison.BASE_RULES)
    if name == ruff_contract.CHECK:
        told = ruff_contract.find_problems(found.new_failures, config)
        return _told_by_rules(
            found, tuple(levels.apply_levels(told, ruff_rules.RULES, config, floors))
        )
    rules = tool_rules.BY_CHECK.get(name)
    if rules is None and name != found.name and name in clean and not found.counts_tests:
        rules = (tool_rules.OTHER_SETTINGS,)
    if name in linters.FORMATTERS and found.base_failures:
        # What base does not pass, nobody enforces.
        rules = (tool_rules.UNFORMATTED,)
    if rules is None or not found.new_failures:
        return found
    told = tool_rules.find_problems(rules, found.new_failures)
    return _told_by_rules(found, tuple(levels.apply_levels(told, rules, config, floors)))


def _told_by_rules(found: Comparison, findings: tuple[Finding, ...]) -> Comparison:
    """Put findings of rules in the place of failures."""
    # What fails as a whole says nothing that a rule could weigh.
    only_findings = found.verdict is Status.FAILED and not found.reason
    return found.model_copy(
        update={
            "findings": findings,
            "new_failures": (),
            "verdict": Status.PASSED if only_findings else found.verdict,
        }
    )


def _two_runs(
    change: Change, site: Site, before: CheckReport, prepared: Prepared, svc: Services
) -> TwoRuns | None:
    """Prepare both runs of the tests; None where base does not tell what its tests are."""
    suite, base = measuring.suite_of(site), before.result(TESTS)
    if suite is None or base is None or base.suite is None or not reruns.is_proved(base):
        return None
    base_tree = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))

    def lay_out(part: Change, name: str) -> Site:
        folder = svc.head_folder(prepared.run).with_name(name)
        return _laid_out(part, folder, site.environment, prepared, svc)

    sites = reruns.Reruns(
        base=_base_site(site, prepared, svc),
        head=site,
        suite=suite,
        sandbox=svc.sandbox,
        say=svc.say,
    )
    return TwoRuns(change, base, sites, base_tree, lay_out, site.project)


def _measure_change(
    change: Change, site: Site, runs: TwoRuns | None, prepared: Prepared, svc: Services
) -> tuple[CheckResult, ...]:
    """Run the checks, and the tests twice where base tells what they are."""
    also = _of_change(change, site, prepared, svc)
    if runs is None:
        return measuring.run_all_checks(site, svc.sandbox, svc.say, also=also)
    rounds = site.config.checks.tests.reruns
    if (red := early_tests.find_red(runs, rounds)) is not None:
        others = measuring.run_all_checks(site, svc.sandbox, svc.say, also=also, tests=False)
        return (*others, red)
    first = runs.as_base_has_them()
    results = measuring.run_all_checks(site, svc.sandbox, svc.say, also=also, in_place=first)
    disguised = tuple(sorted(runs.disguised_files))
    return tuple(
        runs.finish(one, rounds).model_copy(update={"disguised": disguised})
        if one.name == TESTS
        else one
        for one in results
    )


def _of_change(change: Change, site: Site, prepared: Prepared, svc: Services) -> tuple[Check, ...]:
    contract = prepared.contract
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    files = ChangeContext(change, contract.config, contract.project, base).python
    lines = {file.path: file.new_lines for file in files if file.new_lines}
    return (*_of_names(lines, site), *_of_library(change, site), *_of_coverage(lines, site))


def _of_coverage(lines: Mapping[str, frozenset[int]], site: Site) -> tuple[Check, ...]:
    """Count the lines of the change that tests run, where the repository asks for it."""
    suite, wanted = measuring.suite_of(site), site.config.tests.coverage_of_change
    if suite is None or wanted is None:
        return ()
    own = {
        path: tuple(sorted(numbers))
        for path, numbers in lines.items()
        if not is_test(path) and not is_migration(path)
    }
    return (coverage_of_change.CoverageOfChange(own, suite, wanted),) if own else ()


def _of_names(lines: Mapping[str, frozenset[int]], site: Site) -> tuple[Check, ...]:
    """Look names up on new lines, where the repository has no type checker."""
    if site.project.type_tools:
        return ()
    below = f"{site.project.root}/" if site.project.root else ""
    own = {path.removeprefix(below): some for path, some in lines.items() if path.startswith(below)}
    return (changed_files.check_names(own),) if own else ()


def _of_library(change: Change, site: Site) -> tuple[Check, ...]:
    """Compare what users of a library may import with base."""
    if site.project.framework != "none":
        return ()
    below = f"{site.project.root}/" if site.project.root else ""
    earlier = {
        file.path.removeprefix(below): file.before
        for file in change.files
        if file.before is not None
        and file.path.startswith(below)
        and file.path.endswith(".py")
        and not is_apart(file.path)
    }
    return (changed_files.check_public_api(earlier, change.base_commit),) if earlier else ()


def _base_site(site: Site, prepared: Prepared, svc: Services) -> Site:
    tree = svc.base_folder(prepared.run)
    worktree.open_tree(prepared.checkout, tree)
    return replace(site, tree=tree, environment=svc.environment(prepared))


def _under_base_rules(
    change: Change,
    rules: frozenset[str],
    environment: Environment,
    prepared: Prepared,
    svc: Services,
) -> tuple[CheckResult, ...]:
    """Run all but the tests without the changes to rules."""
    folder = svc.head_folder(prepared.run).with_name("base-rules")
    part = rule_changes.under_rules_of_base(change, rules)
    site = _laid_out(part, folder, environment, prepared, svc)
    results = measuring.run_all_checks(site, svc.sandbox, svc.say, tests=False)
    return tuple(
        result.model_copy(update={"name": result.name + comparison.BASE_RULES})
        for result in results
        if result.status is not Status.ABSENT
    )


def _laid_out(
    change: Change, folder: Path, environment: Environment, prepared: Prepared, svc: Services
) -> Site:
    worktree.lay_out(prepared.checkout, folder, svc.stopped).replay(change)
    return Site(
        tree=folder,
        environment=environment,
        config=prepared.contract.config,
        project=prepared.contract.project,
        limits=get_granted_limits(svc.settings),
        at_once=svc.settings.checks_at_once,
    )
