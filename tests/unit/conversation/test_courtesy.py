"""What words in a pull request are, before anybody acts on them."""

from __future__ import annotations

import pytest

from agent.conversation import commands


@pytest.mark.parametrize(
    "words",
    [
        "Thanks!",
        "@mergewright[bot] thank you very much :-)",
        "LGTM otherwise, just a few small remarks inline.",
    ],
)
def test_thanks_and_what_leads_over_ask_for_nothing(words):
    assert commands.is_courtesy(words)


@pytest.mark.parametrize(
    "words", ["nit: use debug", "thanks, but remove the log", "Thanks\n```suggestion\n\n```"]
)
def test_whatever_may_ask_for_something_is_no_courtesy(words):
    assert not commands.is_courtesy(words)
