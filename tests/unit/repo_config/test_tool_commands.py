"""Where hooks, tox and CI run tools, what of it can be followed, and what is said where not."""

from __future__ import annotations

import time

import pytest

from repo_config import detect, load, tool_commands
from repo_config.project_files import Files
from repo_config.tool_options import Told

HOOKS = ".pre-commit-config.yaml"
CI = ".github/workflows/ci.yml"
SOURCES = {"src/shop/__init__.py": "", "tests/test_shop.py": "", "manage.py": ""}


def detected(files, text: str = "") -> detect.Project:
    return detect.project(files, load.from_text(text, ".github/mergewright.yml"))


def hook(name: str, more: str = "") -> str:
    return f"repos:\n- repo: https://example.org/x\n  hooks:\n  - id: {name}\n{more}"


def job(*lines: str, more: str = "", name: str = "lint") -> str:
    steps = "".join(f"          {line}\n" for line in lines)
    return f"jobs:\n  {name}:\n{more}    steps:\n      - run: |\n{steps}"


def tox(command: str, more: str = "") -> str:
    return f"[tox]\nenvlist = py311,lint\n[testenv:lint]\n{more}commands = {command}\n"


# --- what is followed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "check", "told", "origin"),
    [
        ({HOOKS: hook("black")}, "black", Told(), f"{HOOKS}: black"),
        (
            {HOOKS: hook("black", "    args: [--line-length=100, --quiet]\n")},
            "black", Told(args=("--line-length=100",)), f"{HOOKS}: black",
        ),
        (
            {HOOKS: hook("ruff", "    args: [--fix, --exit-non-zero-on-fix]\n")},
            "ruff check", Told(), f"{HOOKS}: ruff",
        ),
        ({HOOKS: hook("ruff-format")}, "ruff format", Told(), f"{HOOKS}: ruff-format"),
        ({HOOKS: hook("flake8", "    types: [python]\n")}, "flake8", Told(), f"{HOOKS}: flake8"),
        (
            {HOOKS: hook("mypy")},
            "mypy", Told(args=("--ignore-missing-imports", "--scripts-are-modules")),
            f"{HOOKS}: mypy",
        ),
        ({HOOKS: hook("mypy", "    args: []\n")}, "mypy", Told(), f"{HOOKS}: mypy"),
        ({HOOKS: hook("pyright")}, "pyright", Told(), f"{HOOKS}: pyright"),
        ({HOOKS: hook("basedpyright")}, "basedpyright", Told(), f"{HOOKS}: basedpyright"),
        (
            {HOOKS: hook("types", "    entry: poetry run pyright --warnings src\n")},
            "pyright", Told(args=("--warnings",), paths=("src",)), f"{HOOKS}: types",
        ),
        (
            {HOOKS: "x: &a [--line-length=99]\n" + hook("black", "    args: *a\n")},
            "black", Told(args=("--line-length=99",)), f"{HOOKS}: black",
        ),
        ({"tox.ini": tox("flake8")}, "flake8", Told(), "tox.ini [testenv:lint]"),
        (
            {"tox.ini": tox("flake8 -j 4 --max-line-length 99 {posargs:{toxinidir}/src tests}")},
            "flake8", Told(args=("--max-line-length", "99"), paths=("src", "tests")),
            "tox.ini [testenv:lint]",
        ),
        (
            {"tox.ini": tox("\n    pytest\n    lint: black --check -l100 .")},
            "black", Told(args=("-l100",)), "tox.ini [testenv:lint]",
        ),
        (
            {"tox.ini": tox("python -m isort --check-only --diff --profile black src")},
            "isort", Told(args=("--profile", "black"), paths=("src",)), "tox.ini [testenv:lint]",
        ),
        (
            {"tox.toml": "[env.lint]\ncommands = [['mypy', '--strict', 'src']]\n"},
            "mypy", Told(args=("--strict",), paths=("src",)), "tox.toml lint",
        ),
        (
            {"pyproject.toml": "[tool.tox.env_run_base]\ncommands = [['flake8', 'src']]\n"},
            "flake8", Told(paths=("src",)), "pyproject.toml [tool.tox] env_run_base",
        ),
        ({CI: job("pip install flake8", "flake8 .")}, "flake8", Told(), f"{CI} job lint"),
        (
            {CI: job("flake8 . --count --select=E9,F63 --show-source --statistics",
                     "flake8 . --count --exit-zero --max-line-length=127")},
            "flake8", Told(args=("--select=E9,F63",)), f"{CI} job lint",
        ),
        (
            {CI: job("npx pyright@1.1.400 -p src --level error 2>&1")},
            "pyright", Told(args=("-p", "src", "--level", "error")), f"{CI} job lint",
        ),
        (
            {CI: job("uv run --group lint ruff format --check && uvx ruff check src")},
            "ruff check", Told(paths=("src",)), f"{CI} job lint",
        ),
        ({CI: job("cd .", "A=1 black --check --diff .")}, "black", Told(), f"{CI} job lint"),
        (
            {CI: "jobs:\n  a:\n    steps:\n    - uses: psf/black@stable\n"},
            "black", Told(), f"{CI} job a",
        ),
        (
            {CI: "jobs:\n  a:\n    steps:\n    - uses: jakebailey/pyright-action@v2\n"
                 "      with: {version: 1.1.400}\n"},
            "pyright", Told(), f"{CI} job a",
        ),
        (
            {".gitlab-ci.yml": "lint:\n  script:\n  - basedpyright --threads 2 src\n"},
            "basedpyright", Told(paths=("src",)), ".gitlab-ci.yml job lint",
        ),
        ({CI: job("flake8 || exit 1 # x", "flake8 src")}, "flake8", Told(paths=("src",)),
         f"{CI} job lint"),
    ],
)  # fmt: skip
def test_a_tool_is_run_as_it_is_run_there(tree, files, check, told, origin):
    project = detected(tree({**SOURCES, **files}))
    assert project.told[check] == told
    tool = check.partition(" ")[0]
    assert tool in (*project.lint_tools, *project.type_tools)
    assert origin in {**project.origins}["type_tools" if "py" in tool else "lint_tools"]
    assert check not in project.not_run


