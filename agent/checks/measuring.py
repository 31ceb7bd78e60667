"""Run every check of a repository on one side, each in its own fresh sandbox."""

from collections.abc import Callable, Sequence

from agent.checks import running
from agent.checks.check import Site
from agent.checks.commands import ShellCheck, make_check
from agent.checks.django_state import DJANGO_CHECK, MAKEMIGRATIONS
from agent.checks.runners import Suite
from agent.checks.running import AnyCheck, Job, Say
from agent.models.checks import TESTS, AnyRun
from agent.models.sandbox import Sandbox
from repo_config.command_lines import CheckCommand

_OF_CODE: tuple[AnyCheck, ...] = (DJANGO_CHECK, MAKEMIGRATIONS)


def list_others(site: Site) -> tuple[Job, ...]:
    """List all checks but the tests, in the order in which their results are shown.

    Each usually takes longer than those before it.
    """
    project = site.project
    others = map(make_check, (*project.types, *project.extra))
    checks: tuple[AnyCheck, ...] = (*map(make_check, project.lint), *_OF_CODE, *others)
    return tuple(Job.at(check, site) for check in checks)


def list_tests(site: Site) -> tuple[Job]:
    if site.project.test_runner == "command":
        line = CheckCommand(name=TESTS, line=str(site.config.checks.tests))
        return (Job.at(ShellCheck(line), site),)
    return (Job.at(Suite(), site),)


def run_checks(
    jobs: Sequence[Job],
    sandbox: Sandbox,
    say: Say,
    *,
    at_once: int = 1,
    is_enough: Callable[[AnyRun], bool] = lambda _: False,
) -> tuple[AnyRun, ...]:
    """Run those checks that the repository has, the last first; the others are named as absent.

    Args:
        is_enough: After the first result for which it is true, what has not ended is ended, and
            left out.
    """
    ran: dict[str, AnyRun] = {}
    with running.Jobs(sandbox, say, at_once) as started:
        started.start(jobs[::-1])
        for result in started.iterate_results():
            ran[result.name] = result
            if is_enough(result):
                break
    return tuple(ran[job.check.name] for job in jobs if job.check.name in ran)
