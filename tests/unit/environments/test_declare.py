from __future__ import annotations

import pytest

from agent.environments import declare, fingerprint
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
    assert {one.name for one in found.left} == out
    assert [one.only_for for one in found.indexes if one.only_for] == ["bound"]


PACKAGE = '[build-system]\nrequires = []\nbuild-backend = "x"\n[project]\nname = "mine"\n'


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("requirements.txt", True),
        ("requirements-testing.txt", True),
        ("requirements/local.txt", True),
        ("requirements/production.txt", False),
        ("requirements/test-django42.txt", False),
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
    assert [*found.lock.groups] == ["dev", "extra"]
    assert texts(found) == []
    assert left(found) == ["requirements.txt"]


def test_requirements_files_named_by_the_configuration_replace_those_found(read):
    found = read(
        {"requirements.txt": "django\n", "checks.in": "six\n"},
        install=("-r checks.in", "attrs>=23"),
    )
    assert texts(found) == ["six", "attrs>=23"]
    assert left(found) == ["requirements.txt"]
    assert {*found.sources} == {"checks.in", "python.install"}


def test_tox_is_the_last_resort_and_its_conditional_lines_are_left(read):
    tox = (
        "[testenv]\ndeps =\n    pytest\n    django42: Django>=4.2,<5\n    -r{toxinidir}/more.txt\n"
        "    django52: Django>=5.2,<6\n    lint: flake8\n"
    )
    found = read(
        {"tox.ini": tox, "more.txt": "six\n", "setup.py": "from setuptools import setup\n"}
    )
    assert texts(found) == ["pytest", "six", "django"]
    assert any("django42" in what for what in left(found))


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


def test_hatchs_environments_for_tests_and_those_of_tox_are_read(read):
    found = read({"pyproject.toml": PACKAGE + HATCH, "tox.ini": "[testenv]\ndeps = other\n"})
    assert texts(found) == ["six", "attrs", "other"]
    assert "cache" in found.extras
    assert len(left(found)) == 2


def test_of_a_project_that_cannot_be_built_what_is_written_is_taken(tmp_path):
    setup = "[options]\ninstall_requires =\n    six>=1\n[options.extras_require]\ntest = attrs\ndocs = x\n"
    (tmp_path / "setup.cfg").write_text(setup)
    (tmp_path / "setup.py").write_text("setup(name='mine', install_requires=['idna'])\n")
    found = declare.read(TreeFiles(tmp_path), PythonSection(), packs=False)
    assert sorted(texts(found)) == ["attrs", "idna", "six>=1"]
    assert not found.requirements.projects


def test_requirements_for_tests_and_deps_of_tox_are_both_taken(read):
    found = read({"requirements-test.txt": "factory-boy\n", "tox.ini": "[testenv]\ndeps = six\n"})
    assert texts(found) == ["factory-boy", "six"]


def test_deps_of_tox_are_added_to_a_group_and_a_line_that_is_refused_is_left_out(read):
    tox = "[testenv]\ndeps =\n    -cconstraints.txt\n    -c../upper.txt\n    pytest-cov\n"
    group = '[dependency-groups]\ntest = ["six"]\n'
    found = read({"tox.ini": tox, "constraints.txt": "attrs<99\n", "pyproject.toml": group})
    assert texts(found) == ["six", "pytest-cov"]
    assert [line.text for line in found.requirements.constraints] == ["attrs<99"]
    assert ["../upper.txt" in one.why for one in found.requirements.left] == [True]


GROUPS = '[dependency-groups]\ntest = ["six"]\nweb = ["attrs"]\ndocs = ["sphinx"]\n'


@pytest.mark.parametrize("locked", [True, False])
def test_extras_and_groups_that_tox_installs_are_taken_whatever_they_are_called(read, locked):
    extras = '[project.optional-dependencies]\nfast = ["idna"]\nslow = []\n'
    tox = "[testenv]\nextras = fast, lost\ndependency_groups =\n    web\n    lost\n    a: docs\n"
    lock = {"uv.lock": "version = 1\n"} if locked else {}
    found = read({"pyproject.toml": PACKAGE + extras + GROUPS, "tox.ini": tox, **lock})
    taken = [one.what for one in found.choices if one.taken]
    assert "group web" in taken
    assert "group docs" in left(found)
    # Of a package without a lock its metadata names them.
    assert "fast" in (found.lock.extras if found.lock else found.extras)


def test_what_lies_at_a_direct_address_is_left_out_and_bound_to_its_name(read):
    lines = (
        "six\ngit+ssh://git@host.example/team/my_lib.git@v1\nother @ https://host.example/x.zip\n"
    )
    found = read({"pyproject.toml": PACKAGE, "requirements-dev.txt": lines})
    assert texts(found) == ["six"]
    assert [one.name for one in found.requirements.left] == ["my-lib", "other"]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("tests", True),
        ("Dev.Deps", True),
        ("dev-test", True),
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
        (
            {"pyproject.toml": '[project]\nname="a"\nversion="1"\nrequires-python=">=3.9"\n'},
            ">=3.9",
            "pyproject.toml: project.requires-python",
        ),
        (
            {"setup.py": "import setuptools\nsetuptools.setup(python_requires='~=3.11')\n"},
            "~=3.11",
            "setup.py: python_requires",
        ),
        ({"setup.py": "def broken(:\n"}, None, ""),
    ],
)
def test_what_python_is_asked_for_is_found_without_running_anything(read, files, requires, origin):
    hints = read(files).python
    assert (hints.requires, hints.requires_origin) == (requires, origin)


def test_the_digest_changes_with_what_was_read_and_with_a_tree_that_is_built(read, tmp_path):
    def digest(files):
        return fingerprint.digest(read(files), tmp_path)

    seen = [digest({"requirements.txt": "six\n", "a": "x = 1"})]
    assert digest({"a": "x = 2"}) == seen[0]
    seen += [digest({"requirements.txt": "six>1\n"}), digest({"setup.py": ""})]
    seen.append(digest({"a": "x = 3"}))
    (tmp_path / "a").rename(tmp_path / "c")
    seen.append(digest({}))
    (tmp_path / "c").chmod(0o755)
    seen.append(digest({}))
    (tmp_path / "c").unlink()
    (tmp_path / "c").symlink_to("b")
    seen.append(digest({}))
    (tmp_path / "empty").mkdir()
    seen.append(digest({}))
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
        ({"pyproject.toml": "[dependency-groups]\ntest = [{include-group = 'gone'}]\n"}, "gone"),
        (
            {"pyproject.toml": "[dependency-groups]\ntest = [{include-group = 'test'}]\n"},
            "group test",
        ),
    ],
)
def test_a_declaration_that_cannot_be_read_is_named(read, files, words):
    with pytest.raises(EnvironmentFailed) as caught:
        read(files, groups=("test",) if "groups" in files["pyproject.toml"] else None)
    assert words in caught.value.message


def test_an_extra_that_brings_what_tests_import_is_taken(read):
    extras = (
        '[project.optional-dependencies]\nredis = ["six"]\nmail = ["attrs"]\ndocs = ["black"]\n'
    )
    found = read(
        {
            "pyproject.toml": '[project]\nname = "mine"\n' + extras,
            "tests/test_a.py": "def test():\n    import attrs\n    from redis.client import Redis\n",
            "mine.py": "import black\n",
        }
    )
    assert texts(found) == ["six", "attrs"]
