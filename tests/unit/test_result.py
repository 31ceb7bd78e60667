"""What a person and a program are shown of the checks."""

from __future__ import annotations

from agent.cli import result
from agent.models.checks import Comparison, Status

COVERAGE = Comparison(
    name="coverage of the change",
    base=Status.ABSENT,
    head=Status.FAILED,
    verdict=Status.PASSED,
    counts="3 of 8 lines run",
    head_count=1,
)
TESTS = Comparison(
    name="tests",
    base=Status.PASSED,
    head=Status.PASSED,
    verdict=Status.PASSED,
    counts_tests=True,
    base_count=4,
    head_count=6,
    head_failures=1,
    head_skipped=1,
)


def test_a_row_has_what_was_counted_on_both_sides():
    unproved = COVERAGE.model_copy(update={"head": Status.UNVERIFIED})
    assert result._make_row(COVERAGE)[2] == "3 of 8 lines run"
    assert result._make_row(unproved)[2] == "unverified"
    assert result._make_row(TESTS) == (
        "tests", "4 passed", "4 passed, 1 failed, 1 skipped", "0", "passed",
    )  # fmt: skip
