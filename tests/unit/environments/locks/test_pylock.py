from __future__ import annotations

import pytest

from agent.errors import EnvironmentFailed
from tests.unit.environments.locks.reading import installed_from, texts

A, B = "a" * 64, "b" * 64


installed = installed_from("pylock.toml")


HEAD = (
    'lock-version = "1.0"\ncreated-by = "uv"\nrequires-python = ">=3.9"\n'
    'extras = ["cache"]\ndependency-groups = ["dev", "docs"]\ndefault-groups = ["docs"]\n'
)


def package(name: str, more: str = "", version: str = "1") -> str:
    return (
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\n{more}\n'
        f'wheels = [{{name = "{name}-{version}-py3-none-any.whl", url = "https://x/{name}.whl", '
        f'hashes = {{sha256 = "{A}"}}}}]\n'
        f'sdist = {{name = "{name}-{version}.tar.gz", url = "https://x/{name}.tar.gz", '
        f'hashes = {{sha256 = "{B}"}}}}\n'
    )


LOCK = (
    HEAD
    + package("six")
    + package("redis", "marker = \"'cache' in extras\"")
    + package("pytest", "marker = \"'dev' in dependency_groups\"")
    + package("sphinx", "marker = \"'docs' in dependency_groups\"")
    + package("tomli", "marker = \"python_version < '3.11'\"")
)


def test_default_groups_and_those_for_tests_are_taken(installed):
    found, declared = installed(LOCK)
    assert texts(found) == ["pytest==1", "six==1", "sphinx==1"]
    assert found.lines[0].hashes == (f"sha256:{A}", f"sha256:{B}")
    assert declared.python.requires == ">=3.9"
    assert declared.python.requires_origin == "pylock.toml"


def test_extras_groups_and_python_select(installed):
    found, _ = installed(LOCK, python="3.10.1", extras=("cache",), groups=())
    assert texts(found) == ["redis==1", "six==1", "tomli==1"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            'vcs = {type = "git", url = "https://u:p@example.org/x", commit-id = "0"}',
            "x comes from a git repository (https://example.org/x)",
        ),
        ('directory = {path = "../x"}', "outside the repository"),
    ],
)
def test_what_is_not_on_an_index_is_refused_by_name(installed, more, words):
    with pytest.raises(EnvironmentFailed) as caught:
        installed(HEAD + f'[[packages]]\nname = "x"\n{more}\n')
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("lock", "python", "words"),
    [
        ('lock-version = "2.0"\ncreated-by = "x"\npackages = []\n', "3.11.4", "is not valid"),
        (LOCK, "3.8.10", "is for Python >=3.9, not for 3.8.10"),
    ],
)
def test_what_does_not_fit_is_said(installed, lock, python, words):
    with pytest.raises(EnvironmentFailed) as caught:
        installed(lock, python=python)
    assert "pylock.toml" in str(caught.value)
    assert words in str(caught.value)
