from __future__ import annotations

import hashlib
import json

import pytest

from agent.errors import EnvironmentFailed
from tests.unit.environments.locks.reading import installed_from, texts

A, B, C = "a" * 64, "b" * 64, "c" * 64

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


def package(
    name: str, version: str = "1", *, more: str = "", file: str = A, optional: bool = False
) -> str:
    return (
        f'[[package]]\nname = "{name}"\nversion = "{version}"\ndescription = ""\n'
        f"optional = {str(optional).lower()}\n"
        f'python-versions = "*"\nfiles = [{{file = "{name}.whl", hash = "sha256:{file}"}}]\n{more}\n'
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
    assert declared.sources == ("poetry.lock",)
    left = {choice.what: choice.why for choice in declared.choices if not choice.taken}
    assert left == {"group docs": "by its name it is not for tests"}


def test_a_group_counts_by_its_name_whether_poetry_calls_it_optional_or_not(installed):
    swapped = PYPROJECT.replace("[tool.poetry.group.docs]\noptional = true\n", "")
    assert swapped != PYPROJECT
    swapped += "[tool.poetry.group.dev]\noptional = true\n"
    far = package("theme", more='groups = ["docs"]') + (
        '[package.source]\ntype = "git"\nurl = "https://example.org/theme.git"\n'
    )
    found, declared = installed(far + SELF_CONTAINED, swapped)
    assert texts(found) == ["colorama==0.4.6", "pytest==8.1", "uvicorn==0.30.1"]
    assert [choice.what for choice in declared.choices if not choice.taken] == ["group docs"]
    named = swapped.replace("group.dev", "group.unit")
    found, _ = installed(
        SELF_CONTAINED.replace('"dev"', '"unit"').replace("dev =", "unit ="), named
    )
    # An optional one of that name is nobody's default.
    assert texts(found) == ["uvicorn==0.30.1"]


def test_markers_are_those_of_the_python_that_runs_it(installed):
    assert "tomli==2.0.1" in texts(installed(SELF_CONTAINED, python="3.10.2")[0])


def test_a_marker_of_another_group_does_not_bring_a_package_in(installed):
    assert "colorama==0.4.6" not in texts(installed(SELF_CONTAINED, groups=())[0])


def test_extras_and_groups_of_the_configuration_select(installed):
    found, _ = installed(SELF_CONTAINED, extras=("cache",), groups=("docs",))
    assert texts(found) == ["redis==5.0", "sphinx==7.0", "uvicorn==0.30.1"]


def test_an_extra_that_is_excluded_by_marker_is_so_only_where_it_was_chosen(installed):
    lock = (
        package("torch", "2", more='groups = ["main"]\nmarkers = "extra != \\"cache\\""')
        + '[extras]\ncache = ["redis"]\n[metadata]\nlock-version = "2.1"\n'
    )
    assert texts(installed(lock)[0]) == ["torch==2"]
    assert texts(installed(lock, extras=("cache",))[0]) == []


def test_every_hash_of_the_lock_is_kept(installed):
    lock = (
        '[[package]]\nname = "six"\nversion = "1.17.0"\ngroups = ["main"]\n'
        f'files = [{{file = "s.whl", hash = "sha256:{A}"}}, {{file = "s.tgz", hash = "sha256:{B}"}}, '
        '{file = "old.zip", hash = "md5:abc"}]\n'
        '[metadata]\nlock-version = "2.1"\n'
    )
    found, _ = installed(lock)
    assert found.lines[0].hashes == (f"sha256:{A}", f"sha256:{B}")


def test_a_package_without_hashes_is_said(installed):
    lock = package("six", more='groups = ["main"]') + '[metadata]\nlock-version = "2.1"\n'
    assert installed(lock)[0].notes == ()
    bare = lock.replace(f'{{file = "six.whl", hash = "sha256:{A}"}}', "")
    assert "has no hashes of six" in installed(bare)[0].notes[0]


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


def test_the_same_with_another_python_an_extra_and_a_group(installed):
    found, _ = installed(FOLLOWED, python="3.10.1", extras=("cache",), groups=("docs",))
    assert texts(found) == [
        "click==1", "httptools==1", "redis==1", "sphinx==7.0", "tomli==1", "uvicorn==0.30.1",
        "watchfiles==1",
    ]  # fmt: skip


def test_the_first_locks_keep_hashes_and_development_dependencies_elsewhere(installed):
    lock = (
        '[[package]]\ncategory = "main"\nname = "django"\nversion = "3.0"\npython-versions = ">=3.6"\n'
        'optional = false\n[package.dependencies]\nsqlparse = ">=0.2.2"\n'
        '[[package]]\ncategory = "main"\nname = "sqlparse"\nversion = "0.3.0"\n'
        'optional = false\npython-versions = "*"\n'
        '[[package]]\ncategory = "dev"\nname = "pytest"\nversion = "5.3"\n'
        'optional = false\npython-versions = "*"\n[package.dependencies]\nsetuptools = "*"\n'
        f'[metadata]\npython-versions = "*"\n[metadata.files]\ndjango = [{{file = "d.whl", hash = "sha256:{A}"}}]\n'
        f'pytest = [{{file = "p.whl", hash = "sha256:{C}"}}]\n'
        f'[metadata.hashes]\nsqlparse = ["{B}"]\n'
    )
    pyproject = (
        '[tool.poetry]\nname = "shop"\npackage-mode = false\n[tool.poetry.dependencies]\n'
        'python = "^3.6"\ndjango = "^3.0"\n[tool.poetry.dev-dependencies]\npytest = "^5"\n'
    )
    found, declared = installed(lock, pyproject)
    assert {line.name: line.hashes for line in found.lines} == {
        "django": (f"sha256:{A}",),
        "sqlparse": (f"sha256:{B}",),
        "pytest": (f"sha256:{C}",),
        # Poetry did not lock it then: every virtual environment had it.
        "setuptools": (),
    }
    assert declared.lock is not None
    assert declared.lock.groups == ("dev",)


def several(*constraints: str) -> tuple[str, str]:
    wishes = "".join(f'd{n} = "*"\n' for n, _ in enumerate(constraints))
    return (
        package("virtualenv", "20.16.5") + package("virtualenv", "20.19.0", file=B)
        + "".join(
            package(f"d{n}", more=f'[package.dependencies]\nvirtualenv = "{asked}"\n')
            for n, asked in enumerate(constraints)
        )
        + '[metadata]\nlock-version = "2.0"\n'
    ), f'[tool.poetry]\nname = "x"\npackage-mode = false\n[tool.poetry.dependencies]\n{wishes}'  # fmt: skip


@pytest.mark.parametrize(
    ("constraints", "version"),
    [
        ((">=20",), "20.19.0"),
        (("<20.16.6",), "20.16.5"),
        (("^20.0 || ^21.0", ">=20.0,<20.16 || >20.18"), "20.19.0"),
        # The first wish alone would take the newer one.
        ((">=20", "<20.16.6"), "20.16.5"),
    ],
)
def test_of_several_locked_versions_the_one_that_all_allow_is_taken(
    installed, constraints, version
):
    lock, pyproject = several(*constraints)
    found, _ = installed(lock, pyproject)
    assert [t for t in texts(found) if t.startswith("virtualenv")] == [f"virtualenv=={version}"]


def test_what_is_not_locked_is_said(installed):
    found, _ = installed(
        '[metadata]\nlock-version = "2.0"\n',
        '[tool.poetry]\nname = "x"\npackage-mode = false\n[tool.poetry.dependencies]\nsix = "*"\n',
    )
    assert found.notes == (
        "poetry.lock: pyproject.toml asks for six, which is not locked; it is left out",
    )


# --- sources ---------------------------------------------------------------------------------


def sourced(kind: str, url: str, group: str = "main") -> str:
    return (
        package("mine", more=f'groups = ["{group}"]\n[package.source]\ntype = "{kind}"\nurl = "{url}"')
        + '[metadata]\nlock-version = "2.1"\n'
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["git", "url", "file"])
def test_what_is_not_on_an_index_is_refused_by_name_without_its_password(installed, kind):
    with pytest.raises(EnvironmentFailed) as caught:
        installed(sourced(kind, "https://u:hunter2@example.org/mine"))
    assert f"poetry.lock: mine comes from a {kind} source (https://example.org/mine)" in str(
        caught.value
    )


def test_what_is_not_selected_is_not_refused(installed):
    assert texts(installed(sourced("git", "https://example.org/mine", "docs"))[0]) == []


def test_a_project_of_the_tree_is_built_and_its_folder_counts_for_the_key(installed, tmp_path):
    place = tmp_path / "libs" / "mine"
    place.mkdir(parents=True)
    (place / "pyproject.toml").write_text('[project]\nname = "mine"\n')
    found, declared = installed(sourced("directory", "libs/mine"))
    assert [project.folder for project in found.projects] == ["libs/mine"]
    assert declared.may_build


def test_a_project_outside_the_tree_is_refused(installed):
    with pytest.raises(EnvironmentFailed, match=r"`\.\./mine`, which is outside"):
        installed(sourced("directory", "../mine"))


def test_the_project_itself_is_built_without_another_resolution(installed, tmp_path):
    (tmp_path / "shop").mkdir()
    pyproject = PYPROJECT.replace("package-mode = false\n", "") + (
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    )
    _, declared = installed(SELF_CONTAINED, pyproject)
    assert [project.folder for project in declared.requirements.projects] == [""]
    assert declared.adds_nothing


def test_an_application_without_a_module_of_its_name_is_not_built(installed):
    pyproject = PYPROJECT.replace("package-mode = false\n", "") + (
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    )
    _, declared = installed(SELF_CONTAINED, pyproject)
    assert declared.requirements.projects == ()
    assert any(choice.what == "the project itself" for choice in declared.choices)


def test_requirements_of_the_configuration_are_resolved_together_with_the_lock(installed):
    _, declared = installed(SELF_CONTAINED, install=("requests",))
    assert not declared.adds_nothing


# --- whether it is of this pyproject.toml ----------------------------------------------------


def test_a_lock_made_for_another_pyproject_is_said(installed):
    lock = SELF_CONTAINED + f'content-hash = "{A}"\n'
    found, _ = installed(lock)
    assert "poetry.lock was made for another pyproject.toml" in found.notes[0]
    assert "run `poetry lock`" in found.notes[0]


def test_a_lock_that_fits_is_not(installed):
    content = {
        "dependencies": {"python": "*", "six": "^1"}, "source": None, "extras": None,
        "dev-dependencies": None, "group": {"dev": {"dependencies": {"pytest": "*"}}},
    }  # fmt: skip
    written = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    found, _ = installed(
        f'[metadata]\nlock-version = "2.1"\ncontent-hash = "{written}"\n',
        '[tool.poetry]\nname = "x"\npackage-mode = false\n[tool.poetry.dependencies]\n'
        'python = "*"\nsix = "^1"\n[tool.poetry.group.dev.dependencies]\npytest = "*"\n',
    )
    assert found.notes == ()


# --- what is no lock -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ("[[package]\n", "poetry.lock:1"),
        ('[metadata]\nlock-version = "3.0"\n', "lock-version 3.0 is newer"),
        ('[metadata]\nlock-version = "new"\n', "`new` is not a version"),
        ('[[package]]\nname = "six"\n', "no name or no version"),
        ("package = 1\n", "must be an array of tables"),
        (
            package("six", "1.0 --index-url x", more='groups = ["main"]')
            + '[metadata]\nlock-version = "2.1"\n',
            "is not a version",
        ),
        (
            package("six", more='groups = ["main"]\nmarkers = "os.system()"')
            + '[metadata]\nlock-version = "2.1"\n',
            "is not an environment marker",
        ),
        (
            package("six --hash", more='groups = ["main"]') + '[metadata]\nlock-version = "2.1"\n',
            "is not the name of a project",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(installed, lock, words):
    with pytest.raises(EnvironmentFailed) as caught:
        installed(lock)
    assert words in str(caught.value)
    assert "poetry.lock" in str(caught.value)
