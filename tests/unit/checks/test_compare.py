"""Base against head."""

from typing import Any

import pytest

from agent.checks.check import MINUTES_LIMIT
from agent.models.checks import (
    AnyRun,
    CheckItem,
    CheckReport,
    CommandRun,
    LintRun,
    Status,
    TestRun,
)
from agent.models.record import replace
from tests.unit.checks.samples import compare_sides, report, suite_of


def lint(*ids: str, outcome: str = "finding", **more: object) -> LintRun:
    items = tuple(CheckItem(item_id=name, outcome=outcome) for name in ids)
    status = Status.FAILED if ids else Status.PASSED
    return LintRun.model_validate({"name": "mypy", "status": status, "items": items} | more)


def compare(before: AnyRun, after: AnyRun) -> Any:
    [found] = compare_sides(report("base", before), report("head", after))
    return found


def new(found: Any) -> list[str]:
    return [item.item_id for item in found.new_failures]


def test_findings_are_counted_not_only_named() -> None:
    found = compare(lint("x", "x", "y"), lint("x", "x", "x", "z"))
    assert (found.verdict, new(found)) == (Status.FAILED, ["x", "z"])
    assert (found.base_count, found.head_count, found.kind) == (3, 4, "findings")
    assert compare(lint("x", "x", "y"), lint("x")).verdict is Status.PASSED


GREEN, RED = suite_of("a"), suite_of("a=failed")
NOTHING = suite_of(status=Status.UNVERIFIED, reason="no report")
WHOLE = suite_of(status=Status.FAILED, reason="no tests")


@pytest.mark.parametrize(
    ("base", "head", "verdict", "reason"),
    [
        (GREEN, NOTHING, Status.FAILED, "not verified with the change: no report"),
        (WHOLE, NOTHING, Status.UNVERIFIED, "with the change: no report"),
        (NOTHING, GREEN, Status.UNVERIFIED, "on the base branch: no report"),
        (GREEN, WHOLE, Status.FAILED, "no tests"),
        (WHOLE, WHOLE, Status.UNVERIFIED, "no result on the base branch to compare with: no tests"),
        (WHOLE, RED, Status.UNVERIFIED, "no result on the base branch to compare with: no tests"),
        (WHOLE, GREEN, Status.PASSED, "on the base branch: no tests"),
        (GREEN, suite_of(status=Status.ABSENT), Status.FAILED, "but not with the change"),
    ],
)
def test_a_check_that_proves_nothing_or_fails_as_a_whole_says_why(
    base: TestRun, head: TestRun, verdict: Status, reason: str
) -> None:
    found = compare(base, head)
    assert (found.verdict, found.gone) == (verdict, ())
    assert found.reason.endswith(reason)
    assert verdict is Status.FAILED or found.new_failures == ()


def test_a_finding_at_the_same_line_is_the_same_in_other_words() -> None:
    def found(words: str, line: str) -> LintRun:
        item = CheckItem(item_id=f"a.py: misc: {words}", outcome="finding", source=line)
        return replace(lint(), items=(item,), status=Status.FAILED)

    for before, after, count in (("x = A()", "x = A()", 0), ("x = A()", "y = A()", 1), ("", "", 1)):
        compared = compare(found("fields: a", before), found("fields: a, b", after))
        assert len(new(compared)) == count


def test_a_check_that_neither_side_has_is_left_out_and_one_that_vanishes_fails() -> None:
    absent = suite_of(status=Status.ABSENT, reason="none")
    assert compare_sides(report("base", absent), report("head", absent)) == ()
    assert compare_sides(report("base"), report("head", absent)) == ()
    [found] = compare_sides(report("base", lint()), report("head"))
    assert (found.verdict, found.head) == (Status.FAILED, Status.ABSENT)


@pytest.mark.parametrize(
    ("base", "head", "verdict"),
    [
        (Status.PASSED, Status.PASSED, Status.PASSED),
        (Status.PASSED, Status.FAILED, Status.FAILED),
        (Status.UNMEASURABLE, Status.FAILED, Status.UNMEASURABLE),
        (Status.UNMEASURABLE, Status.PASSED, Status.PASSED),
        (Status.FAILED, Status.FAILED, Status.UNVERIFIED),
    ],
)
def test_of_a_command_the_exit_codes_are_held_against_each_other(
    base: Status, head: Status, verdict: Status
) -> None:
    sides = [
        CommandRun(name="docs", status=one, reason="exit code 2" * (one is not Status.PASSED))
        for one in (base, head)
    ]
    found = compare(*sides)
    assert (found.kind, found.verdict) == ("command", verdict)
    assert not hasattr(found, "new_failures")
    stored = report("head", *sides).model_dump_json()
    assert CheckReport.model_validate_json(stored).results == (*sides,)


def test_a_check_that_the_runs_minutes_ended_is_unfinished_unless_it_takes_longer_than_on_base() -> (
    None
):
    cut = {"status": Status.FAILED, "reason": "ended", "limit": MINUTES_LIMIT}
    base = suite_of("t::a", seconds=100.0)
    found = compare(base, suite_of(seconds=90.0, **cut))
    assert (found.unfinished, found.is_in_the_way, found.gone) == (True, False, ())
    assert "limits.minutes" in found.reason
    hangs = compare(base, suite_of(seconds=400.0, **cut))
    assert (hangs.unfinished, hangs.verdict) == (False, Status.FAILED)
    slow = compare(base, suite_of(seconds=90.0, **cut | {"limit": "time"}))
    assert (slow.unfinished, slow.verdict) == (False, Status.FAILED)
