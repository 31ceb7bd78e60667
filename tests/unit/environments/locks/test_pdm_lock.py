from __future__ import annotations

import json

import pytest

from agent.errors import EnvironmentFailed
from tests.unit.environments.locks.reading import installed_from, texts

A, B = "a" * 64, "b" * 64
PYPROJECT = """
[project]
name = "shop"
version = "1"
requires-python = ">=3.9"
dependencies = ["httpx[socks]", "numpy"]
[project.optional-dependencies]
cache = ["redis"]
[dependency-groups]
test = ["pytest", {include-group = "types"}, "shop[cache]"]
types = ["mypy"]
[tool.pdm.dev-dependencies]
docs = ["sphinx"]
"""
HTTPX = '[[package]]\nname = "httpx"\nversion = "0.28.1"\nrequires_python = ">=3.8"\n'
SOCKS = 'dependencies = ["httpx==0.28.1", "socksio==1.*"]\nextras = ["socks"]\n'


installed = installed_from("pdm.lock", "pyproject.toml", PYPROJECT)


def package(name: str, version: str = "1", more: str = "") -> str:
    return (
        f'[[package]]\nname = "{name}"\nversion = "{version}"\n'
        f'files = [{{file = "{name}.whl", hash = "sha256:{A}"}}]\n{more}\n'
    )


def head(*groups: str, version: str = "4.5.0") -> str:
    listed = f"groups = {json.dumps(groups)}\n" if groups else ""
    return f'[metadata]\n{listed}strategy = ["inherit_metadata"]\nlock_version = "{version}"\n'


# --- packages that name their groups ---------------------------------------------------------

INHERITING = (
    head("default", "cache", "test", "types", "docs")
    + HTTPX + f'groups = ["default"]\nfiles = [{{url = "https://x/h.whl", hash = "sha256:{B}"}}]\n'
    + HTTPX + SOCKS + f'groups = ["default"]\nfiles = [{{file = "h.whl", hash = "sha256:{B}"}}]\n'
    + package("socksio", more='groups = ["default"]')
    + package("redis", more='groups = ["cache"]')
    + package("pytest", "8.1", more='groups = ["test"]')
    + package("sphinx", "7.0", more='groups = ["docs"]')
    + package("tomli", more='groups = ["test"]\nmarker = "python_version < \\"3.11\\""')
    + package("numpy", "2.0.2", more='groups = ["default"]\nrequires_python = ">=3.9"\n'
              'marker = "python_version == \\"3.9\\""')
    + package("numpy", "2.3.1", more='groups = ["default"]\nrequires_python = ">=3.11"\n'
              'marker = "python_version == \\"3.11\\""')
)  # fmt: skip


def test_of_the_groups_of_development_those_for_tests_are_taken(installed):
    found, declared = installed(INHERITING)
    assert texts(found) == ["httpx==0.28.1", "numpy==2.3.1", "pytest==8.1", "socksio==1"]
    assert {"numpy==2.0.2", "tomli==1"} <= set(texts(installed(INHERITING, python="3.9.2")[0]))
    assert declared.sources[0] == "pdm.lock"
    told = {one.what: one.taken for one in declared.choices if one.what.startswith("group ")}
    assert told == {"group test": True, "group types": False, "group docs": False}


# --- sources and freshness -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('git = "https://u:p@example.org/x"', "x comes from a git address (https://example.org/x)"),
        ('path = "../x"', "outside the repository"),
    ],
)
def test_what_is_not_on_an_index_is_refused_by_name(installed, entry, words):
    lock = head() + f'[[package]]\nname = "x"\nversion = "1"\ngroups = ["default"]\n{entry}\n'
    with pytest.raises(EnvironmentFailed) as caught:
        installed(lock)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ('[metadata]\nlock_version = "5.0"\n', "lock_version 5.0"),
        (head() + package("six", "1 --x", 'groups = ["default"]'), "is not a version"),
    ],
)
def test_what_cannot_be_read_is_said(installed, lock, words):
    with pytest.raises(EnvironmentFailed) as caught:
        installed(lock)
    assert "pdm.lock" in str(caught.value)
    assert words in str(caught.value)
