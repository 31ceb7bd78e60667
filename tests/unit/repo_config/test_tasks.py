"""What CI calls by tasks and scripts counts as if it called that itself."""

import pytest

from repo_config import detect, load, tasks
from repo_config.project_files import ProjectFiles
from tests.unit.trees import DictTree

CI = "on: pull_request\njobs: {a: {name: Checks, steps: [%s]}}\n"


def find(call: str, **files: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the lines of the linters and type checkers, and the jobs that are not run."""
    tree = DictTree({
        ".github/workflows/ci.yml": CI % f"{{run: '{call}'}}",
        **{name.replace("__", "/").replace("_DOT_", "."): text for name, text in files.items()},
    })  # fmt: skip
    project = detect.detect_project(tree, load.from_text("", ".github/mergewright.yml"))
    assert not any(command.is_assumed for command in project.commands)
    return [command.line for command in project.commands], project.unrun.get("jobs of CI", ())


def test_tasks_of_make_are_read_with_those_that_they_need_and_variables_are_left_out() -> None:
    makefile = (
        "SOURCES := shop tests\n\nlint: types deps\n\t@uv run ruff check $(SOURCES)\n"
        "\truff format \\\n\t  --check $(SOURCES)\n\ndeps:\n\tpip install -e .\n\n"
        "types: lint\n\tmypy --strict src\n\nother:\n\tblack .\n"
    )
    lines = ["ruff check --no-fix .", "ruff format --check .", "mypy --strict src"]
    assert find("make lint", Makefile=makefile) == (lines, ())
    assert find("make other build", Makefile=makefile) == (["black . --check"], ())


def test_environments_of_tox_are_read_from_either_file() -> None:
    ini = "[testenv:lint]\ncommands =\n  flake8 {posargs:src}\n  docs-check\n[testenv:x]\n"
    assert find("python -m tox -e lint,x", tox_DOT_ini=ini) == (
        ["flake8 src"],
        ("Checks: python -m tox -e lint,x",),
    )
    native = "[tool.tox.env.types]\ncommands = [['mypy', 'src']]\n"
    call = "uv run --group dev --locked tox run -e types"
    assert find(call, pyproject_DOT_toml=native) == (["mypy src"], ())


def test_scripts_of_the_repository_are_read_and_what_calls_itself_ends() -> None:
    script = "#!/bin/sh -e\nset -x\n./scripts/check\njust --quiet fmt\n"
    justfile = (
        "default:\n    just --list\n\nfmt *args: types\n    isort --check .\ntypes:\n    mypy .\n"
    )
    lines, left = find("./scripts/check", scripts__check=script, justfile=justfile)
    assert lines == ["isort --check . --check-only", "mypy ."]
    assert left == ("Checks: ./scripts/check",)
    assert find("./scripts/check", scripts__check="#!/usr/bin/env python\nflake8\n")[0] == []


@pytest.mark.parametrize(
    ("call", "files", "lines"),
    [
        ("make", {"Makefile": ".PHONY: x\nall: lint\n\t$(MAKE) types\nlint:\n\tflake8\ntypes:\n\tmypy .\n"},
         ["flake8", "mypy ."]),
        ("make check", {"Makefile": "lint check: FOO = 1\nlint check:\n\tflake8\ncheck: ## types\n"},
         ["flake8"]),
        ("make -C docs lint", {"Makefile": "lint:\n\tflake8\n"}, []),
        ("just test", {"justfile": "test:\n    pytest\nlint path='.':\n    flake8\nx := '1'\n    isort .\n"}, []),
        ("just lint", {"justfile": "test:\n    pytest\nlint path='.':\n    flake8 && mypy .\n"},
         ["flake8", "mypy ."]),
        ("pip install flake8 && flake8", {}, ["flake8"]),
        ("cd docs && flake8", {}, []),
        ("./run.sh 1", {"run_DOT_sh": "#!/bin/sh\n./run.sh 1\n" * 200 + "flake8\ncd docs\nmypy .\n"}, ["flake8"]),
    ],
)  # fmt: skip
def test_lines_are_those_that_run_at_the_root(
    call: str, files: dict[str, str], lines: list[str]
) -> None:
    assert find(call, **files)[0] == lines


def test_tests_that_a_script_runs_are_those_of_the_job() -> None:
    tree = DictTree({
        ".github/workflows/ci.yml": CI % "{run: ./docs.py build}, {run: bash run.sh}",
        "run.sh": "#!/bin/bash\nset -e\ncoverage run -m pytest tests\ncoverage report\n",
    })  # fmt: skip
    files = ProjectFiles(tree)
    (job,) = tasks.list_testing_jobs(files)
    assert [suite.args for suite in tasks.list_suites(job, files)] == [("tests",)]
