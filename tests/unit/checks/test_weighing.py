"""What rules make of findings that base does not have."""

import pytest

from agent.checks import compare
from agent.models.change import Severity
from agent.models.checks import AnyComparison, CheckItem, CheckReport, LintRun, Status
from agent.models.environment import Contract
from agent.models.record import replace
from repo_config.command_lines import CheckCommand
from repo_config.schema import RepoConfig
from tests.unit.checks.samples import compare_sides, report
from tests.unit.trees import make_project


def weigh(
    base: CheckReport, head: CheckReport, tool: str = "", *, is_assumed: bool = False
) -> tuple[AnyComparison, ...]:
    """Weigh what checks say; the one called black is a tool."""
    line = CheckCommand(name="black", line="", tool=tool, is_assumed=is_assumed)
    project = replace(make_project(), lint=(line,))
    contract = Contract(config=RepoConfig(), project=project, source=None)
    return compare.add_rule_findings(compare_sides(base, head), base, head, contract)


def black(side: str, *items: tuple[str, str]) -> CheckReport:
    found = tuple(
        CheckItem(item_id=f"{path}: format: {words}", outcome="finding", place=path)
        for path, words in items
    )
    status = Status.FAILED if found else Status.PASSED
    return report(side, LintRun(name="black", status=status, items=found))


OLD, OLD_LATER = ("old.py", "cannot format: 1:1"), ("old.py", "cannot format: 2:1")
NEW = ("new.py", "would be reformatted")


@pytest.mark.parametrize(
    ("tool", "with_change", "failing"),
    [
        ("black", (NEW, OLD_LATER), ["new.py"]),
        ("black", (OLD_LATER,), []),
        ("flake8", (NEW, OLD_LATER), ["new.py", "old.py"]),
    ],
)
def test_a_formatter_is_heeded_in_files_that_base_passes(
    tool: str, with_change: tuple[tuple[str, str], ...], failing: list[str]
) -> None:
    base, head = black("base", OLD), black("head", *with_change)
    [found] = weigh(base, head, tool)
    assert found.kind == "findings"
    assert [item.place for item in found.new_failures] == failing
    assert found.verdict is (Status.FAILED if failing else Status.PASSED)


@pytest.mark.parametrize(
    ("before", "is_assumed", "verdict"),
    [((OLD,), True, Status.PASSED), ((OLD,), False, Status.FAILED), ((), True, Status.FAILED)],
)
def test_a_tool_that_nothing_runs_and_that_base_fails_stops_no_change(
    before: tuple[tuple[str, str], ...], is_assumed: bool, verdict: Status
) -> None:
    base, head = black("base", *before), black("head", *before, NEW, OLD_LATER)
    [check] = weigh(base, head, "flake8", is_assumed=is_assumed)
    assert check.verdict is verdict
    named = [(finding.rule, finding.severity, finding.path) for finding in check.findings]
    is_named = verdict is Status.PASSED
    assert named == [(compare.UNENFORCED, Severity.REVIEW, "new.py")] * is_named
