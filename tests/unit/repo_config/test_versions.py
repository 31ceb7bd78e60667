"""Which versions a project says it runs on."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from repo_config import versions
from repo_config.project_files import ProjectFiles
from tests.unit.trees import DictTree

WORKFLOW = """
jobs:
  tests:
    strategy:
      matrix:
        python-version: ["3.11", "3.12"]
        django-version: ["4.2", "5.0"]
        include: [{django-version: "5.1"}]
"""
TOX = """
[testenv]
deps =
    coverage
    dj42: Django>=4.2,<4.3
    dj52: Django>=5.2,<5.3
    djmain: https://host.example/main.tar.gz
    lowest: flask==2.2.0
    pytest: pytest-django
"""
CLASSIFIERS = """
[project]
classifiers = ["Framework :: Django", "Framework :: Django :: 3.2", "Framework :: Django :: 4.2"]
"""


@pytest.mark.parametrize(
    ("path", "text", "install", "constraints"),
    [
        (".github/workflows/a.yml", WORKFLOW, (), ("django>=4.2,<5.2", "python>=3.11,<3.13")),
        ("tox.ini", TOX, ("django>=4.2,<5.3", "flask>=2.2.0", "pytest-django"), ()),
        ("pyproject.toml", CLASSIFIERS, (), ("django>=3.2,<4.3",)),
        ("docs/ci.yml", WORKFLOW, (), ()),
    ],
)
def test_versions_are_named_from_the_oldest_to_the_end_of_the_newest(
    path, text, install, constraints
):
    files = ProjectFiles(DictTree({path: text}))
    found = versions.find_tested_versions(files)
    assert (found.install, found.constraints) == (install, constraints)


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("~3.9 || ^3.11", ("3.9.1", "3.11.2", "3.13"), ("3.8.1", "3.10.1", "4.0")),
        ("^3.9 <3.12", ("3.9.0", "3.11.1"), ("3.12.0",)),
        ("3", ("3.9.1", "3.13.0"), ("4.0",)),
    ],
)
def test_a_range_becomes_one_specifier(written, inside, outside):
    found = SpecifierSet(versions.standardize_range(written))
    assert all(version in found for version in inside)
    assert not any(version in found for version in outside)
