"""Baseline: the checks on the base commit, to tell "already red" from "new".

Kept by `agent.checks.reports`, so that a second run on the same base does not measure again.
"""

import dataclasses
from collections.abc import Iterable

from agent.checks import check, measuring, reports, runners, running
from agent.checks.check import Selection, Site, TestRequest
from agent.checks.runners import Suite
from agent.checks.suite import FAILING
from agent.desk import Desk
from agent.models.checks import TESTS, AnyRun, CheckReport, Status, TestRun
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.setup import obstacles, sandbox_services


def measure_base(prepared: Prepared, desk: Desk, *, looks_early: bool = False) -> CheckReport:
    """Measure the base commit, or take the stored measurement of it.

    Where something else is to be tried for its tests, the report is partial. Where no server is
    configured, tests that connect to one are ended at once, and the report names it.

    Args:
        looks_early: Whether the tests end where half of the first ones fail.
    """
    stored = reports.locate_baseline(prepared, desk.settings)
    if report := reports.load_baseline(stored):
        desk.say("reusing the base commit's check results from an earlier run")
    else:
        listens = not prepared.contract.config.services
        report = _run_checks(prepared, desk, looks_early=looks_early, listens=listens)
        reports.store_baseline(stored, report)
    report = _set_aside(report)
    desk.store_report(prepared.run, report)
    return report


def measure_tests(
    prepared: Prepared, desk: Desk, *, looks_early: bool = False, listens: bool = False
) -> CheckReport:
    """Measure the tests of the base commit alone, as far as no stored measurement has them."""
    stored = reports.load_baseline(reports.locate_baseline(prepared, desk.settings))
    how = {"looks_early": looks_early, "listens": listens}
    return _set_aside(stored or _run_checks(prepared, desk, only_tests=True, **how))


def measure_others(prepared: Prepared, tests: CheckReport, desk: Desk) -> CheckReport:
    """Measure what is left once the tests are known; raises what `measure_base` raises."""
    # What was set aside may have been a mishap, and is not stored without another look.
    results = {
        result.name: result for result in tests.results if result.status is not Status.UNMEASURABLE
    }
    site = _make_site(prepared, desk)
    checks = measuring.list_others(site)
    missing = tuple(check for check in checks if check[0].name not in results)
    measured = measuring.run_checks(missing, desk.sandbox, desk.say)
    results |= {result.name: result for result in measured}
    # In the order in which they are shown.
    ordered = (*(results.pop(check.name) for check, _ in checks), *results.values())
    report = replace(tests, results=ordered, is_partial=False)
    reports.store_baseline(reports.locate_baseline(prepared, desk.settings), report)
    report = _set_aside(report)
    desk.store_report(prepared.run, report)
    return report


def measure_anew(before: CheckReport, prepared: Prepared, desk: Desk) -> TestRun:
    """Measure the tests of the base commit once more, for this run and later ones."""
    tests = _run_checks(prepared, desk, only_tests=True)
    results = tuple(tests.result(result.name) or result for result in before.results)
    report = replace(before, results=results)
    reports.store_baseline(reports.locate_baseline(prepared, desk.settings), report)
    desk.store_report(prepared.run, report)
    return report.tests


def _make_site(prepared: Prepared, desk: Desk) -> Site:
    folder, environment = desk.open_base(prepared).folder, desk.environment(prepared)
    return check.make_site(folder, environment, prepared.contract, desk.settings)


def _set_aside(report: CheckReport) -> CheckReport:
    """Set aside what cannot be measured; not in the store, which keeps nothing unproved."""
    results = tuple(map(measuring.set_unmeasurable, report.results))
    return replace(report, results=results)


def _listen(site: Site) -> Site:
    """Return the site with something that notes which servers are missing."""
    listener = sandbox_services.make_listener(site.environment)
    services = (*site.environment.services, listener)
    return dataclasses.replace(site, environment=replace(site.environment, services=services))


def _is_hindered(run: AnyRun, suite: Suite, site: Site, listening: Site, desk: Desk) -> bool:
    """Whether a test that failed passes where nothing listens for servers.

    Args:
        listening: Where something does: what passes there too has failed for another reason, such
            as its order.
    """

    def find_green(ids: Iterable[str], at: Site) -> tuple[str, ...]:
        again = runners.select(suite, TestRequest(only=Selection(ids=tuple(ids))))
        items = running.run_check(again, at, desk.sandbox, desk.say).items
        return tuple(item.item_id for item in items if item.outcome == "passed")

    if not isinstance(run, TestRun) or run.knock or run.limit:
        return False
    red = (item for item in run.items if item.outcome in FAILING and not item.is_collection)
    ids = sorted(item.item_id for item in red)
    green = find_green(ids, site) if ids else ()
    return bool(green) and len(find_green(green, listening)) < len(green)


def _run_checks(
    prepared: Prepared,
    desk: Desk,
    *,
    only_tests: bool = False,
    looks_early: bool = False,
    listens: bool = False,
) -> CheckReport:
    site = dataclasses.replace(_make_site(prepared, desk), looks_early=looks_early)

    def is_enough(result: AnyRun) -> bool:
        return isinstance(result, TestRun) and obstacles.may_improve(result)

    suite = measuring.suite_of(site) if listens else None
    listening = _listen(site) if suite else site
    others = () if only_tests else measuring.list_others(site)
    checks = (*others, *measuring.list_tests(listening))
    results = measuring.run_checks(checks, desk.sandbox, desk.say, is_enough=is_enough)
    if suite and any(_is_hindered(result, suite, site, listening, desk) for result in results):
        desk.say("tests fail without a usual server's port, and pass otherwise: running all again")
        again = _run_checks(prepared, desk, only_tests=True, looks_early=looks_early)
        results = (*(result for result in results if result.name != TESTS), *again.results)
    return CheckReport(
        side="base",
        commit=prepared.checkout.commit,
        results=results,
        is_partial=only_tests or len(results) <= len(others),
    )
