"""What a person and a program are shown of the checks."""

from __future__ import annotations

import io

from rich.console import Console

from agent.cli import result
from agent.domain import Comparison, Outcome, Reason, RunState, Status

COVERAGE = Comparison(
    name="coverage of the change",
    base=Status.ABSENT,
    head=Status.FAILED,
    verdict=Status.PASSED,
    figures="3 of 8 lines run",
    head_count=1,
)
TESTS = Comparison(
    name="tests",
    base=Status.PASSED,
    head=Status.PASSED,
    verdict=Status.PASSED,
    counts_tests=True,
    base_count=4,
    head_count=6,
    head_failures=1,
    head_skipped=1,
)


def shown(*checks: Comparison) -> list[list[str]]:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(result.check_table(checks))
    lines = console.export_text().splitlines()[2:]
    return [[cell.strip() for cell in line.split("│")] for line in lines if line.strip()]


def test_the_table_shows_the_figure_that_a_check_has_counted():
    assert shown(COVERAGE) == [
        ["coverage of the change", "absent", "3 of 8 lines run", "0", "passed"]
    ]


def test_a_figure_of_a_check_that_proves_nothing_is_not_shown():
    unproved = COVERAGE.model_copy(update={"head": Status.UNVERIFIED})
    assert shown(unproved)[0][2] == "unverified"


def test_tests_are_counted_as_before():
    assert shown(TESTS) == [
        ["tests", "4 tests passed", "5 tests, 1 failed, 1 skipped", "0", "passed"]
    ]


def test_programs_are_told_the_figure():
    outcome = Outcome(
        run_id="1", state=RunState.OPEN, reason=Reason.READY, sentence="", checks=(COVERAGE,)
    )
    [check] = result.as_json(outcome, {})["checks"]
    assert check["figures"] == "3 of 8 lines run"
