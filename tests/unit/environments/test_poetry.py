from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from agent.environments import poetry
from agent.errors import EnvironmentFailed


@pytest.mark.parametrize(
    ("written", "meant"),
    [("^0.2.3", ">=0.2.3,<0.3"), ("~1.2.3", ">=1.2.3,<1.3"), ("^3.9 <3.12", ">=3.9,<4,<3.12")],
)
def test_constraints_mean_the_same_in_pep_440(written, meant):
    assert SpecifierSet(poetry.specifier(written, "x")) == SpecifierSet(meant)


def test_alternatives_are_refused_with_their_place():
    with pytest.raises(EnvironmentFailed, match=r"pyproject\.toml: django"):
        poetry.specifier("^3.0 || ^4.0", "pyproject.toml: django")


def test_what_comes_from_elsewhere_keeps_its_address():
    table = {"a": {"git": "https://x.example/a.git"}, "b": {"path": "./b", "extras": ["c"]}}
    assert poetry.read_table(table, "x") == ["a @ git+https://x.example/a.git", "b[c] @ file:./b"]
