"""What words in a pull request are, before anybody acts on them."""

from __future__ import annotations

import pytest

from agent import pulls


@pytest.mark.parametrize(
    "words",
    [
        "Thanks!",
        "Thanks, two things and a nit.",
        "@mergewright thanks!",
        "@mergewright[bot] thank you very much :-)",
        "LGTM otherwise, just a few small remarks inline.",
        "Looks good 👍",
        "1 nit below",
        "",
    ],
)
def test_thanks_and_what_leads_over_ask_for_nothing(words):
    assert pulls.is_courtesy(words)


@pytest.mark.parametrize(
    "words",
    [
        "Please rename it.",
        "nit: use debug",
        "Fix this",
        "@mergewright fix it",
        "Why?",
        "This is it?",
        "Not like this.",
        "thanks, but remove the log",
        "Thanks\n```suggestion\n\n```",
        "thanks " * 100,
    ],
)
def test_whatever_may_ask_for_something_is_no_courtesy(words):
    assert not pulls.is_courtesy(words)
