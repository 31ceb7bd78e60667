from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from agent.environments import tool_tables
from agent.errors import EnvironmentFailed


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("^3.9 <3.12", ">=3.9,<3.12"),
        (">= 4.6", ">=4.6"),
        ("^4.2 || ^7.0", ">=4.2,<8.0"),
        ("<2 || >=3", ""),
    ],
)
def test_constraints_of_poetry_mean_the_same_in_pep_440(written, meant):
    assert SpecifierSet(tool_tables.convert_constraint(written, "x")) == SpecifierSet(meant)


def test_what_is_no_constraint_is_refused_by_its_place():
    with pytest.raises(EnvironmentFailed, match=r"pyproject\.toml: django"):
        tool_tables.convert_constraint("^4.2 or so", "pyproject.toml: django")


def test_what_comes_from_elsewhere_keeps_its_address():
    table = {"a": {"git": "https://x.example/a.git"}, "b": {"path": "./b", "extras": ["c"]}}
    found = tool_tables.read_requirements(table, "x")
    assert found == ["a @ git+https://x.example/a.git", "b[c] @ file:./b"]
