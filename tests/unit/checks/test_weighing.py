"""What rules make of findings that base does not have."""

import pytest

from agent.checks import weighing
from agent.models.checks import CheckItem, CheckReport, LintRun, Status
from agent.models.record import replace
from repo_config.schema import RepoConfig
from tests.unit.checks.samples import compare_sides
from tests.unit.checks.samples import report as make_report


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
    compared = compare_sides(base, head)
    [found] = weighing.weigh_comparisons(compared, base, head, RepoConfig(), {"black": tool})
    assert found.kind == "findings"
    assert [item.place for item in found.new_failures] == failing
    assert found.verdict is (Status.FAILED if failing else Status.PASSED)


def test_what_a_linter_says_of_new_migrations_withholds_nothing() -> None:
    texts = ["DROP_COLUMN: DROPPING columns", "ALTER_COLUMN: ALTERING columns", "OTHER: naming"]
    path = "shop/migrations/0002_a.py"
    items = tuple(
        CheckItem(item_id=text, outcome="warning", text=text, place=path) for text in texts
    )
    linted = LintRun(name="migrations", status=Status.PASSED, items=items)
    failed = LintRun(name="migrations", status=Status.FAILED, reason="no server")

    def weigh(run: LintRun) -> tuple[Status, list[tuple[str, str]]]:
        sides = [
            CheckReport(side=side, commit="0" * 40, results=results)
            for side, results in (("base", ()), ("head", (run,)))
        ]
        compared = compare_sides(*sides)
        [found] = weighing.weigh_comparisons(compared, *sides, RepoConfig(), {})
        return found.verdict, [(one.rule, one.severity.value) for one in found.findings]

    listed = [("migration-destructive", "review"), ("migration-downtime", "info")]
    assert weigh(linted) == (Status.PASSED, listed)
    assert weigh(failed) == (Status.UNMEASURABLE, listed[:1])


@pytest.mark.parametrize("failing", ["", ", base settings"])
def test_what_either_settings_object_to_is_for_the_reviewer(failing: str) -> None:
    clean = LintRun(name="mypy", status=Status.PASSED)
    twice = replace(clean, name="mypy, base settings")
    broken = {"status": Status.FAILED, "reason": "no such plugin"}
    red = {"status": Status.FAILED, "items": (CheckItem(item_id="a: b: c", outcome="finding"),)}

    def weigh(**facts: object) -> list[tuple[Status, list[str]]]:
        runs = (clean, twice)
        later = tuple(
            run.model_copy(update=facts) if run.name == f"mypy{failing}" else run for run in runs
        )
        sides = [make_report("base", *runs), make_report("head", *later)]
        compared = compare_sides(*sides)
        weighed = weighing.weigh_comparisons(compared, *sides, RepoConfig(), {})
        return [(one.verdict, [finding.rule for finding in one.findings]) for one in weighed]

    at = int(bool(failing))
    assert weigh(**red)[at] == (Status.PASSED, ["other-settings"])
    # Of base's settings it only adds to what the change's say.
    wanted = (Status.UNMEASURABLE, ["other-settings"]) if failing else (Status.FAILED, [])
    assert weigh(**broken)[at] == wanted
    assert weigh()[at] == (Status.PASSED, [])
