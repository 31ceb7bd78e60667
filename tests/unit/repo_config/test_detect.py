"""What a project is, read from files like those of real projects."""

import pytest

from repo_config import detect, load
from repo_config.command_lines import CheckCommand
from repo_config.detect import DjangoProject
from repo_config.schema import RepoConfig

RUN_BY_PYTEST = "{tests: pytest}"


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


def tool(name: str, *words: str) -> CheckCommand:
    line = " ".join((name, *words))
    return CheckCommand(name=name, line=line, tool=name, words=words, is_assumed=True)


def detected(files, text: str = "") -> detect.Project:
    return detect.detect_project(files, load.from_text(text, ".github/mergewright.yml"))


def test_a_django_site_with_manage_py(tree):
    project = detected(
        tree(
            {
                "manage.py": MANAGE.format("config.settings.dev"),
                "config/__init__.py": "",
                "config/settings/__init__.py": "",
                "config/settings/dev.py": APPS,
                "shop/__init__.py": "",
                "docs/__init__.py": "",
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
        python_version="3.12",
        django=DjangoProject(
            settings_module="config.settings.dev", manage="manage.py", python_path=("",)
        ),
        test_runner="django",
        test_script="manage.py",
        types=(tool("mypy", "config", "shop"),),
        lint=(tool("flake8"), tool("black", "--check", ".")),
    )


def test_pytest_runs_the_tests_of_a_package_that_is_no_project_of_django(tree):
    pipfile = "[packages]\ndjango = '*'\n[dev-packages]\npytest = '*'\n"
    files = {"Pipfile": pipfile, "tests/test_x.py": TESTS, "x/wsgi.py": ""}
    assert detected(tree(files), "framework: django").test_runner == "pytest"
    script = "from django.conf import settings\nsettings.configure(INSTALLED_APPS=[])\n"
    files = {"Pipfile": pipfile, "x/tests_of_x.py": TESTS, "runtests.py": script}
    assert detected(tree(files)).test_runner == "django"


@pytest.mark.parametrize(
    ("files", "module"),
    [
        ({"tests/settings.py": APPS, "tests/x_settings.py": "", "x/manage.py": ""}, "tests.settings"),
        ({"tox.ini": "[pytest]\naddopts = -x --ds a.b\nDJANGO_SETTINGS_MODULE = c\n"}, "a.b"),
        ({"tox.ini": "[testenv]\nsetenv =\n  A = 1\n  DJANGO_SETTINGS_MODULE = tests.settings\n", "tests/settings.py": APPS, "tests/test_settings.py": APPS, "tests/app/manage.py": MANAGE.format("x.settings"), "tests/app/x/settings.py": ""}, "tests.settings"),
        ({"manage.py": "import django\nif test:\n  os.environ['DJANGO_SETTINGS_MODULE'] = 's.dev'\nelse:\n  os.environ.setdefault('DJANGO_SETTINGS_MODULE', 's.test')\n", "s/test.py": ""}, "s.test"),
    ],
)  # fmt: skip
def test_settings_are_found_where_projects_name_them(tree, files, module):
    project = detected(tree(files), "framework: django")
    assert project.django is not None
    assert project.django.settings_module == module


def test_modules_that_pytest_does_not_look_for_are_named_to_it(tree):
    files = {"app/x.py": "", "tests.py": TESTS, "docs/tests.py": TESTS}
    args = ("-o", "python_files=test_*.py *_test.py tests.py")
    assert detected(tree(files)).test_args == args
    for more in ({"x_test.py": TESTS}, {"pytest.ini": "[pytest]\npython_files = tests.py\n"}):
        assert detected(tree(files | more)).test_args == ()


PLAIN = {
    "manage.py": MANAGE.format("tests.settings"), "tests/settings.py": "", "tests/test_x.py": TESTS,
}  # fmt: skip


def test_the_manage_py_nearest_to_the_root_counts_and_templates_and_remains_do_not(tree):
    files = {
        "old/manage.py": MANAGE.format("gone.settings"),
        "web/settings.py": APPS,
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


def test_what_the_configuration_says_wins_over_everything(tree):
    files = {
        "manage.py": MANAGE.format("a.settings"), "pytest.ini": "[pytest]\n", "mypy.ini": "",
        "tests/test_x.py": TESTS, ".flake8": "", ".python-version": "3.9", "other/manage.py": "",
    }  # fmt: skip
    text = """
framework: django
python: {version: "3.13"}
django: {manage: other/manage.py, settings: z.settings}
checks: {tests: python go.py -v 2, types: off, lint: [black src, make lint, black tests, black src],
  extra: [{name: docs, run: "cd docs && make html"}]}
"""
    project = detected(tree(files), text)
    assert project.python_version == "3.13"
    assert project.django == DjangoProject(
        settings_module="z.settings", manage="other/manage.py", python_path=("other", "")
    )
    assert (project.test_runner, project.test_script) == ("django", "go.py")
    assert (project.tests, project.types) == (("python go.py -v 2",), ())
    assert [(one.name, one.tool) for one in (*project.lint, *project.extra)] == [
        ("black", "black"), ("make lint", ""), ("black tests", "black"), ("black src", "black"),
        ("docs", ""),
    ]  # fmt: skip


def test_tests_may_be_run_by_several_commands(tree):
    given = ["python manage.py test --exclude-tag isolate", "pytest api", "python run.py -v 2"]
    given += ["cd more && pytest -q", "cd more && python run.py"]
    files = {"app/manage.py": "", "app/run.py": "", "app/tests.py": ""}
    project = detected(tree(files), f"root: app\nchecks: {{tests: {given}}}")
    assert project.tests == tuple(given)
    assert [(suite.runner, suite.script) for suite in project.suites] == [
        ("django", "app/manage.py"), ("pytest", None), ("django", "app/run.py"), ("pytest", None),
        ("django", "app/more/run.py"),
    ]  # fmt: skip
    only = project.with_suite(project.suites[1])
    assert (only.test_runner, only.test_args, only.tests) == ("pytest", ("api",), ("pytest api",))
    below = project.with_suite(project.suites[3])
    assert (below.root, below.test_folder, below.tests) == ("app", "more", (given[3],))


def test_nothing_of_the_repository_is_run(tree, tmp_path):
    mark = tmp_path / "ran"
    code = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nimport django\n"
    names = (
        "manage.py setup.py conftest.py runtests.py tests/settings.py noxfile.py tests/test_x.py"
    )
    detected(tree(dict.fromkeys(names.split(), code)))
    assert not mark.exists()


def test_files_that_cannot_be_read_count_as_absent(tree):
    files = {
        "pyproject.toml": "[project\n", "setup.cfg": "no section\n", "tox.ini": "[a\nb",
        "setup.py": "print 'python 2'\n", "requirements.txt": b"\xff\xfe\x00flask\n",
        "Pipfile": "x" * 300_000, "manage.py": "django DJANGO_SETTINGS_MODULE (\n",
    }  # fmt: skip
    assert detected(tree(files)).framework == "django"


def test_the_order_of_settings_is_config_env_pytest_manage(tree):
    files = {
        "manage.py": MANAGE.format("by.manage"),
        "by/manage.py": "",
        "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = by.pytest\n",
    }
    whole = "django: {settings: by.config}\nenv: {DJANGO_SETTINGS_MODULE: by.env}"
    found = [detected(tree(files), text) for text in (whole, whole.partition("\n")[2], "")]
    found.append(detected(tree(files | {"pytest.ini": ""})))
    modules = [project.django and project.django.settings_module for project in found]
    assert modules == ["by.config", "by.env", "by.pytest", "by.manage"]


@pytest.mark.parametrize(
    ("more", "text", "told"),
    [
        ({}, "", False),
        ({"conftest.py": "settings.configure()\n"}, "", True),
        ({}, "env: {DJANGO_SETTINGS_MODULE: tests.settings}\n", True),
    ],
)
def test_pytest_is_told_of_settings_only_where_it_does_not_know_them(tree, more, text, told):
    project = detected(tree(PLAIN | more), f"framework: django\nchecks: {RUN_BY_PYTEST}\n{text}")
    django = project.django
    assert django is not None
    if "conftest.py" not in more:
        assert django.settings_module == "tests.settings"
    assert django.tests_know_settings is told


def test_a_tree_full_of_candidates_is_not_read_whole(tree):
    files = {"requirements.txt": "django\n", "setup.cfg": "[flake8]\n"}
    for number in range(1_000):
        files |= {
            f"a{number}/manage.py": "",
            f"a{number}/conftest.py": "",
            f"a{number}/tests/test_settings.py": APPS,
            f"a{number}/requirements.txt": "x",
        }
    large = tree(files)
    detect.detect_project(large, RepoConfig())
    assert len(large.reads) < 200
