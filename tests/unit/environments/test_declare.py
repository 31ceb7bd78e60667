from __future__ import annotations

import pytest

from agent.environments import declare
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from repo_config.schema import PythonSection


@pytest.fixture
def read(tmp_path):
    def write_and_read(files: dict[str, str], **section):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return declare.read(TreeFiles(tmp_path), PythonSection(**section))

    return write_and_read


def texts(declaration):
    return [line.text for line in declaration.requirements.lines]


def left(declaration):
    return [choice.what for choice in declaration.choices if not choice.taken]


PACKAGE = '[build-system]\nrequires = []\nbuild-backend = "x"\n[project]\nname = "mine"\n'


def test_nothing_declared_is_an_empty_environment(read):
    found = read({"README": ""})
    assert found.sources == ()
    assert texts(found) == []


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("requirements.txt", True),
        ("requirements-dev.txt", True),
        ("requirements_test.txt", True),
        ("requirements-testing.txt", True),
        ("test-requirements.txt", True),
        ("dev_requirements.txt", True),
        ("requirements/base.txt", True),
        ("requirements/tests.txt", True),
        ("requirements/local.txt", True),
        ("tests/requirements.txt", True),
        ("tests/requirements/base.txt", True),
        ("requirements/production.txt", False),
        ("requirements-docs.txt", False),
        ("requirements/test-django42.txt", False),
        ("notes.txt", False),
        ("tests/base.txt", False),
    ],
)
def test_requirements_files_are_taken_by_their_names(read, name, taken):
    found = read({name: "six\n"})
    assert texts(found) == (["six"] if taken else [])
    assert found.sources == ((name,) if taken else ())


def test_of_a_pair_of_pip_tools_the_compiled_file_counts(read):
    found = read(
        {
            "requirements.in": "six\n",
            "requirements.txt": "six==1.17.0 \\\n    --hash=sha256:" + "a" * 64 + "\n",
            "requirements-dev.in": "-c requirements.txt\nblack\n",
        }
    )
    assert texts(found) == ["six==1.17.0", "black"]
    assert found.requirements.lines[0].hashes == (f"sha256:{'a' * 64}",)
    assert [line.text for line in found.requirements.constraints] == ["six==1.17.0"]
    assert found.sources == ("requirements.txt", "requirements-dev.in")


def test_a_constraints_file_of_the_configuration_bounds_and_installs_nothing(read):
    files = {"requirements.txt": "six\n", "limits.txt": "six<2\nattrs<20\n"}
    found = read(files, install=("-c limits.txt",))
    assert texts(found) == ["six"]
    assert [line.text for line in found.requirements.constraints] == ["six<2", "attrs<20"]
    assert "limits.txt" in found.sources


def test_a_package_is_built_and_its_groups_and_test_files_are_added(read):
    found = read(
        {
            "pyproject.toml": PACKAGE
            + '[dependency-groups]\ntest = ["pytest", {include-group = "types"}]\n'
            'types = ["mypy"]\ndocs = ["sphinx"]\n',
            "requirements-dev.txt": "black\n",
        }
    )
    assert [project.folder for project in found.requirements.projects] == [""]
    assert texts(found) == ["pytest", "mypy", "black"]
    assert found.sources == ("pyproject.toml", "requirements-dev.txt")


def test_a_project_without_backend_is_not_built_and_its_extras_expand(read):
    found = read(
        {
            "pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["django"]\n'
            '[project.optional-dependencies]\ntest = ["pytest", "app[db]"]\ndb = ["psycopg"]\n'
            'docs = ["sphinx"]\n'
        }
    )
    assert found.requirements.projects == ()
    assert texts(found) == ["django", "pytest", "psycopg"]


