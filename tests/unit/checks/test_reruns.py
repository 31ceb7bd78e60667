"""What one more run of a test on both sides shows of its failure."""

from typing import Any

import pytest

from agent.checks import reruns
from agent.checks.check import Selection
from agent.checks.test_pairs import PairedTest, classify_tests
from agent.models.change import Severity
from agent.models.checks import CheckItem, RepeatedTest, Rerun, TestRun
from agent.models.record import replace
from tests.unit.checks.samples import make_parts, suite_of


def make_pair(item_id: str = "t.py::a", **facts: Any) -> PairedTest:
    head = CheckItem(
        item_id=item_id, outcome="failed", text="1 != 2", file=item_id.split("::", maxsplit=1)[0]
    )
    usual = {"base": replace(head, outcome="passed"), "head": head, "version": None}
    return PairedTest(item_id=item_id, **usual | {"state": "broken"} | facts)


def weigh(pair: PairedTest, base: str, head: str) -> PairedTest:
    """Weigh a test that did this when it was run again; "" where it did not run."""
    runs = [tuple(Rerun(outcome=outcome) for outcome in side.split()) for side in (base, head)]
    test = RepeatedTest(item_id=pair.current_id, base=runs[0], head=runs[1])
    [weighed] = reruns.weigh_repeated([pair], *[{test.item_id: test}] * 2)
    return weighed


@pytest.mark.parametrize(
    ("base", "head", "state", "said"),
    [
        ("failed", "failed", "flaky", ""),
        ("failed", "passed", "flaky", ""),
        ("passed", "failed", "broken", "failed in 2 of 2 runs with the change"),
        ("passed", "passed", "broken", "It fails intermittently."),
        ("unproved", "unproved", "broken", "failed in 1 of 1 run with the change"),
        ("unproved", "passed", "broken", "It fails intermittently."),
    ],
)
def test_only_what_base_fails_as_well_is_excused(
    base: str, head: str, state: str, said: str
) -> None:
    weighed = weigh(make_pair(), base, head)
    assert weighed.state == state
    assert weighed.head
    assert said in weighed.head.text


@pytest.mark.parametrize(
    ("base", "state"), [("passed", "broken"), ("failed", "known"), ("unproved", "unrun")]
)
def test_what_base_had_no_time_for_is_as_base_does_it_now(base: str, state: str) -> None:
    assert weigh(make_pair(base=None), base, "failed").state == state


def test_a_new_test_that_fails_is_never_excused_and_one_that_passes_is_said_to_do_so_at_times() -> (
    None
):
    new = make_pair(base=None, is_of_base=False)
    assert weigh(new, "", "failed").state == "broken"
    assert weigh(new, "", "passed").state == "broken"


@pytest.mark.parametrize(("again", "state"), [("passed", "same"), ("failed", "rewritten")])
def test_a_failure_in_base_s_version_counts_where_it_comes_back(again: str, state: str) -> None:
    item = CheckItem(item_id="t.py::a", outcome="passed")
    pair = make_pair(head=item, state="rewritten", version=replace(item, outcome="failed"))
    assert weigh(pair, "passed", again).state == state


@pytest.mark.parametrize(
    ("base", "head", "severity"),
    [("failed", "passed", Severity.INFO), ("failed", "failed", Severity.REVIEW),
     ("", "passed", Severity.REVIEW)],
)  # fmt: skip
def test_what_never_passed_or_base_does_not_know_is_for_review(
    base: str, head: str, severity: Severity
) -> None:
    runs = [tuple(Rerun(outcome=outcome) for outcome in side.split()) for side in (base, head)]
    test = RepeatedTest(item_id="t.py::a", base=runs[0], head=runs[1])
    assert reruns.make_finding(test).severity is severity


class Bench:
    """Runs nothing: on base all tests pass, with the change they do what is told."""

    base = "base"

    def __init__(self, outcome: str) -> None:
        self.outcome = outcome
        self.asked: list[tuple[object, tuple[str, ...]]] = []
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def run_tests(self, asked: list[tuple[object, Selection]]) -> list[TestRun]:
        self.asked += [(site, only.ids) for site, only in asked]
        outcomes = ("passed" if site == self.base else self.outcome for site, _ in asked)
        return [
            suite_of(*(f"{item_id}={outcome}" for item_id in only.ids))
            for (_, only), outcome in zip(asked, outcomes, strict=True)
        ]


def test_tests_run_once_more_on_both_sides_on_base_only_those_that_it_has() -> None:
    base, head = suite_of("t.py::a"), suite_of("t.py::a=failed", "t.py::new=failed", "t.py::b")
    pairs = [*classify_tests(base, head, None, make_parts()).values()]
    bench: Any = Bench("failed")
    found = reruns.repeat_failures(pairs, "head", bench)  # type: ignore[arg-type]
    assert bench.asked == [("base", ("t.py::a",)), ("head", ("t.py::a", "t.py::new"))]
    assert found["t.py::a"].base[0].outcome == "passed"
    assert found["t.py::new"].base == ()
    assert bench.said[0] == "tests: 2 fail only with the change; running again"


def test_of_many_failures_ten_run_again_of_as_many_files_as_there_are() -> None:
    pairs = [make_pair(f"many.py::{number}") for number in range(20)]
    pairs += [make_pair(f"other_{number}.py::a") for number in range(4)]
    bench: Any = Bench("failed")
    found = reruns.repeat_failures(pairs, "head", bench)  # type: ignore[arg-type]
    assert len(found) == reruns.MOST_TESTS
    assert {f"other_{number}.py::a" for number in range(4)} < {*found}
