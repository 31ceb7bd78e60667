"""Baseline: the checks on the base commit, to tell "already red" from "new".

Kept by `agent.checks.reports`, so that a second run on the same base does not measure again.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from agent.checks import check, reports, running
from agent.checks.check import Site
from agent.desk import Desk
from agent.models.checks import TESTS, AnyRun, CheckReport, Status, TestRun
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.setup import obstacles, sandbox_services


def measure_base(
    prepared: Prepared,
    desk: Desk,
    *,
    only_tests: bool = False,
    looks_early: bool = False,
    listens: bool = False,
) -> CheckReport:
    """Measure the base commit, or take the stored measurement of it.

    Where something else is to be tried for its tests, the report is partial.

    Args:
        only_tests: Whether the other checks are left out.
        looks_early: Whether the tests end where half of the first ones fail.
        listens: Whether tests that connect to a server are ended at once; the report names it.
    """
    stored = reports.locate_baseline(prepared, desk.settings)
    if report := reports.load_baseline(stored):
        desk.say("reusing the base commit's check results from an earlier run")
    else:
        site = dataclasses.replace(_make_site(prepared, desk), looks_early=looks_early)
        others = () if only_tests else running.list_others(site)
        tests = running.list_tests(_listen(site) if listens else site)

        def is_enough(result: AnyRun) -> bool:
            return isinstance(result, TestRun) and obstacles.may_improve(result)

        results = running.run_checks(
            (*others, *tests), desk.sandbox, desk.say, at_once=site.at_once, is_enough=is_enough
        )
        report = _make_report(prepared, results)
        report = replace(report, is_partial=only_tests or len(results) <= len(others))
        if not listens or not obstacles.is_port_taken(report.tests):
            reports.store_baseline(stored, report)
    return _set_aside(report)


def measure_others(prepared: Prepared, tests: CheckReport, desk: Desk) -> CheckReport:
    """Measure what is left once the tests are known; raises what `measure_base` raises."""
    return _measure_missing(tests.results, prepared, desk)


def measure_anew(before: CheckReport, prepared: Prepared, desk: Desk) -> TestRun:
    """Measure the tests of the base commit once more, for this run and later ones."""
    others = [result for result in before.results if result.name != TESTS]
    report = _measure_missing(others, prepared, desk)
    desk.store_report(prepared.run, report)
    return report.tests


def _measure_missing(results: Iterable[AnyRun], prepared: Prepared, desk: Desk) -> CheckReport:
    """Measure the checks of base that have no result, and store all."""
    # What was set aside may have been a mishap, and is not stored without another look.
    known = {result.name: result for result in results if result.status is not Status.UNMEASURABLE}
    site = _make_site(prepared, desk)
    jobs = (*running.list_others(site), *running.list_tests(site))
    missing = [job for job in jobs if job.check.name not in known]
    more = running.run_checks(missing, desk.sandbox, desk.say, at_once=site.at_once)
    known |= {result.name: result for result in more}
    report = _make_report(prepared, [known[job.check.name] for job in jobs])
    reports.store_baseline(reports.locate_baseline(prepared, desk.settings), report)
    return _set_aside(report)


def _make_site(prepared: Prepared, desk: Desk) -> Site:
    folder, environment = desk.open_base(prepared).folder, desk.environment(prepared)
    return check.make_site(folder, environment, prepared.contract, desk.settings)


def _make_report(prepared: Prepared, results: Sequence[AnyRun]) -> CheckReport:
    return CheckReport(side="base", commit=prepared.checkout.commit, results=tuple(results))


def _set_aside(report: CheckReport) -> CheckReport:
    """Set aside what cannot be measured; not in the store, which keeps nothing unproved."""
    return replace(report, results=tuple(map(set_unmeasurable, report.results)))


def set_unmeasurable(result: AnyRun) -> AnyRun:
    """Set aside a check that lists no findings on base; tests are never set aside.

    The cause is in the repository or its set-up, so that no change is blocked for it.
    """
    if result.name == TESTS or result.status is Status.ABSENT:
        return result
    if result.status is Status.PASSED or (result.status is Status.FAILED and not result.reason):
        return result
    return replace(result, status=Status.UNMEASURABLE)


def _listen(site: Site) -> Site:
    """Return the site with something that notes which servers are missing."""
    listener = sandbox_services.make_listener(site.environment)
    services = (*site.environment.services, listener)
    return dataclasses.replace(site, environment=replace(site.environment, services=services))
