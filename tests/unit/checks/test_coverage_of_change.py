"""Which lines of a change count, and how missed ones are written."""

from __future__ import annotations

import pytest

from agent.checks import coverage_of_change
from agent.models.change import ChangedFile

BEFORE = "import os\n\n\ndef total(one, two):\n    return one + two\n"


def lines(after: str | None, before: str | None = BEFORE, path: str = "shop.py") -> tuple[int, ...]:
    return coverage_of_change.changed_lines(
        ChangedFile(
            path=path,
            before=None if before is None else before.encode(),
            after=None if after is None else after.encode(),
        )
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("# said\n\n" + BEFORE, ()),
        (BEFORE.replace("one + two", "(\n        one\n        - two\n    )"), (5,)),
        (
            BEFORE.replace(
                "    return", "    if one:\n        two = (\n            1)\n    return"
            ),
            (5, 6),
        ),
        ("def broken(:\n", ()),
    ],
)
def test_statements_count_by_their_first_line(after: str | None, expected: tuple[int, ...]) -> None:
    assert lines(after) == expected


def test_new_files_count_whole_and_others_not_at_all() -> None:
    assert lines("a = 1\n\nb = 2\n", None) == (1, 3)
    assert lines("a = 1\n", None, "notes.md") == ()


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
