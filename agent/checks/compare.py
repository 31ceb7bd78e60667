"""Compare the checks of two sides, and have rules weigh what is new. Pure.

A failure counts against the change only when base does not have it; tests that are gone, no longer
run or pass only as the change has them are named; what is not proved on either side is never
passed.
"""

from operator import attrgetter

from agent.checks.check import MINUTES_LIMIT
from agent.checks.readers import FORMATTERS
from agent.models.change import Change, Finding
from agent.models.checks import (
    TESTS,
    AnyComparison,
    AnyRun,
    CheckItem,
    CheckReport,
    CommandComparison,
    CommandRun,
    ItemComparison,
    LintComparison,
    LintRun,
    PackageComparison,
    PackageRun,
    Status,
    TestComparison,
    TestRun,
    split_place,
)
from agent.models.environment import Contract
from agent.models.record import replace
from agent.policy import (
    levels,
    new_dependencies,
    ruff_contract,
    test_changes,
)
from agent.policy.change_context import find_new

BY_ID = attrgetter("item_id")
_COUNTED = "finding"
#: A check may take so much longer at one time than at another.
_SLACK_SECONDS = 60.0


def compare_reports(
    base: CheckReport, head: CheckReport, tests: TestComparison | None
) -> tuple[AnyComparison, ...]:
    """Compare check by check; a check that neither side has is left out.

    Args:
        tests: What became of them; its verdict is open.
    """
    compared = []
    # Checks that were not run because a test has failed already are not missing.
    expected = () if head.is_partial else base.results
    for name in dict.fromkeys(result.name for result in (*head.results, *expected)):
        absent = CommandRun(name=name, status=Status.ABSENT)
        before, after = base.result(name) or absent, head.result(name) or absent
        if {before.status, after.status} != {Status.ABSENT}:
            check = tests if tests and name == TESTS else _begin_comparison(name, before, after)
            compared.append(_give_verdict(check, before, after))
    return tuple(compared)


def _give_verdict(compared: AnyComparison, before: AnyRun, after: AnyRun) -> AnyComparison:
    """Give a comparison its verdict."""
    if before.status is Status.UNMEASURABLE:
        if after.status is Status.PASSED:
            return replace(compared, verdict=Status.PASSED)
        why = f"it fails on the base branch: {before.reason}"
        return _not_told_apart(compared, Status.UNMEASURABLE, why)
    if _hit_time_limit(before, after):
        compared = replace(compared, unfinished=True)
        if not (isinstance(compared, TestComparison) and compared.new_failures):
            why = f"the run's time limit (limits.minutes) was reached after {after.seconds:.0f} s"
            return _not_told_apart(compared, Status.UNMEASURABLE, f"{why} of it")
    if unproved := _explain_unproved(before, after):
        return _not_told_apart(compared, Status.UNVERIFIED, unproved)
    if after.status is Status.UNVERIFIED and not compared.unfinished:
        why = f"not verified with the change: {after.reason}"
        return _not_told_apart(compared, Status.FAILED, why)
    if isinstance(compared, TestComparison) and _as_a_whole(after):
        # Tests that were not reached are not gone.
        compared = replace(compared, gone=())
    verdict, reason = _verdict(compared, before, after)
    return replace(compared, verdict=verdict, reason=reason)


def _begin_comparison(name: str, before: AnyRun, after: AnyRun) -> AnyComparison:
    """Compare item by item, where a check speaks of such; the verdict is open."""
    if isinstance(after, LintRun):
        return _compare_findings(name, before, after)
    facts = {"name": name, "base": before.status, "head": after.status, "seconds": after.seconds}
    facts["verdict"] = Status.UNVERIFIED
    if isinstance(after, PackageRun):
        return PackageComparison.model_validate(facts | {"counts": after.counts})
    return CommandComparison.model_validate(facts)


def _hit_time_limit(before: AnyRun, after: AnyRun) -> bool:
    """Whether the run's minutes ended a check that is not known to take longer with the change."""
    is_longer = after.seconds > 2 * before.seconds + _SLACK_SECONDS
    return after.limit == MINUTES_LIMIT and not is_longer


def _not_told_apart(found: AnyComparison, verdict: Status, reason: str) -> AnyComparison:
    """Take out what is new and what is gone, which a side that says nothing cannot tell."""
    found = replace(found, verdict=verdict, reason=reason)
    if isinstance(found, ItemComparison):
        found = replace(found, known=0, new_failures=())
    if isinstance(found, TestComparison):
        found = replace(found, flaky=(), gone=(), added=())
    return found


