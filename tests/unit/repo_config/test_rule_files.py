"""Which files decide about the checks: one answer for the checks and for the reviewer."""

from __future__ import annotations

import pytest

from agent.checks import gate
from agent.domain import Change, ChangedFile
from agent.policy.content import gate_files
from agent.policy.proposal import Proposal
from repo_config import rule_files
from repo_config.detect import DjangoProject, Project
from repo_config.schema import RepoConfig

PROJECT = Project(
    framework="django",
    python_version="3.11",
    django=DjangoProject(
        settings_module="site.conf", manage="backend/start.py", python_path=("backend", "")
    ),
    test_runner="django",
    test_script="tests/run.py",
    type_tools=("pyright",),
    type_settings=("pyrightconfig.json", "ci/strict.json"),
    type_stubs="typings",
    lint_tools=(),
)
DECIDE = [
    "conftest.py", "shop/tests/conftest.py", "pytest.ini", ".pytest.toml", "tox.ini", "tox.toml",
    "mypy.ini", ".mypy.ini", "ruff.toml", ".flake8", ".coveragerc", "Manage.py", "runtests.py",
    "sitecustomize.py", "a/usercustomize.py", "lib/x.pth", "pytest.py", "mypy/__init__.py",
    "django/db.py", "tests/run.py", "backend/start.py", "backend/site/conf.py", "site/conf.py",
    "src/site/conf/__init__.py", "shop/test_settings.py", "shop/settings/dev.py",
    "pyrightconfig.json", "ci/strict.json", ".basedpyright/baseline.json",
    "typings/requests/__init__.pyi",
]  # fmt: skip
DO_NOT = [
    "shop/models.py", "shop/tests/test_a.py", "README.md", "shop/pytest/x.py", "conftest.txt",
    "shop/conf.py", "run.py", "mysettings_py.txt", "ci/other.json", "shop/baseline.json",
    "shop/typings/x.py",
]  # fmt: skip


class NoTree:
    def paths(self) -> tuple[str, ...]:
        return ()

    def read(self, path: str) -> bytes:
        raise KeyError(path)


def change(path: str) -> Change:
    file = ChangedFile(path=path, before=b"a = 1\n", after=b"a = 2\n")
    return Change(base_commit="0" * 40, files=(file,))


@pytest.mark.parametrize("path", DECIDE)
def test_a_file_that_decides_is_held_back_by_the_checks_and_told_to_the_reviewer(path):
    why = rule_files.reason(path, PROJECT)
    assert why
    assert gate.rule_files(change(path), PROJECT) == {path}
    [told] = gate_files.check(Proposal(change(path), RepoConfig(), PROJECT, NoTree()))
    assert f", and {why}" in told.message


@pytest.mark.parametrize("path", DO_NOT)
def test_any_other_file_is_neither(path):
    assert rule_files.reason(path, PROJECT) is None
    assert gate.rule_files(change(path), PROJECT) == frozenset()
    assert list(gate_files.check(Proposal(change(path), RepoConfig(), PROJECT, NoTree()))) == []


@pytest.mark.parametrize("path", ["requirements.txt", "setup.py", ".github/x.yml", "Makefile"])
def test_what_only_installs_or_is_ci_is_told_and_holds_no_check_back(path):
    assert gate.rule_files(change(path), PROJECT) == frozenset()
    assert len(list(gate_files.check(Proposal(change(path), RepoConfig(), PROJECT, NoTree())))) == 1


def test_stubs_and_known_errors_matter_where_pyright_is_run():
    plain = PROJECT.model_copy(update={"type_tools": (), "type_settings": (), "type_stubs": None})
    assert rule_files.reason(".basedpyright/baseline.json", plain) is None
    assert rule_files.reason("typings/requests/__init__.pyi", plain) is None


def test_settings_are_looked_for_in_django_projects_alone():
    plain = PROJECT.model_copy(update={"django": None})
    assert rule_files.reason("shop/settings.py", plain) is None
