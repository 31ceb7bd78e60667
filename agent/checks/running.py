"""Run one command of a check in a fresh sandbox: shown while it runs, judged when it is over.

Owns what is said where a server beside the command did not do its part, and the second try where
the machine ended the first. Which sandboxes there are, and in which order, is left to `measuring`
and `again`.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.checks.check import Check, Site, make_unverified
from agent.checks.live_output import LiveOutput, Show
from agent.checks.sealed import Secret
from agent.environments import sandbox_services
from agent.models.checks import CheckResult
from agent.models.sandbox import Flag, Sandbox, SandboxRequest, SandboxResult

Keep = Callable[[Secret, SandboxResult, CheckResult], None]


def run_check(
    check: Check,
    site: Site,
    sandbox: Sandbox,
    show: Show,
    cancelled: Flag | None = None,
    keep: Keep | None = None,
) -> CheckResult:
    """Run a check; once more where it came to a limit other than time.

    Memory, disk and processes of a machine are shared with others; minutes were given to it alone.

    Args:
        show: Told some of the lines that are printed meanwhile.
        keep: Told of what the sandbox gave back.
    """
    for is_last in (False, True):
        secret = Secret()
        order = check.make_request(site, secret)
        echo = LiveOutput(check.name, show, ours=secret.names)
        result = sandbox.run(order, cancelled, echo)
        echo.close()
        if is_last or result.limit in (None, "time"):
            break
    found = _judge_result(check, site, secret, order, result)
    if keep is not None:
        keep(secret, result, found)
    return found.model_copy(update={"limit": result.limit or ""})


def _judge_result(
    check: Check, site: Site, secret: Secret, order: SandboxRequest, result: SandboxResult
) -> CheckResult:
    """Say how a check ended. Without its servers it proves nothing, whatever its tests say."""
    if words := sandbox_services.not_started(order, result):
        return make_unverified(check, site, result, f"the check was not begun: {words}")
    found = check.judge(site, secret, result)
    if words := sandbox_services.describe_ended(result, "the check"):
        limit = f"{found.reason}; " if result.limit else ""
        return make_unverified(check, site, result, f"{limit}{words}")
    return found
