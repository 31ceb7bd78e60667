"""Filters of the templates, and what the page's frame does to values it shows."""

from __future__ import annotations

import pytest

from agent.demo.simulator.rendering import Problem, Renderer
from tests.unit.simulator import elements


def shown(template, now=1_000_000.0, **values):
    environment = Renderer(lambda: now)._templates
    return environment.from_string(template).render(**values)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"), (30, "30 seconds ago"), (60, "1 minute ago"), (3_599, "59 minutes ago"),
        (3_600, "1 hour ago"), (172_800, "2 days ago"), (-5, "just now"),
    ],
)  # fmt: skip
def test_moments_are_told_from_now(seconds, words):
    assert shown("{{ at | ago }}", at=1_000_000.0 - seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.012, "12 ms"), (1.25, "1.2 s"), (61, "1 min 1 s"), (0, "0 ms")]
)
def test_spans_have_a_fitting_unit(seconds, words):
    assert shown("{{ s | span }}", s=seconds) == words


@pytest.mark.parametrize("colour", ["red", '"><script>', "", "12345", "#123456", "gggggg"])
def test_a_colour_that_is_none_is_grey(colour):
    assert shown("{{ c | hex6 }}", c=colour) == "888888"
    assert shown("{{ c | hex6 }}", c="d73a4a") == "d73a4a"


def test_titles_show_code_and_escape_the_rest():
    assert shown("{{ t | title_words }}", t="a `<b>` <i>") == "a <code>&lt;b&gt;</code> &lt;i&gt;"
    assert shown("{{ t | title_words }}", t="one ` only") == "one ` only"


def test_a_value_that_is_not_there_is_an_error_and_not_silence():
    with pytest.raises(Exception, match="undefined"):
        shown("{{ absent }}")


def test_half_of_a_surrogate_pair_does_not_break_a_page():
    page = Renderer(lambda: 0.0).problem(Problem(404, "x\ud800y", "words"))
    assert page.status_code == 404
    assert "x?y" in elements.text(bytes(page.body).decode())
