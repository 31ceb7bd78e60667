"""Run every check of a repository on one side, each in its own fresh sandbox."""

import hashlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from agent.checks import running
from agent.checks.check import Site
from agent.checks.commands import ShellCheck, make_check
from agent.checks.django_state import DJANGO_CHECK, MAKEMIGRATIONS
from agent.checks.runners import Suite
from agent.checks.running import AnyCheck, Job, Say
from agent.models.checks import TESTS, AnyRun, Status
from agent.models.record import replace
from agent.models.sandbox import Sandbox
from repo_config.command_lines import CheckCommand

Checks = tuple[tuple[AnyCheck, Site], ...]
"""Checks with their places."""
_OF_CODE: tuple[AnyCheck, ...] = (DJANGO_CHECK, MAKEMIGRATIONS)


def list_others(site: Site) -> Checks:
    """List all checks but the tests, in the order in which their results are shown.

    Each usually takes longer than those before it.
    """
    project = site.project
    others = map(make_check, (*project.types, *project.extra))
    checks: tuple[AnyCheck, ...] = (*map(make_check, project.lint), *_OF_CODE, *others)
    return tuple((check, site) for check in checks)


def list_tests(site: Site) -> Checks:
    if site.project.test_runner == "command":
        line = CheckCommand(name=TESTS, line=str(site.config.checks.tests))
        return ((ShellCheck(line), site),)
    return ((Suite(), site),)


def run_checks(
    checks: Checks,
    sandbox: Sandbox,
    say: Say,
    *,
    is_enough: Callable[[AnyRun], bool] = lambda _: False,
) -> tuple[AnyRun, ...]:
    """Run those checks that the repository has, the last first; the others are named as absent.

    Args:
        is_enough: After the first result for which it is true, what has not ended is ended, and
            left out.
    """
    at_once = max((site.at_once for _, site in checks), default=1)
    with running.Jobs(sandbox, say, at_once) as jobs:
        jobs.start(Job.at(check, site) for check, site in checks[::-1])
        any(map(is_enough, jobs.iterate_results(check.name for check, _ in checks)))
    return tuple(jobs.ran[check.name] for check, _ in checks if check.name in jobs.ran)


def set_unmeasurable(result: AnyRun) -> AnyRun:
    """Set aside a check that lists no findings on base; tests are never set aside.

    The cause is in the repository or its set-up, so that no change is blocked for it.
    """
    if result.name == TESTS or result.status is Status.ABSENT:
        return result
    if result.status is Status.PASSED or (result.status is Status.FAILED and not result.reason):
        return result
    return replace(result, status=Status.UNMEASURABLE)


def compute_digest() -> str:
    """Digest of all that decides how a side is measured, for keys of stored results."""
    folder, total = Path(str(resources.files("agent.checks"))), hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        total.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()
