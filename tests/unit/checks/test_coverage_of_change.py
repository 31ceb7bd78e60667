"""How lines that no test runs are written."""

from __future__ import annotations

import pytest

from agent.checks import coverage_of_change


@pytest.mark.parametrize(
    ("missed", "every", "expected"),
    [
        ([3, 4, 9], [3, 4, 9], "3-9"),
        ([3, 4, 9], [3, 4, 6, 9], "3-4, 9"),
        (list(range(1, 40, 2)), list(range(1, 40)), "1, 3, 5, 7, 9, 11, 13, 15 and 12 more"),
    ],
)
def test_lines_between_which_nothing_else_changes_are_one_range(
    missed: list[int], every: list[int], expected: str
) -> None:
    assert coverage_of_change.ranges(missed, every) == expected
