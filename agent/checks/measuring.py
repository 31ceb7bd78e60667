"""Run every check of a repository on one side, each in its own fresh sandbox."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from importlib import resources
from pathlib import Path
from threading import Event, Semaphore

from agent.checks import running
from agent.checks.check import Check, Part, Site
from agent.checks.commands import ShellCheck, ToolCheck, make_check
from agent.checks.django_state import DJANGO_CHECK, MAKEMIGRATIONS
from agent.checks.runners import SUITES, PytestSuite, Suite
from agent.checks.running import Say
from agent.models.checks import TESTS, AnyRun, CommandRun, LintRun, Status, TestRun
from agent.models.record import replace
from agent.models.sandbox import Sandbox
from agent.telemetry import run_log
from repo_config.command_lines import CheckCommand

AnyCheck = Check[AnyRun]
Checks = tuple[tuple[AnyCheck, Site], ...]
"""Checks with their places."""
_OF_CODE: tuple[AnyCheck, ...] = (DJANGO_CHECK, MAKEMIGRATIONS)


def list_others(site: Site, tools: Site | None = None) -> Checks:
    """List all checks but the tests, in the order in which their results are shown.

    Each usually takes longer than those before it.

    Args:
        tools: Where known linters and type checkers run, if that is elsewhere.
    """
    project = site.project
    lint, others = map(make_check, project.lint), (*project.types, *project.extra)
    checks: tuple[AnyCheck, ...] = (*lint, *_OF_CODE, *map(make_check, others))
    return tuple(
        (check, tools if tools and isinstance(check, ToolCheck) else site) for check in checks
    )


def list_tests(site: Site, processes: int = 1) -> Checks:
    if site.project.test_runner == "command":
        line = CheckCommand(name=TESTS, line=str(site.config.checks.tests))
        return ((ShellCheck(line), site),)
    return (((suite_of(site) or _NoSuite()).select(Part(processes=processes)), site),)


def run_checks(
    checks: Checks,
    sandbox: Sandbox,
    say: Say,
    *,
    is_enough: Callable[[AnyRun], bool] = lambda _: False,
    slots: Semaphore | None = None,
) -> tuple[AnyRun, ...]:
    """Run those checks that the repository has; the others are named as absent.

    As many at a time as the operator allows and there are processors for, the last first.

    Args:
        is_enough: After the first result for which it is true, the runs that have not ended are
            ended, and left out.
        slots: Of the sandboxes, where others open some at the same time.
    """
    cancelled = Event()

    def run(check: AnyCheck, at: Site) -> AnyRun:
        if reason := check.explain_absence(at):
            return CommandRun(name=check.name, status=Status.ABSENT, reason=reason)
        with slots or nullcontext():
            return running.run_check(check, at, sandbox, say, cancelled)

    at_once = max((site.at_once for _, site in checks), default=1)
    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(run_log.keep_log_context(run), *one) for one in checks[::-1]]
        try:
            for one in as_completed(futures):
                result = one.result()
                if result.status is not Status.ABSENT:
                    counts = result.cut if isinstance(result, TestRun) else ""
                    if isinstance(result, TestRun | LintRun) and result.items and not counts:
                        counts = f"{len(result.items)} items"
                    said = f"{result.status.value}{f', {counts}' * bool(counts)}"
                    say(f"{result.name}: {said} in {result.seconds:.1f} s")
                if is_enough(result):
                    ended = tuple(future.result() for future in futures[::-1] if future.done())
                    cancelled.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    return ended
        except BaseException:
            # An interruption, or a sandbox that is not to be had: nobody waits for the others.
            cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return tuple(future.result() for future in futures[::-1])


def set_unmeasurable(result: AnyRun) -> AnyRun:
    """Set aside a check that lists no findings on base; tests are never set aside.

    The cause is in the repository or its set-up, so that no change is blocked for it.
    """
    if result.name == TESTS or result.status is Status.ABSENT:
        return result
    if result.status is Status.PASSED or (result.status is Status.FAILED and not result.reason):
        return result
    return replace(result, status=Status.UNMEASURABLE)


def suite_of(site: Site) -> Suite | None:
    """Return what runs the tests, if the repository has any."""
    kind = SUITES.get(site.project.test_runner or "")
    return kind() if kind else None


def compute_digest() -> str:
    """Digest of all that decides how a side is measured, for keys of stored results."""
    folder, total = Path(str(resources.files("agent.checks"))), hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        total.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


class _NoSuite(PytestSuite):
    """In place of the tests where there are none."""

    def explain_absence(self, site: Site) -> str:
        if site.config.checks.tests == "off":
            return "checks.tests is off"
        if not any(site.tree.rglob("*.py")):
            return "the repository has no Python file, and other languages are not supported"
        return "no tests for pytest or Django's runner were found"
