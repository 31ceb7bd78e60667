"""What two runs of a suite tell of its readiness: how long it takes, and which tests are flaky."""

from __future__ import annotations

from agent.contract.gaps import Aspect, gap, ready, unknown
from agent.domain import CheckResult, Status

_LONG_SECONDS, _TOO_LONG_SECONDS = 180.0, 600.0


def told_by_runs(first: CheckResult, second: CheckResult) -> tuple[Aspect, Aspect, Aspect]:
    """Judge two runs of the same commit: do they pass, how long do they take, do they agree."""
    return _passes(first, second), _run_time(first, second), _flaky(first, second)


def _passes(first: CheckResult, second: CheckResult) -> Aspect:
    name = "tests in a room"
    if Status.ABSENT in (first.status, second.status):
        return unknown(name, first.reason or second.reason)
    red = [
        {item.item_id for item in run.items if item.outcome in ("failed", "error")}
        for run in (first, second)
    ]
    failing = sorted(red[0] & red[1])
    if {first.status, second.status} == {Status.PASSED}:
        return ready(name, f"{len(first.items)} tests pass without network and secrets")
    if first.status is Status.UNVERIFIED or second.status is Status.UNVERIFIED:
        says = f"a run of the tests proves nothing: {first.reason or second.reason}"
    elif failing:
        says = f"{len(failing)} of {len(first.items)} tests fail each time, without any change"
    else:
        says = "tests fail in one of two runs of the same commit"
    return gap(
        name,
        "high" if not first.items or len(failing) * 2 > len(first.items) else "medium",
        says,
        failing,
        "Let the tests pass without network",
        "Run the suite on a machine without network and without secrets (`pytest"
        " --disable-socket`), and mend or mark what fails. Done when it is green there.",
    )


def _run_time(first: CheckResult, second: CheckResult) -> Aspect:
    name, seconds = "test run time", min(first.seconds, second.seconds)
    if Status.ABSENT in (first.status, second.status):
        return unknown(name, first.reason or second.reason)
    if seconds < _LONG_SECONDS:
        return ready(name, f"{seconds:.0f} s in a room")
    return gap(
        name,
        "medium" if seconds >= _TOO_LONG_SECONDS else "low",
        f"the suite takes {seconds / 60:.0f} minutes, and a run needs it twice",
        (),
        "Make the test suite quicker",
        "Look at the slowest tests (`pytest --durations 20`), and mark those that few changes need."
        " Done when the rest runs in three minutes on one machine.",
    )


def _flaky(first: CheckResult, second: CheckResult) -> Aspect:
    name = "flaky tests"
    before = {item.item_id: item.outcome for item in first.items}
    after = {item.item_id: item.outcome for item in second.items}
    if not before or not after:
        return unknown(name, "no two runs came to their end")
    changed = sorted(one for one in before.keys() & after.keys() if before[one] != after[one])
    come_and_gone = sorted(before.keys() ^ after.keys())
    if not changed and not come_and_gone:
        return unknown(name, f"none of {len(before)} in two runs, which is no proof")
    return gap(
        name,
        "medium",
        f"{len(changed)} tests end otherwise the second time, and {len(come_and_gone)} ids change",
        [*changed, *come_and_gone],
        "Mend the flaky tests",
        "Find out why each of them fails at times (order, time, network, shared state), and give"
        " parameters ids that stay the same. Done when the suite passes ten times in a row.",
    )
