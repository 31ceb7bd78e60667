"""What rules make of findings that base does not have."""

import pytest

from agent.checks import comparison, weighing
from agent.models.checks import ApplicationRun, CheckItem, CheckReport, LintRun, Status
from agent.models.record import replace
from repo_config.schema import RepoConfig


def report(side: str, *items: tuple[str, str]) -> CheckReport:
    found = tuple(
        CheckItem(item_id=f"{path}: format: {words}", outcome="finding", place=path)
        for path, words in items
    )
    run = LintRun(name="black", status=Status.FAILED if found else Status.PASSED, items=found)
    return CheckReport(side=side, commit="0" * 40, results=(run,))


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
    base, head = report("base", OLD), report("head", *with_change)
    compared = comparison.compare_reports(base, head)
    [found] = weighing.weigh_comparisons(compared, base, head, RepoConfig(), {"black": tool})
    assert found.kind == "findings"
    assert [item.place for item in found.new_failures] == failing
    assert found.verdict is (Status.FAILED if failing else Status.PASSED)


@pytest.mark.parametrize(
    ("told", "new_migration", "starts_on_base", "said"),
    [
        ({}, False, False, 0),
        ({}, True, False, 1),
        ({}, False, True, 1),
        ({"concurrency": {"mode": "sync"}}, False, False, 1),
    ],
)
def test_an_application_that_does_not_start_withholds_nothing_and_is_said(
    told: dict[str, object], new_migration: bool, starts_on_base: bool, said: int
) -> None:
    broken = ApplicationRun(name="application", status=Status.FAILED, reason="it could not start")
    started = replace(broken, status=Status.PASSED, reason="", facts=())
    trial = (LintRun(name="migrate", status=Status.PASSED),) if new_migration else ()
    first = started if starts_on_base else broken
    before, after = (
        CheckReport(side=side, commit="0" * 40, results=results)
        for side, results in (("base", (first,)), ("head", (broken, *trial)))
    )
    compared = comparison.compare_reports(before, after)
    config = RepoConfig.model_validate(told, strict=False)
    found = weighing.weigh_comparisons(compared, before, after, config, {})[0]
    assert (found.verdict, len(found.findings)) == (Status.UNMEASURABLE, said)
    assert found.reason.endswith("receivers and migrations were not compared")
