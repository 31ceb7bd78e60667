"""Reading what tools say."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.checks import linters, mypy_types
from agent.checks.check import Site
from agent.checks.linters import BLACK, FLAKE8, RUFF_CHECK
from agent.checks.sealed import Secret
from agent.models.checks import CheckResult, Status
from agent.models.sandbox import SandboxLimits, SandboxResult
from repo_config.schema import RepoConfig
from tests.unit.checks.test_limits import ENVIRONMENT, PROJECT


@pytest.fixture
def site(tmp_path: Path) -> Site:
    packages = ("Django==5.2", "ruff==0.9", "typing_extensions==4.1")
    return Site(
        tree=tmp_path,
        environment=ENVIRONMENT.model_copy(update={"packages": packages, "python": "3.12.1"}),
        config=RepoConfig(),
        project=PROJECT.model_copy(update={"lint_tools": ("ruff", "black", "flake8")}),
        limits=SandboxLimits(),
    )


def judged(
    tool: linters.LintCheck, site: Site, secret: Secret, report: str | None, exit_code: int = 1,
    output: str = "",
) -> CheckResult:  # fmt: skip
    files = {} if report is None else {secret.report: report.encode()}
    result = SandboxResult(
        exit_code=exit_code, output=output, output_bytes=0, seconds=0.1, files=files
    )
    return tool.judge(site, secret, result)


FINDING = {
    "filename": "/work/a/b.py", "code": "F811", "location": {"row": 7, "column": 1},
    "message": "Redefinition of unused `x` from line 3",
}  # fmt: skip


def test_a_finding_is_named_without_the_lines_it_moves_with(site: Site) -> None:
    result = judged(RUFF_CHECK, site, Secret(), json.dumps([FINDING]))
    [item] = result.items
    assert item.item_id == "a/b.py: F811: Redefinition of unused `x` from line N"
    assert (item.place, result.status) == ("a/b.py:7", Status.FAILED)


@pytest.mark.parametrize(
    ("files", "exit_code", "shown"),
    [
        ([], 0, "no findings"),
        (["/work/a/b.py"], 0, "a/b.py: format: would be reformatted"),
        ([], 2, "some files: unreadable: cannot be parsed"),
    ],
)
def test_what_a_formatter_rewrites_or_cannot_read_is_found(
    site: Site, files: list[str], exit_code: int, shown: str
) -> None:
    result = judged(linters.RUFF_FORMAT, site, Secret(), json.dumps(files), exit_code)
    assert result.output == shown
    assert result.status is (Status.PASSED if shown == "no findings" else Status.FAILED)


@pytest.mark.parametrize(
    ("tool", "report", "exit_code", "status", "word"),
    [
        (RUFF_CHECK, "not json", 1, Status.UNVERIFIED, "no readable report"),
        (RUFF_CHECK, "[" * 100_000, 1, Status.UNVERIFIED, "no readable report"),
        (RUFF_CHECK, None, 2, Status.FAILED, "could not run (exit code 2)"),
        (RUFF_CHECK, "[]", 1, Status.FAILED, "could not run (exit code 1)"),
        (FLAKE8, "", 1, Status.FAILED, "could not run (exit code 1)"),
        (BLACK, "[]", 1, Status.FAILED, "could not run (exit code 1)"),
    ],
)
def test_silence_is_no_success(
    site: Site,
    tool: linters.LintCheck,
    report: str | None,
    exit_code: int,
    status: Status,
    word: str,
) -> None:
    result = judged(tool, site, Secret(), report, exit_code, "bad option")
    assert result.status is status
    assert word in result.reason


USAGE = """error: unexpected argument '--output-file' found

Usage: ruff check <FILES|--fix|--no-fix|--show-source|--diff|--watch>

For more information, try '--help'.
"""


def test_what_cannot_run_is_one_line_without_its_usage(site: Site) -> None:
    result = judged(RUFF_CHECK, site, Secret(), None, 2, USAGE)
    said = (
        "ruff check could not run (exit code 2): error: unexpected argument '--output-file' found"
    )
    assert (result.reason, result.output) == (said, said)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("0.0.215", ["--no-cache", "a.py", "--format=json"]),
        ("0.0.290", ["check", "--no-cache", "a.py", "--format=json"]),
        ("0.14.2", ["check", "--no-cache", "a.py", "--output-format=json"]),
    ],
)
def test_ruff_is_called_as_its_version_wants(
    tmp_path: Path, version: str, words: list[str]
) -> None:
    program, report = tmp_path / "ruff", tmp_path / "report"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo ruff {version}; exit; fi\n'
        'printf "%s\\n" "$@"; exit 1\n'
    )
    program.chmod(0o755)
    script = Path(linters.__file__).with_name("sandbox_scripts") / "mergewright_ruff.py"
    done = subprocess.run(
        [sys.executable, script, report, program, "check", "--no-cache", "a.py"], check=False
    )
    assert (done.returncode, report.read_text().split()) == (1, words)


def test_no_code_comes_in_by_the_variables_of_the_repository(site: Site) -> None:
    env = {"PYTHONPATH": "/work/early", "LD_PRELOAD": "/work/x.so", "PYTHONUTF8": "1"}
    site = replace(site, config=RepoConfig(env=env))
    for tool in (RUFF_CHECK, FLAKE8, BLACK):
        environ = tool.make_request(site, Secret()).environ
        assert not {"PYTHONPATH", "LD_PRELOAD"} & environ.keys()
        assert environ["PYTHONUTF8"] == "1"


def test_lines_of_mypy_are_read_in_both_forms() -> None:
    facts = {
        "file": "a.py", "line": 3, "column": 1, "message": "bad", "hint": None,
        "code": "misc", "severity": "error",
    }  # fmt: skip
    wanted = linters.Remark("a.py", "misc", "bad", 3)
    assert mypy_types.read_line(json.dumps(facts), json_lines=True) == wanted
    for line in ("a.py:3: error: bad  [misc]", "a.py:3:1: error: bad  [misc]"):
        assert mypy_types.read_line(line, json_lines=False) == wanted
    for line in ("", "{", "[]", "null", '{"file": 1}', "[" * 100_000, "printed by a plugin"):
        assert mypy_types.read_line(line, json_lines=True) is None
