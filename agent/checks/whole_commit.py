"""Judge the run of all tests on the exact commit, in one piece, as the project's CI will run them.

Only this run shows files that cannot be collected together, a test that disturbs a later one, and
an exit code that no test explains, such as that of a coverage floor.
"""

import shlex
import time
from collections.abc import Callable

from agent.checks import check
from agent.checks.check import Part, Selection
from agent.checks.reruns import list_red
from agent.models.checks import COLLECTION, CommandRun, Status, TestRun
from agent.text.sanitise import list_some

WHOLE = "whole suite"
WHOLE_PART = Part(counts_own=False)
#: For the search of a test that disturbs another one.
_MOST_SECONDS = 60.0


def judge_whole(
    found: TestRun,
    tests: TestRun,
    before: TestRun,
    run_again: Callable[[], tuple[TestRun, TestRun]],
    run_some: Callable[[Selection], TestRun],
) -> CommandRun | None:
    """Say what a whole run adds to what the tests say; None: nothing.

    Args:
        run_again: Runs the whole suite once more: with the change, and on base.
        run_some: Runs some tests with the change.
    """
    known = list_red(before)
    # If the tests themselves show what is wrong, or a limit ended them, their reason is better.
    if found.limit or tests.limit or tests.reason or list_red(tests) - known:
        return None
    if not (found.reason or list_red(found) - known or _has_other_code(found)):
        return _make_run(found, Status.PASSED)
    again, base = run_again()
    red = (list_red(found) & list_red(again)) - known - list_red(base)
    is_code_new = _has_other_code(again) and again.exit_code != base.exit_code
    if not (red or is_code_new):
        return None
    why = list_some(sorted(red)) if red else check.get_last_lines(again)
    if red and (disturbing := _find_disturbing(min(red), again, run_some)):
        why += f"; {min(red)} passes alone and fails after {disturbing}"
    command = shlex.join(again.command)
    reason = (
        f"`{command}` ends with exit code {again.exit_code}, and with {base.exit_code} on the base"
        f" branch: {why}"
    )
    return _make_run(again, Status.FAILED, reason)


def _find_disturbing(
    name: str, found: TestRun, run_some: Callable[[Selection], TestRun]
) -> str | None:
    """Find, by halves, the test after which another one fails; None: in time there is none."""
    ids = [item.item_id for item in found.items]
    suspects, end = ids[: ids.index(name)], time.monotonic() + _MOST_SECONDS

    def fails_after(some: list[str]) -> bool:
        return name in list_red(run_some(Selection(ids=(*some, name))))

    is_short = found.seconds <= _MOST_SECONDS and not name.endswith(COLLECTION)
    if not (suspects and is_short) or fails_after([]):
        return None
    while len(suspects) > 1 and time.monotonic() < end:
        half = suspects[len(suspects) // 2 :]
        suspects = half if fails_after(half) else suspects[: len(suspects) // 2]
    return suspects[0] if len(suspects) == 1 and fails_after(suspects) else None


def _has_other_code(result: TestRun) -> bool:
    """Whether an exit code is red that no red test explains."""
    return result.exit_code != 0 and not list_red(result)


def _make_run(found: TestRun, status: Status, reason: str = "") -> CommandRun:
    shown = found.model_dump(include={"exit_code", "seconds", "command", "output"})
    return CommandRun(name=WHOLE, status=status, reason=reason, **shown)
