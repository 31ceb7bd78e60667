"""Hostile sources neither hold the process up nor change what the code says."""

from __future__ import annotations

import ast
import time

import pytest

from agent.recipes.print_to_logging import handled, levels, wording
from agent.recipes.print_to_logging.programs import _SCRIPT


@pytest.mark.parametrize(
    "code",
    [
        "n in (\n1,\n)",
        'name in (\n"alice",\n)',
        "t[\nk,\n]",
        "x or (\n1,\n)",
        "f(\n  a,\n  b,\n)",
        "value=f(\n  a,\n)",
        "one for one in (\n1,\n)",
    ],
)
def test_an_argument_in_one_line_means_the_same(code):
    def meaning(text):
        return ast.dump(ast.parse(f"f({text}\n)", mode="eval"))

    assert meaning(wording.flat(code)) == meaning(code)


def test_a_call_over_several_lines_is_put_in_one():
    assert wording.flat("f(\n    a,\n    b,\n)") == "f(a, b)"


@pytest.mark.parametrize(
    "text",
    [
        " " * 50_000 + "info" + " " * 50_000 + "x",
        "[" * 50_000 + "info",
        "info" + "]" * 50_000 + " " * 50_000,
        "# " * 50_000,
    ],
)
def test_a_level_is_looked_for_in_no_time(text):
    began = time.process_time()
    levels.explicit(text)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("[WARNING] low", "warning"),
        ("  error: gone", "error"),
        ("** debug ** x", "debug"),
        ("info", "info"),
        ("information for you", None),
    ],
)
def test_a_level_at_the_beginning_is_known(text, level):
    assert levels.explicit(text) == level


@pytest.mark.parametrize(
    "text", ["'" + "=:" * 60_000 + "'", "'" + "a=" * 60_000, "'a=b:c" * 30_000]
)
def test_scripts_of_a_setup_file_are_looked_for_in_no_time(text):
    began = time.process_time()
    _SCRIPT.findall(text)
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize(
    "text", ["a" + " " * 90_000 + "b", "due to " * 20_000, ", " * 50_000 + "x"]
)
def test_what_leads_to_an_exception_is_looked_for_in_no_time(text):
    began = time.process_time()
    handled._ended(text)
    assert time.process_time() - began < 0.5
