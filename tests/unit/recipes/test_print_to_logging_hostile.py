"""Hostile sources neither hold the process up nor change what the code says."""

from __future__ import annotations

import ast
import time

import pytest

from agent.recipes.print_to_logging import levels, wording
from agent.recipes.print_to_logging.programs import _SCRIPT


@pytest.mark.parametrize(
    "code",
    [
        'name in (\n"alice",\n)',
        "f(\n  a,\n  b,\n)",
    ],
)
def test_an_argument_in_one_line_means_the_same(code):
    def meaning(text):
        return ast.dump(ast.parse(f"f({text}\n)", mode="eval"))

    assert meaning(wording.flat(code)) == meaning(code)


def test_a_call_over_several_lines_is_put_in_one():
    assert wording.flat("f(\n    a,\n    b,\n)") == "f(a, b)"


def test_nothing_is_looked_for_without_end():
    began = time.process_time()
    levels.explicit(" " * 20_000 + "info" + " " * 20_000 + "x")
    levels.explicit("[" * 20_000 + "info")
    _SCRIPT.findall("'" + "=:" * 20_000 + "'")
    assert time.process_time() - began < 5