# --- what is named only -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "check", "why"),
    [
        ({HOOKS: hook("black", "    exclude: ^docs/\n")}, "black", "it looks at some files only"),
        ({HOOKS: "exclude: ^docs/\n" + hook("flake8")}, "flake8", "it looks at some files only"),
        ({HOOKS: hook("ruff", "    stages: [manual]\n")}, "ruff check", "it looks at some files"),
        ({HOOKS: hook("mypy", "    types: [rst]\n")}, "mypy", "it looks at some files only"),
        ({"tox.ini": tox("black src")}, "black", "it mends, and objects to nothing"),
        ({"tox.ini": tox("ruff format src")}, "ruff format", "it mends, and objects to nothing"),
        ({"tox.ini": tox("isort .")}, "isort", "it mends, and objects to nothing"),
        ({"tox.ini": tox("- flake8")}, "flake8", "its result does not count"),
        ({"tox.ini": tox("flake8", "ignore_outcome = true\n")}, "flake8", "its result does not"),
        ({"tox.ini": tox("flake8", "changedir = docs\n")}, "flake8", "it runs in another folder"),
        ({"tox.ini": tox("flake8 {[base]paths}")}, "flake8", "it is told {[base]paths}, which only"),
        ({"tox.ini": tox("flake8 *.py")}, "flake8", "it is told *.py, which only a shell"),
        ({"tox.ini": tox("flake8 lib")}, "flake8", "there is no lib"),
        ({"tox.ini": tox("flake8 ../lib")}, "flake8", "there is no ../lib"),
        ({"tox.ini": tox("flake8 --made-up thing src")}, "flake8", "what --made-up takes is not"),
        ({CI: job("flake8 --exit-zero")}, "flake8", "--exit-zero makes it no check"),
        ({CI: job("flake8 || true")}, "flake8", "its result does not count"),
        ({CI: job("mypy src | tee log")}, "mypy", "its result does not count"),
        ({CI: job("set +e", "mypy src")}, "mypy", "its result does not count"),
        ({CI: job("cd backend && pyright")}, "pyright", "it runs in another folder"),
        ({CI: job("black --check $FILES")}, "black", "it is told $FILES, which only a shell"),
        ({CI: job("black --check ${{ matrix.x }}")}, "black", "it is told $OPEN, which only"),
        ({CI: job("pyright --verifytypes shop")}, "pyright", "--verifytypes makes it no check"),
        ({CI: job("flake8", more="    continue-on-error: true\n")}, "flake8", "its result does not"),
        (
            {CI: "jobs:\n  a:\n    steps:\n    - uses: psf/black@stable\n"
                 "      with: {options: --check, src: x}\n"},
            "black", "the action psf/black is told options, src",
        ),
        (
            {CI: "jobs:\n  a:\n    steps:\n    - run: pyright\n      working-directory: api\n"},
            "pyright", "it runs in another folder",
        ),
        (
            {".gitlab-ci.yml": "lint:\n  allow_failure: true\n  script: [flake8]\n"},
            "flake8", "its result does not count",
        ),
    ],
)  # fmt: skip
def test_what_is_only_named_is_told_with_the_reason(tree, files, check, why):
    project = detected(tree({**SOURCES, **files}))
    (origin,) = files
    assert (project.lint_tools, project.type_tools, project.told) == ((), (), {})
    assert project.not_run[check].startswith(origin)
    assert f" names it, and {why}" in project.not_run[check]


