"""Checks: run everything the repository has on the change, and hold it against base.

The files that are checked are laid out anew from the base commit and the Change, so that what
is judged is what will be committed. What a check writes is thrown away with its room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agent import worktree
from agent.checks import (
    again,
    baselines,
    comparison,
    coverage_of_change,
    early,
    gate,
    measuring,
    packages,
    reports,
    type_cache,
    unread,
)
from agent.checks.check import TESTS, Check, Site, Suite, granted
from agent.checks.library_names import LibraryNames
from agent.domain import (
    Change,
    CheckReport,
    CheckResult,
    ClearedChange,
    Comparison,
    Environment,
    Level,
    Prepared,
    Status,
)
from agent.errors import EnvironmentFailed
from agent.policy import levels, tool_rules, url_map
from agent.policy.django.files import is_migration
from agent.policy.layout import is_test
from agent.policy.proposal import Proposal
from agent.policy.upkeep import brought, library_names, requirements
from agent.repository.tree import WorkTree
from agent.services import Services
from repo_config.schema import RepoConfig


def run(
    cleared: ClearedChange, before: CheckReport, prepared: Prepared, svc: Services
) -> CheckReport:
    """Run all checks on the change.

    Where the change touches what the checks are configured by, they are first run under the
    base commit's rules and with its tests; these results carry `comparison.BASE_RULES` in their
    names. Where the change declares other packages than base, all of its side runs with those.

    Raises:
        EnvironmentFailed: What the change declares cannot be installed.
    """
    change, project = cleared.change, prepared.contract.project
    head = svc.head_folder(prepared.run)
    environment, results = _with_declared(change, prepared, svc)
    if rules := gate.rule_files(change, project):
        svc.say(f"checks under the base commit's rules, without {', '.join(sorted(rules))}")
        results += _under_base_rules(change, rules, before, environment, prepared, svc)
        svc.say("checks on the whole change")
    site, tree = _laid_out(change, head, environment, prepared, svc)
    measured = _first_red(change, tree, site, before, prepared, svc) or _measured(
        site, before, prepared, svc, also=_of_change(change, site, prepared, svc)
    )
    base = _base_site(site, prepared, svc)
    unseen = unread.look(change, site, base, measured, svc.sandbox, svc.say)
    report = CheckReport(
        side="head",
        commit=prepared.checkout.commit,
        change_digest=change.digest,
        results=(*results, *measured, *((unseen,) if unseen else ())),
    )
    if comparison.hangs_on_ids(before, report):
        report = _with_unstable_ids(report, site, svc)
    reports.keep(svc.run_folder(prepared.run), report)
    return report


def _with_declared(
    change: Change, prepared: Prepared, svc: Services
) -> tuple[Environment, tuple[CheckResult, ...]]:
    """Take the environment of base, or build the one that the change declares and look at it."""
    contract = prepared.contract
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    proposal = Proposal(change, contract.config, contract.project, base)
    known = svc.environment(prepared)
    if not requirements.differs(proposal):
        return known, ()
    svc.say("the change declares other packages, so it is checked with those")
    folder = svc.head_folder(prepared.run)
    worktree.lay_out(prepared.checkout, folder, svc.stopped).replay(change)
    try:
        built = svc.environment_of_change(prepared)
    except EnvironmentFailed as problem:
        raise EnvironmentFailed(
            f"What the change declares cannot be installed.\n{problem.message}"
        ) from problem
    records = packages.Known(svc.settings.osv, svc.settings.home / "osv", prepared.run.started)
    found = packages.look(requirements.brought(proposal), known, built, records)
    svc.say(f"{found.name}: {found.figures}")
    return built, (found,)


def _with_unstable_ids(report: CheckReport, site: Site, svc: Services) -> CheckReport:
    """Collect the tests of head a second time, as was done with those of base."""
    return report.model_copy(
        update={
            "results": tuple(
                result.model_copy(
                    update={"unstable": measuring.unstable_ids(site, result, svc.sandbox, svc.say)}
                )
                if result.name == TESTS
                else result
                for result in report.results
            )
        }
    )


def compare(
    base: CheckReport, head: CheckReport, prepared: Prepared, svc: Services
) -> tuple[Comparison, ...]:
    """Hold the two sides against each other, check by check; rules weigh what some tools find."""
    config, floors = prepared.contract.config, svc.settings.floors
    compared = comparison.compare(base, head)
    clean = {one.name for one in compared if one.verdict is Status.PASSED}
    weighed = (_weighed(one, config, floors, clean) for one in compared)
    routed = (_with_routes(one, base, head, config, floors) for one in weighed)
    return tuple(_with_packages(one, head, config, floors) for one in routed)


def _with_routes(
    found: Comparison,
    base: CheckReport,
    head: CheckReport,
    config: RepoConfig,
    floors: Mapping[str, Level],
) -> Comparison:
    """Add what the change does to callers, where both sides list the ways in."""
    before, after = base.result(found.name), head.result(found.name)
    if before is None or after is None:
        return found
    told = url_map.findings(before.routes, after.routes)
    more = tuple(levels.weigh(told, url_map.OF_ROUTES, config, floors))
    return found.model_copy(update={"findings": (*found.findings, *more)}) if more else found


def _with_packages(
    found: Comparison, head: CheckReport, config: RepoConfig, floors: Mapping[str, Level]
) -> Comparison:
    """Add what is to be said of packages that come with the change."""
    result = head.result(found.name)
    if result is None or result.brought is None:
        return found
    told = brought.findings(result.brought, config)
    more = tuple(levels.weigh(told, brought.OF_PACKAGES, config, floors))
    return found.model_copy(update={"findings": (*found.findings, *more)})


def _weighed(
    found: Comparison, config: RepoConfig, floors: Mapping[str, Level], clean: set[str]
) -> Comparison:
    """Have rules weigh what is new.

    Args:
        clean: The checks that find nothing new.
    """
    name = found.name.removesuffix(comparison.BASE_RULES)
    rules = tool_rules.BY_CHECK.get(name)
    if rules is None and name != found.name and name in clean and not found.counts_tests:
        rules = (tool_rules.OTHER_SETTINGS,)
    if rules is None or not found.new_failures:
        return found
    told = tool_rules.findings(rules, found.new_failures)
    # What fails as a whole says nothing that a rule could weigh.
    only_findings = found.verdict is Status.FAILED and not found.reason
    return found.model_copy(
        update={
            "findings": tuple(levels.weigh(told, rules, config, floors)),
            "new_failures": (),
            "verdict": Status.PASSED if only_findings else found.verdict,
        }
    )


def _measured(
    site: Site,
    before: CheckReport,
    prepared: Prepared,
    svc: Services,
    *,
    tests: bool | None = None,
    also: tuple[Check, ...] = (),
) -> tuple[CheckResult, ...]:
    """Run the checks; run tests again that fail with the change alone."""
    results = measuring.measure(site, svc.sandbox, svc.say, show=svc.say, tests=tests, also=also)
    return tuple(
        _with_further_runs(result, site, before, prepared, svc) if result.name == TESTS else result
        for result in results
    )


def _of_change(change: Change, site: Site, prepared: Prepared, svc: Services) -> tuple[Check, ...]:
    """Return the checks that are about the change alone."""
    return (*_of_libraries(change, prepared, svc), *_of_coverage(change, site))


def _of_coverage(change: Change, site: Site) -> tuple[Check, ...]:
    """Have the lines of the change counted that tests run, where the repository asks for it."""
    suite, wanted = measuring.suite_of(site), site.config.tests.coverage_of_change
    if suite is None or wanted is None:
        return ()
    found = {
        file.path: coverage_of_change.changed_lines(file)
        for file in change.files
        if not is_test(file.path) and not is_migration(file.path)
    }
    lines = {path: numbers for path, numbers in found.items() if numbers}
    return (coverage_of_change.CoverageOfChange(lines, suite, wanted),) if lines else ()


def _of_libraries(change: Change, prepared: Prepared, svc: Services) -> tuple[Check, ...]:
    """Have libraries asked for what the change newly takes from them, if it does."""
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    contract = prepared.contract
    asked = library_names.fresh(Proposal(change, contract.config, contract.project, base))
    return (LibraryNames(asked),) if asked else ()


def _with_further_runs(
    result: CheckResult, site: Site, before: CheckReport, prepared: Prepared, svc: Services
) -> CheckResult:
    """Add what tests did that failed with the change alone, when they were run again."""
    base, suite = before.result(TESTS), measuring.suite_of(site)
    alone = CheckReport(side="head", commit="", change_digest=None, results=(result,))
    rounds = prepared.contract.config.checks.tests.reruns
    failures = again.worth(comparison.compare(before, alone), base, rounds)
    if base is None or suite is None or not failures:
        return result
    sides = _both(site, suite, prepared, svc)
    # Another run may have learned something of this base since ours has begun.
    stored = baselines.place(prepared, svc.settings)
    kept = baselines.load(stored)
    known = again.known((kept and kept.result(TESTS)) or base)
    repeated = sides.repeat(failures, rounds, known)
    baselines.remember(stored, repeated)
    return result.model_copy(update={"repeated": repeated})


def _first_red(
    change: Change,
    tree: WorkTree,
    site: Site,
    before: CheckReport,
    prepared: Prepared,
    svc: Services,
) -> tuple[CheckResult, ...]:
    """Run the tests that the change reaches; where they are red for certain, no others."""
    suite, rounds = measuring.suite_of(site), prepared.contract.config.checks.tests.reruns
    if suite is None or not rounds or not early.is_worth_it(before):
        return ()
    both = _both(site, suite, prepared, svc)
    red = early.run(both, tree, change.paths, before, rounds)
    if red is None:
        return ()
    others = measuring.measure(site, svc.sandbox, svc.say, show=svc.say, tests=False)
    return (*others, red)


def _both(site: Site, suite: Suite, prepared: Prepared, svc: Services) -> again.Again:
    """Have the tree of base beside that of head."""
    return again.Again(
        base=_base_site(site, prepared, svc),
        head=site,
        suite=suite,
        sandbox=svc.sandbox,
        say=svc.say,
        show=svc.say,
    )


def _base_site(site: Site, prepared: Prepared, svc: Services) -> Site:
    """Have the tree of base, with its environment."""
    tree = svc.base_folder(prepared.run)
    worktree.open_tree(prepared.checkout, tree)
    return replace(site, tree=tree, environment=svc.environment(prepared))


def _under_base_rules(
    change: Change,
    rules: frozenset[str],
    before: CheckReport,
    environment: Environment,
    prepared: Prepared,
    svc: Services,
) -> tuple[CheckResult, ...]:
    """Run the tools without the changes to rules, and the tests also without those to tests."""
    folder = svc.head_folder(prepared.run).with_name("base-rules")
    kept = gate.without(change, rules)
    results = []
    tests = gate.without(kept, gate.test_files(change))
    for part, wanted in ((kept, False), (tests, True)):
        site, _ = _laid_out(part, folder, environment, prepared, svc)
        results += [
            result.model_copy(update={"name": result.name + comparison.BASE_RULES})
            for result in _measured(site, before, prepared, svc, tests=wanted)
            if result.status is not Status.ABSENT
        ]
    return tuple(results)


def _laid_out(
    change: Change, folder: Path, environment: Environment, prepared: Prepared, svc: Services
) -> tuple[Site, WorkTree]:
    tree = worktree.lay_out(prepared.checkout, folder, svc.stopped)
    tree.replay(change)
    site = Site(
        tree=folder,
        environment=environment,
        config=prepared.contract.config,
        project=prepared.contract.project,
        limits=granted(svc.settings),
        at_once=svc.settings.checks_at_once,
        type_cache=type_cache.of(
            prepared.model_copy(update={"environment": environment}), svc.settings, base=False
        ),
    )
    return site, tree
