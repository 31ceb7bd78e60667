"""Which tools check a project, and in which versions."""

from repo_config import detect
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
  rev: c235f5e450b4b84e58d114ed4c589cbf454175a3  # frozen: 5.13.2
  hooks: [{id: isort}]
"""


def test_hooks_pin_the_versions_of_their_tools() -> None:
    found = detect.detect_project(DictTree({".pre-commit-config.yaml": HOOKS}), RepoConfig())
    assert found.tool_pins == {
        "flake8": ("flake8==6.1.0", "flake8-bugbear==23.1.1"),
        "mypy": ("mypy==1.5.1", "types-requests"), "ruff": ("ruff==0.4.4",), "isort": ("isort==5.13.2",),
    }  # fmt: skip


def test_versions_that_tools_require_and_calls_of_ci_count_where_no_hook_says_more() -> None:
    files = {
        "pyproject.toml": "[tool.ruff]\nrequired-version = '==0.9.10'\n"
        "[tool.black]\nrequired-version = '24'\n",
        ".github/workflows/ci.yml": "on: pull_request\njobs: {a: {steps: ["
        "{run: mypy --strict src}, {run: ruff check --fix .}, {run: 'cd docs && flake8'}]}}\n",
    }
    found = detect.detect_project(DictTree(files), RepoConfig())
    assert found.tool_pins == {"ruff": ("ruff==0.9.10",), "black": ("black==24.*",)}
    assert [command.line for command in found.commands] == [
        "ruff check . --no-fix", "black --check .", "mypy --strict src",
    ]  # fmt: skip
    assert [command.tool for command in found.commands if command.is_assumed] == ["black"]
    found = detect.detect_project(
        DictTree({**files, ".pre-commit-config.yaml": HOOKS}), RepoConfig()
    )
    assert found.tool_pins["ruff"] == ("ruff==0.4.4",)


def test_a_hook_for_all_of_the_project_says_how_its_tool_is_run() -> None:
    hooks = """
repos:
- repo: https://example.org/x
  hooks:
  - {id: black, args: [--line-length=100, --quiet]}
  - {id: mypy, stages: [manual], args: [--strict]}
  - {id: flake8, args: [--config, "$CONFIG"]}
"""
    found = detect.detect_project(DictTree({".pre-commit-config.yaml": hooks}), RepoConfig())
    assert [command.line for command in found.commands] == [
        "flake8 --config '$CONFIG'", "black --line-length=100 --quiet --check .", "mypy --strict .",
    ]  # fmt: skip
    assert found.lint[1].options == ("--line-length=100", "--quiet")


def test_each_hook_of_a_tool_is_a_check() -> None:
    hooks = """
repos:
- repo: https://example.org/x
  hooks:
  - {id: ruff, args: [--fix]}
  - {id: ruff, name: Ruff isort, args: [--select, I]}
  - {id: mypy, pass_filenames: false, args: [shop], files: ^shop/}
"""
    found = detect.detect_project(DictTree({".pre-commit-config.yaml": hooks}), RepoConfig())
    assert [(command.name, command.line) for command in found.commands] == [
        ("ruff check", "ruff check --no-fix ."),
        ("ruff check --select I --no-fix .", "ruff check --select I --no-fix ."),
        ("mypy", "mypy shop"),
    ]


def test_a_hook_with_an_entry_is_what_this_calls() -> None:
    hooks = """
repos:
- repo: local
  hooks:
  - {id: black, entry: poetry run black --fast, language: system, types: [python], exclude: ^docs/}
  - {id: style, entry: python -m flake8 --config .flake8, args: [--statistics]}
  - {id: mypy, entry: uv run mypy src, pass_filenames: false}
  - {id: isort, entry: make sorted}
"""
    found = detect.detect_project(DictTree({".pre-commit-config.yaml": hooks}), RepoConfig())
    assert [command.line for command in found.commands] == [
        "flake8 --config .flake8 --statistics", "black --fast --check .", "mypy src",
    ]  # fmt: skip


def test_the_hooks_of_a_repository_count_for_a_project_in_its_folder() -> None:
    hooks = """
repos:
- repo: https://example.org/ruff
  rev: v0.15.12
  hooks: [{id: ruff, args: [--config=api/x.toml]}, {id: codespell}]
"""
    files = {".pre-commit-config.yaml": hooks, "api/shop.py": ""}
    found = detect.detect_project(DictTree(files), RepoConfig(root="api"))
    assert [command.line for command in found.commands] == ["ruff check --no-fix ."]
    assert found.tool_pins == {"ruff": ("ruff==0.15.12",)}
    assert found.unrun == {"pre-commit hooks": ("codespell",)}


def test_a_package_that_mypy_is_told_to_leave_out_is_no_target_of_it() -> None:
    files = {
        "pyproject.toml": "[tool.mypy]\nexclude = ['^config/', 'migrations']\n",
        **dict.fromkeys(("shop/__init__.py", "config/__init__.py", "shop/a.py"), ""),
    }
    [mypy] = detect.detect_project(DictTree(files), RepoConfig()).types
    assert mypy.line == "mypy shop"
