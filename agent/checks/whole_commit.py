"""Run the project's own test command on the exact commit, in one piece, as its CI will.

What it adds to the tests that are held against base shows only there: files that cannot be
collected together, a test that disturbs a later one, and an exit code that no test explains, such
as that of a coverage floor.
"""

import shlex
from collections.abc import Callable
from dataclasses import replace

from agent.checks import measuring
from agent.checks.check import Site
from agent.checks.commands import ShellCheck
from agent.checks.runners import AnySuite
from agent.checks.sealed import Secret
from agent.models.checks import AnyRun, CommandRun, Status, TestRun
from agent.models.sandbox import SANDBOX_GATE, SandboxRequest
from repo_config.command_lines import CheckCommand

NAME = "whole suite"


class WholeCommit(ShellCheck):
    """The command of the tests, of which the exit code counts."""

    def make_request(self, site: Site, secret: Secret) -> SandboxRequest:
        order = super().make_request(site, secret)
        update: dict[str, object] = {"limits": site.test_limits()}
        if site.project.test_runner == "pytest" and not site.has_package("pytest"):
            places = (
                order.environ.get("PYTHONPATH", ""),
                site.environment.get_packages(SANDBOX_GATE),
            )
            path = ":".join(filter(None, places))
            update["environ"] = {**order.environ, "PYTHONPATH": path}
        return order.model_copy(update=update)


def list_whole(site: Site) -> measuring.Checks:
    """List what runs the whole suite as the project does, and where; none where nothing can."""
    suite = measuring.suite_of(site)
    if not (isinstance(suite, AnySuite) and site.config.gate.whole_commit):
        return ()
    parts = [*suite.split(site)] if site.project.more_tests else [(suite, site)]
    lines = [shlex.join(part.command(place)) for part, place in parts]
    # A later command runs whatever an earlier one has said.
    several = "; ".join((*(f"{line} || code=$?" for line in lines), "exit $code"))
    command = CheckCommand(name=NAME, line=lines[0] if len(lines) == 1 else f"code=0; {several}")
    # Commands name their folder from the root of the repository.
    at_root = replace(site, project=site.project.model_copy(update={"root": ""}))
    return ((WholeCommit(command), at_root),)


def judge_whole(
    found: CommandRun,
    tests: TestRun,
    before: TestRun,
    run_again: Callable[[], tuple[AnyRun, ...]],
) -> CommandRun | None:
    """Say what a whole run adds to what the tests say; None: nothing.

    Args:
        run_again: Runs the whole suite once more: with the change, and on base.
    """
    if found.status is Status.PASSED:
        return found
    known = {item.item_id for item in before.items if item.outcome in ("failed", "error")}
    failing = {item.item_id for item in tests.items if item.outcome in ("failed", "error")}
    # Where the tests themselves say what is wrong, or a limit ended them, they say it better.
    if found.limit or tests.limit or tests.reason or failing - known:
        return None
    again, base = run_again()
    if again.status is Status.PASSED or base.exit_code == again.exit_code:
        return None
    reason = f"`{found.command[-1]}`, on the base branch exit code {base.exit_code}: {again.reason}"
    return found.model_copy(update={"reason": reason, "output": again.output})
