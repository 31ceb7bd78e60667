"""Every case of the catalogue has tests that there are, and every attack here is in it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.attacks.catalogue import CASES

ROOT = Path(__file__).parents[2]
NAMES = [f"{kind}{number}" for kind in ("RX", "GR", "MO", "TC") for number in range(1, 9)]
NAMES += [f"GH{number}" for number in range(5, 9)]
_CASE = re.compile(r"(?:RX|GR|MO|TC)\d(?=_)|GH[5-8](?=_)")


@cache
def _tests_of(path: str) -> frozenset[str]:
    """Names of the test functions of a file that would be run."""
    module = ast.parse((ROOT / path).read_text())
    found = (node for node in module.body if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in found if node.name.startswith("test_"))


def test_every_case_is_there() -> None:
    assert list(CASES) == NAMES
    assert all(CASES.values())


@pytest.mark.parametrize("case", NAMES)
def test_every_vector_has_tests_that_there_are(case: str) -> None:
    for vector, places in CASES[case].items():
        assert places, vector
        missing = [name for path, name in places if name not in _tests_of(path)]
        assert not missing, f"{vector}: {missing}"


def test_every_attack_of_this_folder_stands_where_its_name_says() -> None:
    for file in Path(__file__).parent.glob("test_*.py"):
        path = file.relative_to(ROOT).as_posix()
        for name in _tests_of(path):
            for case in _CASE.findall(name):
                listed = {place for places in CASES[case].values() for place in places}
                assert (path, name) in listed, f"{case}: {name}"
