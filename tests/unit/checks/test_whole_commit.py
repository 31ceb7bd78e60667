"""What the whole suite of the exact commit adds to what the tests say."""

import pytest

from agent.checks.whole_commit import judge_whole
from agent.models.checks import CheckItem, Status, TestRun
from agent.models.record import replace


def make_run(code: int = 0, **outcomes: str) -> TestRun:
    items = tuple(CheckItem(item_id=name, outcome=end) for name, end in outcomes.items())
    return TestRun(
        name="tests", status=Status.PASSED, exit_code=code, command=("pytest",), items=items
    )


GREEN = make_run(a="passed", b="failed")
CODE, DISTURBED = make_run(2, a="passed"), make_run(1, a="failed", b="failed")


@pytest.mark.parametrize(
    ("found", "again", "base", "is_kept"),
    [
        (CODE, CODE, make_run(0), True),
        (DISTURBED, DISTURBED, make_run(0), True),
        (CODE, make_run(0), make_run(0), False),
        (CODE, CODE, CODE, False),
    ],
    ids=["only with the change", "a test there alone", "not every time", "on base as well"],
)
def test_a_red_end_that_no_test_explains_counts_where_base_ends_otherwise(
    found, again, base, is_kept
):
    kept = judge_whole(found, GREEN, GREEN, lambda: (again, base), lambda _: GREEN)
    assert (kept is not None and kept.status is Status.FAILED) is is_kept


def test_nothing_runs_again_where_a_test_says_what_is_wrong_or_nothing_is():
    assert judge_whole(DISTURBED, make_run(a="failed"), GREEN, pytest.fail, pytest.fail) is None
    assert judge_whole(replace(CODE, limit="time"), GREEN, GREEN, pytest.fail, pytest.fail) is None
    for found in (make_run(), make_run(1, b="failed")):
        kept = judge_whole(found, GREEN, GREEN, pytest.fail, pytest.fail)
        assert kept is not None
        assert kept.status is Status.PASSED


def test_the_test_that_disturbs_another_one_is_named():
    names = [f"t{number}" for number in range(9)]
    found = make_run(1, **dict.fromkeys(names, "passed"), a="failed", z="passed")

    def run_some(only):
        red = "t6" in only.ids and only.ids[-1] == "a"
        return make_run(**dict.fromkeys(only.ids, "failed" if red else "passed"))

    kept = judge_whole(found, GREEN, make_run(b="failed"), lambda: (found, make_run()), run_some)
    assert kept is not None and kept.reason.endswith("a passes alone and fails after t6")
