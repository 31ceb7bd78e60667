"""What `imports` takes, and the words for what it does not."""

from __future__ import annotations

import pytest

from repo_config import load

YML = ".github/mergewright.yml"


def test_modules_are_forbidden_and_parts_of_them_allowed():
    config = load.from_text("imports: {forbid: [pickle, xml], allow: [xml.sax.saxutils]}\n", YML)
    assert config.imports.forbid == ("pickle", "xml")
    assert config.imports.allow == ("xml.sax.saxutils",)


def test_nothing_is_forbidden_unless_it_is_said():
    assert load.from_text("version: 1\n", YML).imports.forbid == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("imports: {forbid: [app/legacy.py]}", 'app.legacy"'),
        ("imports: {forbid: pickle}", "imports.forbid: expected a list of module names"),
        ("imports: {forbidden: [pickle]}", "Did you mean forbid?"),
        ("imports: {allow: ['a b']}", "imports.allow[0]: not a dotted module name"),
    ],
)
def test_mistakes_are_told_with_the_way_out(text, expected):
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text(text, YML)
    (problem,) = caught.value.problems
    assert expected in str(problem)
