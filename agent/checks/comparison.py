"""Compare the checks of two sides. Pure.

A failure counts against the change only when base does not have it; tests that are gone, no longer
run or pass only as the change has them are named; what is not proved on either side is never
passed.
"""

from collections.abc import Mapping
from operator import attrgetter

from agent.checks import reruns
from agent.checks.check import MINUTES_LIMIT
from agent.checks.reruns import FAILING, PASSING
from agent.models.checks import (
    COLLECTION,
    AnyComparison,
    AnyRun,
    CheckItem,
    CheckReport,
    CommandComparison,
    CommandRun,
    ItemComparison,
    LintComparison,
    LintRun,
    PackageComparison,
    PackageRun,
    RepeatedTest,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.record import replace
from agent.policy.change_context import find_new

BY_ID = attrgetter("item_id")
#: Ends the names of checks that were run on the change under the base commit's own rules.
BASE_RULES = ", base rules"
_NOT_RUN = ("skipped", "xfailed")
_RAN = (*PASSING, *FAILING)
_COUNTED = "finding"
#: A check may take so much longer at one time than at another.
_SLACK_SECONDS = 60.0


def compare_reports(base: CheckReport, head: CheckReport) -> tuple[AnyComparison, ...]:
    """Compare check by check; a check that neither side has is left out."""
    found = []
    # Checks that were not run because a test has failed already are not missing.
    expected = () if head.tests.is_partial else base.results
    for name in dict.fromkeys(result.name for result in (*head.results, *expected)):
        before, after = base.result(name.removesuffix(BASE_RULES)), head.result(name)
        before, after = before or _make_absent(name, after), after or _make_absent(name, before)
        if {before.status, after.status} != {Status.ABSENT}:
            found.append(_compare_check(name, before, after))
    return tuple(found)


def _make_absent(name: str, other: AnyRun | None) -> AnyRun:
    """Stand for the side that does not have a check."""
    if isinstance(other, TestRun | LintRun):
        return type(other)(name=name, status=Status.ABSENT)
    return CommandRun(name=name, status=Status.ABSENT)


def _compare_check(name: str, before: AnyRun, after: AnyRun) -> AnyComparison:
    found = _begin_comparison(name, before, after)
    if before.status is Status.UNMEASURABLE:
        if after.status is Status.PASSED:
            return replace(found, verdict=Status.PASSED)
        return _not_told_apart(
            found, Status.UNMEASURABLE, f"it fails on the base branch: {before.reason}"
        )
    if _hit_time_limit(before, after):
        found = replace(found, unfinished=True)
        why = f"the run's time limit (limits.minutes) was reached after {after.seconds:.0f} s of it"
        return _not_told_apart(found, Status.UNMEASURABLE, why)
    if unproved := _explain_unproved(before, after):
        return _not_told_apart(found, Status.UNVERIFIED, unproved)
    if after.status is Status.UNVERIFIED:
        return _not_told_apart(
            found, Status.FAILED, f"not verified with the change: {after.reason}"
        )
    if isinstance(found, TestComparison) and (found.is_partial or _as_a_whole(after)):
        # Tests that were not reached are not gone.
        found = replace(found, gone=())
    verdict, reason = _verdict(found, before, after)
    return replace(found, verdict=verdict, reason=reason)


def _begin_comparison(name: str, before: AnyRun, after: AnyRun) -> AnyComparison:
    """Compare item by item, where a check speaks of such; the verdict is open."""
    if isinstance(before, TestRun) and isinstance(after, TestRun):
        return _tests(name, before, after)
    if isinstance(before, LintRun) and isinstance(after, LintRun):
        return _findings(name, before, after)
    kind = PackageComparison if isinstance(after, PackageRun) else CommandComparison
    found = kind(
        name=name,
        base=before.status,
        head=after.status,
        verdict=Status.UNVERIFIED,
        seconds=after.seconds,
    )
    if isinstance(found, PackageComparison) and isinstance(after, PackageRun):
        return replace(found, counts=after.counts)
    return found


def _hit_time_limit(before: AnyRun, after: AnyRun) -> bool:
    """Whether the run's minutes ended a check that is not known to take longer with the change."""
    is_longer = after.seconds > 2 * before.seconds + _SLACK_SECONDS
    return after.limit == MINUTES_LIMIT and not is_longer


def _not_told_apart(found: AnyComparison, verdict: Status, reason: str) -> AnyComparison:
    """Take out what is new and what is gone, which a side that says nothing cannot tell."""
    found = replace(found, verdict=verdict, reason=reason)
    if isinstance(found, ItemComparison):
        found = replace(found, known=0, new_failures=())
    if isinstance(found, TestComparison):
        found = replace(found, flaky=(), gone=(), added=())
    return found


def _explain_unproved(before: AnyRun, after: AnyRun) -> str:
    """Say which side proves nothing, and why."""
    if before.status is Status.UNVERIFIED:
        return f"on the base branch: {before.reason}"
    is_measured = before.status in (Status.PASSED, Status.FAILED) and not _as_a_whole(before)
    if after.status is Status.UNVERIFIED and not is_measured:
        return f"with the change: {after.reason}"
    if _as_a_whole(before) and _as_a_whole(after):
        return f"on the base branch and with the change: {after.reason}"
    if _as_a_whole(before) and after.status is Status.FAILED:
        return (
            "it fails with the change, and there is no result on the base branch to compare"
            f" with: {before.reason}"
        )
    return ""


def _verdict(found: AnyComparison, before: AnyRun, after: AnyRun) -> tuple[Status, str]:
    if after.status is Status.ABSENT:
        why = f": {after.reason}" if after.reason else ""
        return Status.FAILED, f"the check exists on the base branch but not with the change{why}"
    if _as_a_whole(after):
        return Status.FAILED, after.reason
    if isinstance(found, ItemComparison) and found.new_failures:
        return Status.FAILED, ""
    return Status.PASSED, f"on the base branch: {before.reason}" if _as_a_whole(before) else ""


def _as_a_whole(result: AnyRun) -> bool:
    """Whether a check failed before it could say anything item by item."""
    return result.status is Status.FAILED and bool(result.reason)


# --- tests -----------------------------------------------------------------------------------


def _tests(name: str, before: TestRun, after: TestRun) -> TestComparison:
    old = {item.item_id: item for item in before.items}
    # What passes in another run alone has no outcome on the exact commit.
    new = {
        item.item_id: item
        for item in after.items
        if item.item_id not in after.unseen or item.outcome in FAILING
    }
    later = {item_id: item_id for item_id in old if item_id in new} | pair_families(old, new)
    earlier = {now: then for then, now in later.items()}
    repeated = {test.item_id: test for test in after.repeated}
    # If base had no time for a test, its failure says nothing about the change.
    untold = {one for one in before.unrun if one in new and _is_worse(None, new[one])}
    unrun = untold.union(after.unrun)
    unseen = tuple(dict.fromkeys((*list_unseen(before, new), *after.unseen)))
    families = {*map(name_family, new)}
    # Of tests that base had no time for, sets of parameters may come and go.
    lost = (one for one in before.unrun if one not in new and name_family(one) not in families)
    missing = [one for one in dict.fromkeys((*unseen, *lost)) if one not in unrun]
    # Tests that cannot be imported on base count as failing there.
    modules = [item_id.removesuffix(COLLECTION) for item_id in old if not _is_test(item_id)]
    unread = tuple(name + mark for name in modules for mark in ("::", "."))
    failures = [
        item
        for item in new.values()
        if _is_worse(old.get(earlier.get(item.item_id, "")), item)
        and (item.item_id in old or not item.item_id.startswith(unread))
        and item.item_id not in untold
    ]
    flaky = [
        failure for failure in failures if reruns.is_flaky(failure, repeated.get(failure.item_id))
    ]
    stopped = [
        item_id
        for item_id, item in old.items()
        if item_id in later and item.outcome in _RAN and new[later[item_id]].outcome in _NOT_RUN
    ]
    return TestComparison(
        name=name,
        base=before.status,
        head=after.status,
        verdict=Status.UNVERIFIED,
        base_count=_count_tests(before),
        head_count=sum(map(_is_test, new)),
        base_failures=before.count(*FAILING),
        head_failures=after.count(*FAILING),
        base_skipped=before.count("skipped"),
        head_skipped=after.count("skipped"),
        base_xfailed=before.count("xfailed"),
        head_xfailed=after.count("xfailed"),
        base_uncollected=len(before.items) - _count_tests(before),
        head_uncollected=len(after.items) - _count_tests(after),
        base_unrun=len(before.unrun),
        head_unrun=len(unrun.union(unseen) - new.keys()),
        known=after.count(*FAILING) - sum(item.outcome in FAILING for item in failures),
        new_failures=tuple(
            _add_reruns(failure, repeated) for failure in failures if failure not in flaky
        ),
        flaky=tuple(repeated[check_item.item_id] for check_item in flaky),
        gone=(*missing, *stopped),
        rewritten=tuple(
            test
            for test in after.blocked_tests
            if test.item_id in later and new[later[test.item_id]].outcome == "passed"
        ),
        unrun=tuple(sorted(unrun)),
        unseen=unseen,
        is_partial=after.is_partial,
        added=tuple(
            item_id
            for item_id in new
            if item_id not in {*before.unrun, *earlier} and _is_test(item_id)
        ),
        seconds=after.seconds,
    )


def list_unseen(before: TestRun, new: Mapping[str, CheckItem]) -> tuple[str, ...]:
    """List the tests of base that have no outcome among those of the other side."""
    old = {item.item_id: item for item in before.items if _is_test(item.item_id)}
    paired = pair_families(old, new)
    return tuple(item_id for item_id in old if item_id not in new and item_id not in paired)


def name_family(item_id: str) -> str:
    """Name a test for all sets of its parameters."""
    return item_id.partition("[")[0]


def pair_families(old: Mapping[str, CheckItem], new: Mapping[str, CheckItem]) -> dict[str, str]:
    """Match tests that are there under one of two ids: parameters come, go, or are of chance.

    Tests that ended alike come first.
    """
    fresh: dict[str, dict[str, list[str]]] = {}
    for item_id in sorted(new.keys() - old.keys(), reverse=True):
        ends = fresh.setdefault(name_family(item_id), {})
        ends.setdefault(_describe_end(new[item_id]), []).append(item_id)
    lost = [item_id for item_id in old if item_id not in new and name_family(item_id) in fresh]
    found: dict[str, str] = {}
    for is_alike in (True, False):
        for item_id in (one for one in lost if one not in found):
            ends, end = fresh[name_family(item_id)], _describe_end(old[item_id])
            left = [some for key, some in ends.items() if some and (key == end or not is_alike)]
            if left:
                found[item_id] = left[0].pop()
    return found


def _describe_end(item: CheckItem) -> str:
    return "failed" if item.outcome in FAILING else item.outcome


def _add_reruns(item: CheckItem, repeated: Mapping[str, RepeatedTest]) -> CheckItem:
    one = repeated.get(item.item_id)
    if one is None:
        return item
    said = "It fails intermittently." if any(run.outcome in PASSING for run in one.head) else ""
    words = (item.text, said, f"(run again: it {one.summary})")
    return replace(item, text="\n".join(filter(None, words)))


def _is_test(item_id: str) -> bool:
    return not item_id.endswith(COLLECTION)


def _count_tests(result: TestRun) -> int:
    return sum(_is_test(item.item_id) for item in result.items)


def _is_worse(old: CheckItem | None, new: CheckItem) -> bool:
    return new.outcome in FAILING and (old is None or old.outcome not in FAILING)


# --- findings --------------------------------------------------------------------------------


def _name_place(item: CheckItem) -> str:
    """Name a finding by its path, its code and the line; by its words where there is no line."""
    start = ": ".join(item.item_id.split(": ", 2)[:2])
    return f"{start}: {item.source}" if item.source else item.item_id


def _findings(name: str, before: LintRun, after: LintRun) -> LintComparison:
    known, items = (
        [item for item in side.items if item.outcome == _COUNTED] for side in (before, after)
    )
    # A tool may say the same of a line in other words, as where it lists the fields of a class.
    fresh, gone = find_new(items, known, BY_ID), find_new(known, items, BY_ID)
    new = find_new(fresh, gone, _name_place)
    return LintComparison(
        name=name,
        base=before.status,
        head=after.status,
        verdict=Status.UNVERIFIED,
        base_count=len(known),
        head_count=len(items),
        known=len(items) - len(new),
        new_failures=tuple(new),
        seconds=after.seconds,
    )
