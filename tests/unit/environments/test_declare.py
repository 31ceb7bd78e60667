"""What is taken of a tree's declarations, and what is left."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from agent.environments import declare
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from repo_config.schema import PythonSection


@pytest.fixture
def read(tmp_path):
    def write_and_read(files: dict[str, str], **section):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return declare.read_declaration(WorkTreeFiles(tmp_path), PythonSection(**section))

    return write_and_read


def texts(declaration):
    return [line.text for line in declaration.requirements.lines]


PACKAGE = '[build-system]\nrequires = []\nbuild-backend = "x"\n[project]\nname = "mine"\n'
APP = '[project]\nname = "app"\nversion = "1"\n'
HATCH = """
[tool.hatch.envs.default]
dependencies = ["six"]
[tool.hatch.envs.test]
extra-dependencies = ["attrs", "near @ {root:uri}/near"]
features = ["cache"]
[tool.hatch.envs.test.overrides]
matrix.django.dependencies = [{value = "django~=4.2", if = ["4"]}]
[tool.hatch.envs.docs]
dependencies = ["sphinx"]
"""
POETRY = """
[tool.poetry]
name = "app"
package-mode = false
[tool.poetry.dependencies]
python = "^3.9"
django = "^4.2"
[tool.poetry.group.dev.dependencies]
black = "*"
[tool.poetry.group.docs.dependencies]
sphinx = "*"
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"""
FACTORS = """
[testenv]
deps =
    pytest
    django42: Django>=4.2,<5
    -r{toxinidir}/more.txt
    django52: Django>=5.2,<6
    lint: flake8
