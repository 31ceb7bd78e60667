"""Tell a check that base itself breaks from one that was only disturbed, by a second run.

What a tool does the same way twice, in fresh sandboxes and within its limits, has its cause in the
repository: that check cannot be measured, and is no obstacle to a change. A limit that ends it
twice says nothing of the repository, and ends the run.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.checks import measuring
from agent.checks.check import TESTS, Site
from agent.errors import CheckUnfinished
from agent.models.checks import CheckResult, Status
from agent.models.sandbox import Sandbox

Say = Callable[[str], None]


def confirm_failures(
    results: tuple[CheckResult, ...], site: Site, sandbox: Sandbox, say: Say
) -> tuple[CheckResult, ...]:
    """Run every check of base once more that failed itself.

    Raises:
        CheckUnfinished: A limit ended a check both times.
    """
    return tuple(
        _confirm_check(result, site, sandbox, say) if _has_to_run_again(result) else result
        for result in results
    )


def _confirm_check(first: CheckResult, site: Site, sandbox: Sandbox, say: Say) -> CheckResult:
    second = first
    if first.limit in ("", "time"):  # what came to another limit has run twice already
        say(f"{first.name}: it said nothing of the base commit ({first.reason}); it runs once more")
        second = measuring.run_single_check(first.name, site, sandbox, say)
    if _was_ended(second):
        raise CheckUnfinished(
            f"On the base commit the check {first.name} did not come to its end, twice:"
            f" {second.reason.rstrip('.')}."
        )
    is_same = (first.status, first.exit_code) == (second.status, second.exit_code)
    if first.name == TESTS or not _failed_itself(second) or not is_same:
        return second
    return second.model_copy(update={"status": Status.UNMEASURABLE})


def _has_to_run_again(result: CheckResult) -> bool:
    # Without its tests a repository proves nothing, for whatever reason.
    return _was_ended(result) or (_failed_itself(result) and result.name != TESTS)


def _failed_itself(result: CheckResult) -> bool:
    """Whether a check said nothing finding by finding."""
    failed = result.status is Status.FAILED and bool(result.reason)
    return failed or result.status is Status.UNVERIFIED


def _was_ended(result: CheckResult) -> bool:
    """Whether a limit ended it."""
    return result.exit_code is None and result.status is not Status.ABSENT
