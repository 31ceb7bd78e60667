"""Which changed files decide about the checks."""

from __future__ import annotations

import pytest

from agent.checks import rule_changes
from agent.models.change import Change, ChangedFile
from repo_config.detect import DjangoProject, Project

PROJECT = Project(
    framework="django", python_version=None, test_runner="django", test_script="bin/all_tests.py",
    type_tools=(), lint_tools=(),
    django=DjangoProject(
        settings_module="config.test_env", manage="backend/manage.py", python_path=("backend",)
    ),
)  # fmt: skip


def change(**files: tuple[str | None, str | None]) -> Change:
    changed = [
        ChangedFile(
            path=path,
            before=None if before is None else before.encode(),
            after=None if after is None else after.encode(),
        )
        for path, (before, after) in files.items()
    ]
    return Change(base_commit="0" * 40, files=tuple(changed))


@pytest.mark.parametrize(
    ("before", "after", "rules"),
    [
        ("[project]\nname='a'", "[project]\nname='b'", False),
        ("[tool.ruff]\nline-length=1", "[tool.ruff]\nline-length=2", True),
        ("[tool.ruff]\nline-length=1\n", "# words\n[tool.ruff]\nline-length = 1\n", False),
        ("[tool", "[tool.x", True),
    ],
)
def test_pyproject_rules_by_its_tool_tables(before: str, after: str, rules: bool) -> None:
    found = rule_changes.rule_files(change(**{"pyproject.toml": (before, after)}), PROJECT)
    assert bool(found) is rules
