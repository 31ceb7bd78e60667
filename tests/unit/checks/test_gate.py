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


@pytest.mark.parametrize(
    ("path", "before", "after", "left"),
    [
        (
            "pyproject.toml",
            '[project]\nname = "a"\n[tool.pytest.ini_options]\nmarkers = [\n  "slow",\n]\n',
            '[tool.pytest]\nx = 1\n[project]\nname = "b"\n[[tool.mypy.overrides]]\nmodule = "c"\n',
            '[project]\nname = "b"\n[tool.pytest.ini_options]\nmarkers = [\n  "slow",\n]\n',
        ),
        (
            "setup.cfg",
            "[tool:pytest]\naddopts = -q\n",
            "[tool:pytest]\naddopts = -x\n[options]\ninstall_requires =\n    b\n",
            "[options]\ninstall_requires =\n    b\n[tool:pytest]\naddopts = -q\n",
        ),
        ("pyproject.toml", "[tool.ruff]\na = 1\n", "[tool.ruff]\na = 2\n", None),
        # A table that cannot be put back alone goes back with its file.
        ("pyproject.toml", "[tool.ruff]\na = 1\n", "tool.ruff.a = 2\nb = 1\n", None),
    ],
)
def test_of_a_file_that_rules_only_the_rules_are_those_of_base(
    path: str, before: str, after: str, left: str | None
) -> None:
    found = change(**{path: (before, after)})
    ruled = rule_changes.under_rules_of_base(found, rule_changes.rule_files(found, PROJECT))
    assert [file.after for file in ruled.files] == ([] if left is None else [left.encode()])
