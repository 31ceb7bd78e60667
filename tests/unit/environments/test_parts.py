"""Which groups are taken where nobody said."""

from __future__ import annotations

import pytest

from agent.environments import parts


@pytest.mark.parametrize(
    ("usual", "taken"),
    [
        (("docs", "lint", "qa"), ("qa",)),
        (("dev-docs", "release", "web"), ("web",)),
        (("docs", "test"), ("test",)),
    ],
)
def test_what_is_usual_is_taken_but_for_what_is_for_something_else(usual, taken):
    assert parts.choose_parts(usual, None, "pyproject.toml", usual=usual) == taken
