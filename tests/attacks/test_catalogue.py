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
def _tests_of(path: str) -> dict[str, bool]:
    """Names of the test functions of a file that would be run, and whether `make test` has them."""
    module = ast.parse((ROOT / path).read_text())
    deep = any(
        isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "pytestmark"
        and "mark.deep" in ast.unparse(node.value)
        for node in module.body
    )
    return {
        node.name: not deep
        and not any(ast.unparse(one) == "pytest.mark.deep" for one in node.decorator_list)
        for node in module.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_case_is_there() -> None:
    assert list(CASES) == NAMES
    assert all(CASES.values())


@pytest.mark.parametrize("case", NAMES)
def test_every_vector_has_tests_that_there_are(case: str) -> None:
    for vector, places in CASES[case].items():
        assert places, vector
        missing = [name for path, name in places if name not in _tests_of(path)]
        assert not missing, f"{vector}: {missing}"


@pytest.mark.parametrize("case", NAMES)
def test_every_case_has_a_test_in_the_default_suite(case: str) -> None:
    places = [place for places in CASES[case].values() for place in places]
    assert any(_tests_of(path)[name] for path, name in places)


def test_every_attack_of_this_folder_stands_where_its_name_says() -> None:
    for file in Path(__file__).parent.glob("test_*.py"):
        path = file.relative_to(ROOT).as_posix()
        for name in _tests_of(path):
            for case in _CASE.findall(name):
                listed = {place for places in CASES[case].values() for place in places}
                assert (path, name) in listed, f"{case}: {name}"
