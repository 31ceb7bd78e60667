"""Pair the tests of base and head, and classify each pair. Pure.

Only an outcome on the exact commit makes a test fine, known or rewritten. Without one, a test is
broken, gone or not run, and is named.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

from agent.checks.change_split import SplitChange
from agent.checks.check import MINUTES_LIMIT
from agent.checks.suite import FAILING, PASSING
from agent.models.checks import (
    GONE,
    TESTS,
    CheckItem,
    RewrittenTest,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.record import replace

#: Outcomes that no runner reports: of an edited doctest; of a test for which no time was left.
OTHER_TEXT, UNRUN = "other text", "unrun"
#: What the libraries parameterized and ddt append to a test's name for each set of parameters.
_GENERATED = re.compile(r"_\d+(?:_\w*)?$")

State = Literal[
    "fine",  # it passes, or its outcome is no worse than on base
    "known",  # it fails, as on base
    "broken",  # a new failure; or it passed, and is skipped or missing though no edit touches it
    "gone",  # it is skipped or missing, which the change may intend: for review
    "rewritten",  # it passes in the changed version, and not in base's
    "unrun",  # unknown: there was no time for it
    "flaky",  # a new failure, which base has too when the test runs once more
]


class PairedTest(NamedTuple):
    """A test on base and on head."""

    item_id: str
    """Its id on base; if base does not have it, its id on head."""
    base: CheckItem | None
    """None: base does not have it. `unrun` is its outcome if there was no time for it."""
    head: CheckItem | None
    version: CheckItem | None
    """Base's version of the test, run on the change; None: it did not run."""
    state: State

    @property
    def current_id(self) -> str:
        return self.head.item_id if self.head else self.item_id


def classify_tests(
    base: TestRun, head: TestRun, versions: TestRun | None, split: SplitChange
) -> dict[str, PairedTest]:
    """Pair and classify every test that a side has, or had no time for.

    Args:
        versions: The run with base's versions of the test files that the change touches.

    Returns:
        Pairs by the ids of head, else of base.
    """
    old = {item_id: CheckItem(item_id=item_id, outcome=UNRUN) for item_id in base.unrun}
    old |= {item.item_id: item for item in base.items}
    new = {item.item_id: item for item in head.items}
    as_base = {item.item_id: item for item in versions.items} if versions else {}
    lost = {item.file: item for item in as_base.values() if item.is_collection}
    id_in_versions, id_on_head = pair_parameters(old, as_base), pair_parameters(old, new)
    unrun, is_cut = frozenset(head.unrun), bool(head.limit or head.reason)
    families = frozenset(map(name_family, new))
    read = frozenset(item.file for item in new.values() if not item.is_collection)
    pairs: dict[str, PairedTest] = {}
    for item_id, before in old.items():
        after = new.get(id_on_head.get(item_id, item_id))
        version = as_base.get(id_in_versions.get(item_id, item_id)) or lost.get(before.file)
        if not after and (item_id in unrun or is_cut):
            state: State = "unrun"
        elif not after and before.is_collection:
            state = "fine" if before.file in read else "gone"
        elif split.is_touched(before):
            state = _find_touched_state(before, after, version, has_versions=versions is not None)
        else:
            state = _find_state(before, after, may_vanish=name_family(item_id) in families)
        pair = PairedTest(item_id, before, after, version, state)
        pairs[pair.current_id] = pair
    return pairs | {pair.current_id: pair for pair in _list_new(base, head, pairs)}


def _list_new(base: TestRun, head: TestRun, pairs: Collection[str]) -> Iterator[PairedTest]:
    """Yield the tests of head without a pair.

    If base could not import a module, all its tests count as failing there.
    """
    unread = {item.file for item in base.items if item.is_collection} - {""}
    for item in head.items:
        if item.item_id not in pairs:
            was_red = item.file in unread and not item.is_collection
            red: State = "known" if was_red else "broken"
            state = red if item.outcome in FAILING else "fine"
            yield PairedTest(item.item_id, None, item, None, state)
    for item_id in {*head.unrun}.difference(pairs, (item.item_id for item in head.items)):
        yield PairedTest(item_id, None, None, None, "unrun")


def _find_state(before: CheckItem, after: CheckItem | None, *, may_vanish: bool) -> State:
    """Classify a test by its outcomes alone.

    Args:
        may_vanish: Whether it is only for review if the test is missing, as where it still runs
            with other parameters.
    """
    was, now = before.outcome, after.outcome if after else ""
    if now in FAILING:
        return "known" if was in FAILING else "broken"
    if was in FAILING:
        return "fine" if now in PASSING else "gone"
    if was == "passed" and now not in PASSING:
        return "gone" if not now and may_vanish else "broken"
    return "fine" if now else "gone"


