"""Pair the tests of two sides, and say what became of each. Pure.

Only an outcome on the exact commit makes a test the same, fixed, known, rewritten or new; without
one it is broken, gone or not run, and each of these is named.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Literal, NamedTuple

from agent.checks.change_parts import ChangeParts
from agent.checks.suite import FAILING, PASSING
from agent.models.checks import (
    COLLECTION,
    GONE,
    CheckItem,
    RewrittenTest,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.record import replace

#: Outcome of a doctest that no runner gives.
OTHER_TEXT = "other text"
#: What parameterized and ddt add to the name of a test for each set of parameters.
_GENERATED = re.compile(r"_\d+(?:_\w*)?$")

State = Literal["same", "fixed", "known", "broken", "gone", "rewritten", "new", "unrun", "flaky"]


class PairedTest(NamedTuple):
    """One test on both sides."""

    item_id: str
    """As base has it, if it does."""
    base: CheckItem | None
    """None: base does not have it, or had no time for it."""
    head: CheckItem | None
    version: CheckItem | None
    """As base has it, run with the change; None: it did not run so."""
    state: State
    is_of_base: bool = True

    @property
    def current_id(self) -> str:
        return self.head.item_id if self.head else self.item_id


def classify_tests(
    base: TestRun, head: TestRun, versions: TestRun | None, parts: ChangeParts
) -> dict[str, PairedTest]:
    """Pair every test that either side has or had no time for, and say what became of it.

    Args:
        versions: Run with base's versions of the test files that the change touches.
    """
    old = {item.item_id: item for item in base.items}
    late = {item_id: CheckItem(item_id=item_id, outcome="unrun") for item_id in base.unrun}
    old_ids, new = late | old, {item.item_id: item for item in head.items}
    as_base = {item.item_id: item for item in versions.items} if versions else {}
    lost = {item.file: item for item in as_base.values() if item.is_collection}
    again = {item_id: item_id for item_id in old_ids} | pair_families(old_ids, as_base)
    renamed = {parts.rename(item): item_id for item_id, item in old_ids.items()}
    before_now = {now: old_ids[then] for now, then in renamed.items()}
    later: dict[str, str] = {}
    for touched, name in ((True, name_test), (False, name_family)):
        mine = {
            key: each
            for key, each in before_now.items()
            if key not in new and parts.is_touched(each) is touched
        }
        theirs = {
            key: each
            for key, each in new.items()
            if key not in before_now and parts.is_touched(each) is touched
        }
        later |= pair_families(mine, theirs, name)
    unrun, is_cut = frozenset(head.unrun), bool(head.limit or head.reason)
    families = frozenset(map(name_family, new))
    read = frozenset(item.file for item in new.values() if _is_test(item.item_id))
    pairs = {}
    for now, then in renamed.items():
        before, after = old.get(then), new.get(later.get(now, now))
        item = old_ids[then]
        version = as_base.get(again[then]) or lost.get(item.file)
        if not after and (now in unrun or is_cut):
            state: State = "unrun"
        elif not after and item.is_collection:
            state = "fixed" if item.file in read else "gone"
        elif parts.is_touched(item):
            state = _find_touched_state(before, after, version, has_versions=versions is not None)
        else:
            state = _find_state(before, after, has_family=name_family(now) in families)
        pairs[after.item_id if after else now] = PairedTest(then, before, after, version, state)
    unread = {item.file for item in base.items if item.is_collection} - {""}
    for item_id, item in new.items():
        if item_id not in pairs:
            was_red = item.file in unread and _is_test(item_id)
            red: State = "known" if was_red else "broken"
            state = red if item.outcome in FAILING else "new"
            pairs[item_id] = PairedTest(item_id, None, item, None, state, is_of_base=False)
    for item_id in unrun - pairs.keys():
        pairs[item_id] = PairedTest(item_id, None, None, None, "unrun", is_of_base=False)
    return pairs


def _find_state(before: CheckItem | None, after: CheckItem | None, *, has_family: bool) -> State:
    """Say what became of a test that the change does not touch.

    Args:
        has_family: Whether it still runs with other parameters.
    """
    was, now = before.outcome if before else "", after.outcome if after else ""
    if now in FAILING:
        return "known" if was in FAILING else "broken"
    if not was:
        return "new" if now else "gone"
    if was in FAILING:
        return "fixed" if now in PASSING else "gone"
    if was == "passed" and now not in PASSING:
        return "gone" if not now and has_family else "broken"
    return "same" if now else "gone"


def _find_touched_state(
    before: CheckItem | None,
    after: CheckItem | None,
    version: CheckItem | None,
    *,
    has_versions: bool,
) -> State:
    """Say what became of a test that the change touches.

    Args:
        has_versions: Whether tests have run as base has them.
    """
    state = _find_state(before, after, has_family=True)
    if state == "broken" and after and after.outcome not in FAILING:
        return "gone"
    if state != "same" or before is None or after is None or before.outcome != "passed":
        return state
    is_same = version is not None and version.outcome in PASSING
    if before.digest or not has_versions:
        is_same = before.digest == after.digest
    return "same" if is_same else "rewritten"


def name_test(item_id: str) -> str:
    """Name a test for all sets of its parameters."""
    return item_id.partition("[")[0]


def name_family(item_id: str) -> str:
    """Name a test for all sets of its parameters, also where a generator gives each a name."""
    start, bracket, _ = item_id.partition("[")
    return start if bracket else _GENERATED.sub("", start)


def pair_families(
    old: Mapping[str, CheckItem],
    new: Mapping[str, CheckItem],
    name: Callable[[str], str] = name_test,
) -> dict[str, str]:
    """Match tests that are there under one of two ids: parameters come, go, or are of chance.

    Tests that ended alike come first.
    """
    fresh: dict[str, dict[str, list[str]]] = {}
    for item_id in sorted(new.keys() - old.keys(), reverse=True):
        ends = fresh.setdefault(name(item_id), {})
        ends.setdefault(_describe_end(new[item_id]), []).append(item_id)
    lost = [item_id for item_id in old if item_id not in new and name(item_id) in fresh]
    paired: dict[str, str] = {}
    for is_alike in (True, False):
        for item_id in (one for one in lost if one not in paired):
            ends, end = fresh[name(item_id)], _describe_end(old[item_id])
            left = [some for key, some in ends.items() if some and (key == end or not is_alike)]
            if left:
                paired[item_id] = left[0].pop()
    return paired


def _describe_end(item: CheckItem) -> str:
    return "failed" if item.outcome in FAILING else item.outcome


def _is_test(item_id: str) -> bool:
    return not item_id.endswith(COLLECTION)


def count_tests(
    name: str, before: TestRun, after: TestRun, pairs: Collection[PairedTest]
) -> TestComparison:
    """Count what became of the tests, and list what people have to know of."""
    states: dict[State, list[PairedTest]] = defaultdict(list)
    repeated = {test.item_id: test for test in after.repeated}
    for pair in pairs:
        states[pair.state].append(pair)
    # What a module that cannot be imported takes along is named once, with the error.
    lost = {pair.head.file for pair in states["broken"] if pair.head and not _is_test(pair.item_id)}
    files = {item.item_id: item.file for item in before.items}
    named = [
        pair
        for pair in (*states["broken"], *states["gone"])
        if pair.head or files.get(pair.item_id, "") not in lost - {""}
    ]
    counts = _count_side("base", before, len(before.unrun))
    counts |= _count_side("head", after, len(states["unrun"]))
    return TestComparison.model_validate(
        counts
        | {
            "name": name,
            "base": before.status,
            "head": after.status,
            "verdict": Status.UNVERIFIED,
            "known": len(states["known"]),
            "new_failures": tuple(
                _explain_broken(pair) for pair in named if pair.state == "broken"
            ),
            "flaky": tuple(repeated[pair.current_id] for pair in states["flaky"]),
            "gone": tuple(pair.item_id for pair in named if pair.state == "gone"),
            "rewritten": tuple(map(_describe_rewritten, states["rewritten"])),
            "unrun": tuple(sorted(pair.item_id for pair in states["unrun"])),
            "is_partial": after.is_partial,
            "added": tuple(
                pair.current_id
                for pair in pairs
                if pair.head and not pair.is_of_base and _is_test(pair.item_id)
            ),
            "seconds": after.seconds,
        }
    )


def _count_side(side: str, run: TestRun, unrun: int) -> dict[str, object]:
    tests = sum(_is_test(item.item_id) for item in run.items)
    return {
        f"{side}_count": tests,
        f"{side}_failures": run.count(*FAILING),
        f"{side}_skipped": run.count("skipped"),
        f"{side}_xfailed": run.count("xfailed"),
        f"{side}_uncollected": len(run.items) - tests,
        f"{side}_unrun": unrun,
    }


def _explain_broken(pair: PairedTest) -> CheckItem:
    if pair.head is None:
        words = "It passed on the base branch, and does not run with the change."
        return CheckItem(item_id=pair.item_id, outcome=GONE, text=words)
    if pair.head.outcome in FAILING:
        return pair.head
    words = f"It passed on the base branch, and is {pair.head.outcome} with the change"
    text = f"{words}: {pair.head.text}" if pair.head.text else f"{words}."
    return replace(pair.head, text=text)


def _describe_rewritten(pair: PairedTest) -> RewrittenTest:
    is_there = pair.version and not pair.version.is_collection
    outcome = pair.version.outcome if pair.version and is_there else GONE
    text = pair.version.text if pair.version else ""
    text = text if is_there else text.strip().rpartition("\n")[2]
    if pair.base and pair.base.digest:
        outcome = OTHER_TEXT
    return RewrittenTest(item_id=pair.current_id, outcome=outcome, text=text)