"""


class Case(NamedTuple):
    """A tree, and what is taken of it."""

    files: dict[str, str]
    texts: list[str]
    section: dict[str, Any] = {}
    projects: list[str] = []
    constraints: list[str] = []


CASES = {
    "what builds it says what a package needs; groups and files for tests are added": Case(
        {
            "pyproject.toml": PACKAGE + '[dependency-groups]\ntest = ["pytest", {include-group = '
            '"types"}]\ntypes = ["mypy"]\ndocs = ["sphinx"]\n',
            "requirements-dev.txt": "black\n",
        },
        ["pytest", "mypy", "black"],
        projects=[""],
    ),
    "extras of a project without a backend expand": Case(
        {
            "pyproject.toml": APP + 'dependencies = ["django"]\n[project.optional-dependencies]\n'
            'test = ["pytest", "app[db]"]\ndb = ["psycopg"]\ndocs = ["sphinx"]\n'
        },
        ["django", "pytest", "psycopg"],
    ),
    "extras and groups of the configuration replace the usual ones": Case(
        {
            "pyproject.toml": APP + "[project.optional-dependencies]\n"
            'test = ["pytest"]\nextra_one = ["six"]\n'
            '[dependency-groups]\ndev = ["black"]\nlint = ["ruff"]\n'
        },
        ["six", "ruff"],
        {"extras": ("extra-one",), "groups": ("lint",)},
    ),
    "of a pair of pip-tools the compiled file counts": Case(
        {
            "requirements.in": "six\n",
            "requirements.txt": "six==1.17.0 \\\n    --hash=sha256:" + "a" * 64 + "\n",
            "requirements-dev.in": "-c requirements.txt\nblack\n",
        },
        ["six==1.17.0", "black"],
        constraints=["six==1.17.0"],
    ),
    "files that the configuration names replace those found": Case(
        {"requirements.txt": "django\n", "checks.in": "six\nx @ https://host.example/x.zip\n"},
        ["six", "attrs>=23"],
        {"install": ("-r checks.in", "attrs>=23")},
    ),
    "conditional lines of tox are left, and what has a version in each run is named": Case(
        {"tox.ini": FACTORS, "more.txt": "six\n"},
        ["pytest", "six", "django"],
    ),
    "Hatch's environments for tests and tox are both read": Case(
        {"pyproject.toml": APP + HATCH, "tox.ini": "[testenv]\ndeps = other\n"},
        ["six", "attrs", "other"],
    ),
    "constraints of tox are found, a line that leads out is not": Case(
        {
            "tox.ini": "[testenv]\ndeps =\n    -cpins.txt\n    -c../upper.txt\n    pytest-cov\n",
            "pins.txt": "attrs<99\n",
        },
        ["pytest-cov"],
        constraints=["attrs<99"],
    ),
    "a Poetry application is read from its tables": Case(
        {"pyproject.toml": POETRY}, ["django<5.0,>=4.2", "black"]
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_of_a_tree_it_is_taken_what_tests_need(read, case):
    found = read(case.files, **case.section)
    assert texts(found) == case.texts
    assert [one.folder for one in found.requirements.projects] == case.projects
    assert [one.text for one in found.requirements.constraints] == case.constraints


def test_sources_of_uv_are_taken_from_the_tree_or_left_out_by_name(read):
    sources = {
        "inside": '{path = "libs/inside", editable = true}',
        "member": "{workspace = true}",
        "outside": '{path = "../outside"}',
        "wheel": '{path = "libs/wheel.whl"}',
        "address": '{git = "https://example.org/address"}',
        "lost": "{workspace = true}",
        "unlisted": '{index = "nowhere"}',
        "bound": '[{index = "own"}]',
        "aside": '{git = "https://example.org/aside"}',
    }
    asked = [name for name in sources if name != "aside"]
    listed = "\n".join(f"{name} = {source}" for name, source in sources.items())
    found = read(
        {
            "pyproject.toml": f"[project]\nname = 'mine'\ndependencies = {asked}\n"
            f"[tool.uv.sources]\n{listed}\n[tool.uv.workspace]\nmembers = ['packages/*']\n"
            "[[tool.uv.index]]\nname = 'own'\nurl = 'https://example.org/simple'\n",
            "libs/inside/pyproject.toml": "[project]\nname = 'inside'\n",
            "packages/one/pyproject.toml": "[project]\nname = 'member'\n",
        }
    ).requirements
    assert [one.folder for one in found.projects] == ["libs/inside", "packages/one"]
    out = {"outside", "wheel", "address", "lost", "unlisted"}
    assert {one.name for one in found.left_out} == out
    assert [one.only_for for one in found.indexes if one.only_for] == ["bound"]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("requirements.txt", True),
        ("requirements/production.txt", False),
        ("requirements/test-django42.txt", False),
    ],
)
def test_requirements_files_are_taken_by_their_names(read, name, taken):
    found = read({name: "six\n"})
    assert texts(found) == (["six"] if taken else [])
    assert found.sources == ((name,) if taken else ())


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("tests", True),
        ("main", True),
        ("docs-test", False),
        ("tests-postgres", False),
    ],
)
def test_a_group_is_for_tests_by_the_words_of_its_name(read, name, taken):
    found = read({"pyproject.toml": f'[dependency-groups]\n"{name}" = ["six"]\n'})
    assert texts(found) == (["six"] if taken else [])


def test_a_lock_file_wins_over_everything_and_says_so(read):
    found = read(
        {
            "pyproject.toml": PACKAGE + '[dependency-groups]\ndev = ["black"]\nextra = ["six"]\n'
            "[tool.uv]\ndefault-groups = ['extra']\n",
            "uv.lock": "version = 1\n[[package]]\nname = 'mine'\nsource = {editable = '.'}\n",
            "requirements.txt": "django\n",
        }
    )
    assert found.lock is not None
    assert set(found.lock.files) == {"pyproject.toml", "uv.lock"}
    assert found.lock.groups == ("dev", "extra")
    assert texts(found) == []
    assert found.sources == ("uv.lock",)


GROUPS = '[dependency-groups]\ntest = ["six"]\nweb = ["attrs"]\ndocs = ["sphinx"]\n'


@pytest.mark.parametrize("locked", [True, False])
def test_extras_and_groups_that_tox_installs_are_taken_whatever_they_are_called(read, locked):
    extras = '[project.optional-dependencies]\nfast = ["idna"]\nslow = []\n'
    tox = "[testenv]\nextras = fast, lost\ndependency_groups =\n    web\n    lost\n    a: docs\n"
    lock = {"uv.lock": "version = 1\n"} if locked else {}
    found = read({"pyproject.toml": PACKAGE + extras + GROUPS, "tox.ini": tox, **lock})
    assert ("attrs" in texts(found)) != locked
    assert not found.lock or found.lock.groups == ("test", "web")
    # Of a package without a lock its metadata names them.
    assert "fast" in (found.lock.extras if found.lock else found.extras)


def test_of_a_project_that_cannot_be_built_what_is_written_is_taken(tmp_path):
    setup = "[options]\ninstall_requires =\n    six>=1\n[options.extras_require]\ntest = attrs\n"
    (tmp_path / "setup.cfg").write_text(setup + "docs = x\n")
    (tmp_path / "setup.py").write_text("setup(name='mine', install_requires=['idna'])\n")
    found = declare.read_declaration(WorkTreeFiles(tmp_path), PythonSection(), is_built=False)
    assert sorted(texts(found)) == ["attrs", "idna", "six>=1"]
    assert not found.requirements.projects


def test_what_lies_at_a_direct_address_is_left_out_and_bound_to_its_name(read):
    lines = (
        "six\ngit+ssh://git@host.example/team/my_lib.git@v1\nother @ https://host.example/x.zip\n"
    )
    found = read({"pyproject.toml": PACKAGE, "requirements-dev.txt": lines})
    assert texts(found) == ["six"]
    assert [one.name for one in found.list_left_out(found.requirements)] == ["my-lib", "other"]
    given = read({}, install=("my_lib>=1",))
    assert [one.name for one in given.list_left_out(given.requirements)] == ["other"]


def test_a_lock_file_counts_the_tree_only_where_it_builds_something_of_it(read):
    lock = 'version = 1\n[[package]]\nname = "mine"\nversion = "1"\nsource = {{ {} = "." }}\n'
    files = {"pyproject.toml": '[project]\nname = "mine"\n', "uv.lock": lock.format("virtual")}
    assert not read(files).may_build
    assert read({"uv.lock": lock.format("editable")}).may_build


EXTRAS = (
    '[project.optional-dependencies]\ntest = ["pytest"]\n[dependency-groups]\ndev = ["black"]\n'
)


@pytest.mark.parametrize(
    ("text", "section", "words"),
    [
        ("[project\n", {}, "pyproject.toml:1:9 is not valid TOML"),
        ("[dependency-groups]\ntest = [{include-group = 'gone'}]\n", {"groups": ("test",)}, "gone"),
        (
            "[dependency-groups]\ntest = [{include-group = 'test'}]\n",
            {"groups": ("test",)},
            "group test",
        ),
        (APP + EXTRAS, {"extras": ("tset",)}, "has no extra `tset`. Did you mean `test`?"),
        (APP + EXTRAS, {"groups": ("zzz",)}, "It has: dev."),
    ],
)
def test_what_cannot_be_read_or_is_not_there_is_named(read, text, section, words):
    with pytest.raises(EnvironmentFailed) as caught:
        read({"pyproject.toml": text}, **section)
    assert words in caught.value.message


def test_what_refuses_every_environment_is_found_with_its_entry(tmp_path):
    def find(text: str, **section: object) -> list[tuple[object, str]]:
        (tmp_path / "pyproject.toml").write_text(text)
        return [*declare.find_refusals(WorkTreeFiles(tmp_path), PythonSection(**section))]

    assert find(APP + 'dependencies = ["x @ git+https://example.org/x", "six"]\n') == []
    [(path, why)] = find(APP + EXTRAS, extras=("test", "tset"))
    assert (path, "Did you mean `test`" in why) == (("python", "extras", 1), True)
    [(path, why)] = find("[project\n", extras=("test",))
    assert (path, "pyproject.toml:1:9" in why) == ((), True)
