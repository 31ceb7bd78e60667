"""What two runs of a suite tell."""

from __future__ import annotations

import pytest

from agent.contract import measured, readiness
from agent.contract.facts import Evidence
from agent.domain import CheckItem, CheckResult, Status


def result(status: Status = Status.PASSED, seconds: float = 5.0, **outcomes: str) -> CheckResult:
    items = tuple(CheckItem(item_id=name, outcome=how) for name, how in outcomes.items())
    return CheckResult(name="tests", status=status, items=items, seconds=seconds)


GREEN = result(a="passed", b="passed")
RED = result(Status.FAILED, a="failed", b="passed")
ABSENT = CheckResult(name="tests", status=Status.ABSENT, reason="there are none")
UNPROVED = CheckResult(name="tests", status=Status.UNVERIFIED, reason="nothing was reported")


@pytest.mark.parametrize(
    ("runs", "states"),
    [
        ((GREEN, GREEN), {"tests in a room": "ready", "test run time": "ready", "flaky tests": "unknown"}),
        ((RED, RED), {"tests in a room": "medium", "test run time": "ready", "flaky tests": "unknown"}),
        ((GREEN, RED), {"tests in a room": "medium", "test run time": "ready", "flaky tests": "medium"}),
        ((GREEN, result(a="passed")), {"tests in a room": "ready", "test run time": "ready", "flaky tests": "medium"}),
        ((ABSENT, ABSENT), {"tests in a room": "unknown", "test run time": "unknown", "flaky tests": "unknown"}),
        ((UNPROVED, UNPROVED), {"tests in a room": "high", "test run time": "ready", "flaky tests": "unknown"}),
        (
            (result(seconds=200, a="passed"), result(seconds=190, a="passed")),
            {"tests in a room": "ready", "test run time": "low", "flaky tests": "unknown"},
        ),
        (
            (result(seconds=700, a="passed"), result(seconds=650, a="passed")),
            {"tests in a room": "ready", "test run time": "medium", "flaky tests": "unknown"},
        ),
    ],
)  # fmt: skip
def test_two_runs(runs, states):
    found = measured.told_by_runs(*runs)
    assert {one.name: one.severity or one.state for one in found} == states


def test_what_was_measured_takes_the_place_of_what_files_do_not_tell(tree):
    evidence = Evidence(tree({"tests/test_x.py": "def test(): ...\n"}))
    found = {one.name: one for one in readiness.of(evidence, (GREEN, RED))}
    assert found["flaky tests"].places == ("a",)
    assert found["test run time"].says == "5 s in a room"
    assert len(readiness.of(evidence, (GREEN, RED))) == len(found)


def test_two_runs_that_agree_take_back_no_mark(tree):
    marked = tree({"tests/test_x.py": "@pytest.mark.flaky\ndef test(): ...\n"})
    found = {one.name: one for one in readiness.of(Evidence(marked), (GREEN, GREEN))}
    assert found["flaky tests"].places == ("tests/test_x.py:1",)
