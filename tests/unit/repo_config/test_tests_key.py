"""What `tests` takes, and the words for what it does not."""

from __future__ import annotations

import pytest

from repo_config import load

YML = ".github/mergewright.yml"


@pytest.mark.parametrize("value", ["external_only", "any", "auto"])
def test_what_may_be_patched_is_named(value):
    assert load.from_text(f"tests: {{mock: {value}}}\n", YML).tests.mock == value


def test_nothing_is_forbidden_unless_it_is_said():
    assert load.from_text("version: 1\n", YML).tests.mock == "auto"


def test_another_word_is_answered_with_those_that_are_there():
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text("tests: {mock: external}\n", YML)
    assert "external_only" in str(caught.value)
