"""Reading what tools say."""

import dataclasses
import json
from pathlib import Path

import pytest

from agent.checks.check import Site
from agent.checks.commands import ShellCheck, ToolCheck, make_check
from agent.checks.report import PATH as REPORT
from agent.models.checks import LintRun, Status
from agent.models.environment import Interpreter
from agent.models.record import replace
from agent.models.sandbox import SandboxLimits, SandboxResult
from repo_config.command_lines import read_command
from repo_config.schema import RepoConfig
from tests.unit.checks.test_limits import ENVIRONMENT
from tests.unit.trees import make_project


def check_of(line: str) -> ToolCheck:
    made = make_check(read_command(line))
    assert isinstance(made, ToolCheck)
    return made


RUFF_CHECK, RUFF_FORMAT = check_of("ruff check ."), check_of("ruff format --check .")
FLAKE8, BLACK, MYPY = check_of("flake8"), check_of("black --check ."), check_of("mypy src")
PYRIGHT = check_of("pyright")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    packages = ("Django==5.2", "ruff==0.9", "typing_extensions==4.1")
    python = Interpreter(version="3.12.1", path="/usr/bin/python3")
    return Site(
        tree=tmp_path,
        environment=replace(ENVIRONMENT, packages=packages, interpreter=python),
        config=RepoConfig(),
        project=make_project(),
        limits=SandboxLimits(),
    )


def judged(
    tool: ToolCheck, site: Site, report: str | None, exit_code: int = 1,
    output: str = "",
) -> LintRun:  # fmt: skip
    files = {} if report is None else {REPORT: report.encode()}
    result = SandboxResult(
        exit_code=exit_code, output=output, output_bytes=0, seconds=0.1, files=files
    )
    return tool.read_result(site, result)


FINDING = {
    "filename": "/work/a/b.py", "code": "F811", "location": {"row": 7, "column": 1},
    "message": "Redefinition of unused `x` from line 3",
}  # fmt: skip


def test_a_finding_is_named_without_the_lines_it_moves_with(site: Site) -> None:
    result = judged(RUFF_CHECK, site, json.dumps([FINDING]))
    [item] = result.items
    assert item.item_id == "a/b.py: F811: Redefinition of unused `x` from line N"
    assert (item.place, result.status) == ("a/b.py:7", Status.FAILED)


@pytest.mark.parametrize(
    ("tool", "printed", "exit_code", "found"),
    [
        (RUFF_FORMAT, "1 file already formatted\n", 0, []),
        (RUFF_FORMAT, "Would reformat: a/b.py\n1 file would be reformatted\n", 1,
         ["a/b.py: format: would be reformatted"]),
        (RUFF_FORMAT, "a/b.py:1:7: unformatted: File would be reformatted\n", 1,
         ["a/b.py: format: File would be reformatted"]),
        (RUFF_FORMAT, "error: Failed to parse a/b.py:1:5: Expected a name\n", 2,
         ["a/b.py: format: Expected a name"]),
        (BLACK, "would reformat /work/a/b.py\nOh no!\n1 file would be reformatted.\n", 1,
         ["a/b.py: format: would be reformatted"]),
        (BLACK, "\x1b[1merror: cannot format a/b.py: Cannot parse: 1:3\x1b[0m\n", 123,
         ["a/b.py: format: Cannot parse: 1:3"]),
        (check_of("isort -c ."), "ERROR: /work/a.py Imports are incorrectly sorted.\n", 1,
         ["a.py: format: Imports are incorrectly sorted."]),
        (FLAKE8, "./a.py:3:80: E501 line too long (84 > 79 characters)\n", 1,
         ["a.py: E501: line too long (N > 79 characters)"]),
        (MYPY, "a.py:3: error: bad  [misc]\na.py:3: note: see there\n", 1, ["a.py: misc: bad"]),
        (MYPY, "a.py:3:1: error: bad  [misc]\nprinted by a plugin\n", 1, ["a.py: misc: bad"]),
        (MYPY, "a.py:3: note: only that\n", 0, []),
    ],
)  # fmt: skip
def test_findings_are_read_from_what_tools_print(
    site: Site, tool: ToolCheck, printed: str, exit_code: int, found: list[str]
) -> None:
    result = judged(tool, site, printed, exit_code)
    assert [item.item_id for item in result.items] == found
    assert (result.status, result.reason) == (Status.FAILED if found else Status.PASSED, "")


def diagnose(*severities: str, files: int = 1) -> str:
    place = {"start": {"line": 6}}
    found = [
        {"file": "/work/a.py", "severity": severity, "message": f"{severity}\n  at all", "rule": "reportX",
         "range": place} for severity in severities
    ]  # fmt: skip
    return json.dumps({"generalDiagnostics": found, "summary": {"filesAnalyzed": files}})


