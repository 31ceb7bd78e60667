"""Checks: run everything the repository has on the change, and hold it against base.

The files that are checked are laid out anew from the base commit and the Change, so that what
is judged is what will be committed. What a check writes is thrown away with its room.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent import worktree
from agent.checks import (
    again,
    baselines,
    comparison,
    early,
    gate,
    measuring,
    mutes,
    reports,
    type_cache,
)
from agent.checks.check import TESTS, Site, Suite, granted
from agent.domain import (
    Change,
    CheckReport,
    CheckResult,
    ClearedChange,
    Comparison,
    Prepared,
    Status,
)
from agent.editing.tree import WorkTree
from agent.services import Services


def run(
    cleared: ClearedChange, before: CheckReport, prepared: Prepared, svc: Services
) -> CheckReport:
    """Run all checks on the change.

    Where the change touches what the checks are configured by, they are first run under the
    base commit's rules and with its tests; these results carry `comparison.BASE_RULES` in their
    names.
    """
    change, project = cleared.change, prepared.contract.project
    head = svc.head_folder(prepared.run)
    results: tuple[CheckResult, ...] = ()
    if rules := gate.rule_files(change, project):
        svc.say(f"checks under the base commit's rules, without {', '.join(sorted(rules))}")
        results = _under_base_rules(change, rules, before, prepared, svc)
        svc.say("checks on the whole change")
    site, tree = _laid_out(change, head, prepared, svc)
    measured = _first_red(change, tree, site, before, prepared, svc) or _measured(
        site, before, prepared, svc
    )
    report = CheckReport(
        side="head",
        commit=prepared.checkout.commit,
        change_digest=change.digest,
        results=(*results, *(_with_mutes(result, change) for result in measured)),
    )
    if comparison.hangs_on_ids(before, report):
        report = _with_unstable_ids(report, site, svc)
    reports.keep(svc.run_folder(prepared.run), report)
    return report


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


def compare(base: CheckReport, head: CheckReport) -> tuple[Comparison, ...]:
    """Hold the two sides against each other, check by check."""
    return comparison.compare(base, head)


def _measured(
    site: Site,
    before: CheckReport,
    prepared: Prepared,
    svc: Services,
    *,
    tests: bool | None = None,
) -> tuple[CheckResult, ...]:
    """Run the checks; run tests again that fail with the change alone."""
    results = measuring.measure(site, svc.sandbox, svc.say, show=svc.show, tests=tests)
    return tuple(
        _with_further_runs(result, site, before, prepared, svc) if result.name == TESTS else result
        for result in results
    )


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
    others = measuring.measure(site, svc.sandbox, svc.say, show=svc.show, tests=False)
    return (*others, red)


def _both(site: Site, suite: Suite, prepared: Prepared, svc: Services) -> again.Again:
    """Have the tree of base beside that of head."""
    worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    return again.Again(
        base=replace(site, tree=svc.base_folder(prepared.run)),
        head=site,
        suite=suite,
        sandbox=svc.sandbox,
        say=svc.say,
    )


def _under_base_rules(
    change: Change,
    rules: frozenset[str],
    before: CheckReport,
    prepared: Prepared,
    svc: Services,
) -> tuple[CheckResult, ...]:
    """Run the tools without the changes to rules, and the tests also without those to tests."""
    folder = svc.head_folder(prepared.run).with_name("base-rules")
    kept = gate.without(change, rules)
    results = []
    tests = gate.without(kept, gate.test_files(change))
    for part, wanted in ((kept, False), (tests, True)):
        site, _ = _laid_out(part, folder, prepared, svc)
        results += [
            result.model_copy(update={"name": result.name + comparison.BASE_RULES})
            for result in _measured(site, before, prepared, svc, tests=wanted)
            if result.status is not Status.ABSENT
        ]
    return tuple(results)


def _laid_out(
    change: Change, folder: Path, prepared: Prepared, svc: Services
) -> tuple[Site, WorkTree]:
    tree = worktree.lay_out(prepared.checkout, folder, svc.stopped)
    tree.replay(change)
    site = Site(
        tree=folder,
        environment=svc.environment(prepared),
        config=prepared.contract.config,
        project=prepared.contract.project,
        limits=granted(svc.settings),
        at_once=svc.settings.checks_at_once,
        type_cache=type_cache.of(prepared, folder, svc.settings, base=False),
    )
    return site, tree


def _with_mutes(result: CheckResult, change: Change) -> CheckResult:
    """Add what the change hides from a tool to what the tool found."""
    if result.status is Status.ABSENT or result.name == TESTS:
        return result
    if hidden := mutes.added(change, result.name):
        status = Status.FAILED if result.status is Status.PASSED else result.status
        return result.model_copy(update={"items": (*result.items, *hidden), "status": status})
    return result
