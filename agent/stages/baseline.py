"""Baseline: the checks on the base commit, to tell "already red" from "new".

Kept by `agent.checks.reports`, so that a second run on the same base does not measure again.
"""

import dataclasses
from collections.abc import Iterable

from agent.checks import check, measuring, reports, reruns, running
from agent.checks.check import Part, Selection, Site
from agent.checks.runners import Suite
from agent.desk import Desk
from agent.models.checks import COLLECTION, TESTS, AnyRun, CheckReport, Status, TestRun
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.setup import obstacles, sandbox_services
from agent.telemetry.private_files import write_private_file
from agent.text.sanitise import list_some

#: A shorter suite is not tried in several processes, nor one kept that gains less.
_LEAST_SHARED, _LEAST_GAIN = 60.0, 0.8


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
    results = (one for one in tests.results if one.status is not Status.UNMEASURABLE)
    known = {result.name: result for result in results}
    site = _make_site(prepared, desk)
    checks = measuring.list_others(site)
    missing = tuple(check for check in checks if check[0].name not in known)
    known |= {one.name: one for one in measuring.run_checks(missing, desk.sandbox, desk.say)}
    # In the order in which they are shown.
    ordered = (*(known.pop(check.name) for check, _ in checks), *known.values())
    report = replace(tests, results=ordered, is_partial=False)
    reports.store_baseline(reports.locate_baseline(prepared, desk.settings), report)
    report = _set_aside(report)
    desk.store_report(prepared.run, report)
    return report


def study_tests(prepared: Prepared, report: CheckReport, desk: Desk) -> None:
    """Find out more of the tests of the base commit, for the checks of changes."""
    site = _make_site(prepared, desk)
    suite = measuring.suite_of(site)
    if suite is None or not reruns.is_proved(report.tests) or site.project.more_tests:
        return
    # First what is soon over, and makes each later run of a long suite shorter.
    _try_processes(suite, site, prepared, report.tests, desk)
    _record_reach(suite, site, prepared, report.tests, desk)


def _record_reach(suite: Suite, site: Site, prepared: Prepared, tests: TestRun, desk: Desk) -> None:
    """Record what each test starts, in one run more; where tests tell that."""
    stored = reports.locate_reach(prepared, desk.settings)
    if stored.exists():
        return
    recording = suite.select(Part(records=True), "tests, to record what each reaches")
    found = running.run_check(recording, site, desk.sandbox, desk.say)
    if found.reach is None or not reruns.is_proved(found) or found.limit:
        return
    # A test that ends otherwise while it is recorded has no record.
    ends = {(item.item_id, item.outcome) for item in tests.items}
    alike = {item.item_id for item in found.items if (item.item_id, item.outcome) in ends}
    known = {name: starts for name, starts in found.reach.tests.items() if name in alike}
    reach = replace(found.reach, tests=known)
    write_private_file(stored, reach.model_dump_json())
    desk.say(f"recorded what each test reaches, in {found.seconds:.0f} s")


def _try_processes(
    suite: Suite, site: Site, prepared: Prepared, tests: TestRun, desk: Desk
) -> None:
    """Try once whether tests that several processes share end the same, and sooner."""
    stored = reports.locate_processes(prepared, desk.settings)
    count = check.count_processors()
    if stored.exists() or tests.seconds < _LEAST_SHARED or count < 2 or not suite.can_share(site):
        return
    sharing = suite.select(Part(processes=count), f"tests, shared by {count} processes")
    found = running.run_check(sharing, site, desk.sandbox, desk.say)
    ends = ({(item.item_id, item.outcome) for item in run.items} for run in (tests, found))
    others = sorted({name for name, _ in set.symmetric_difference(*ends)})
    is_same = reruns.is_proved(found) and found.exit_code == tests.exit_code and not others
    is_better = is_same and found.seconds < _LEAST_GAIN * tests.seconds
    write_private_file(stored, str(count if is_better else 1))
    took = f"{found.seconds:.0f} s in place of {tests.seconds:.0f} s"
    why = f"{list_some(others)} end otherwise" if others else found.reason or took
    desk.say(f"{sharing.name}: {'kept' if is_better else 'not kept'}: {why}")


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


def _is_hindered(
    result: AnyRun, suite: Suite, site: Site, listening: Site | None, desk: Desk
) -> bool:
    """Whether a test that failed passes in one process, where nothing listens for servers.

    Args:
        listening: Where something does: what passes there too has failed for another reason, such
            as its order.
    """

    def find_green(ids: Iterable[str], at: Site) -> tuple[str, ...]:
        again = suite.select(Part(only=Selection(ids=tuple(ids))))
        found = running.run_check(again, at, desk.sandbox, desk.say)
        return tuple(item.item_id for item in found.items if item.outcome == "passed")

    if not isinstance(result, TestRun) or result.knock or result.limit:
        return False
    red = (item.item_id for item in result.items if item.outcome in ("failed", "error"))
    ids = tuple(name for name in red if not name.endswith(COLLECTION))
    green = find_green(ids, site) if ids else ()
    if not green or listening is None:
        return bool(green)
    return len(find_green(green, listening)) < len(green)


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

    processes = reports.load_processes(prepared, desk.settings)
    suite = measuring.suite_of(site) if listens or processes > 1 else None
    listening = _listen(site) if listens and suite else site
    others = () if only_tests else measuring.list_others(site)
    checks = (*others, *measuring.list_tests(listening, processes))
    results = measuring.run_checks(checks, desk.sandbox, desk.say, is_enough=is_enough)
    alike = listening if processes == 1 else None
    if suite and any(_is_hindered(one, suite, site, alike, desk) for one in results):
        why = "where processes share them" if processes > 1 else "without a usual server's port"
        desk.say(f"tests fail {why}, and pass otherwise: running all again")
        if processes > 1:
            write_private_file(reports.locate_processes(prepared, desk.settings), "1")
        listens = listens and processes > 1
        again = _run_checks(
            prepared, desk, only_tests=True, looks_early=looks_early, listens=listens
        )
        results = (*(one for one in results if one.name != TESTS), *again.results)
    return CheckReport(
        side="base",
        commit=prepared.checkout.commit,
        results=results,
        is_partial=only_tests or len(results) <= len(others),
    )