def test_extras_and_groups_of_the_configuration_replace_the_usual_ones(read):
    found = read(
        {
            "pyproject.toml": '[project]\nname = "app"\nversion = "1"\n'
            '[project.optional-dependencies]\ntest = ["pytest"]\nextra_one = ["six"]\n'
            '[dependency-groups]\ndev = ["black"]\nlint = ["ruff"]\n'
        },
        extras=("extra-one",),
        groups=("lint",),
    )
    assert texts(found) == ["six", "ruff"]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"extras": ("tset",)}, "pyproject.toml has no extra `tset`. Did you mean `test`?"),
        ({"groups": ("deb",)}, "python.groups: pyproject.toml has no group `deb`. Did you mean"),
        ({"groups": ("zzz",)}, "It has: dev."),
    ],
)
def test_an_unknown_extra_or_group_names_the_nearest(read, section, words):
    with pytest.raises(EnvironmentFailed) as caught:
        read(
            {
                "pyproject.toml": '[project]\nname = "app"\nversion = "1"\n'
                '[project.optional-dependencies]\ntest = ["pytest"]\n'
                '[dependency-groups]\ndev = ["black"]\n'
            },
            **section,
        )
    assert words in caught.value.message


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
    assert left(found) == ["requirements.txt"]


def test_uvs_dev_dependencies_of_old_are_its_group_dev(read):
    files = {
        "pyproject.toml": PACKAGE + '[tool.uv]\ndev-dependencies = ["pytest"]\n',
        "uv.lock": "version = 1\n[[package]]\nname = 'mine'\nsource = {editable = '.'}\n",
    }
    found = read(files)
    assert found.lock is not None
    assert found.lock.groups == ("dev",)


def test_all_groups_of_uv_are_those_for_tests(read):
    files = {
        "pyproject.toml": PACKAGE + '[dependency-groups]\ndev = ["six"]\ndocs = ["sphinx"]\n'
        "[tool.uv]\ndefault-groups = 'all'\n",
        "uv.lock": "version = 1\n[[package]]\nname = 'mine'\nsource = {editable = '.'}\n",
    }
    found = read(files)
    assert found.lock is not None
    assert found.lock.groups == ("dev",)
    assert left(found) == ["group docs"]
    unit = read({**files, "pyproject.toml": files["pyproject.toml"].replace("dev =", "unit =")})
    assert unit.lock is not None
    assert unit.lock.groups == ("unit",)


def test_groups_that_are_left_are_named(read):
    groups = '[dependency-groups]\ndev = ["six"]\ndocs = ["sphinx"]\n'
    assert left(read({"pyproject.toml": groups})) == ["group docs"]
    found = read({"pyproject.toml": groups}, groups=("docs",))
    assert [one.why for one in found.choices if not one.taken] == ["python.groups does not name it"]


def test_requirements_files_named_by_the_configuration_replace_those_found(read):
    found = read(
        {"requirements.txt": "django\n", "checks.in": "six\n"},
        install=("-r checks.in", "attrs>=23"),
    )
    assert texts(found) == ["six", "attrs>=23"]
    assert left(found) == ["requirements.txt"]
    assert found.sources == ("checks.in", "python.install")


def test_more_to_install_is_added_to_what_is_found(read):
    found = read({"requirements.txt": "django\n"}, install=("six",))
    assert texts(found) == ["django", "six"]


def test_tox_is_the_last_resort_and_its_conditional_lines_are_left(read):
    tox = (
        "[testenv]\ndeps =\n    pytest\n    django42: Django>=4.2,<5\n    -r{toxinidir}/more.txt\n"
    )
    found = read(
        {"tox.ini": tox, "more.txt": "six\n", "setup.py": "from setuptools import setup\n"}
    )
    assert texts(found) == ["pytest", "six"]
    assert any("last resort" in choice.why for choice in found.choices)
    assert any("django42" in what for what in left(found))


