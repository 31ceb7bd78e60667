"""Which versions of tools a project pins."""

from __future__ import annotations

import pytest

from repo_config import detect, tool_pins
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from tests.unit.trees import DictTree

HOOKS = """
repos:
- repo: https://github.com/PyCQA/flake8
  rev: 6.1.0
  hooks:
  - id: flake8
    additional_dependencies: [flake8-bugbear==23.1.1, "evil @ https://example.org/evil.whl", .]
- repo: https://github.com/pre-commit/mirrors-mypy
  rev: v1.5.1
  hooks:
  - id: mypy
    additional_dependencies: [types-requests]
- repo: https://github.com/psf/black
  rev: 1f6a4c0
  hooks: [{id: black}]
- repo: https://github.com/astral-sh/ruff-pre-commit
  rev: v0.4.4
  hooks: [{id: ruff-format}]
- repo: https://github.com/PyCQA/isort
  rev: c5e8fa75dda5f764d20f66a215d71c21cfa198e1  # frozen: 5.13.2
  hooks: [{id: isort}]
"""


@pytest.mark.parametrize(
    ("files", "pins"),
    [
        (
            {".pre-commit-config.yaml": HOOKS, "uv.lock": '[[package]]\nname = "ruff"\nversion = "0.9"\n'},
            {"flake8": ("flake8==6.1.0", "flake8-bugbear==23.1.1"), "mypy": ("mypy==1.5.1",),
             "ruff": ("ruff==0.4.4",), "isort": ("isort==5.13.2",)},
        ),
        (
            {"poetry.lock": '[[package]]\nname = "black"\nversion = "22.1.0"\n',
             "requirements-dev.txt": "isort==5.10.1\nflake8>=3\n"},
            {"black": ("black==22.1.0",), "isort": ("isort==5.10.1",)},
        ),
    ],
)  # fmt: skip
def test_the_first_place_that_pins_a_version_counts(
    files: dict[str, str], pins: dict[str, tuple[str, ...]]
) -> None:
    known = ProjectFiles(DictTree(files))
    assert tool_pins.find_pins(known, ("black", "flake8", "isort", "mypy", "ruff")) == pins


def test_a_hook_says_how_its_tool_is_run_and_what_cannot_be_followed_is_named() -> None:
    hooks = """
repos:
- repo: https://example.org/x
  hooks:
  - {id: black, args: [--line-length=100, --quiet]}
  - {id: mypy, files: ^src/}
  - {id: flake8, args: [--config, "$CONFIG"]}
  - {id: ruff, entry: ruff check src, pass_filenames: false}
"""
    found = detect.detect_project(DictTree({".pre-commit-config.yaml": hooks}), RepoConfig())
    assert [one.line for one in found.commands] == [
        "ruff check src --no-fix", "flake8 --config '$CONFIG'",
        "black --line-length=100 --quiet --check .",
    ]  # fmt: skip
    assert found.lint[2].options == ("--line-length=100", "--quiet")
    assert "some files only" in found.not_run["mypy"]
