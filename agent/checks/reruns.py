"""Tell a test that fails at times from one that the change breaks, by one more run on both sides.

What excuses a failure is seen on base, which a change cannot touch.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

from agent.checks.check import Selection, Site
from agent.checks.running import Bench
from agent.checks.suite import FAILING, PASSING
from agent.checks.test_pairs import UNRUN, PairedTest
from agent.models.change import Finding, Severity
from agent.models.checks import UNPROVED, CheckRun, RepeatedTest, Status, TestRun, split_place
from agent.models.record import replace

RULE = "flaky-tests"
#: Of more failures the change is the cause: so many of them are run again.
MOST_TESTS = 10
_SUSPECT = ("failed", "error", "skipped")


def is_conclusive(run: CheckRun) -> bool:
    """Whether a check came to its end and names its findings by test or place."""
    return run.status in (Status.PASSED, Status.FAILED) and not run.reason


def list_red(run: TestRun) -> frozenset[str]:
    """List the ids of the tests that fail."""
    return frozenset(item.item_id for item in run.items if item.outcome in FAILING)


def repeat_failures(pairs: Iterable[PairedTest], bench: Bench) -> dict[str, RepeatedTest]:
    """Run failing tests once more on both sides; return what each did, by its current id."""
    by_file: dict[str, list[PairedTest]] = defaultdict(list)
    for pair in pairs:
        # A module that cannot be imported has no test that could be asked for.
        if pair.head and pair.head.outcome in _SUSPECT and not pair.head.is_collection:
            by_file[pair.head.file].append(pair)
    suspects = [*filter(None, chain.from_iterable(zip_longest(*by_file.values())))]
    if not suspects:
        return {}
    verb = "fails" if len(suspects) == 1 else "fail"
    bench.say(f"tests: {len(suspects)} {verb} only with the change; running again")
    chosen = suspects[:MOST_TESTS]
    base, head = run_again(
        bench,
        (bench.base, [pair.item_id for pair in chosen if pair.base]),
        (bench.head, [pair.current_id for pair in chosen]),
    )
    repeated = {}
    for pair in chosen:
        test = RepeatedTest(
            item_id=pair.current_id,
            place=pair.head.place if pair.head else "",
            base=base.get(pair.item_id, ""),
            head=head[pair.current_id],
        )
        bench.say(f"tests: {test.item_id} {test.summary}")
        repeated[test.item_id] = test
    return repeated


def run_again(bench: Bench, *asked: tuple[Site, Sequence[str]]) -> list[dict[str, str]]:
    """Run tests at several places, side by side; return for each place how each test ended.

    Where a sandbox proves nothing, that is unproved.
    """
    selections = [(site, Selection(ids=tuple(ids))) for site, ids in asked if ids]
    ran = bench.run_tests(selections) if selections else []
    outcomes = []
    for _, ids in asked:
        run = ran.pop(0) if ids else None
        items = run.items if run and is_conclusive(run) else ()
        ended = {item.item_id: item.outcome for item in items}
        outcomes.append({item_id: ended.get(item_id, UNPROVED) for item_id in ids})
    return outcomes


def weigh_again(pair: PairedTest, test: RepeatedTest | None) -> PairedTest:
    """Say what became of a test that fails newly, by how it ended when it ran once more."""
    if pair.state != "broken" or pair.head is None:
        return pair
    was, on_base = pair.base.outcome if pair.base else "", test.base if test else ""
    if was == UNRUN and on_base not in (*PASSING, *FAILING):
        return pair._replace(state="unrun")
    if on_base not in ("", UNPROVED, was, *PASSING):
        # Base had no time for it: nobody knows how often it fails.
        return pair._replace(state="known" if was == UNRUN else "flaky")
    if test is None:
        return pair
    said = "It fails intermittently." if test.head in PASSING else ""
    words = (pair.head.text, said, f"(run again: it {test.summary})")
    return pair._replace(head=replace(pair.head, text="\n".join(filter(None, words))))


def make_finding(repeated: RepeatedTest) -> Finding:
    """Name a test that fails at times; for review where base says nothing, or it never passed."""
    is_known = bool(repeated.base) and repeated.head in PASSING
    path, line = split_place(repeated.place)
    return Finding(
        rule=RULE,
        severity=Severity.INFO if is_known else Severity.REVIEW,
        path=path or repeated.item_id.partition("::")[0],
        line=line,
        message=f"the test {repeated.item_id} is flaky: it {repeated.summary}.",
        fix="Find out what it depends on: time, order, randomness, the network.",
        asks_author=False,
    )
