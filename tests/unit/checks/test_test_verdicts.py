"""What one more run of a test on both sides shows of its failure."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.checks import test_verdicts
from agent.checks.runners import Suite
from agent.checks.running import Job
from agent.checks.test_pairs import PairedTest, classify_tests
from agent.checks.test_verdicts import AGAIN, VERSIONS, TestVerdicts
from agent.models.change import Change, Severity
from agent.models.checks import CheckItem, RepeatedTest, TestRun
from agent.models.record import replace
from tests.unit.checks.samples import make_split, report, suite_of


def make_pair(item_id: str = "t.py::a", was: str = "passed") -> PairedTest:
    """Make a test that fails with the change; "" where base does not have it."""
    file = item_id.partition("::")[0]
    head = CheckItem(item_id=item_id, outcome="failed", text="1 != 2", file=file)
    return PairedTest(item_id, replace(head, outcome=was) if was else None, head, None, "broken")


@pytest.mark.parametrize(
    ("was", "base", "head", "state", "words"),
    [
        ("passed", "failed", "failed", "flaky", ""),
        ("passed", "failed", "passed", "flaky", ""),
        ("passed", "skipped", "failed", "broken", ""),
        ("passed", "passed", "failed", "broken", "failed in 2 of 2 runs with the change"),
        ("passed", "passed", "passed", "broken", "It fails intermittently."),
        ("passed", "unproved", "unproved", "broken", "failed in 1 of 1 run with the change"),
        ("passed", "unproved", "passed", "broken", "It fails intermittently."),
        # Base never ran it: that it is skipped there once more excuses nothing.
        ("skipped", "skipped", "failed", "broken", ""),
        ("skipped", "failed", "failed", "flaky", ""),
        # Base had no time for it.
        ("unrun", "passed", "failed", "broken", ""),
        ("unrun", "failed", "failed", "known", ""),
        ("unrun", "unproved", "failed", "unrun", ""),
        # A new one is never excused.
        ("", "", "failed", "broken", "failed in 2 of 2 runs with the change"),
        ("", "", "passed", "broken", "It fails intermittently."),
    ],
)
def test_only_what_base_fails_as_well_is_excused(
    was: str, base: str, head: str, state: str, words: str
) -> None:
    pair = make_pair(was=was)
    weighed = test_verdicts.read_repeat(pair, RepeatedTest(item_id="t.py::a", base=base, head=head))
    assert weighed.state == state
    assert weighed.head
    assert words in weighed.head.text


@pytest.mark.parametrize(
    ("head", "severity"),
    [("passed", Severity.INFO), ("failed", Severity.REVIEW)],
)
def test_a_flaky_test_that_never_passed_with_the_change_is_for_review(
    head: str, severity: Severity
) -> None:
    test = RepeatedTest(item_id="t.py::a", base="failed", head=head)
    assert test_verdicts.make_finding(test).severity is severity


class Bench:
    """Runs nothing: all tests end in one way on base, and in one with the change."""

    base, head = SimpleNamespace(names_tests=True), "head"
    measure_anew: Any = None

    def __init__(self, outcome: str, on_base: str = "passed") -> None:
        self.outcome, self.on_base = outcome, on_base
        self.red_on_base: tuple[str, ...] = ()
        self.repeated: dict[str, RepeatedTest] = {}
        self.asked: list[tuple[object, tuple[str, ...]]] = []
        self.said: list[str] = []

    def lay_out(self, change: Change, name: str) -> str:
        return self.head

    def say(self, line: str) -> None:
        self.said.append(line)

    def run_all(self, jobs: list[Job]) -> dict[str, TestRun]:
        ran: dict[str, TestRun] = {}
        for job in jobs:
            check, site = cast(Suite, job.check), job.lay_out()
            ids = check.only.ids if check.only else ()
            self.asked.append((site, ids))
            outcome = self.on_base if site == self.base else self.outcome
            red = self.red_on_base if site == self.base else ()
            ended = ((item_id, "failed" if item_id in red else outcome) for item_id in ids)
            ran[check.name] = suite_of(*map("=".join, ended))
        return ran


def test_tests_run_once_more_on_both_sides_on_base_only_those_that_it_has() -> None:
    base, head = suite_of("t.py::a"), suite_of("t.py::a=failed", "t.py::new=failed", "t.py::b")
    pairs = classify_tests(base, head, None, make_split()).values()
    bench: Any = Bench("failed")
    TestVerdicts(make_split(), report("base"), bench)._repeat(pairs)
    assert bench.asked == [(bench.base, ("t.py::a",)), ("head", ("t.py::a", "t.py::new"))]
    assert [bench.repeated[name].base for name in ("t.py::a", "t.py::new")] == ["passed", ""]
    assert bench.said[0] == "tests: 2 fail only with the change; running again"


def test_of_many_failures_ten_run_again_of_as_many_files_as_there_are() -> None:
    pairs = [make_pair(f"many.py::{number}") for number in range(20)]
    pairs += [make_pair(f"other_{number}.py::a") for number in range(4)]
    bench: Any = Bench("failed")
    TestVerdicts(make_split(), report("base"), bench)._repeat(pairs)
    assert len(bench.repeated) == test_verdicts.MOST_TESTS
    assert {f"other_{number}.py::a" for number in range(4)} < {*bench.repeated}


@pytest.mark.parametrize(("again", "state"), [("passed", "fine"), ("failed", "rewritten")])
def test_a_failure_in_base_s_version_counts_where_it_comes_back(again: str, state: str) -> None:
    bench: Any = Bench(again)
    base, head = suite_of("t.py::a", "t.py::b=failed"), suite_of("t.py::a", "t.py::b")
    verdicts = TestVerdicts(make_split("t.py"), report("base", base), bench)
    ran = {VERSIONS: suite_of("t.py::a=failed", "t.py::b=failed", name=VERSIONS)}
    verdicts.settle(head, ran)
    assert [pair.state for pair in verdicts.pairs] == [state, "fine"]
    assert bench.asked == [("head", ("t.py::a",))]


def test_base_that_fails_what_it_passed_before_is_measured_anew() -> None:
    bench: Any = Bench("failed", "failed")
    base, head = suite_of("t.py::a", "t.py::b"), suite_of("t.py::a=failed", "t.py::b=failed")
    bench.measure_anew = lambda: head
    verdicts = TestVerdicts(make_split(), report("base", base), bench)
    verdicts.settle(head, {})
    assert ([pair.state for pair in verdicts.pairs], bench.measure_anew) == (["known"] * 2, None)


@pytest.mark.parametrize(
    ("before", "red", "state"),
    [
        ("t.py::a[1]", (), "broken"),
        ("t.py::a[1]", ("t.py::a[1]",), "fine"),
        ("t.py::a[1]=failed", ("t.py::a[1]",), "broken"),
        ("t.py::a[1]=skipped", (), "broken"),
    ],
)
def test_a_test_that_fails_alone_with_other_parameters_on_base_as_well_is_not_the_changes(
    before: str, red: tuple[str, ...], state: str
) -> None:
    bench: Any = Bench("passed")
    bench.red_on_base = red
    base, head = suite_of("t.py::a[0]", before), suite_of("t.py::a[0]")
    verdicts = TestVerdicts(make_split(own_tests=("t.py",)), report("base", base), bench)
    verdicts.settle(head, {AGAIN: suite_of("t.py::a[0]=failed", name=AGAIN)})
    assert verdicts.pairs[0].state == state