@pytest.mark.parametrize(
    ("severities", "exit_code", "found"),
    [
        (("error", "warning"), 1, ["a.py: reportX: error at all"]),
        (("warning", "information"), 1, ["a.py: reportX: warning at all"]),
        (("warning",), 0, []),
    ],
)
def test_warnings_count_where_pyright_fails_by_them_alone(
    site: Site, severities: tuple[str, ...], exit_code: int, found: list[str]
) -> None:
    result = judged(PYRIGHT, site, diagnose(*severities), exit_code)
    assert [item.item_id for item in result.items] == found
    assert result.reason == ""


def test_pyright_has_its_settings_and_the_packages_of_the_environment_alone(site: Site) -> None:
    settings = '{"reportX": "error", "venv": ".venv"} // x'
    (site.tree / "pyrightconfig.json").write_text(settings)
    order = PYRIGHT.make_request(site)
    above, own = order.files
    assert ("--project", above.path) == order.argv[-3:-1]
    told = json.loads(above.content)
    assert (told["venv"], own.path.endswith(f"/{told['extends']}")) == ("env", True)
    assert own.content.endswith(settings[1:].encode())
    assert own.content.startswith(b'{"pythonVersion": "3.')


def test_any_other_command_says_by_its_exit_code_how_it_went(site: Site) -> None:
    docs = make_check(read_command("cd docs && make html", "docs"))
    assert isinstance(docs, ShellCheck)
    env = {"PYTHONPATH": "/work/early", "A": "b"}
    order = docs.make_request(dataclasses.replace(site, config=RepoConfig(env=env)))
    assert order.argv == ("/bin/bash", "-c", "cd docs && make html")
    # Behind what lends the tools.
    assert order.environ["PYTHONPATH"].split(":")[-1] == "/work/early"
    assert order.environ["A"] == "b"
    result = SandboxResult(exit_code=2, output="a\n====\nb: gone\n", output_bytes=0, seconds=0.1)
    red = docs.read_result(site, result)
    assert (red.name, red.status, red.reason) == (
        "docs", Status.FAILED, "exit code 2: a / b: gone",
    )  # fmt: skip
    green = docs.read_result(site, replace(result, exit_code=0))
    assert (green.status, green.reason) == (Status.PASSED, "")


@pytest.mark.parametrize(
    ("tool", "report", "exit_code", "word"),
    [
        (RUFF_CHECK, "not json", 1, "no readable report"),
        (RUFF_CHECK, "[" * 100_000, 1, "no readable report"),
        (RUFF_CHECK, "{}", 0, "no readable report"),
        (RUFF_CHECK, None, 2, "could not check the code (exit code 2)"),
        (RUFF_CHECK, "[]", 1, "could not check the code (exit code 1)"),
        (FLAKE8, "", 1, "could not check the code (exit code 1)"),
        (PYRIGHT, diagnose(files=0), 0, ""),
        (MYPY, "a.py: error: Source file found twice\n", 2, "Source file found twice"),
        (BLACK, "All done!", 1, "could not check the code (exit code 1)"),
    ],
)
def test_silence_is_no_success(
    site: Site, tool: ToolCheck, report: str | None, exit_code: int, word: str
) -> None:
    result = judged(tool, site, report, exit_code, "bad option")
    # What nobody can read is not stored for later runs.
    is_unread = word.startswith("no readable")
    assert result.status is (Status.UNVERIFIED if is_unread else Status.FAILED)
    assert word in result.reason


USAGE = """error: unexpected argument '--output-file' found

Usage: ruff check <FILES|--fix|--no-fix|--show-source|--diff|--watch>

For more information, try '--help'.
"""


def test_what_cannot_run_is_one_line_without_its_usage(site: Site) -> None:
    result = judged(RUFF_CHECK, site, None, 2, USAGE)
    assert result.reason.endswith("(exit code 2): error: unexpected argument '--output-file' found")


def test_options_that_change_the_report_are_left_out(site: Site) -> None:
    check = check_of("ruff check --output-format=github --select E -o out.txt .")
    assert check.make_request(site).argv[-4:] == ("check", "--select", "E", ".")


def test_no_code_comes_in_by_the_variables_of_the_repository(site: Site) -> None:
    env = {"PYTHONPATH": "/work/early", "LD_PRELOAD": "/work/x.so", "A": "b"}
    site = dataclasses.replace(site, config=RepoConfig(env=env))
    for tool in (RUFF_CHECK, FLAKE8, BLACK, MYPY):
        environ = tool.make_request(site).environ
        assert not {"PYTHONPATH", "LD_PRELOAD"} & environ.keys()
        assert environ["A"] == "b"
