from __future__ import annotations

import pytest

from agent.environments import interpreters
from agent.environments.declare import PythonHints
from agent.environments.interpreters import Found
from agent.errors import EnvironmentFailed


def found(version: str, *, system: bool = False) -> Found:
    minor = ".".join(version.split(".")[:2])
    prefix = "/usr" if system else f"/opt/{version}"
    return Found(version=version, prefix=prefix, path=f"{prefix}/bin/python{minor}", system=system)


HERE = (
    found("3.8.18"),
    found("3.9.18"),
    found("3.10.13"),
    found("3.11.2", system=True),
    found("3.12.1"),
    found("3.13.0"),
)


def best(asked: str | None = None, **hints: object) -> str:
    return interpreters.ranked(asked, PythonHints(**hints), HERE)[0][0].version


def test_the_systems_own_is_preferred_when_nothing_is_asked():
    assert best() == "3.11.2"


def test_the_configuration_decides():
    assert best("3.12", requires=">=3.9,<3.11") == "3.12.1"


def test_otherwise_the_highest_that_is_allowed():
    assert best(requires=">=3.12", requires_origin="x") == "3.13.0"


def test_a_supported_version_is_preferred_to_the_systems_own():
    assert best(requires=">=3.8", classifiers=("3.8", "3.9", "3.10")) == "3.10.13"


def test_the_version_file_decides_where_the_configuration_does_not():
    assert best(version_file="3.12.9", requires=">=3.9") == "3.12.1"


def test_a_version_file_that_cannot_be_served_gives_way():
    assert best(version_file="3.14", requires=">=3.9") == "3.11.2"


def test_too_old_is_never_taken():
    assert interpreters.ranked("3.8", PythonHints(), HERE) == []


def test_a_constraint_that_is_none_is_named():
    with pytest.raises(EnvironmentFailed, match=r"setup\.cfg: `banana`"):
        best(requires="banana", requires_origin="setup.cfg")