def test_tox_is_not_asked_when_a_group_lists_test_dependencies(read):
    found = read(
        {"tox.ini": "[testenv]\ndeps = six\n",
         "pyproject.toml": '[dependency-groups]\ntest = ["pytest"]\n'}
    )  # fmt: skip
    assert texts(found) == ["pytest"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", "[tool.tox.env_run_base]\n"),
        ("tox.toml", "[env_run_base]\n"),
    ],
)
def test_tox_is_the_last_resort_in_its_newer_files_too(read, path, text):
    deps = 'deps = ["pytest", "-r more.txt", { replace = "ref", of = ["x"] }]\n'
    found = read(
        {path: text + deps, "more.txt": "six\n", "setup.py": "from setuptools import setup\n"}
    )
    assert texts(found) == ["pytest", "six"]
    assert path in found.sources
    assert len(left(found)) == 1


def test_a_group_that_is_left_is_no_declaration_for_tests(read):
    found = read(
        {"tox.ini": "[testenv]\ndeps = six\n",
         "pyproject.toml": '[dependency-groups]\ndocs = ["sphinx"]\n'}
    )  # fmt: skip
    assert texts(found) == ["six"]


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


def test_hatchs_environments_for_tests_are_read_where_nothing_else_says_what_these_need(read):
    found = read({"pyproject.toml": PACKAGE + HATCH, "tox.ini": "[testenv]\ndeps = other\n"})
    assert texts(found) == ["six", "attrs"]
    assert [project.extras for project in found.requirements.projects] == [(), ("cache",)]
    assert left(found) == [
        "pyproject.toml [tool.hatch.envs.test] near @ {root:uri}/near",
        "pyproject.toml [tool.hatch.envs.test] test overrides.matrix.django.dependencies",
    ]
    why = next(one.why for one in found.choices if "last resort" in one.why)
    assert why.endswith("so pyproject.toml [tool.hatch.envs.test]")


def test_hatchs_environments_are_left_where_something_better_is_there(read):
    group = PACKAGE + HATCH + '[dependency-groups]\ntest = ["pytest"]\n'
    assert texts(read({"pyproject.toml": group})) == ["pytest"]
    found = read({"pyproject.toml": PACKAGE + HATCH, "requirements-dev.txt": "pytest\n"})
    assert texts(found) == ["pytest"]


@pytest.mark.parametrize(
    ("envs", "expected"),
    [
        ('[envs.default]\ndependencies = ["six"]\n', ["six"]),
        # What an environment names itself replaces what its template has.
        ('[envs.default]\ndependencies = ["six"]\n[envs.test]\ndependencies = ["attrs"]\n', ["attrs"]),
        (
            '[envs]\nbase = {dependencies = ["attrs"]}\ndefault = {dependencies = ["six"]}\n[envs.tests]\ntemplate = "base"\nextra-dependencies = ["x"]\n',
            ["attrs", "x"],
        ),
        ('[envs.default]\ndependencies = ["six"]\n[envs.dev]\ndetached = true\n', []),
        # That of `hatch test` inherits from nothing.
        (
            '[envs.default]\ndependencies = ["six"]\n[envs.hatch-test]\nextra-dependencies = ["x"]\n',
            ["coverage[toml]", "pytest", "pytest-mock", "pytest-rerunfailures", "pytest-xdist", "x"],
        ),
        ('[envs.hatch-test]\ndependencies = ["x"]\n', ["x"]),
        ('[envs.test]\ndependency-groups = ["unit"]\n', ["iniconfig"]),
        ("[envs.a]\ntemplate = 'b'\n[envs.b]\ntemplate = 'a'\n[envs.test]\ntemplate = 'a'\n", []),
        ("envs = 1\n", []),
        ("[envs]\ntest = 1\ndefault = {dependencies = 'six', features = [1]}\n", []),
    ],
)  # fmt: skip
def test_hatchs_rules_of_inheritance(read, envs, expected):
    groups = (
        '[dependency-groups]\nunit = ["iniconfig"]\n[tool.hatch.envs.test]\ndependencies = ["y"]\n'
    )
    found = read({"hatch.toml": envs, "pyproject.toml": groups if "unit" in envs else ""})
    assert texts(found) == expected