def _explain_unproved(before: AnyRun, after: AnyRun) -> str:
    """Say which side proves nothing, and why."""
    if before.status is Status.UNVERIFIED:
        return f"on the base branch: {before.reason}"
    is_measured = before.status in (Status.PASSED, Status.FAILED) and not _as_a_whole(before)
    if after.status is Status.UNVERIFIED and not is_measured:
        return f"with the change: {after.reason}"
    if _as_a_whole(before) and after.status is Status.FAILED:
        return (
            "it fails with the change, and there is no result on the base branch to compare"
            f" with: {before.reason}"
        )
    return ""


def _verdict(found: AnyComparison, before: AnyRun, after: AnyRun) -> tuple[Status, str]:
    if after.status is Status.ABSENT:
        why = f": {after.reason}" if after.reason else ""
        return Status.FAILED, f"the check exists on the base branch but not with the change{why}"
    if _as_a_whole(after):
        return Status.FAILED, after.reason
    if isinstance(found, ItemComparison) and found.new_failures:
        return Status.FAILED, ""
    return Status.PASSED, f"on the base branch: {before.reason}" if _as_a_whole(before) else ""


def _as_a_whole(result: AnyRun) -> bool:
    """Whether a check failed before it could say anything item by item."""
    return result.status is Status.FAILED and bool(result.reason)


# --- findings --------------------------------------------------------------------------------


def _name_place(item: CheckItem) -> str:
    """Name a finding by its path, its code and the line; by its words where there is no line."""
    start = ": ".join(item.item_id.split(": ", 2)[:2])
    return f"{start}: {item.source}" if item.source else item.item_id


def _compare_findings(name: str, before: AnyRun, after: LintRun) -> LintComparison:
    sides = (before.items if isinstance(before, LintRun) else (), after.items)
    known, items = ([item for item in side if item.outcome == _COUNTED] for side in sides)
    # A tool may say the same of a line in other words, as where it lists the fields of a class.
    fresh, gone = find_new(items, known, BY_ID), find_new(known, items, BY_ID)
    new = find_new(fresh, gone, _name_place)
    return LintComparison(
        name=name,
        base=before.status,
        head=after.status,
        verdict=Status.UNVERIFIED,
        base_count=len(known),
        head_count=len(items),
        known=len(items) - len(new),
        new_failures=tuple(new),
        seconds=after.seconds,
    )


# --- rules -----------------------------------------------------------------------------------


def apply_rules(
    compared: tuple[AnyComparison, ...],
    base: CheckReport,
    head: CheckReport,
    contract: Contract,
    change: Change | None = None,
    human_changes: Change | None = None,
) -> tuple[AnyComparison, ...]:
    """Replace findings of some tools by those of rules, and add them to what others measure.

    Args:
        human_changes: The branch's earlier change; what stands in lines of people only remarks.
    """
    weighed = []
    for check in compared:
        after, found = head.result(check.name), check
        if isinstance(found, LintComparison):
            found = _apply_to_findings(found, base, contract)
        more: list[Finding] = []
        if isinstance(check, TestComparison) and isinstance(after, TestRun):
            more += test_changes.find_problems(check, after)
        if isinstance(after, PackageRun):
            more += new_dependencies.find_package_problems(after.added_packages)
        findings = (*found.findings, *levels.apply_levels(more, contract.config))
        if change is not None:
            findings = levels.soften_human_findings(findings, change, human_changes)
        weighed.append(replace(found, findings=findings))
    return tuple(weighed)


def _apply_to_findings(
    found: LintComparison, base: CheckReport, contract: Contract
) -> LintComparison:
    """Replace what a tool newly finds by what a rule says of it."""
    config, project = contract.config, contract.project
    tools = {command.name: command.tool for command in project.commands}
    if tools.get(found.name) in FORMATTERS:
        found = _drop_unformatted(found, base.result(found.name))
    if found.name != ruff_contract.CHECK:
        return found
    problems = ruff_contract.find_problems(found.new_failures, config)
    return _replace_failures(found, levels.apply_levels(problems, config))


def _drop_unformatted(found: LintComparison, before: AnyRun | None) -> LintComparison:
    """Drop the findings in files that base does not pass either: nobody enforces their format."""
    items = before.items if isinstance(before, LintRun) else ()
    paths = {split_place(item.place)[0] for item in items}
    left = tuple(item for item in found.new_failures if split_place(item.place)[0] not in paths)
    kept = replace(found, new_failures=left)
    return kept if left else _replace_failures(kept, ())


def _replace_failures(found: LintComparison, findings: tuple[Finding, ...]) -> LintComparison:
    # A check that fails as a whole has no findings that a rule could weigh.
    is_weighed = found.verdict is Status.FAILED and not found.reason
    verdict = Status.PASSED if is_weighed else found.verdict
    return replace(found, findings=findings, new_failures=(), verdict=verdict)
