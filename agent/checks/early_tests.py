"""Run the tests that a change reaches before all others, where the whole suite takes long.

Only to end a hopeless wait: what fails here each time, and never on base under the same conditions,
is red without the rest. What passes here passes nothing: the whole suite runs before anything is
published.
"""

from __future__ import annotations

from agent.checks.check import Selection
from agent.checks.reruns import FAILING, MOST_TESTS, PASSING, is_proved, list_failing
from agent.checks.two_runs import TwoRuns, list_passed
from agent.models.checks import CheckItem, CheckResult, Status

#: A suite that took less on base is run whole at once.
SLOW_SECONDS = 30.0
#: With more of the tests than this part, the wait would be longer rather than shorter.
_MOST = 0.25


def find_red(runs: TwoRuns, rounds: int) -> CheckResult | None:
    """Run what the change reaches; return the result where it is red beyond doubt.

    Args:
        rounds: How often a test may be run again.
    """
    base, sites = runs.base, runs.sites
    if not rounds or base.seconds < SLOW_SECONDS or runs.imports is None:
        return None
    reached = runs.imports.list_reached_files(runs.change.paths)
    paths = [runs.places.locate_test(item.item_id)[0] for item in base.items]
    files = tuple(sorted(reached.intersection(paths)))
    if not 0 < sum(path in reached for path in paths) <= _MOST * len(paths):
        return None
    sites.say(f"tests: those in {len(files)} files that the change reaches run first")
    head = sites.run_some(sites.head, Selection(files=files))
    passed = {item.item_id for item in list_passed(base)}
    failing = tuple(item for item in list_failing(head.items) if item.item_id in passed)
    red = _choose_certain(failing, runs, rounds) if is_proved(head) else ()
    share = f"{len(head.items):,} of {len(base.items):,} tests"
    if not red:
        sites.say(f"tests: {share} ran first without a certain failure; now all of them run")
        return None
    kept = tuple(item for item in head.items if item.outcome not in FAILING or item in red)
    reason = f"only the tests that the change reaches were run ({share}), since some of them fail"
    return head.model_copy(update={"items": kept, "status": Status.FAILED, "reason": reason})


def _choose_certain(
    failing: tuple[CheckItem, ...], runs: TwoRuns, rounds: int
) -> tuple[CheckItem, ...]:
    """Leave the failures that are the change's: neither of the few tests alone, nor by chance."""
    if len(failing) > MOST_TESTS:
        only = Selection(ids=tuple(item.item_id for item in failing))
        alone = runs.sites.run_some(runs.sites.base, only)
        certain = {item.item_id for item in list_passed(alone)} if is_proved(alone) else set()
    else:
        certain = {
            one.item_id
            for one in (runs.sites.repeat(failing, rounds) if failing else ())
            if {run.outcome for run in one.head} <= set(FAILING)
            and {run.outcome for run in one.base} <= set(PASSING)
        }
    return tuple(item for item in failing if item.item_id in certain)
