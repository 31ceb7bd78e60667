"""What the whole suite of the exact commit adds to what the tests say."""

import pytest

from agent.checks.whole_commit import NAME, judge_whole
from agent.models.checks import CheckItem, CommandRun, Status, TestRun

RED = CommandRun(name=NAME, status=Status.FAILED, exit_code=1, command=("pytest",), reason="no")
GREEN = CommandRun(name=NAME, status=Status.PASSED, exit_code=0)


def make_tests(**outcomes: str) -> TestRun:
    items = tuple(CheckItem(item_id=name, outcome=end) for name, end in outcomes.items())
    return TestRun(name="tests", status=Status.PASSED, items=items)


@pytest.mark.parametrize(
    ("again", "base", "is_kept"),
    [(RED, GREEN, True), (GREEN, GREEN, False), (RED, RED, False)],
    ids=["only with the change", "not every time", "on base as well"],
)
def test_a_red_end_that_no_test_explains_counts_where_base_ends_otherwise(again, base, is_kept):
    before = make_tests(a="passed", b="failed")
    kept = judge_whole(RED, before, before, lambda: (again, base))
    assert (kept is not None and kept.status is Status.FAILED) is is_kept


def test_nothing_runs_again_where_a_test_says_what_is_wrong_or_nothing_is():
    before, after = make_tests(a="passed"), make_tests(a="failed")
    assert judge_whole(RED, after, before, pytest.fail) is None
    assert (
        judge_whole(RED.model_copy(update={"limit": "time"}), before, before, pytest.fail) is None
    )
    assert judge_whole(GREEN, before, before, pytest.fail) is GREEN
