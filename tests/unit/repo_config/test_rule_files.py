"""Which files decide about the checks: one answer for the checks and for the reviewer."""

import pytest

from agent.models.change import Change, ChangedFile
from agent.policy import gate_files
from agent.policy.change_context import ChangeContext
from repo_config import command_lines, rule_files
from repo_config.detect import DjangoProject, Project
from repo_config.schema import RepoConfig
from tests.unit.trees import DictTree

PROJECT = Project(
    framework="django",
    python_version="3.11",
    django=DjangoProject(
        settings_module="site.conf", manage="backend/start.py", python_path=("backend", "")
    ),
    test_runner="django",
    test_script="tests/run.py",
    more_tests=(command_lines.SuiteCommand("django", "more/run.py"),),
)
DECIDE = [
    "shop/tests/conftest.py", "tox.ini", "Manage.py", "a/usercustomize.py", "x.pth", "tests/run.py",
    "more/run.py", "backend/site/conf.py", "src/site/conf/__init__.py", "pyrightconfig.json",
]  # fmt: skip
DO_NOT = [
    "shop/tests/test_a.py", "shop/pytest/x.py", "shop/conf.py", "shop/typings/x.py",
    "shop/templates/settings/profile.html", "docs/settings/index.md", "shop/settings.html",
]  # fmt: skip


def change(path: str, before: bytes = b"a = 1\n", after: bytes = b"a = 2\n") -> Change:
    file = ChangedFile(path=path, before=before, after=after)
    return Change(base_commit="0" * 40, files=(file,))


@pytest.mark.parametrize("path", DECIDE)
def test_a_file_that_decides_is_held_back_by_the_checks_and_told_to_the_reviewer(path):
    why = rule_files.explain_file(path, PROJECT)
    assert why
    [told] = gate_files.check_change(
        ChangeContext(change(path), RepoConfig(), PROJECT, DictTree({}))
    )
    assert f", and {why}" in told.message


@pytest.mark.parametrize("path", DO_NOT)
def test_any_other_file_is_neither(path):
    assert rule_files.explain_file(path, PROJECT) is None
    assert (
        list(
            gate_files.check_change(
                ChangeContext(change(path), RepoConfig(), PROJECT, DictTree({}))
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("before", "after", "rules"),
    [
        (b"[project]\nname='a'", b"[project]\nname='b'", False),
        (b"[tool.ruff]\nline-length=1", b"[tool.ruff]\nline-length=2", True),
        (b"[tool.ruff]\nline-length=1\n", b"# words\n[tool.ruff]\nline-length = 1\n", False),
        (b"[tool", b"[tool.x", True),
    ],
)
def test_pyproject_decides_by_its_tool_tables(before: bytes, after: bytes, rules: bool) -> None:
    assert (rule_files.list_read_by_tools("pyproject.toml", before, after) != ()) is rules


@pytest.mark.parametrize(
    ("tables", "installs"),
    [
        ("[tool.coverage.run]\nbranch = true\n", False),
        ("[tool.towncrier]\nname = 'shop'\n", False),
        ("[tool.hatch.version]\npath = 'shop.py'\n", True),
        ("[tool.uv]\nexclude-newer = '2026-01-01'\n", True),
        ("[project]\nname = 'shop'\n", True),
    ],
)
def test_a_lock_or_a_build_reads_tables_of_its_own_tools_alone(tables, installs):
    before = '[build-system]\nrequires = ["hatchling"]\n'
    both = before.encode(), (before + tables).encode()
    assert rule_files.changes_installation("pyproject.toml", *both) is installs
