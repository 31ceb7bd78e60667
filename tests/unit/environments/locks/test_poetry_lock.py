from __future__ import annotations

import pytest

from agent.errors import EnvironmentFailed
from tests.unit.environments.locks.reading import installed_from, texts

A = "a" * 64

PYPROJECT = """
[tool.poetry]
name = "shop"
version = "1"
package-mode = false

[tool.poetry.dependencies]
python = ">=3.9"
uvicorn = {version = "^0.30", extras = ["standard"]}
tomli = {version = "^2", python = "<3.11"}
pywin32 = {version = "*", platform = "win32"}
redis = {version = "*", optional = true}

[tool.poetry.group.dev.dependencies]
pytest = "^8"

[tool.poetry.group.docs]
optional = true

[tool.poetry.group.docs.dependencies]
sphinx = "*"

[tool.poetry.extras]
cache = ["redis"]
"""


installed = installed_from("poetry.lock", "pyproject.toml", PYPROJECT)


def package(name: str, version: str = "1", *, more: str = "", optional: bool = False) -> str:
    return (
        f'[[package]]\nname = "{name}"\nversion = "{version}"\ndescription = ""\n'
        f"optional = {str(optional).lower()}\n"
        f'python-versions = "*"\nfiles = [{{file = "{name}.whl", hash = "sha256:{A}"}}]\n{more}\n'
    )


# --- 2.1: every package says where it belongs ------------------------------------------------

SELF_CONTAINED = (
    package("uvicorn", "0.30.1", more='groups = ["main"]')
    + package("tomli", "2.0.1", more='groups = ["main"]\nmarkers = "python_version < \\"3.11\\""')
    + package("redis", "5.0", more='groups = ["main"]\nmarkers = "extra == \\"cache\\""')
    + package("pytest", "8.1", more='groups = ["dev"]')
    + package("sphinx", "7.0", more='groups = ["docs"]')
    + package(
        "colorama", "0.4.6",
        more='groups = ["main", "dev"]\n'
        'markers = {main = "sys_platform == \\"win32\\"", dev = "python_version >= \\"3.10\\""}',
    )
    + '[extras]\ncache = ["redis"]\n[metadata]\nlock-version = "2.1"\n'
)  # fmt: skip


def test_groups_for_tests_are_taken_and_others_are_left(installed):
    found, declared = installed(SELF_CONTAINED)
    assert texts(found) == ["colorama==0.4.6", "pytest==8.1", "uvicorn==0.30.1"]
    assert found.lines[0].hashes == (f"sha256:{A}",)
    assert "tomli==2.0.1" in texts(installed(SELF_CONTAINED, python="3.10.2")[0])
    assert [one.what for one in declared.choices if not one.taken] == ["group docs"]


# --- before 2.1: along the dependencies ------------------------------------------------------

UVICORN = """
[package.dependencies]
click = ">=7.0"
httptools = {version = ">=0.5", optional = true, markers = "extra == \\"standard\\""}
colorama = {version = "*", optional = true, markers = "sys_platform == \\"win32\\" and extra == \\"standard\\""}
watchfiles = {version = "*", optional = true}
gunicorn = {version = "*", optional = true}

[package.extras]
standard = ["httptools (>=0.5)", "colorama (>=0.4)", "watchfiles"]
deploy = ["gunicorn"]
"""
FOLLOWED = (
    package("uvicorn", "0.30.1", more=UVICORN)
    + "".join(map(package, ["click", "httptools", "colorama", "watchfiles", "gunicorn", "tomli"]))
    + "".join(package(name, optional=True) for name in ["redis", "pywin32"])
    + package("pytest", "8.1", more='[package.dependencies]\ntomli = {version = ">=1", markers = "python_version < \\"3.11\\""}\n')
    + package("sphinx", "7.0")
    + '[extras]\ncache = ["redis (>=4)"]\n[metadata]\nlock-version = "2.0"\n'
)  # fmt: skip


def test_dependencies_lead_to_what_the_groups_and_their_extras_need(installed):
    found, _ = installed(FOLLOWED)
    assert texts(found) == [
        "click==1", "httptools==1", "pytest==8.1", "uvicorn==0.30.1", "watchfiles==1",
    ]  # fmt: skip
    assert found.notes == ()


# --- sources ---------------------------------------------------------------------------------


def test_what_is_not_on_an_index_is_refused_by_name_without_its_password(installed):
    source = '[package.source]\ntype = "git"\nurl = "https://u:hunter2@example.org/mine"\n'
    lock = package("mine", more=f'groups = ["main"]\n{source}')
    with pytest.raises(EnvironmentFailed) as caught:
        installed(lock + '[metadata]\nlock-version = "2.1"\n')
    assert "mine comes from a git source (https://example.org/mine)" in str(caught.value)


# --- what is no lock -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ("[[package]\n", "poetry.lock:1"),
        ('[metadata]\nlock-version = "3.0"\n', "lock-version 3.0 is newer"),
        (
            package("six", more='groups = ["main"]\nmarkers = "os.system()"')
            + '[metadata]\nlock-version = "2.1"\n',
            "is not an environment marker",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(installed, lock, words):
    with pytest.raises(EnvironmentFailed) as caught:
        installed(lock)
    assert words in str(caught.value)
    assert "poetry.lock" in str(caught.value)
