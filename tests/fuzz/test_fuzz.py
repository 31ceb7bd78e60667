"""Texts that strangers may write, by Hypothesis: they are read or refused, never a traceback."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.text import sanitise
from repo_config import load

MANY = settings(
    max_examples=2_000, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
YAML = """\
version: 1
python: {version: "3.11"}
checks:
  tests: pytest -q
  minutes: 10
scope: {protect: [".github/**"], max_files: 20}
rules: {http-timeout: review}
"""
TOML = """\
[[tool.mergewright.fastapi.auth]]
paths = ["/admin/**"]
dependency = "app.auth.admin"
[tool.mergewright.fastapi]
public = ["/health"]
"""


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """Return a text with a piece of it replaced by something else."""
    at = draw(st.integers(0, len(text)))
    end = draw(st.integers(at, min(at + 8, len(text))))
    piece = draw(
        st.text(max_size=6)
        | st.sampled_from(["<<: ", "!!set ", "---\n", "&a *a", "\t", "[[", "1e999", "2024-01-01"])
    )
    return text[:at] + piece + text[end:]


@pytest.mark.parametrize(
    ("whole", "name"), [(YAML, ".github/mergewright.yml"), (TOML, "pyproject.toml")]
)
@MANY
@given(data=st.data())
def test_a_damaged_configuration_is_read_or_refused_at_a_place_in_it(
    whole: str, name: str, data: st.DataObject
) -> None:
    text = data.draw(damaged(whole))
    try:
        load.from_text(text, name)
    except load.ConfigProblem as refused:
        for problem in refused.problems:
            assert 1 <= problem.line <= len(text.splitlines()) + 1
            assert problem.fix
            assert str(problem).isprintable()


@MANY
@given(st.text(alphabet=st.characters(), max_size=200))
def test_no_text_from_outside_moves_the_cursor_or_hides_anything(text: str) -> None:
    once, _ = sanitise.clean_ticket(text)
    again, removed = sanitise.clean_ticket(once)
    assert (again, removed) == (once, ())
    shown = sanitise.strip_terminal_codes(text)
    assert not any(
        unicodedata.category(character) == "Cc" for character in shown if character not in "\n\t"
    )
