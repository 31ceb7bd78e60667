"""What the runs of a test on both sides show of its failure."""

import pytest

from agent.checks import reruns
from agent.models.checks import CheckItem, RepeatedTest, Rerun

_OUTCOMES = {"P": "passed", "X": "xpassed", "F": "failed", "E": "error", "S": "skipped"}
FAILURE = CheckItem(item_id="t", outcome="failed", text="assert 1 == 2", place="tests/t.py:7")


def runs(letters: str, text: str = "assert 3 == 4") -> tuple[Rerun, ...]:
    """Runs from letters; another one means that the sandbox proved nothing."""
    return tuple(
        Rerun(outcome=_OUTCOMES.get(letter, "unproved"), text=text if letter in "FE" else "")
        for letter in letters
    )


def repeated(
    base: str, head: str, *, on_base: str = "assert 3 == 4", with_change: str = "assert 3 == 4"
) -> RepeatedTest:
    runs_of_both = {"base": runs(base, on_base), "head": runs(head, with_change)}
    return RepeatedTest(item_id="t", place=FAILURE.place, **runs_of_both)


@pytest.mark.parametrize(
    ("base", "head", "flaky"),
    [
        ("PF", "FP", True),
        ("PPPPP", "FP", False),
        ("FFFFF", "FP", True),
        ("", "P", False),
        ("PF", "FFFFF", True),
        ("PPPPP", "FFFFF", False),
        ("PF", "??", False),
    ],
)
def test_only_what_both_sides_show_excuses(base: str, head: str, flaky: bool) -> None:
    assert reruns.is_flaky(FAILURE, repeated(base, head)) is flaky


def test_without_further_runs_nothing_is_excused() -> None:
    assert reruns.is_flaky(FAILURE, None) is False


@pytest.mark.parametrize(
    ("on_base", "with_change", "flaky"),
    [("AssertionError: no", "assert 1", True), ("assert 1", "shop.errors.Late: no", False)],
)
def test_base_excuses_its_own_way_to_fail_and_no_other(
    on_base: str, with_change: str, flaky: bool
) -> None:
    seen = repeated("PF", "FP", on_base=on_base, with_change=with_change)
    assert reruns.is_flaky(FAILURE, seen) is flaky
