"""What a project is, read from files like those of real projects."""

from __future__ import annotations

import time

import pytest

from repo_config import detect, load
from repo_config.detect import DjangoProject
from repo_config.schema import RepoConfig
from repo_config.tool_options import Told

MANAGE = """\
#!/usr/bin/env python
import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
TESTS = "from django.test import TestCase\n"
APPS = "INSTALLED_APPS = ['app']\n"


def detected(files, text: str = "") -> detect.Project:
    return detect.project(files, load.from_text(text, ".github/mergewright.yml"))


# --- whole projects ----------------------------------------------------------------------------


def test_a_django_site_with_manage_py(tree):
    project = detected(
        tree(
            {
                "manage.py": MANAGE.format("config.settings.dev"),
                "config/__init__.py": "",
                "config/settings/__init__.py": "",
                "config/settings/dev.py": APPS,
                "shop/__init__.py": "",
                "shop/models.py": "",
                "shop/tests.py": TESTS,
                "requirements.txt": "Django==5.2\ngunicorn\n",
                "requirements/dev.txt": "-r ../requirements.txt\nblack\n",
                ".python-version": "3.12.4\n3.10\n",
                "setup.cfg": "[flake8]\nmax-line-length = 100\n[mypy]\nplugins = x\n",
                "pyproject.toml": "[tool.black]\nline-length = 100\n",
            }
        )
    )
    assert project == detect.Project(
        framework="django",
        python_version="3.10",
        django=DjangoProject(
            settings_module="config.settings.dev", manage="manage.py", python_path=("",)
        ),
        test_runner="django",
        test_script="manage.py",
        type_tools=("mypy",),
        lint_tools=("flake8", "black"),
        origins={
            "framework": "manage.py",
            "python_version": ".python-version",
            "django.settings_module": "manage.py: DJANGO_SETTINGS_MODULE",
            "django.manage": "manage.py",
            "django.python_path": ". (manage.py)",
            "test_runner": "manage.py",
            "test_script": "manage.py",
            "type_tools": "setup.cfg: [mypy]",
            "lint_tools": "flake8: setup.cfg: [flake8], black: pyproject.toml: tool.black",
        },
    )


def test_a_site_in_a_folder_of_its_own(tree):
    project = detected(
        tree(
            {
                "backend/manage.py": MANAGE.format("site.settings"),
                "backend/site/settings.py": APPS,
                "backend/app/tests/test_views.py": TESTS,
                "backend/requirements.txt": "django\n",
                "frontend/package.json": "{}",
            }
        )
    )
    assert project.django == DjangoProject(
        settings_module="site.settings", manage="backend/manage.py", python_path=("backend", "")
    )
    assert (project.test_runner, project.test_script) == ("django", "backend/manage.py")


def test_a_reusable_app_with_pytest_ini(tree):
    project = detected(
        tree(
            {
                "setup.py": "from setuptools import setup\n"
                "DJANGO = ['Django>=4.2']\n"
                "setup(name='x', python_requires='>=3.9', install_requires=DJANGO + ['asgiref'])\n",
                "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = tests.settings\npythonpath = . lib\n",
                "axes/models.py": "",
                "tests/__init__.py": "",
                "tests/settings.py": APPS,
                "tests/test_models.py": TESTS,
                "example/manage.py": MANAGE.format("example.settings"),
            }
        )
    )
    assert project.framework == "django"
    assert project.origins["framework"] == "setup.py: install_requires"
    assert project.python_version == "3.9"
    assert project.origins["python_version"] == "setup.py: python_requires"
    assert project.django == DjangoProject(
        settings_module="tests.settings", manage=None, python_path=("", "lib")
    )
    assert (project.test_runner, project.test_script) == ("pytest", None)
    assert project.origins["test_runner"] == "pytest.ini"


def test_a_reusable_app_with_runtests(tree):
    project = detected(
        tree(
            {
                "pyproject.toml": "[project]\nname = 'x'\nrequires-python = '>=3.8.1'\n"
                "dependencies = ['Django>=3.2']\n[project.optional-dependencies]\ntests = ['pytest-cov']\n",
                "runtests.py": "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n",
                "tests/settings.py": APPS,
                "tests/test_filters.py": TESTS,
                "tox.ini": "[flake8]\nmax-line-length = 120\n",
            }
        )
    )
    assert (project.test_runner, project.test_script) == ("django", "runtests.py")
    assert project.python_version == "3.8"
    assert project.django == DjangoProject(
        settings_module="tests.settings", manage=None, python_path=("",)
    )
    assert project.origins["django.settings_module"] == "runtests.py: DJANGO_SETTINGS_MODULE"
    assert project.lint_tools == ("flake8",)


def test_a_script_that_configures_settings_itself_has_no_settings_module(tree):
    project = detected(
        tree(
            {
                "setup.cfg": "[options]\ninstall_requires =\n    Django>=3.2\n    bleach\n",
                "quicktest.py": "from django.conf import settings\nsettings.configure(INSTALLED_APPS=[])\n",
                "helpdesk/tests/test_ticket.py": TESTS,
                "tests/settings.py": APPS,
            }
        )
    )
    assert (project.test_runner, project.test_script) == ("django", "quicktest.py")
    assert project.django is not None
    assert project.django.settings_module is None
    assert "django.settings_module" not in project.origins


def test_a_package_described_in_setup_cfg_alone(tree):
    project = detected(
        tree(
            {
                "setup.cfg": "[metadata]\nname = x\nclassifiers =\n"
                "    Programming Language :: Python :: 3\n"
                "    Programming Language :: Python :: 3.10\n"
                "    Programming Language :: Python :: 3.9\n"
                "[options]\npackages = find:\n"
                "[options.extras_require]\ntest =\n    pytest>=7\n",
                "x/__init__.py": "",
                "tests/test_x.py": "",
                ".mypy.ini": "[mypy]\n",
            }
        )
    )
    assert (project.framework, project.django) == ("none", None)
    assert project.python_version == "3.9"
    assert project.origins["python_version"] == "setup.cfg: classifiers"
    assert project.test_runner == "pytest"
    assert project.origins["test_runner"] == "setup.cfg: extras_require.test: pytest"
    assert project.type_tools == ("mypy",)


def test_a_django_package_in_src_layout(tree):
    project = detected(
        tree(
            {
                "pyproject.toml": "[project]\nname='x'\ndependencies=['django>=5']\n"
                "[tool.pytest.ini_options]\naddopts = ['-ra', '--ds=tests.settings']\npythonpath = ['.']\n",
                "src/x/__init__.py": "",
                "src/x/models.py": "",
                "tests/settings.py": APPS,
                "tests/test_x.py": "",
            }
        )
    )
    assert project.django == DjangoProject(
        settings_module="tests.settings", manage=None, python_path=("", "src")
    )
    assert project.origins["django.settings_module"] == (
        "pyproject.toml: tool.pytest.ini_options: addopts --ds"
    )
    assert project.test_runner == "pytest"


def test_a_fastapi_app(tree):
    project = detected(
        tree(
            {
                "pyproject.toml": "[project]\nname='x'\nrequires-python='==3.12.*'\n"
                "dependencies=['fastapi[standard]>=0.115', 'flask-cors-not']\n"
                "[dependency-groups]\ndev=['pytest', {include-group = 'lint'}]\nlint=['ruff']\n"
                "[tool.mypy]\nstrict = true\n",
                "app/main.py": "from fastapi import FastAPI\n",
                "app/tests/test_main.py": "",
                "ruff.toml": "line-length = 100\n",
            }
        )
    )
    assert (project.framework, project.python_version) == ("fastapi", "3.12")
    assert project.origins["framework"] == "pyproject.toml: project.dependencies"
    assert project.origins["test_runner"] == "pyproject.toml: dependency-groups.dev: pytest"
    assert (project.type_tools, project.lint_tools) == (("mypy",), ("ruff",))


def test_a_flask_app_with_requirements_only(tree):
    project = detected(
        tree(
            {
                "requirements.txt": "# web\nFlask==3.1 # comment\n-e .\n--hash=sha256:00\n",
                "app.py": "",
                "tests/conftest.py": "",
                "tests/test_app.py": "",
                "runtime.txt": "python-3.11.9\n",
            }
        )
    )
    assert (project.framework, project.origins["framework"]) == ("flask", "requirements.txt")
    assert project.python_version == "3.11"
    assert (project.test_runner, project.origins["test_runner"]) == ("pytest", "tests/conftest.py")


def test_a_plain_package_with_unittest(tree):
    project = detected(tree({"x/__init__.py": "", "test/test_x.py": "import unittest\n"}))
    assert project == detect.Project(
        framework="none",
        python_version=None,
        django=None,
        test_runner="pytest",
        test_script=None,
        type_tools=(),
        lint_tools=(),
        origins={"test_runner": "pytest also runs the tests of unittest"},
    )


def test_an_empty_repository(tree):
    project = detected(tree({}))
    assert project.framework == "none"
    assert project.test_runner is None
    assert project.origins == {}


# --- tests or none -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        {"x/testing.py": "", "x/contest.py": "", "x/latest_news.py": "", "tests/data.txt": ""},
        {"pytest.ini": "[pytest]\n", "conftest.py": "", "requirements.txt": "pytest\n"},
        {"docs/test_docs.py": "", "examples/tests/test_x.py": ""},
        {"tests/__init__.py": "", "tests/settings.py": APPS, "tests/test_settings.py": APPS},
        {"tests/test_data.json": "{}"},
    ],
)
def test_no_test_files_means_no_runner(tree, files):
    assert detected(tree(files)).test_runner is None


@pytest.mark.parametrize(
    "path",
    [
        "test_x.py",
        "x_test.py",
        "x_tests.py",
        "a/tests.py",
        "a/test.py",
        "tests_unit.py",
        "tests/testcases.py",
        "tests/test_settings.py",
        "a/b/c/test_x.py",
    ],
)
def test_a_file_named_like_tests_is_one(tree, path):
    assert detected(tree({path: "def test_x(): ..."})).test_runner == "pytest"


def test_files_that_pytest_is_told_of_are_tests(tree):
    files = {"checks/check_x.py": "", "pytest.ini": "[pytest]\npython_files = check_*.py\n"}
    assert detected(tree(files)).test_runner == "pytest"
    assert detected(tree({"checks/check_x.py": ""})).test_runner is None


# --- runner ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "origin"),
    [
        ("pytest.toml", "[pytest]\n", "pytest.toml"),
        ("pytest.ini", "", "pytest.ini"),
        (".pytest.ini", "[pytest]\n", ".pytest.ini"),
        ("pyproject.toml", "[tool.pytest.ini_options]\n", "pyproject.toml: tool.pytest.ini_options"),
        ("pyproject.toml", "[tool.pytest]\n", "pyproject.toml: tool.pytest"),
        ("tox.ini", "[pytest]\n", "tox.ini: [pytest]"),
        ("setup.cfg", "[tool:pytest]\n", "setup.cfg: [tool:pytest]"),
        ("conftest.py", "", "conftest.py"),
        ("tox.ini", "[testenv]\ndeps =\n  dj42: Django>=4\n  py: pytest-django\n", "tox.ini: [testenv] deps: pytest-django"),
        ("requirements/tests.txt", "pytest_django\n", "requirements/tests.txt: pytest-django"),
        ("Pipfile", "[dev-packages]\npytest-django = '*'\n", "Pipfile: dev-packages: pytest-django"),
        ("pyproject.toml", "[tool.poetry.group.t.dependencies]\npytest-django = '*'\n", "pyproject.toml: tool.poetry.group.t: pytest-django"),
        ("pyproject.toml", "[tool.hatch.envs.default]\ndependencies = ['pytest-django']\n", "pyproject.toml: tool.hatch.envs.default.dependencies: pytest-django"),
        ("setup.py", "import setuptools\nsetuptools.setup(extras_require={'t': ['pytest-django']})\n", "setup.py: extras_require: pytest-django"),
    ],
)  # fmt: skip
def test_a_django_project_that_uses_pytest_is_run_by_it(tree, path, text, origin):
    files = {"manage.py": MANAGE.format("s"), "app/tests.py": TESTS, path: text}
    project = detected(tree(files))
    assert (project.test_runner, project.test_script) == ("pytest", None)
    assert project.origins["test_runner"] == origin


@pytest.mark.parametrize(
    "more",
    [
        {"requirements.txt": "pytest\n"},
        {"tox.ini": "[testenv]\ncommands = python manage.py test\n"},
        {"docs/conftest.py": ""},
    ],
)
def test_pytest_beside_django_does_not_make_it_the_runner(tree, more):
    project = detected(tree({"manage.py": MANAGE.format("s"), "app/tests.py": TESTS, **more}))
    assert (project.test_runner, project.test_script) == ("django", "manage.py")


def test_a_script_for_tests_goes_before_manage_py(tree):
    files = {"manage.py": MANAGE.format("s"), "tests/runtests.py": "", "tests/test_x.py": TESTS}
    assert detected(tree(files)).test_script == "tests/runtests.py"


def test_a_script_that_tox_starts_is_found(tree):
    files = {
        "setup.py": "from setuptools import setup\nsetup(install_requires=['django-cms'])\n",
        "tests/settings.py": "HELPER_SETTINGS = {}\n",
        "tests/test_x.py": TESTS,
        "tox.ini": "[testenv]\ncommands =\n  {envpython} --version\n"
        "  {env:COMMAND:coverage} run -p tests/settings.py\n",
    }
    project = detected(tree(files))
    assert (project.test_runner, project.test_script) == ("django", "tests/settings.py")
    assert project.django is not None
    assert project.django.settings_module is None


def test_django_without_any_script_has_a_runner_but_no_script(tree):
    files = {
        "pyproject.toml": "[project]\nname='x'\ndependencies=['Django']\n",
        "tests/settings.py": APPS,
        "tests/test_x.py": TESTS,
        "tox.ini": "[testenv]\ncommands =\n  django-admin test --settings=tests.settings\n",
    }
    project = detected(tree(files))
    assert (project.test_runner, project.test_script) == ("django", None)
    assert project.django is not None
    assert project.django.settings_module == "tests.settings"
    assert project.origins["django.settings_module"] == "tox.ini: settings in a command"
    assert project.origins["test_script"] == "none is needed: python -m django test"


# --- Django ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "module", "origin"),
    [
        ({"setup.cfg": "[tool:pytest]\nDJANGO_SETTINGS_MODULE = a.b # why\n"}, "a.b", "setup.cfg: [tool:pytest]: DJANGO_SETTINGS_MODULE"),
        ({"tox.ini": "[pytest]\naddopts = -x --ds a.b\nDJANGO_SETTINGS_MODULE = c\n"}, "a.b", "tox.ini: [pytest]: addopts --ds"),
        ({"pytest.ini": "[pytest]\nenv =\n  A=1\n  D:DJANGO_SETTINGS_MODULE=a.b\n"}, "a.b", "pytest.ini: env"),
        ({"manage.py": "import django\nif test:\n  os.environ['DJANGO_SETTINGS_MODULE'] = 's.dev'\nelse:\n  os.environ.setdefault('DJANGO_SETTINGS_MODULE', 's.test')\n"}, "s.test", "manage.py: DJANGO_SETTINGS_MODULE"),
        ({"conftest.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.b')\n"}, "a.b", "conftest.py: DJANGO_SETTINGS_MODULE"),
        ({"Makefile": "test:\n\tDJANGO_SETTINGS_MODULE=a.b python -m django test\n", "a/b.py": ""}, "a.b", "Makefile: settings in a command"),
        ({"tests/settings.py": APPS, "demo/settings.py": APPS}, "tests.settings", "tests/settings.py"),
        ({"noxfile.py": 'session.run("pytest", env={"DJANGO_SETTINGS_MODULE": "a.b"})\n', "a/b.py": ""}, "a.b", "noxfile.py: settings in a command"),
        ({"pyproject.toml": '[tool.django-stubs]\ndjango_settings_module = "a.b"\n', "a/b.py": ""}, "a.b", "pyproject.toml: settings in a command"),
        ({"run.sh": 'export DJANGO_SETTINGS_MODULE="a_settings"\ndjango-admin test waffle\n', "a_settings.py": ""}, "a_settings", "run.sh: settings in a command"),
        ({".github/workflows/ci.yml": "env:\n  DJANGO_SETTINGS_MODULE: a.b\n", "a/b.py": ""}, "a.b", ".github/workflows/ci.yml: settings in a command"),
        ({"CONTRIBUTING.md": "Run `python -m django test --settings=a.b`.\n", "a/b.py": ""}, "a.b", "CONTRIBUTING.md: settings in a command"),
        ({"proj/settings.py": APPS}, "proj.settings", "proj/settings.py"),
        ({"src/proj/__init__.py": "", "src/proj/settings.py": APPS}, "proj.settings", "src/proj/settings.py"),
        ({"config/settings/__init__.py": "", "config/settings/test.py": "from .base import *\n"}, "config.settings.test", "config/settings/test.py"),
    ],
)  # fmt: skip
def test_settings_are_found_where_projects_name_them(tree, files, module, origin):
    project = detected(tree(files), "framework: django")
    assert project.django is not None
    assert project.django.settings_module == module
    assert project.origins["django.settings_module"] == origin


@pytest.mark.parametrize(
    "files",
    [
        {"a/settings.py": APPS, "b/settings.py": APPS},
        {"manage.py": "import django\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', name)\n"},
        {"pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = {{ name }}.settings\n"},
        {"Makefile": "\tpython manage.py test --settings=$(SETTINGS)\n"},
    ],
)
def test_settings_are_not_guessed(tree, files):
    project = detected(tree(files), "framework: django")
    assert project.django is not None
    assert project.django.settings_module is None


def test_a_manage_py_that_configures_the_settings_itself_starts_django(tree):
    manage = "from django.conf import settings\nsettings.configure(INSTALLED_APPS=['a'])\n"
    project = detected(tree({"manage.py": manage, "a/tests.py": TESTS}))
    assert project.django is not None
    assert project.django.settings_module is None
    assert project.django.configured_by == "manage.py"
    assert project.django.missing == ""


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, ""),
        ({"a/settings.py": APPS, "b/settings.py": APPS}, ": nothing says which settings module is the one for tests, of a.settings, b.settings"),
        ({"runtests.py": "settings.configure()\n", "tests/settings.py": APPS}, ": runtests.py configures the settings itself, for its own run alone"),
        ({"conftest.py": "settings.configure()\n"}, ": conftest.py configures the settings itself, for its own run alone"),
    ],
)  # fmt: skip
def test_where_no_settings_are_found_it_is_said_how_to_name_them(tree, files, found):
    django = detected(tree(files), "framework: django").django
    assert django is not None
    assert django.missing == (
        f"No settings module was found, so Django cannot be started{found}. Name one in "
        ".github/mergewright.yml, as in `django: {settings: tests.settings}`."
    )


TOX = "[testenv]\nsetenv =\n  DJANGO_SETTINGS_MODULE = tests.settings\n"
RUN_BY_PYTEST = "{tests: {runner: pytest}}"
PLAIN = {"tox.ini": TOX, "tests/settings.py": APPS, "tests/test_x.py": TESTS}


@pytest.mark.parametrize(
    ("more", "text", "told"),
    [
        ({}, "", False),
        ({"tests/conftest.py": "import pytest\n"}, "", False),
        ({"conftest.py": "settings.configure()\n"}, "", True),
        ({"conftest.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'x')\n"}, "", True),
        ({"pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = tests.settings\n"}, "", True),
        ({}, "env: {DJANGO_SETTINGS_MODULE: tests.settings}\n", True),
        ({}, "django: {settings: tests.settings}\n", True),
    ],
)
def test_pytest_is_told_of_settings_only_where_it_does_not_know_them(tree, more, text, told):
    project = detected(tree(PLAIN | more), f"framework: django\nchecks: {RUN_BY_PYTEST}\n{text}")
    django = project.django
    assert django is not None
    if "conftest.py" not in more:
        assert django.settings_module == "tests.settings"
    assert django.told_to_pytest is told


def test_the_order_of_settings_is_config_env_pytest_manage(tree):
    files = {
        "manage.py": MANAGE.format("by.manage"),
        "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = by.pytest\n",
    }
    whole = "django: {settings: by.config}\nenv: {DJANGO_SETTINGS_MODULE: by.env}"
    origins = []
    for text in (whole, whole.partition("\n")[2], ""):
        project = detected(tree(files), text)
        assert project.django is not None
        origins.append((project.django.settings_module, project.origins["django.settings_module"]))
    del files["pytest.ini"]
    project = detected(tree(files))
    assert project.django is not None
    assert [*origins, (project.django.settings_module, "")] == [
        ("by.config", "configuration: django.settings"),
        ("by.env", "configuration: env.DJANGO_SETTINGS_MODULE"),
        ("by.pytest", "pytest.ini: DJANGO_SETTINGS_MODULE"),
        ("by.manage", ""),
    ]


def test_the_manage_py_nearest_to_the_root_counts_and_templates_do_not(tree):
    files = {
        "a/b/manage.py": MANAGE.format("deep.settings"),
        "web/manage.py": MANAGE.format("web.settings"),
        "{{cookiecutter.name}}/manage.py": MANAGE.format("x.settings"),
        "project_template/manage.py": MANAGE.format("{{ project_name }}.settings"),
        "manage.py": "from flask_script import Manager\n",
    }
    project = detected(tree(files))
    assert project.django is not None
    assert project.django.manage == "web/manage.py"
    assert project.django.settings_module == "web.settings"


def test_the_manage_py_of_an_example_counts_where_nothing_else_does(tree):
    files = {
        "example/manage.py": MANAGE.format("example.settings"),
        "setup.py": "setup(install_requires='django')",
    }
    project = detected(tree(files))
    assert project.django is not None
    assert project.django.manage == "example/manage.py"


def test_the_folder_of_the_settings_comes_first_on_the_path(tree):
    files = {
        "lib/test/manage.py": MANAGE.format("lib.test.settings"),
        "lib/test/settings.py": APPS,
        "lib/__init__.py": "",
        "lib/test/__init__.py": "",
    }
    project = detected(tree(files))
    assert project.django is not None
    assert project.django.python_path == ("", "lib/test")


def test_settings_below_a_folder_that_nothing_names_add_that_folder(tree):
    files = {
        "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = proj.settings\n",
        "server/app/proj/settings.py": APPS,
        "examples/proj/settings.py": APPS,
    }
    project = detected(tree(files), "framework: django")
    assert project.django is not None
    assert project.django.python_path == ("server/app", "")


def test_no_folder_outside_is_put_on_the_path(tree):
    files = {"pytest.ini": "[pytest]\npythonpath = ../x /etc lib\n", "requirements.txt": "django"}
    project = detected(tree(files))
    assert project.django is not None
    assert project.django.python_path == ("lib", "")


@pytest.mark.parametrize(
    ("files", "framework"),
    [
        ({"requirements.txt": "djangorestframework\nfastapi\n"}, "django"),
        ({"pyproject.toml": "[project]\ndependencies=['flask', 'fastapi']\n"}, "fastapi"),
        ({"requirements-dev.txt": "django\nflask\n"}, "none"),
        ({"requirements-dev.txt": "django\n", "x/apps.py": ""}, "django"),
        ({"requirements-docker.txt": "flask\n"}, "flask"),
        ({"setup.cfg": "[metadata]\nclassifiers =\n  Framework :: Django :: 5.2\n"}, "django"),
        ({"setup.cfg": "[metadata]\nclassifiers =\n  Framework :: Django\n  Framework :: Flask\n"}, "none"),
        ({"pyproject.toml": "[project]\nclassifiers = ['Framework :: ']\n"}, "none"),
        ({"pyproject.toml": "[project.optional-dependencies]\ndjango=['django']\nflask=['flask']\n"}, "none"),
        ({"Pipfile": "[packages]\nflask = '*'\n"}, "flask"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\npython='^3.9'\ndjango='^5'\n"}, "django"),
    ],
)  # fmt: skip
def test_a_framework_is_what_the_project_needs_to_run(tree, files, framework):
    assert detected(tree(files)).framework == framework


# --- Python ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "version"),
    [
        (">=3.9", "3.9"),
        (">=3.8.1,<4", "3.8"),
        (">3.7", "3.7"),
        (">=3.10.0rc1", "3.10"),
        ("~=3.8", "3.8"),
        ("~=3.8.2", "3.8"),
        ("==3.9.7", "3.9"),
        ("==3.*", "3.0"),
        (">=2.7, !=3.0.*, !=3.1.*, !=3.2.*", "3.3"),
        (">=3.11,<3.12", "3.11"),
        ("<3.13,>=3.10", "3.10"),
        ("3.9", "3.9"),
        ("^3.9", "3.9"),
        ("~3.10", "3.10"),
        ("^3.12 || >=3.8,<3.9", "3.8"),
        ("3.11.*", "3.11"),
    ],
)
def test_the_lowest_version_of_a_range(tree, written, version):
    files = tree({"pyproject.toml": f"[project]\nrequires-python = '{written}'\n"})
    assert detected(files).python_version == version


@pytest.mark.parametrize("written", ["==2.7.*", "<3", "nonsense", ">=4"])
def test_a_range_without_a_python_3_is_noted_and_passed_over(tree, written):
    files = {
        "pyproject.toml": f"[project]\nrequires-python = '{written}'\n",
        ".python-version": "3.9",
    }
    project = detected(tree(files))
    assert project.python_version == "3.9"
    assert written in project.unreadable["pyproject.toml"]


def test_the_order_of_versions(tree):
    files = {
        "pyproject.toml": "[project]\nrequires-python='>=3.9'\n[tool.poetry.dependencies]\npython='^3.10'\n",
        "setup.cfg": "[options]\npython_requires = >=3.11\n",
        "setup.py": "setup(python_requires='>=3.12', classifiers=['Programming Language :: Python :: 3.7'])\n",
        ".python-version": "3.13\n",
    }
    seen = []
    for gone in ("pyproject.toml", "setup.cfg", None, None):
        project = detected(tree(files))
        seen.append((project.python_version, project.origins["python_version"]))
        files.pop(gone or "", None)
        if len(seen) == 3:
            files["setup.py"] = files["setup.py"].replace("python_requires='>=3.12', ", "")
    assert seen == [
        ("3.9", "pyproject.toml: project.requires-python"),
        ("3.11", "setup.cfg: python_requires"),
        ("3.12", "setup.py: python_requires"),
        ("3.13", ".python-version"),
    ]
    del files[".python-version"]
    assert detected(tree(files)).python_version == "3.7"


# --- the configuration wins --------------------------------------------------------------------


def test_what_the_configuration_says_wins_over_everything(tree):
    files = {
        "manage.py": MANAGE.format("a.settings"),
        "pytest.ini": "[pytest]\n",
        "tests/test_x.py": TESTS,
        "mypy.ini": "",
        ".flake8": "",
        ".python-version": "3.9",
        "other/manage.py": "",
        "go.py": "",
    }
    text = """
