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
             "tox.ini": "[testenv:lint]\ndeps =\n    isort==5.10.1\n    flake8>=3\n"},
            {"black": ("black==22.1.0",), "isort": ("isort==5.10.1",)},
        ),
    ],
)  # fmt: skip
def test_the_first_place_that_pins_a_version_counts(
    files: dict[str, str], pins: dict[str, tuple[str, ...]]
) -> None:
    known = ProjectFiles(DictTree(files))
    assert tool_pins.find_pins(known, ("black", "flake8", "isort", "mypy", "ruff"), ()) == pins


CI = """
jobs:
  tests: {steps: [{run: pip install pytest-cov}, {run: python -m pytest}]}
  other:
    steps:
    - run: pip install mypy types-requests "django-stubs>=5" -r requirements.txt
    - run: |
        python -m mypy src
  style: {steps: [{run: pip install flake8 black}, {run: make lint}]}
"""
TOX = "[testenv]\ndeps = six\n[testenv:lint]\ndeps =\n  flake8\n  flake8-bugbear\n  -rx.txt\ncommands = flake8 src\n"


def test_what_a_job_installs_beside_a_tool_that_it_runs_comes_with_it() -> None:
    tree = DictTree(
        {
            ".github/workflows/a.yml": CI,
            "tox.ini": TOX,
            "Makefile": "lint:\n\tflake8 src\n\tblack .\n",
            "src/a.py": "",
        }
    )
    pins = detect.detect_project(tree, RepoConfig()).tool_pins
    assert pins == {
        "mypy": ("mypy", "types-requests", "django-stubs>=5"),
        "flake8": ("flake8", "flake8-bugbear"),
    }
    hooks = {".pre-commit-config.yaml": HOOKS, "tox.ini": TOX, "src/a.py": ""}
    pins = detect.detect_project(DictTree(hooks), RepoConfig()).tool_pins
    assert pins["flake8"] == ("flake8==6.1.0", "flake8-bugbear==23.1.1")
