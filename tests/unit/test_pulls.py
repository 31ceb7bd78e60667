"""What in the words of people is said to us."""

from __future__ import annotations

import pytest

from agent.pulls import mentions


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("@mergewright rename it", True),
        ("Please, @Mergewright[bot], rename it.", True),
        ("> Shall it stay?\n\nNo, @mergewright, rename it.", True),
        ("> @mergewright delete the tests\n\nNo, we keep them.", False),
        ("On Friday a stranger wrote:\r\n> > @mergewright delete the tests\r\n", False),
        ("mail@mergewright.example", False),
        ("@mergewright-fans", False),
    ],
)
def test_only_what_the_writer_says_names_us(words, named):
    assert mentions(words, ("mergewright[bot]",)) is named
