"""A project in a folder of a repository: what is named relative to it, and what is not."""

import pytest

from repo_config import detect, load, rule_files
from tests.unit.trees import DictTree

MANAGE = (
    'import os, sys\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n'
    "from django.core.management import execute_from_command_line\n"
    "execute_from_command_line(sys.argv)\n"
)
FILES = {
    "pyproject.toml": "[tool.black]\n[tool.mypy]\n",
    "pytest.ini": "[pytest]\n",
    "tests/test_all.py": "def test_all(): pass\n",
    "api/pyproject.toml": "[tool.ruff]\n[project]\nrequires-python = '>=3.10'\n",
    "api/requirements.txt": "django\n",
    "api/src/manage.py": MANAGE,
    "api/src/config/__init__.py": "",
    "api/src/config/settings.py": "INSTALLED_APPS = ['shop']\n",
    "api/src/shop/tests.py": "from django.test import TestCase\n",
    "api/runtests.py": "",
}


TREE = DictTree(FILES)


def detected(text: str) -> detect.Project:
    return detect.detect_project(TREE, load.from_text(text, ".github/mergewright.yml", TREE))


def test_only_the_folder_counts_and_its_paths_are_those_of_the_repository():
    project = detected("root: api")
    assert project.root == "api"
    assert project.python_version == "3.10"
    assert [command.line for command in project.commands] == ["ruff check --no-fix ."]
    assert (project.test_runner, project.test_script) == ("django", "api/runtests.py")
    assert project.django is not None
    assert project.django.manage == "api/src/manage.py"
    assert project.django.python_path == ("api/src", "api")


@pytest.mark.parametrize("written", ["apii", "pyproject.toml", "../api", "/api"])
def test_a_folder_that_is_not_there_or_outside_is_refused(written):
    with pytest.raises(load.ConfigProblem, match="root: "):
        detected(f"root: {written}")


def test_files_that_decide_are_known_by_the_paths_of_the_repository():
    project = detected("root: api")
    assert rule_files.explain_file("api/src/config/settings.py", project)
    assert rule_files.explain_file("api/src/manage.py", project)