def test_features_of_hatch_are_extras_where_nothing_is_built(read):
    pyproject = (
        '[project]\nname = "mine"\nversion = "1"\n[project.optional-dependencies]\n'
        'cache = ["redis"]\n[tool.hatch.envs.default]\nfeatures = ["cache"]\n'
    )
    found = read({"pyproject.toml": pyproject})
    assert texts(found) == ["redis"]
    assert ("extra cache", "pyproject.toml [tool.hatch.envs.default] names it") in [
        (one.what, one.why) for one in found.choices
    ]


def test_hatchs_own_file_has_a_say_in_the_key(read):
    digests = {
        read({"hatch.toml": f'[envs.default]\ndependencies = ["six{n}"]\n'}).digest for n in "12"
    }
    assert len(digests) == 2


CONSTRAINTS = "six<2\nattrs<99\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tox.ini", "[testenv]\ndeps =\n    -cconstraints.txt\n    pytest-cov\n"),
        ("tox.ini", "[testenv]\ndeps = --constraint={toxinidir}/constraints.txt\n"),
        ("tox.ini", "[testenv]\nconstraints = constraints.txt\n"),
        ("tox.toml", '[env_run_base]\nconstraints = ["constraints.txt"]\n'),
    ],
)
def test_constraints_of_every_run_of_tox_hold_where_others_say_what_to_install(read, path, text):
    group = '[dependency-groups]\ntest = ["six"]\n'
    found = read({path: text, "constraints.txt": CONSTRAINTS, "pyproject.toml": group})
    assert texts(found) == ["six"]
    assert [line.text for line in found.requirements.constraints] == ["six<2", "attrs<99"]
    assert "constraints.txt" in found.sources


@pytest.mark.parametrize(
    "deps",
    [
        "django42: -cconstraints.txt",
        "-c{env:TOX_CONSTRAINTS_FILE:https://example.org/upper}",
        "-chttps://example.org/upper",
        "-c../constraints.txt",
        "-c/constraints.txt",
        "-cmissing.txt",
    ],
)
def test_other_constraints_of_tox_do_not_hold(read, deps):
    group = '[dependency-groups]\ntest = ["six"]\n'
    found = read(
        {
            "tox.ini": f"[testenv]\ndeps =\n    {deps}\n",
            "constraints.txt": CONSTRAINTS,
            "pyproject.toml": group,
        }
    )
    assert found.requirements.constraints == ()
    assert texts(found) == ["six"]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("tests", True),
        ("requirements-test", True),
        ("test_requirements", True),
        ("Dev.Deps", True),
        ("dev-test", True),
        ("requirements", False),
        ("docs-test", False),
        ("tests-postgres", False),
        ("contest", False),
    ],
)
def test_a_group_is_for_tests_by_the_words_of_its_name(read, name, taken):
    found = read({"pyproject.toml": f'[dependency-groups]\n"{name}" = ["six"]\n'})
    assert texts(found) == (["six"] if taken else [])


def test_a_poetry_application_is_read_from_its_tables(read):
    found = read(
        {
            "pyproject.toml": '[tool.poetry]\nname = "app"\npackage-mode = false\n'
            '[tool.poetry.dependencies]\npython = "^3.9"\ndjango = "^4.2"\n'
            '[tool.poetry.group.dev.dependencies]\nblack = "*"\n'
            '[tool.poetry.group.docs.dependencies]\nsphinx = "*"\n'
            '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
        }
    )
    assert found.requirements.projects == ()
    assert texts(found) == ["django>=4.2,<5", "black"]
    assert found.python.requires == ">=3.9,<4"


