"""What is measured anew each time is left out of a comparison, and nothing else is."""

from __future__ import annotations

import pytest

from agent.text import measured


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 failed in 1.2 s", "1 failed in 31.0 s"),
        ("==== 2 passed in 0.09s =====", "===== 2 passed in 61.20s (0:01:01) ===="),
        ("<Shop object at 0x7f9a4c0d2e50>", "<Shop object at 0x55d0aa31b0c0>"),
    ],
)
def test_what_is_measured_differs_and_says_the_same(one, other):
    assert one != other
    assert measured.mask_measured(one) == measured.mask_measured(other)
