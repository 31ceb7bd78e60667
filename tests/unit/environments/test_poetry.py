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


def test_alternatives_of_python_become_one_specifier():
    found = SpecifierSet(poetry.python({"dependencies": {"python": "~3.9 || ^3.11"}}))
    assert all(version in found for version in ("3.9.1", "3.11.2", "3.13"))
    assert not any(version in found for version in ("3.8.1", "3.10.1", "4.0"))


def test_a_git_dependency_is_refused_by_name():
    table = {"dependencies": {"mine": {"git": "https://example.org/mine.git"}}}
    with pytest.raises(EnvironmentFailed, match="`mine` comes from a git address"):
        poetry.runtime(table, "pyproject.toml")


@pytest.mark.parametrize(
    ("constraint", "version", "allowed"),
    [
        (">=2.7,<3 || >=3.5", "3.4", False),
        ("~2.7 || ^3.6", "3.11.4", True),
        ("^1.0", "1.1b1", True),
    ],
)
def test_a_version_is_held_against_alternatives(constraint, version, allowed):
    assert poetry.allows(constraint, version) is allowed
