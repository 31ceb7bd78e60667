"""Run every check of a repository on one side, each in its own fresh sandbox."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib import resources
from pathlib import Path
from threading import Event

from agent.checks import running, suite
from agent.checks.check import Check, Part, Site, Suite, workers
from agent.checks.django_state import DjangoCheck, Makemigrations
from agent.checks.django_suite import DjangoSuite
from agent.checks.fastapi_endpoints import FastapiEndpoints
from agent.checks.linters import ALL
from agent.checks.mypy_types import MypyTypes
from agent.checks.pyright_types import BASEDPYRIGHT, PYRIGHT
from agent.checks.pytest_suite import PytestSuite
from agent.checks.sealed import Secret
from agent.models.checks import CheckResult, Status
from agent.models.sandbox import Sandbox
from agent.telemetry import run_log

Say = Callable[[str], None]

#: In the order in which results are listed; the tests come last. Each usually takes longer than
#: those before it.
_TOOLS: tuple[Check, ...] = (
    *ALL,
    DjangoCheck(),
    Makemigrations(),
    FastapiEndpoints(),
    MypyTypes(),
    PYRIGHT,
    BASEDPYRIGHT,
)
_SUITES: dict[str, Suite] = {
    "pytest": PytestSuite(),
    "django": DjangoSuite(),
}


def run_all_checks(
    site: Site,
    sandbox: Sandbox,
    say: Say,
    *,
    tests: bool | None = None,
    also: tuple[Check, ...] = (),
    in_place: Check | None = None,
) -> tuple[CheckResult, ...]:
    """Run all checks that the repository has; those that it has not are named as absent.

    As many at a time as the operator allows and there are processors for, the longest first.

    Args:
        say: Told how each check ended, and some of the lines that are printed meanwhile; from
            several threads.
        tests: Run the tests alone, or all but them; None stands for everything.
        also: Further checks, of this side alone.
        in_place: Runs in the place of the tests.
    """
    checks: list[Check] = [*also] if tests else [*also, *_TOOLS]
    if tests is not False:
        checks.append(in_place or suite_of(site) or _NoSuite())
    cancelled = Event()
    with ThreadPoolExecutor(workers(site)) as pool:
        running = [
            pool.submit(run_log.carried_along(_run_check), check, site, sandbox, cancelled, say)
            for check in checks[::-1]
        ]
        try:
            for one in as_completed(running):
                _report_result(one.result(), say)
        except BaseException:
            # An interruption, or a sandbox that is not to be had: nobody waits for the others.
            cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return tuple(one.result() for one in running[::-1])


def run_single_check(name: str, site: Site, sandbox: Sandbox, say: Say) -> CheckResult:
    """Run one of these checks, or the tests."""
    checks: tuple[Check, ...] = (*_TOOLS, suite_of(site) or _NoSuite())
    check = next(check for check in checks if check.name == name)
    return _run_check(check, site, sandbox, Event(), say)


def unstable_ids(site: Site, tests: CheckResult, sandbox: Sandbox, say: Say) -> tuple[str, ...]:
    """Collect the tests a second time; return the ids that did not come up again."""
    tests_check = suite_of(site)
    ids = {item.item_id for item in tests.items if not item.item_id.endswith(suite.COLLECTION)}
    if tests_check is None or not ids:
        return ()
    secret = Secret()
    result = sandbox.run(tests_check.part_order(site, secret, Part(collects=True)))
    again = suite.find_collected_ids(result, secret)
    if again is None or result.gone:
        say("tests: a second collection did not come to its end; all ids are taken as stable")
        return ()
    gone = tuple(sorted(ids - again))
    if gone:
        say(f"tests: {len(gone)} ids change from one collection to the next")
    return gone


def suite_of(site: Site) -> Suite | None:
    """Return what runs the tests, if the repository has any."""
    return _SUITES.get(site.project.test_runner or "")


def scripts_digest() -> str:
    """Digest of all that decides how a side is measured, for keys of stored results."""
    folder, total = Path(str(resources.files("agent.checks"))), hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        total.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _run_check(
    check: Check, site: Site, sandbox: Sandbox, cancelled: Event, say: Say
) -> CheckResult:
    if reason := check.explain_absence(site):
        return CheckResult(name=check.name, status=Status.ABSENT, reason=reason)
    return running.run_check(check, site, sandbox, say, cancelled)


def _report_result(result: CheckResult, say: Say) -> None:
    if result.status is Status.ABSENT:
        return
    counts = f", {len(result.items)} items" if result.items else ""
    say(f"{result.name}: {result.status.value}{counts} in {result.seconds:.1f} s")


class _NoSuite(PytestSuite):
    """Stands for the tests where there are none."""

    def explain_absence(self, site: Site) -> str:
        """Say so."""
        if site.config.checks.tests.runner == "off":
            return "checks.tests.runner is off"
        return "the repository has no tests that pytest or Django's runner would find"
