"""Tell a test that fails at times from one that the change breaks, by one more run on both sides.

What excuses a failure is seen on base, which a change cannot touch.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from agent.checks.check import Selection, Site
from agent.checks.running import Bench
from agent.checks.suite import FAILING, PASSING
from agent.checks.test_pairs import PairedTest
from agent.models.change import Finding, Severity
from agent.models.checks import (
    COLLECTION,
    UNPROVED,
    CheckRun,
    RepeatedTest,
    Rerun,
    Status,
    TestRun,
    split_place,
)
from agent.models.record import replace

RULE = "flaky-tests"
#: Of more failures the change is the cause: so many of them are run again.
MOST_TESTS = 10
_TEXT = 200
_SUSPECT = ("failed", "error", "skipped")


def is_conclusive(run: CheckRun) -> bool:
    """Whether a check came to its end and names its findings by test or place."""
    return run.status in (Status.PASSED, Status.FAILED) and not run.reason


def list_red(run: TestRun) -> frozenset[str]:
    """List the ids of the tests that fail."""
    return frozenset(item.item_id for item in run.items if item.outcome in FAILING)


def repeat_failures(
    pairs: Iterable[PairedTest], site: Site, bench: Bench
) -> dict[str, RepeatedTest]:
    """Run tests once more on both sides; return what each did, by its current id.

    Args:
        site: Where they run with the change; those that are rewritten as base has them.
    """
    suspects = [
        pair
        for pair in pairs
        if (pair.head and pair.head.outcome in _SUSPECT)
        or (pair.state == "rewritten" and pair.version)
    ]
    # A module that cannot be imported has no test that could be asked for.
    tests = [pair for pair in suspects if not _name_on_head(pair).endswith(COLLECTION)]
    chosen = _choose(tests)
    if not chosen:
        return {}
    verb = "fails" if len(suspects) == 1 else "fail"
    bench.say(f"tests: {len(suspects)} {verb} only with the change; running again")
    on_base = [pair.item_id for pair in chosen if pair.is_of_base]
    base, head = run_again(bench, (on_base, bench.base), ([*map(_name_on_head, chosen)], site))
    repeated = {}
    for pair in chosen:
        test = RepeatedTest(
            item_id=pair.current_id,
            place=pair.head.place if pair.head else "",
            base=tuple(base[each] for each in [pair.item_id] if each in base),
            head=(head[_name_on_head(pair)],),
        )
        bench.say(f"tests: {test.item_id} {test.summary}")
        repeated[test.item_id] = test
    return repeated


def _choose(pairs: Sequence[PairedTest]) -> list[PairedTest]:
    """Choose a few, of as many files as there are."""
    numbers: dict[str, int] = {}
    ranks = []
    for pair in pairs:
        file = pair.head.file if pair.head else ""
        numbers[file] = numbers.get(file, 0) + 1
        ranks.append(numbers[file])
    ordered = sorted(range(len(pairs)), key=lambda index: ranks[index])
    return [pairs[index] for index in sorted(ordered[:MOST_TESTS])]


def _name_on_head(pair: PairedTest) -> str:
    """Name a test where it runs again with the change: a rewritten one as base has it."""
    is_as_base = pair.state == "rewritten" and pair.version
    return pair.version.item_id if is_as_base and pair.version else pair.current_id


def run_again(bench: Bench, *asked: tuple[Sequence[str], Site]) -> list[dict[str, Rerun]]:
    """Run tests at several places, side by side; say of each place what each of its tests did.

    Where a sandbox proves nothing, that is unproved.
    """
    ran = bench.run_tests([(site, Selection(ids=tuple(ids))) for ids, site in asked if ids])
    return [_read_outcomes(ids, ran.pop(0)) if ids else {} for ids, _ in asked]


def _read_outcomes(ids: Sequence[str], run: TestRun) -> dict[str, Rerun]:
    items = {item.item_id: item for item in run.items} if is_conclusive(run) else {}
    return {
        item_id: Rerun(outcome=items[item_id].outcome, text=items[item_id].text[:_TEXT])
        if item_id in items
        else Rerun(outcome=UNPROVED)
        for item_id in ids
    }


def weigh_repeated(
    pairs: Iterable[PairedTest],
    repeated: Mapping[str, RepeatedTest],
    as_base: Mapping[str, RepeatedTest],
) -> Iterator[PairedTest]:
    """Yield the tests as one more run shows them.

    Args:
        as_base: What rewritten tests did once more as base has them.
    """
    for pair in pairs:
        is_rewritten = pair.state == "rewritten"
        test = (as_base if is_rewritten else repeated).get(pair.current_id)
        is_late = pair.is_of_base and pair.base is None
        if pair.state not in ("broken", "rewritten") or pair.head is None:
            yield pair
            continue
        on_base = {run.outcome for run in test.base} if test else set()
        passes_now = test is not None and any(run.outcome in PASSING for run in test.head)
        if is_rewritten:
            yield pair._replace(state="same") if passes_now else pair
        elif is_late and on_base.isdisjoint((*PASSING, *FAILING)):
            yield pair._replace(state="unrun")
        elif on_base - {*PASSING, UNPROVED}:
            # Base had no time for it: nobody knows how often it fails.
            yield pair._replace(state="flaky" if pair.base else "known")
        elif test is None:
            yield pair
        else:
            said = "It fails intermittently." if passes_now else ""
            words = (pair.head.text, said, f"(run again: it {test.summary})")
            head = replace(pair.head, text="\n".join(filter(None, words)))
            yield pair._replace(head=head)


def make_finding(repeated: RepeatedTest) -> Finding:
    """Name a test that fails at times; for review where base says nothing, or it never passed."""
    is_known = bool(repeated.base) and any(run.outcome in PASSING for run in repeated.head)
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
