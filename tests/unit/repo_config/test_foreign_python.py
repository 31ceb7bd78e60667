"""Foreign source is parsed within bounds, and the worst of it is refused at once."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from repo_config import foreign_python


@pytest.mark.parametrize(
    "source",
    [
        "import a" + ".b" * 40_000,
        "import a" + " \\\n . b" * 300,
        b"x = a" + b".b" * 40_000,
        "x = 1\n" * 400_000,
    ],
    ids=["import", "continued", "attribute", "large"],
)
def test_what_would_hold_the_process_up_is_refused_at_once(source):
    began = time.process_time()
    with pytest.raises(SyntaxError):
        foreign_python.parse_module(source)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "source", ["a" * 900_000, "a" + " " * 900_000, "a." * 150 + "b", "a .\t" * 90]
)
def test_looking_for_the_worst_is_quick_itself(source):
    began = time.process_time()
    with suppress(SyntaxError):
        foreign_python.parse_module(source)
    assert time.process_time() - began < 2