@pytest.mark.parametrize(
    ("files", "requires", "origin"),
    [
        ({"pyproject.toml": '[project]\nname="a"\nversion="1"\nrequires-python=">=3.9"\n'},
         ">=3.9", "pyproject.toml requires-python"),
        ({"setup.cfg": "[options]\npython_requires = >=3.10\n"}, ">=3.10", "setup.cfg"),
        ({"setup.py": "import setuptools\nsetuptools.setup(python_requires='~=3.11')\n"},
         "~=3.11", "setup.py"),
        ({"setup.py": "def broken(:\n"}, None, ""),
    ],
)  # fmt: skip
def test_what_python_is_asked_for_is_found_without_running_anything(read, files, requires, origin):
    hints = read(files).python
    assert (hints.requires, hints.requires_origin) == (requires, origin)


def test_classifiers_and_the_version_file_are_hints(read):
    hints = read(
        {
            ".python-version": "# ours\n3.12.4\n",
            "setup.cfg": "[metadata]\nclassifiers =\n"
            "    Programming Language :: Python :: 3\n"
            "    Programming Language :: Python :: 3.10\n"
            "    Programming Language :: Python :: 3.11\n",
        }
    ).python
    assert hints.version_file == "3.12.4"
    assert hints.classifiers == ("3.10", "3.11")


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("requirements.txt", "six\n", "six>1\n"),
        ("requirements.in", "six\n", "six>1\n"),
        ("setup.cfg", "[metadata]\nname = a\n", "[metadata]\nname = b\n"),
        ("src/mine.c", "int a;", "int b;"),
    ],
)
def test_the_digest_changes_with_everything_that_has_a_say(read, name, before, after):
    setup = {"setup.py": "from setuptools import setup\nsetup(ext_modules=[])\n"}
    first = read({**setup, name: before}).digest
    assert read({**setup, name: before}).digest == first
    assert read({**setup, name: after}).digest != first


def test_the_digest_does_not_change_with_the_code_while_nothing_is_built(read):
    first = read({"requirements.txt": "six", "a.py": "x = 1"}).digest
    assert read({"a.py": "x = 2"}).digest == first


@pytest.mark.parametrize("changed", ["_ver.py", "deep/er/data.txt"])
def test_the_digest_changes_with_any_file_once_something_is_built(read, changed):
    first = read({"setup.py": "import _ver", "_ver.py": "", "deep/er/data.txt": ""}).digest
    assert read({changed: "x"}).digest != first


def test_the_digest_tells_names_links_and_modes_apart(read, tmp_path):
    seen = [read({"setup.py": "", "a": "b"}).digest]
    (tmp_path / "a").rename(tmp_path / "c")
    seen.append(read({}).digest)
    (tmp_path / "c").chmod(0o755)
    seen.append(read({}).digest)
    (tmp_path / "c").unlink()
    (tmp_path / "c").symlink_to("b")
    seen.append(read({}).digest)
    (tmp_path / "empty").mkdir()
    seen.append(read({}).digest)
    assert len(set(seen)) == len(seen)


def test_a_lock_file_counts_the_tree_only_where_it_builds_something_of_it(read):
    lock = 'version = 1\n[[package]]\nname = "mine"\nversion = "1"\nsource = {{ {} = "." }}\n'
    found = read(
        {"pyproject.toml": '[project]\nname = "mine"\n', "uv.lock": lock.format("virtual")}
    )
    assert not found.may_build
    assert read({"uv.lock": lock.format("editable")}).may_build


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"pyproject.toml": "[project\n"}, "pyproject.toml:1:9 is not valid TOML"),
        ({"pyproject.toml": "[project]\nname='a'\ndependencies = 'six'\n"}, "must be a list"),
        ({"pyproject.toml": "project = 1\n"}, "[project] must be a table"),
        ({"pyproject.toml": "[dependency-groups]\ntest = [{include-group = 'gone'}]\n"}, "gone"),
        ({"pyproject.toml": "[dependency-groups]\ntest = [{include-group = 'test'}]\n"},
         "group test"),
        ({"setup.cfg": "no section\n"}, "setup.cfg cannot be read"),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_read_is_named(read, files, words):
    with pytest.raises(EnvironmentFailed) as caught:
        read(files)
    assert words in caught.value.message
