"""Run one command of a check in a fresh room: shown while it runs, judged when it is over.

Owns what is said where a server beside the command did not do its part. Which rooms there are, and
in which order, is left to `measuring` and `again`.
"""

from __future__ import annotations

from agent.checks.check import Check, Site, unverified
from agent.checks.live import Echo, Show
from agent.checks.sealed import Secret
from agent.domain import CheckResult
from agent.environments import room_services
from agent.ports import Flag, RoomOrder, RoomResult, Sandbox


def heard(
    order: RoomOrder,
    name: str,
    secret: Secret,
    sandbox: Sandbox,
    show: Show,
    cancelled: Flag | None = None,
) -> RoomResult:
    """Run the order; some of the lines that are printed meanwhile are shown under a name."""
    echo = Echo(name, show, ours=secret.names)
    result = sandbox.run(order, cancelled, echo)
    echo.close()
    return result


def judged(
    check: Check, site: Site, secret: Secret, order: RoomOrder, result: RoomResult
) -> CheckResult:
    """Say how a check ended. Without its servers it proves nothing, whatever its tests say."""
    if words := room_services.not_started(order, result):
        return unverified(check, site, result, f"the check was not begun: {words}")
    found = check.judge(site, secret, result)
    if words := room_services.ended(result, "the check"):
        limit = f"{found.reason}; " if result.limit else ""
        return unverified(check, site, result, f"{limit}{words}")
    return found
