"""Run the tests that a change reaches before all others, where the whole suite takes long.

Only to end a hopeless wait: what fails here each time, and never on base under the same conditions,
is red without the rest. What passes here passes nothing: the whole suite runs before anything is
published.
"""

from __future__ import annotations

from agent.checks import affected, again, flaky
from agent.checks.again import Again
from agent.checks.check import TESTS, Selection
from agent.domain import CheckItem, CheckReport, CheckResult, Status
from agent.repository.tree import WorkTree
from repo_config.tree import Below, Tree

#: A suite that took less on base is run whole at once.
SLOW_SECONDS = 30.0
#: With more of the tests than this part, the wait would be longer rather than shorter.
MOST = 0.25


def run(
    both: Again, tree: WorkTree, changed: tuple[str, ...], before: CheckReport, rounds: int
) -> CheckResult | None:
    """Run what the change reaches; return the result where it is red beyond doubt.

    Args:
        tree: Of the head side, with the change in it.
        rounds: How often a test may be run again.
    """
    base = _slow(before)
    if base is None:
        return None
    # Ids and imports are those of the project, wherever in the repository that is.
    root = both.head.project.root
    start = f"{root}/" if root else ""
    inside = tuple(path.removeprefix(start) for path in changed if path.startswith(start))
    files = tuple(start + path for path in _files(Below(tree, root), inside, base))
    if not files:
        return None
    both.say(f"tests: those in {len(files)} files that the change reaches run first")
    only = Selection(files=files)
    head = both.some(both.head, only)
    if not again.is_proved(head):
        both.say(f"tests: those prove nothing, so all of them run: {head.reason}")
        return None
    red = _certain(_failing(head, base), only, base, both, rounds)
    told = f"{len(head.items):,} of {len(base.items):,} tests"
    if not red:
        both.say(f"tests: {told} ran first: nothing is red for certain, so all of them run")
        return None
    kept = tuple(item for item in head.items if item.outcome not in flaky.FAILING or item in red)
    reason = f"only the tests that the change reaches were run ({told}), since some of them fail"
    return head.model_copy(update={"items": kept, "status": Status.FAILED, "reason": reason})


def is_worth_it(before: CheckReport) -> bool:
    """Whether the whole suite takes so long that a part of it may be worth running first."""
    return _slow(before) is not None


def _slow(before: CheckReport) -> CheckResult | None:
    base = before.result(TESTS)
    if base is None or base.seconds < SLOW_SECONDS or not again.is_proved(base):
        return None
    return base


def _failing(head: CheckResult, base: CheckResult) -> tuple[CheckItem, ...]:
    """Return what fails on head and passed on base, under the same id."""
    ran_well = {item.item_id for item in base.items if item.outcome in flaky.PASSING}
    return tuple(
        item for item in head.items if item.outcome in flaky.FAILING and item.item_id in ran_well
    )


def _certain(
    failing: tuple[CheckItem, ...], only: Selection, base: CheckResult, both: Again, rounds: int
) -> tuple[CheckItem, ...]:
    """Leave the failures that are the change's: neither of the few tests alone, nor by chance."""
    if not failing or not rounds:
        return ()
    alone = both.some(both.base, only)
    if not again.is_proved(alone):
        return ()
    ran_well = {item.item_id for item in alone.items if item.outcome in flaky.PASSING}
    left = tuple(item for item in failing if item.item_id in ran_well)
    if not left or len(left) > again.MOST_TESTS:
        return left
    seen = {one.item_id: one for one in both.repeat(left, rounds, again.known(base))}
    return tuple(
        item
        for item in left
        if {run.outcome for run in seen[item.item_id].head} <= set(flaky.FAILING)
        and {run.outcome for run in seen[item.item_id].base} <= set(flaky.PASSING)
    )


def _files(tree: Tree, changed: tuple[str, ...], base: CheckResult) -> tuple[str, ...]:
    """Choose the test files to begin with; none where they are too many, or it takes too long."""
    sources = affected.read(tree)
    if sources is None:
        return ()
    reached = affected.tests(affected.Imports(sources), base.items, changed)
    few = sum(reached.values()) <= MOST * len(base.items)
    return tuple(sorted(reached)) if few else ()