def _find_touched_state(
    before: CheckItem, after: CheckItem | None, version: CheckItem | None, *, has_versions: bool
) -> State:
    """Classify a test that the change touches.

    Args:
        has_versions: Whether base's versions of touched tests have run.
    """
    state = _find_state(before, after, may_vanish=True)
    if state == "broken" and after and after.outcome not in FAILING:
        return "gone"
    if state != "fine" or after is None or before.outcome != "passed":
        return state
    if before.digest or not has_versions:
        # Without base's versions, only the text of a doctest tells that a test is rewritten.
        is_same = before.digest == after.digest
    else:
        is_same = version is not None and version.outcome in PASSING
    return "fine" if is_same else "rewritten"


def name_test(item_id: str) -> str:
    """Return a test's name without its parameters."""
    return item_id.partition("[")[0]


def name_family(item_id: str) -> str:
    """Return a test's name without parameters, in brackets or as parameterized appends them."""
    start, bracket, _ = item_id.partition("[")
    return start if bracket else _GENERATED.sub("", start)


def pair_parameters(old: Mapping[str, CheckItem], new: Mapping[str, CheckItem]) -> dict[str, str]:
    """Match ids of old tests with ids of new ones, where their parameters have changed.

    Parameters may be added, removed or random. Tests with the same outcome are matched first.
    """

    def name_end(item: CheckItem) -> object:
        is_red = item.outcome in FAILING
        return name_test(item.item_id), "failed" if is_red else item.outcome

    paired: dict[str, str] = {}
    for key in (name_end, lambda item: name_test(item.item_id)):
        fresh: dict[object, list[str]] = defaultdict(list)
        for item_id in sorted(new.keys() - old.keys() - {*paired.values()}, reverse=True):
            fresh[key(new[item_id])].append(item_id)
        for item_id in (test_id for test_id in old if test_id not in new and test_id not in paired):
            if alike := fresh.get(key(old[item_id])):
                paired[item_id] = alike.pop()
    return paired


def count_tests(before: TestRun, after: TestRun, pairs: Collection[PairedTest]) -> TestComparison:
    """Count the tests by their states, and list those that a reader has to know about."""
    states: dict[State, list[PairedTest]] = defaultdict(list)
    repeated = {test.item_id: test for test in after.repeated}
    for pair in pairs:
        states[pair.state].append(pair)
    # A module that cannot be imported is listed once, in place of its tests.
    lost = {pair.head.file for pair in states["broken"] if pair.head and pair.head.is_collection}
    broken, gone = (
        [
            pair
            for pair in states[state]
            if pair.head or not (pair.base and pair.base.file and pair.base.file in lost)
        ]
        for state in ("broken", "gone")
    )
    # Tests that a run did not reach because it broke off are not named one by one.
    names_them = after.unrun and after.status is Status.FAILED
    lacked_time = names_them or not after.reason or after.limit in ("time", MINUTES_LIMIT)
    broke_off = after.status in (Status.FAILED, Status.UNVERIFIED) and not lacked_time
    late = () if broke_off else states["unrun"]
    counts = _count_side("base", before, len(before.unrun))
    counts |= _count_side("head", after, len(states["unrun"]))
    return TestComparison.model_validate(
        counts
        | {
            "name": TESTS,
            "base": before.status,
            "head": after.status,
            "verdict": Status.UNVERIFIED,
            "known": len(states["known"]),
            "new_failures": tuple(map(_explain_broken, broken)),
            "flaky": tuple(repeated[pair.current_id] for pair in states["flaky"]),
            "gone": tuple(pair.item_id for pair in gone),
            "rewritten": tuple(map(_describe_rewritten, states["rewritten"])),
            "unrun": tuple(sorted(pair.item_id for pair in late)),
            "is_partial": after.is_partial,
            "added": tuple(
                pair.head.item_id
                for pair in pairs
                if pair.head and not pair.base and not pair.head.is_collection
            ),
            "seconds": after.seconds,
        }
    )


def _count_side(side: str, run: TestRun, unrun: int) -> dict[str, object]:
    lost = sum(item.is_collection for item in run.items)
    return {
        f"{side}_count": len(run.items) - lost,
        f"{side}_failures": run.count(*FAILING),
        f"{side}_skipped": run.count("skipped"),
        f"{side}_xfailed": run.count("xfailed"),
        f"{side}_uncollected": lost,
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
    """Describe how base's version of a rewritten test ended."""
    outcome, text = (pair.version.outcome, pair.version.text) if pair.version else (GONE, "")
    if pair.version and pair.version.is_collection:
        outcome, text = GONE, text.strip().rpartition("\n")[2]
    if pair.base and pair.base.digest:
        outcome = OTHER_TEXT
    return RewrittenTest(item_id=pair.current_id, outcome=outcome, text=text)
