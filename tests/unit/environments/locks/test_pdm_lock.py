from __future__ import annotations

import hashlib
import json

import pytest

from agent.environments.declare import Declaration
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


def groups(declared: Declaration) -> list[tuple[str, bool, str]]:
    return [
        (choice.what, choice.taken, choice.why)
        for choice in declared.choices
        if choice.what.startswith("group ")
    ]


def test_of_the_groups_of_development_those_for_tests_are_taken(installed):
    found, declared = installed(INHERITING)
    assert texts(found) == ["httpx==0.28.1", "numpy==2.3.1", "pytest==8.1", "socksio==1"]
    assert declared.sources[0] == "pdm.lock"
    assert groups(declared) == [
        ("group test", True, "by its name it is for tests"),
        ("group types", False, "by its name it is not for tests"),
        ("group docs", False, "by its name it is not for tests"),
    ]


def test_a_git_package_in_a_group_that_is_not_for_tests_stops_nothing(installed):
    far = 'groups = ["docs"]\ngit = "https://example.org/theme.git"\nrevision = "main"\n'
    found, _ = installed(INHERITING + package("theme", more=far))
    assert "theme" not in {line.name for line in found.lines}
    with pytest.raises(EnvironmentFailed, match="theme comes from a git address"):
        installed(INHERITING + package("theme", more=far), groups=("docs",))


def test_where_no_group_is_for_tests_those_that_pdm_takes_are(installed):
    unit = PYPROJECT.replace("test = [", "unit = [")
    lock = INHERITING.replace('"test"', '"unit"')
    found, declared = installed(lock, unit)
    assert "pytest==8.1" in texts(found)
    why = "pdm takes it by default, and none is for tests by its name"
    assert groups(declared) == [
        ("group unit", True, why), ("group types", True, why),
        ("group docs", False, "by its name it is not for tests"),
    ]  # fmt: skip


def test_of_several_targets_that_of_the_python_counts(installed):
    assert {"numpy==2.0.2", "tomli==1"} <= set(texts(installed(INHERITING, python="3.9.2")[0]))


def test_hashes_come_from_files_and_from_addresses(installed):
    found, _ = installed(INHERITING)
    assert {line.hashes for line in found.lines if line.name == "httpx"} == {(f"sha256:{B}",)}


def test_extras_and_groups_of_the_configuration_select(installed):
    found, _ = installed(INHERITING, extras=("cache",), groups=())
    assert texts(found) == ["httpx==0.28.1", "numpy==2.3.1", "redis==1", "socksio==1"]


def test_a_group_that_is_not_locked_is_said(installed):
    lock = INHERITING.replace(', "docs"]', "]", 1)
    found, declared = installed(lock)
    assert "pdm.lock: the group docs is not locked; it is left out" in found.notes
    assert declared.lock is not None
    assert "docs" not in declared.lock.groups


# --- packages that do not --------------------------------------------------------------------

FOLLOWED = (
    '[metadata]\nlock_version = "3.1"\n[metadata.files]\n'
    f'"HTTPX 0.28.1" = [{{file = "h.whl", hash = "sha256:{B}"}}]\n'
    + HTTPX + 'dependencies = ["anyio; python_version < \\"3.12\\""]\n'
    + HTTPX + SOCKS
    + "".join(map(package, ["anyio", "socksio", "redis", "pytest", "mypy", "sphinx", "unused"]))
    + package("numpy", "2.0.2", 'requires_python = ">=3.9"')
    + package("numpy", "2.3.1", 'requires_python = ">=3.11"')
)  # fmt: skip


def test_dependencies_are_followed_with_extras_and_included_groups(installed):
    found, _ = installed(FOLLOWED)
    assert texts(found) == [
        "anyio==1", "httpx==0.28.1", "mypy==1", "numpy==2.3.1", "pytest==1", "redis==1",
        "socksio==1",
    ]  # fmt: skip
    assert {line.hashes for line in found.lines if line.name == "httpx"} == {(f"sha256:{B}",)}


def test_they_are_followed_for_the_python_that_is_there(installed):
    assert texts(installed(FOLLOWED, python="3.12.1", groups=())[0]) == [
        "httpx==0.28.1", "numpy==2.3.1", "socksio==1",
    ]  # fmt: skip
    assert "numpy==2.0.2" in texts(installed(FOLLOWED, python="3.10.1", groups=())[0])


# --- sources and freshness -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('git = "https://u:p@example.org/x"', "x comes from a git address (https://example.org/x)"),
        ('url = "https://example.org/x.whl"', "x comes from a url address"),
        ('path = "./x.whl"', "x comes from a file (./x.whl)"),
        ('path = "../x"', "outside the repository"),
        ('path = "./nothing"', "neither pyproject.toml nor setup.py"),
    ],
)
def test_what_is_not_on_an_index_is_refused_by_name(installed, entry, words):
    lock = head() + f'[[package]]\nname = "x"\nversion = "1"\ngroups = ["default"]\n{entry}\n'
    with pytest.raises(EnvironmentFailed) as caught:
        installed(lock)
    assert words in str(caught.value)


def test_a_project_of_the_tree_is_built(installed, tmp_path):
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "setup.py").write_text("")
    entry = '[[package]]\nname = "x"\nversion = "1"\ngroups = ["default"]\npath = "./libs"\n'
    found, declared = installed(head() + entry)
    assert [project.folder for project in found.projects] == ["libs"]
    assert declared.may_build


@pytest.mark.parametrize("last", [{"resolution": {}}, {"overrides": {}}])
def test_whether_it_is_of_this_pyproject_is_said(installed, last):
    pyproject = '[project]\nname = "x"\nversion = "1"\ndependencies = ["six"]\n'
    content = {
        "sources": [], "dependencies": ["six"], "dev-dependencies": {},
        "optional-dependencies": {}, "requires-python": "", **last,
    }  # fmt: skip
    fits = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    six = package("six", more='groups = ["default"]')
    lock = head() + f'content_hash = "sha256:{fits}"\n' + six
    assert installed(lock, pyproject)[0].notes == ()
    notes = installed(lock, pyproject.replace("six", "attrs"))[0].notes
    assert "run `pdm lock`" in notes[0]


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ('[metadata]\nlock_version = "2"\n', "lock_version 2 is not one of those read here"),
        ('[metadata]\nlock_version = "5.0"\n', "lock_version 5.0"),
        ('[metadata]\nlock_version = "x"\n', "is not a version"),
        (head() + "[[package]]\n", "has no name"),
        (head() + package("six", "1 --x", 'groups = ["default"]'), "is not a version"),
        (head() + package("six", more='groups = ["default"]\nmarker = "!"'), "not an environment"),
    ],
)
def test_what_cannot_be_read_is_said(installed, lock, words):
    with pytest.raises(EnvironmentFailed) as caught:
        installed(lock)
    assert f"pdm.lock: {words.split()[0]}"[:9] in str(caught.value)
    assert words in str(caught.value)
