"""Runs of tests and parts of changes, as few words make them."""

from typing import Any

from agent.checks.change_split import SplitChange
from agent.checks.check import Selection
from agent.checks.compare import compare_reports
from agent.checks.test_pairs import classify_tests, count_tests
from agent.models.change import Change
from agent.models.checks import AnyComparison, AnyRun, CheckItem, CheckReport, Status, TestRun


def suite_of(*ids: str, **more: object) -> TestRun:
    """Make a test run from words like `t.py::a=failed`; a bare id passed."""
    items = []
    for text in ids:
        name, _, outcome = text.partition("=")
        file = name.partition("::")[0].removesuffix(" (collection)")
        items.append(CheckItem(item_id=name, outcome=outcome or "passed", file=file))
    failed = any(item.outcome in {"failed", "error"} for item in items)
    status = Status.FAILED if failed else Status.PASSED
    facts = {"name": "tests", "status": status, "items": tuple(items), "exit_code": int(failed)}
    return TestRun.model_validate(facts | more)


def report(side: str, *results: AnyRun, is_partial: bool = False) -> CheckReport:
    return CheckReport(side=side, commit="0" * 40, results=results, is_partial=is_partial)


def make_split(*touched: str, **more: Any) -> SplitChange:
    """Make a change of which only these test files are known."""
    nothing = {"change": Change(base_commit="0" * 40, files=())}
    touching = {"touched": frozenset(touched), "as_base": Selection(files=touched)}
    return SplitChange(**nothing | touching | more)


def compare_sides(
    base: CheckReport,
    head: CheckReport,
    versions: TestRun | None = None,
    *touched: str,
    **more: Any,
) -> tuple[AnyComparison, ...]:
    """Compare all checks of two sides; by default, as if the change touched no test."""
    split = make_split(*touched, **more)
    pairs = classify_tests(base.tests, head.tests, versions, split).values()
    return compare_reports(base, head, count_tests(base.tests, head.tests, pairs))
