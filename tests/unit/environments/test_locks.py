"""Which lock counts, what can be chosen of it, and what is left of one that cannot be exported."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.environments import declare, locks
from agent.environments.declare import Declaration
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from repo_config.schema import PythonSection

SAMPLES = Path(__file__).parents[2] / "samples" / "locks"
PYLOCK = """
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.9"
extras = ["cache"]
dependency-groups = ["dev", "docs"]
default-groups = ["docs"]
[[packages]]
name = "six"
version = "1"
index = "https://u:p@packages.example.org/simple"
wheels = []
[[packages]]
name = "shop"
directory = {path = "."}
"""


def declared(folder: Path, refused: str = "", **section: Any) -> Declaration:
    return declare.read_declaration(WorkTreeFiles(folder), PythonSection(**section), refused)


@pytest.mark.parametrize(
    ("kind", "taken", "left"),
    [
        ("poetry", ("dev",), ("docs",)),
        ("pdm", ("test",), ("docs",)),
        ("pipenv", ("develop",), ("docs",)),
    ],
)
def test_groups_for_tests_are_taken_and_others_are_left(kind, taken, left):
    found = declared(SAMPLES / kind)
    assert found.lock is not None
    assert (found.lock.groups, found.lock.left_groups) == (taken, left)
    assert not found.may_build


def test_what_is_asked_for_is_taken_and_what_is_not_there_is_named():
    lock = declared(SAMPLES / "pdm", extras=("cache",), groups=("docs",)).lock
    assert lock is not None
    assert (lock.extras, lock.groups, lock.left_groups) == (("cache",), ("docs",), ("test",))
    with pytest.raises(EnvironmentFailed, match=r"poetry\.lock has no group `doc`.*`docs`"):
        declared(SAMPLES / "poetry", groups=("doc",))


def test_the_standards_lock_says_its_defaults_its_python_and_its_index(tmp_path):
    (tmp_path / "pylock.toml").write_text(PYLOCK)
    found = declared(tmp_path)
    assert found.lock is not None
    assert (found.lock.groups, found.lock.extras) == (("dev", "docs"), ())
    assert (found.python.requires, found.python.requires_origin) == (">=3.9", "pylock.toml")
    assert [one.url for one in found.requirements.indexes] == [
        "https://packages.example.org/simple"
    ]
    assert found.may_build
    assert declared(SAMPLES / "pipenv").python.requires == ">=3.11,<3.12"


def test_where_a_compiled_file_does_not_fit_its_source_counts(tmp_path):
    (tmp_path / "requirements.in").write_text("six>=1.17\n")
    (tmp_path / "requirements.txt").write_text("six==1.16.0\n")
    assert [one.text for one in declared(tmp_path).requirements.lines] == ["six==1.16.0"]
    found = declared(tmp_path, refused="six>=1.17 (has 1.16.0)")
    assert [one.text for one in found.requirements.lines] == ["six>=1.17"]


def test_without_hashes_a_package_comes_from_the_index_that_it_was_locked_from(tmp_path):
    shutil.copytree(SAMPLES / "pipenv", tmp_path, dirs_exist_ok=True)
    lock = tmp_path / "Pipfile.lock"
    lock.write_text(lock.read_text().replace("pypi.org", "packages.example.org"))
    wishes = declared(tmp_path, refused="no").requirements.indexes
    assert {wish.only_for for wish in wishes} == {"six", "iniconfig"}
    assert {wish.url for wish in wishes} == {"https://packages.example.org/simple"}


@pytest.mark.parametrize(
    ("lock", "text"),
    [
        ("poetry.lock", "package = 3\n"),
        ("pdm.lock", '[[package]]\nversion = "1"\n'),
        ("pylock.toml", "packages = [{version = '1'}]\n"),
        ("Pipfile.lock", '{"default": {"six": "1"}}'),
        ("Pipfile.lock", "[" * 5000),
    ],
)
def test_a_lock_of_another_form_is_named(tmp_path, lock, text):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
    (tmp_path / "Pipfile").write_text("")
    (tmp_path / lock).write_text(text)
    with pytest.raises(EnvironmentFailed, match=rf"{lock}, or the file that it was made from"):
        declared(tmp_path, refused="no")


_PDM = '[[package]]\nname = "six"\nversion = "1"\n'
_POETRY = '[[package]]\nname = "six"\nversion = "1"\n[package.source]\ntype = "{}"\nurl = "x"\n'


@pytest.mark.parametrize(
    ("path", "content", "source", "of_tree"),
    [
        ("pdm.lock", _PDM, {}, False),
        ("pdm.lock", _PDM + 'git = "https://x"\n', {"git": "https://x"}, False),
        ("pdm.lock", _PDM + 'path = "./six"\n', {"path": "./six"}, True),
        ("poetry.lock", _POETRY.format("directory"), {"type": "directory", "url": "x"}, True),
        ("poetry.lock", _POETRY.format("legacy"), {"type": "legacy", "url": "x"}, False),
        ("a/Pipfile.lock", '{"default": {"six": {"index": "own"}}}', {"index": "own"}, False),
        ("a/Pipfile.lock", '{"default": {"six": {"git": "x"}}}', {"git": "x"}, False),
    ],
)
def test_where_each_package_of_a_lock_comes_from_is_told(path, content, source, of_tree):
    found = locks.read_sources(path, content.encode())
    assert found.packages == {"six": source}
    assert locks.is_of_tree(source) is of_tree