@pytest.mark.parametrize(
    "files",
    [
        {CI: job("pip install flake8 black mypy pyright")},
        {CI: job("echo run flake8", "# flake8", 'echo "; flake8"')},
        {CI: job("pytest --flake8")},
        {"tox.ini": "[testenv:lint]\ndeps = flake8\ncommands = pre-commit run\n"},
        {"tox.ini": "[other]\ncommands = flake8\n"},
        {HOOKS: hook("check-yaml") + "  - id: {a: black}\n  - black\n"},
        {HOOKS: ": not [yaml\n"},
        {CI: "jobs: [flake8]\n"},
        {CI: ": not [yaml\n"},
        {CI: "a: &a [*a]\n"},
        {"docs/ci.yml": job("flake8")},
        {".gitlab-ci.yml": "lint: [flake8]\nother:\n  script: {a: flake8}\n"},
    ],
)
def test_words_that_run_nothing_are_passed_over(tree, files):
    project = detected(tree({**SOURCES, **files}))
    assert (project.lint_tools, project.type_tools) == ((), ())
    assert (project.told, project.not_run) == ({}, {})


def test_of_several_places_the_first_that_can_be_followed_counts(tree):
    project = detected(
        tree(
            {
                **SOURCES,
                HOOKS: hook("flake8", "    files: ^src/\n"),
                "tox.ini": tox("flake8 $X"),
                CI: job("flake8 --max-complexity=9 src", "flake8 tests"),
            }
        )
    )
    assert project.told == {"flake8": Told(args=("--max-complexity=9",), paths=("src",))}
    assert project.not_run == {}


def test_what_files_of_the_tool_say_is_not_added_to(tree):
    files = {**SOURCES, ".flake8": "[flake8]\n", CI: job("flake8 --max-line-length=120 src")}
    project = detected(tree(files))
    assert (project.lint_tools, project.told) == (("flake8",), {})


def test_ruff_may_be_run_for_its_formatter_alone(tree):
    project = detected(tree({**SOURCES, CI: job("ruff format --check")}))
    assert project.lint_tools == ("ruff",)
    assert project.told == {"ruff format": Told()}
    assert project.not_run == {"ruff check": f"{CI} job lint runs `ruff format` alone"}
    both = detected(tree({**SOURCES, "ruff.toml": "", CI: job("ruff format --check")}))
    assert (both.told, both.not_run) == ({"ruff format": Told()}, {})
    asked = detected(
        tree({**SOURCES, CI: job("ruff format --check")}), "checks: {lint: [ruff, black]}"
    )
    assert (asked.lint_tools, asked.not_run) == (("ruff", "black"), {})


def test_a_tool_that_is_asked_for_takes_what_ci_tells_it(tree):
    files = {**SOURCES, "tox.ini": tox("flake8 --max-line-length=99 src")}
    asked = detected(tree(files), "checks: {lint: [flake8]}")
    assert asked.told == {"flake8": Told(args=("--max-line-length=99",), paths=("src",))}
    off = detected(tree(files), "checks: {lint: off}")
    assert (off.lint_tools, off.told) == ((), {})


def test_in_a_folder_of_a_repository_only_jobs_that_run_there_count(tree):
    files = {f"api/{path}": content for path, content in SOURCES.items()}
    files[CI] = (
        job("flake8 src")
        + "  api:\n    defaults: {run: {working-directory: ./api}}\n    steps:\n"
        + "    - run: black --check src\n    - uses: psf/black@stable\n"
    )
    project = detected(tree(files), "root: api")
    assert project.lint_tools == ("black",)
    assert project.told == {"black": Told(paths=("src",))}
    assert project.not_run == {}


def test_commands_that_grow_without_end_are_read_in_time(tree):
    started = time.process_time()
    for text in ("${{", "black --check (", "'", "a=1 ", "env ", "flake8 -- ", "python -m "):
        many = text * (100_000 // len(text))
        files = Files(tree({CI: job(many), "tox.ini": tox(many)}))
        assert len(tool_commands.found(files, files, "")) <= 200
    assert time.process_time() - started < 20