framework: django
python: {version: "3.13"}
django: {manage: other/manage.py, settings: z.settings}
checks: {tests: {runner: django, script: go.py}, types: {tool: "off"}, lint: [black, ruff, black]}
"""
    project = detected(tree(files), text)
    assert project.python_version == "3.13"
    assert project.django == DjangoProject(
        settings_module="z.settings", manage="other/manage.py", python_path=("other", "")
    )
    assert (project.test_runner, project.test_script) == ("django", "go.py")
    assert project.type_tools == ()
    assert project.lint_tools == ("black", "ruff")
    assert {
        key: value for key, value in project.origins.items() if key != "django.python_path"
    } == {
        "framework": "configuration: framework",
        "python_version": "configuration: python.version",
        "django.manage": "configuration: django.manage",
        "django.settings_module": "configuration: django.settings",
        "test_runner": "configuration: checks.tests.runner",
        "test_script": "configuration: checks.tests.script",
        "lint_tools": "black: configuration: checks.lint, ruff: configuration: checks.lint",
    }


HOOK = "repos:\n- repo: https://example.org/isort\n  hooks:\n  - id: isort\n"


@pytest.mark.parametrize(
    ("files", "origin", "args"),
    [
        ({"pyproject.toml": "[tool.isort]\nprofile = 'black'\n"}, "pyproject.toml: tool.isort", ()),
        ({".isort.cfg": "[settings]\n"}, ".isort.cfg", ()),
        ({"setup.cfg": "[isort]\nprofile=black\n"}, "setup.cfg: [isort]", ()),
        ({"setup.cfg": "[tool:isort]\n"}, "setup.cfg: [tool:isort]", ()),
        ({"tox.ini": "[isort]\n"}, "tox.ini: [isort]", ()),
        ({".pre-commit-config.yaml": HOOK}, ".pre-commit-config.yaml: isort", ()),
        (
            {".pre-commit-config.yaml": HOOK + "    args: [--profile, black]\n"},
            ".pre-commit-config.yaml: isort",
            ("--profile", "black"),
        ),
        (
            {".isort.cfg": "", ".pre-commit-config.yaml": HOOK + "    args: ['--profile=black']\n"},
            ".isort.cfg",
            ("--profile=black",),
        ),
    ],
)
def test_isort_is_found_wherever_it_is_configured(tree, files, origin, args):
    project = detected(tree(files))
    assert project.lint_tools == ("isort",)
    assert project.origins["lint_tools"] == f"isort: {origin}"
    assert project.told.get("isort", Told()).args == args


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"requirements-dev.txt": "isort\n"},
        {"setup.cfg": "[options]\n", "pyproject.toml": "[tool.ruffian]\n"},
        {".pre-commit-config.yaml": HOOK + "    exclude: ^old/\n"},
        {".pre-commit-config.yaml": "exclude: ^old/\n" + HOOK},
        {".pre-commit-config.yaml": HOOK.replace("id: isort", "id: seed-isort-config")},
        {".pre-commit-config.yaml": "repos: {hooks: [{id: isort}]}\n"},
        {".pre-commit-config.yaml": "repos:\n- hooks:\n  - isort\n- 5\n"},
        {".pre-commit-config.yaml": ": not [yaml\n"},
        {".pre-commit-config.yaml": ""},
    ],
)
def test_isort_is_not_where_nothing_says_so_for_the_whole_project(tree, files):
    project = detected(tree(files))
    assert (project.lint_tools, project.told) == ((), {})


def test_checks_that_are_off_are_off(tree):
    files = tree(
        {"mypy.ini": "", "ruff.toml": "", "tests/test_x.py": "", "manage.py": MANAGE.format("a")}
    )
    project = detected(
        files, "framework: none\nchecks: {tests: {runner: off}, types: {tool: off}, lint: off}"
    )
    assert (project.framework, project.django) == ("none", None)
    assert (project.test_runner, project.type_tools, project.lint_tools) == (None, (), ())


# --- hostile and broken files ------------------------------------------------------------------


def test_nothing_of_the_repository_is_run(tree, tmp_path):
    mark = tmp_path / "ran"
    code = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nimport django\n"
    names = [
        "manage.py",
        "setup.py",
        "conftest.py",
        "runtests.py",
        "tests/settings.py",
        "noxfile.py",
    ]
    detected(tree(dict.fromkeys([*names, "tests/test_x.py"], code)))
    assert not mark.exists()


def test_files_that_cannot_be_read_are_noted_and_count_as_absent(tree):
    project = detected(
        tree(
            {
                "pyproject.toml": "[project\n",
                "setup.cfg": "no section\n",
                "tox.ini": "[a\nb",
                "setup.py": "print 'python 2'\n",
                "requirements.txt": b"\xff\xfe\x00flask\n",
                "Pipfile": "x" * 300_000,
                "manage.py": "django DJANGO_SETTINGS_MODULE (\n",
            }
        )
    )
    assert project.framework == "django"
    assert {path: reason.split(":")[0] for path, reason in project.unreadable.items()} == {
        "pyproject.toml": "not read as TOML",
        "setup.cfg": "not read as INI",
        "tox.ini": "not read as INI",
        "setup.py": "not read as Python",
        "Pipfile": "larger than 256 KiB",
        "manage.py": "not read as Python",
    }


@pytest.mark.parametrize(
    "text",
    [
        "[project]\ndependencies = 5\noptional-dependencies = 'x'\nclassifiers = {a = 1}\nrequires-python = 3\n",
        "project = 1\ntool = []\ndependency-groups = [1]\n",
        "[tool.poetry]\ndependencies = 'x'\ngroup = {a = 1, b = {dependencies = 2}}\n[tool.pytest]\nini_options = 1\n",
        "[tool.poetry.dependencies]\npython = {version = '3.9'}\n[tool.hatch]\nenvs = {a = 1}\n",
        '[tool.pytest.ini_options]\npythonpath = 1\naddopts = "\'"\nDJANGO_SETTINGS_MODULE = []\nenv = {}\npython_files = 1\n',
        "[tool.setuptools.packages.find]\nwhere = ['.', '', '/', 1]\n",
    ],
)
def test_values_of_the_wrong_type_are_no_obstacle(tree, text):
    project = detected(tree({"pyproject.toml": text, "tests/test_x.py": ""}), "framework: django")
    assert project.framework == "django"
    assert project.python_version is None


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200_000,
        "-" * 200_000 + "1",
        "x = " + "[" * 100_000,
        "1+" * 100_000 + "1",
        "\0",
        "a" * 250_000,
    ],
)
def test_code_made_to_exhaust_the_parser_is_noted(tree, text):
    begun = time.monotonic()
    project = detected(tree({"setup.py": text}))
    assert project.framework == "none"
    assert time.monotonic() - begun < 60


def test_what_is_taken_from_files_is_safe_to_print(tree):
    files = {
        "pyproject.toml": '[dependency-groups]\n"a\\u001b[2J" = ["pytest"]\n',
        "tests/test_x.py": "",
        "a\x1b[31m/manage.py": MANAGE.format("x"),
        "b\udcff/manage.py": MANAGE.format("y"),
    }
    project = detected(tree(files))
    assert project.framework == "none"
    assert all(text.isprintable() for text in project.origins.values())
    assert detect.Project.model_validate_json(project.model_dump_json()) == project


# --- speed -------------------------------------------------------------------------------------


def test_a_large_tree_is_read_fast_and_only_where_needed(tree):
    files = {f"app{number // 50}/module{number}.py": "x = 1\n" for number in range(7_000)}
    files |= {f"app{number // 50}/tests/test_{number}.py": "" for number in range(3_000)}
    files |= {
        "manage.py": MANAGE.format("config.settings.dev"),
        "config/settings/dev.py": APPS,
        "requirements.txt": "django\n",
        "setup.cfg": "[flake8]\n",
    }
    large = tree(files)
    best = 9.0
    for _ in range(3):
        begun = time.perf_counter()
        project = detect.project(large, RepoConfig())
        best = min(best, time.perf_counter() - begun)
    assert project.framework == "django"
    assert best < 0.3
    assert set(large.read_paths) <= {
        "manage.py",
        "requirements.txt",
        "setup.cfg",
        "config/settings/dev.py",
    }


def test_a_tree_full_of_candidates_is_not_read_whole(tree):
    files = {}
    for number in range(3_000):
        files |= {
            f"a{number}/manage.py": "",
            f"a{number}/conftest.py": "",
            f"a{number}/tests/test_settings.py": APPS,
            f"a{number}/requirements.txt": "x",
        }
    large = tree(files)
    detect.project(large, RepoConfig())
    assert len(large.read_paths) < 200
