"""Where hooks, tox and CI run tools, what of it can be followed, and what is said where not."""

from __future__ import annotations

import time

import pytest

from agent.checks.linters import ALL
from repo_config import checking_tools, detect, load
from repo_config.known_tools import LINTERS, TOOLS
from repo_config.project_files import ProjectFiles
from repo_config.schema import ChecksSection
from repo_config.tool_options import ToolOptions

HOOKS = ".pre-commit-config.yaml"
CI = ".github/workflows/ci.yml"
SOURCES = {"src/shop/__init__.py": "", "tests/test_shop.py": "", "manage.py": ""}


def detected(files, text: str = "") -> detect.Project:
    return detect.detect_project(files, load.from_text(text, ".github/mergewright.yml"))


def hook(name: str, more: str = "") -> str:
    return f"repos:\n- repo: https://example.org/x\n  hooks:\n  - id: {name}\n{more}"


def job(*lines: str, more: str = "", name: str = "lint") -> str:
    steps = "".join(f"          {line}\n" for line in lines)
    return f"jobs:\n  {name}:\n{more}    steps:\n      - run: |\n{steps}"


def tox(command: str, more: str = "") -> str:
    return f"[tox]\nenvlist = py311,lint\n[testenv:lint]\n{more}commands = {command}\n"


@pytest.mark.parametrize(
    ("files", "check", "told", "origin"),
    [
        (
            {HOOKS: hook("black", "    args: [--line-length=100, --quiet]\n")},
            "black", ToolOptions(args=("--line-length=100", "--quiet")), f"{HOOKS}: black",
        ),
        (
            {"tox.ini": tox("flake8 -j 4 --max-line-length 99 {posargs:{toxinidir}/src tests}")},
            "flake8", ToolOptions(args=("-j", "4", "--max-line-length", "99"), paths=("src", "tests")),
            "tox.ini [testenv:lint]",
        ),
        (
            {CI: job("flake8 . --count --select=E9,F63 --show-source --statistics",
                     "flake8 . --count --exit-zero --max-line-length=127")},
            "flake8",
            ToolOptions(args=("--count", "--select=E9,F63", "--show-source", "--statistics")),
            f"{CI} job lint",
        ),
    ],
)  # fmt: skip
def test_a_tool_is_run_as_it_is_run_there(tree, files, check, told, origin):
    project = detected(tree({**SOURCES, **files}))
    assert project.tool_options[check] == told
    tool = check.partition(" ")[0]
    assert tool in (*project.lint_tools, *project.type_tools)
    assert origin in {**project.origins}["type_tools" if "py" in tool else "lint_tools"]
    assert check not in project.not_run


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {
                CI: job("make lint docs"),
                "Makefile": "PY ?= .venv/bin/python3\nCODE := src tests\n.PHONY: lint\nlint: style ## all\nstyle:\n"
                            "\t@$(PY) -m flake8 $(CODE) $(PY_ARGS)\\\n\t  --select E9\nother:\n\tblack .\n",
            },
            {"flake8": ToolOptions(args=("--select", "E9"), paths=("src", "tests"))},
        ),
        (
            {
                CI: job("just check"),
                "justfile": "code := 'src'\ncheck *args:\n    black --check {{ code }}\n",
            },
            {"black": ToolOptions(paths=("src",))},
        ),
        (
            {CI: job("bash -e scripts/lint.sh"), "scripts/lint.sh": "set -x\nruff check src\n"},
            {"ruff check": ToolOptions(paths=("src",))},
        ),
        (
            {
                CI: job("nox -s lint"),
                "noxfile.py": "@nox.session\ndef lint(session):\n    args = 'src'\n"
                              "    session.run('flake8', 'src', *session.posargs)\n"
                              "    session.run('black', '--check', args)\n"
                              "@nox.session\ndef types(session):\n    session.run('mypy')\n",
            },
            {"flake8": ToolOptions(paths=("src",))},
        ),
        (
            {
                CI: job("uv run poe all", "pdm run types", "hatch run dev:style"),
                "pyproject.toml": "[tool.poe.tasks]\nall = ['lint']\n"
                                  "lint = {help = 'black all', cmd = 'flake8 src'}\n"
                                  "[tool.pdm.scripts]\ntypes = {cmd = ['mypy', 'src']}\n"
                                  "[tool.hatch.envs.dev.scripts]\nstyle = 'black --check src'\n",
            },
            dict.fromkeys(("flake8", "mypy", "black"), ToolOptions(paths=("src",))),
        ),
    ],
)  # fmt: skip
def test_what_ci_calls_is_followed(tree, files, told):
    assert detected(tree({**SOURCES, **files})).tool_options == told


@pytest.mark.parametrize(
    ("files", "check", "why"),
    [
        ({HOOKS: hook("black", "    exclude: ^docs/\n")}, "black", "it looks at some files only"),
        ({"tox.ini": tox("black src")}, "black", "it fixes files, and objects to nothing"),
        ({CI: job("flake8 --exit-zero")}, "flake8", "--exit-zero makes it no check"),
    ],
)  # fmt: skip
def test_what_is_only_named_is_told_with_the_reason(tree, files, check, why):
    project = detected(tree({**SOURCES, **files}))
    (origin,) = files
    assert (project.lint_tools, project.type_tools, project.tool_options) == ((), (), {})
    assert project.not_run[check].startswith(origin)
    assert f" names it, and {why}" in project.not_run[check]


def test_in_a_folder_of_a_repository_only_jobs_that_run_there_count(tree):
    files = {f"api/{path}": content for path, content in SOURCES.items()}
    files[CI] = (
        job("flake8 src")
        + "  api:\n    defaults: {run: {working-directory: ./api}}\n    steps:\n"
        + "    - run: black --check src\n    - uses: psf/black@stable\n"
    )
    project = detected(tree(files), "root: api")
    assert project.lint_tools == ("black",)
    assert project.tool_options == {"black": ToolOptions(paths=("src",))}
    assert project.not_run == {}


def test_commands_that_grow_without_end_are_read_in_time(tree):
    started = time.process_time()
    for text in ("${{", "black --check (", "'", "a=1 ", "env ", "flake8 -- ", "python -m "):
        many = text * (100_000 // len(text))
        files = ProjectFiles(tree({CI: job(many), "tox.ini": tox(many)}))
        assert len(checking_tools.find_commands(files)) <= 200
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("line", "shares"),
    [
        ("python -m pytest --numprocesses=4 tests", True),
        ("pytest -n0 tests", False),
    ],
)
def test_tests_are_shared_among_processes_where_ci_does_so(tree, line, shares):
    files = {**SOURCES, CI: job(line), "Makefile": "test:\n\tpytest -nauto\n", "test_a.py": ""}
    assert detected(tree(files)).tests_in_parallel is shares


def test_the_python_of_tox_is_one(tree):
    files = {**SOURCES, "tox.ini": tox("{envpython} -m pytest -n 4 {posargs}"), "test_a.py": ""}
    assert detected(tree(files)).tests_in_parallel


def test_schema_and_checks_have_the_tools_of_the_table():
    schema = ChecksSection.model_json_schema()
    types = schema["$defs"]["TypeCheckSection"]["properties"]["tool"]["anyOf"]
    assert schema["properties"]["lint"]["anyOf"][1]["items"]["enum"] == [*LINTERS]
    typed = {check for check, tool in TOOLS.items() if tool.checks_types}
    assert {*types[0]["enum"]} - {"auto", "off"} == {*types[1]["items"]["enum"]} == typed
    assert [one.name for one in ALL] == [check for check in TOOLS if check not in typed]
