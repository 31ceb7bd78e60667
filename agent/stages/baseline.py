"""Baseline: run the checks on the base commit, to tell known failures from new ones.

`agent.checks.reports` stores the results for later runs on the same base.
"""

import dataclasses
from collections.abc import Sequence

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
    """Run the checks on the base commit, or load their stored results.

    The report is partial if checks were left out: on request, or because so many tests fail that
    another set-up is tried.

    Args:
        only_tests: Whether the other checks are left out.
        looks_early: Whether the run of tests ends early if half of the first ones fail.
        listens: Whether connecting to a missing server ends the run; the report names the server.
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


def measure_anew(before: CheckReport, prepared: Prepared, desk: Desk) -> TestRun:
    """Run the tests of the base commit once more, for this run and later ones."""
    others = tuple(result for result in before.results if result.name != TESTS)
    report = measure_others(prepared, replace(before, results=others), desk)
    desk.store_report(prepared.run, report)
    return report.tests


def measure_others(prepared: Prepared, before: CheckReport, desk: Desk) -> CheckReport:
    """Run the checks of base that a report does not have, and store all results."""
    # A check that could not be measured may work the second time, and runs again.
    ran = {run.name: run for run in before.results if run.status is not Status.UNMEASURABLE}
    site = _make_site(prepared, desk)
    jobs = (*running.list_others(site), *running.list_tests(site))
    missing = [job for job in jobs if job.check.name not in ran]
    more = running.run_checks(missing, desk.sandbox, desk.say, at_once=site.at_once)
    ran |= {run.name: run for run in more}
    report = _make_report(prepared, [ran[job.check.name] for job in jobs])
    reports.store_baseline(reports.locate_baseline(prepared, desk.settings), report)
    return _set_aside(report)


def _make_site(prepared: Prepared, desk: Desk) -> Site:
    folder, environment = desk.open_base(prepared).folder, desk.environment(prepared)
    return check.make_site(folder, environment, prepared.contract, desk.settings)


def _make_report(prepared: Prepared, results: Sequence[AnyRun]) -> CheckReport:
    return CheckReport(side="base", commit=prepared.checkout.commit, results=tuple(results))


def _set_aside(report: CheckReport) -> CheckReport:
    """Mark the checks that cannot be measured; the stored report has them without the mark."""
    return replace(report, results=tuple(map(set_unmeasurable, report.results)))


def set_unmeasurable(result: AnyRun) -> AnyRun:
    """Mark a check that failed on base before it could list findings; never the tests.

    The cause is in the repository or its set-up, so the check must not block a change.
    """
    if result.name == TESTS or result.status is Status.ABSENT:
        return result
    if result.status is Status.PASSED or (result.status is Status.FAILED and not result.reason):
        return result
    return replace(result, status=Status.UNMEASURABLE)


def _listen(site: Site) -> Site:
    """Return the site with a listener, which names the missing server that a test connects to."""
    listener = sandbox_services.make_listener(site.environment)
    services = (*site.environment.services, listener)
    return dataclasses.replace(site, environment=replace(site.environment, services=services))
