"""The readiness of a repository: a gap, what is ready, what is unknown, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.contract import measured, readiness
from agent.contract.facts import Evidence
from agent.domain import CheckItem, CheckResult, Status

CI = ".github/workflows/ci.yml"
TESTED = "jobs: {test: {strategy: {matrix: {python: ['3.11']}}, steps: [{run: pytest}]}}\n"
TEST = {"tests/test_x.py": "def test_x():\n    pass\n"}
HTTP = {"app/a.py": "import httpx\n", "app/b.py": "import httpx\n"}


@pytest.mark.parametrize(
    ("name", "state", "severity", "files"),
    [
        ("tests", "gap", "high", {"app/x.py": ""}),
        ("flaky tests", "gap", "medium", {"requirements.txt": "pytest-rerunfailures\n"}),
        ("one HTTP client", "gap", "medium", HTTP | {"app/[x](y)|`@z`.py": "import requests\n"}),
        ("tests in CI", "ready", None, {CI: TESTED}),
        ("one HTTP client", "ready", None, HTTP | {"tests/test_x.py": "import requests\n"}),
        ("test run time", "unknown", None, {CI: TESTED}),
    ],
)
def test_each_aspect_is_a_gap_with_a_ticket_or_ready_or_unknown(tree, name, state, severity, files):
    found = readiness.of(Evidence(tree(files)))
    one = next(one for one in found if one.name == name)
    assert (one.state, one.severity, one.ticket is not None) == (state, severity, state == "gap")
    rows = [line for line in readiness.markdown(found).splitlines() if line.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {4}, "something ended a cell"


def test_two_runs_take_the_place_of_what_files_do_not_tell(tree):
    green, red = (
        CheckResult(
            name="tests", status=status, seconds=5.0,
            items=(CheckItem(item_id="a", outcome=how), CheckItem(item_id="b", outcome="passed")),
        )
        for status, how in ((Status.PASSED, "passed"), (Status.FAILED, "failed"))
    )  # fmt: skip
    assert {one.name: one.state for one in measured.told_by_runs(green, green)} == {
        "tests in a room": "ready", "test run time": "ready", "flaky tests": "unknown",
    }  # fmt: skip
    found = {one.name: one for one in readiness.of(Evidence(tree(TEST)), (green, red))}
    assert (found["flaky tests"].severity, found["flaky tests"].places) == ("medium", ("a",))
    assert found["tests in a room"].severity == "medium"


def test_the_command_ends_well_with_gaps(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    run = CliRunner()
    result = run.invoke(app, ["readiness", "--repo", str(tmp_path), "--json"])
    assert (result.exit_code, json.loads(result.output)[0]["severity"]) == (0, "high")
    assert run.invoke(app, ["readiness", "--repo", str(tmp_path / "no")]).exit_code == 2
