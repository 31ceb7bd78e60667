"""Compare the checks of base and head, and apply rules to new findings. Pure.

Only a failure that base does not have counts against the change. Tests that are gone, no longer
run, or pass only as the change has edited them are named. A check that is unverified never passes.
"""

from operator import attrgetter

from agent.checks.check import MINUTES_LIMIT
from agent.checks.readers import FORMATTERS
from agent.models.change import Change, Finding, Severity
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
from agent.policy import levels, new_dependencies, ruff_contract, test_changes
from agent.policy.change_context import find_new
from agent.text.sanitise import list_some

BY_ID = attrgetter("item_id")
_COUNTED = "finding"
UNENFORCED = "check-not-enforced"
#: A check that takes more than twice base's seconds plus these is slow because of the change.
_SLACK_SECONDS = 60.0


def compare_reports(
    base: CheckReport, head: CheckReport, tests: TestComparison | None
) -> tuple[AnyComparison, ...]:
    """Compare check by check, without checks that neither side has.

    Args:
        tests: The comparison of the tests, whose verdict is set here.
    """
    compared = []
    # A check that is missing in a partial report may not have run yet.
    expected = () if head.is_partial else base.results
    for name in dict.fromkeys(result.name for result in (*head.results, *expected)):
        absent = CommandRun(name=name, status=Status.ABSENT)
        before, after = base.result(name) or absent, head.result(name) or absent
        if {before.status, after.status} != {Status.ABSENT}:
            check = tests if tests and name == TESTS else _compare_items(name, before, after)
            compared.append(_set_verdict(check, before, after))
    return tuple(compared)


def _set_verdict(compared: AnyComparison, before: AnyRun, after: AnyRun) -> AnyComparison:
    """Set verdict and reason of a comparison."""
    if before.status is Status.UNMEASURABLE:
        if after.status is Status.PASSED:
            return replace(compared, verdict=Status.PASSED)
        why = f"it fails on the base branch: {before.reason}"
        return _drop_differences(compared, Status.UNMEASURABLE, why)
    if _hit_time_limit(before, after):
        compared = replace(compared, unfinished=True)
        if not (isinstance(compared, TestComparison) and compared.new_failures):
            why = f"the run's time limit (limits.minutes) was reached after {after.seconds:.0f} s"
            return _drop_differences(compared, Status.UNMEASURABLE, f"{why} of it")
    if unproved := _explain_unproved(before, after):
        return _drop_differences(compared, Status.UNVERIFIED, unproved)
    if after.status is Status.UNVERIFIED and not compared.unfinished:
        why = f"not verified with the change: {after.reason}"
        return _drop_differences(compared, Status.FAILED, why)
    if isinstance(compared, TestComparison) and _fails_as_a_whole(after):
        # Tests that the run did not reach do not count as gone.
        compared = replace(compared, gone=())
    verdict, reason = _find_verdict(compared, before, after)
    return replace(compared, verdict=verdict, reason=reason)


def _compare_items(name: str, before: AnyRun, after: AnyRun) -> AnyComparison:
    """Compare item by item where a check lists items; the verdict is set later."""
    if isinstance(after, LintRun):
        return _compare_findings(name, before, after)
    facts = {"name": name, "base": before.status, "head": after.status, "seconds": after.seconds}
    facts["verdict"] = Status.UNVERIFIED
    if isinstance(after, PackageRun):
        return PackageComparison.model_validate(facts | {"counts": after.counts})
    return CommandComparison.model_validate(facts)


def _hit_time_limit(before: AnyRun, after: AnyRun) -> bool:
    """Whether the run's minutes ended a check, though the change does not make it much slower."""
    is_longer = after.seconds > 2 * before.seconds + _SLACK_SECONDS
    return after.limit == MINUTES_LIMIT and not is_longer


def _drop_differences(compared: AnyComparison, verdict: Status, reason: str) -> AnyComparison:
    """Drop what is new and what is gone: without results of both sides, that is unknown."""
    compared = replace(compared, verdict=verdict, reason=reason)
    if isinstance(compared, ItemComparison):
        compared = replace(compared, known=0, new_failures=())
    if isinstance(compared, TestComparison):
        compared = replace(compared, flaky=(), gone=(), added=())
    return compared


def _explain_unproved(before: AnyRun, after: AnyRun) -> str:
    """Return which side has no result to compare, and why; "": no such side is known here."""
    if before.status is Status.UNVERIFIED:
        return f"on the base branch: {before.reason}"
    has_result = before.status in (Status.PASSED, Status.FAILED)
    is_measured = has_result and not _fails_as_a_whole(before)
    if after.status is Status.UNVERIFIED and not is_measured:
        return f"with the change: {after.reason}"
    if _fails_as_a_whole(before) and after.status is Status.FAILED:
        why = "it fails with the change, and there is no result on the base branch to compare with"
        return f"{why}: {before.reason}"
    return ""


def _find_verdict(compared: AnyComparison, before: AnyRun, after: AnyRun) -> tuple[Status, str]:
    """Return verdict and reason where both sides have a result."""
    if after.status is Status.ABSENT:
        why = f": {after.reason}" if after.reason else ""
        return Status.FAILED, f"the check exists on the base branch but not with the change{why}"
    if _fails_as_a_whole(after):
        return Status.FAILED, after.reason
    if isinstance(compared, ItemComparison) and compared.new_failures:
        return Status.FAILED, ""
    why = f"on the base branch: {before.reason}" if _fails_as_a_whole(before) else ""
    return Status.PASSED, why


def _fails_as_a_whole(result: AnyRun) -> bool:
    """Whether a check failed before it could list items."""
    return result.status is Status.FAILED and bool(result.reason)


# --- findings --------------------------------------------------------------------------------


def _name_place(item: CheckItem) -> str:
    """Identify a finding by path, code and text of its line; without that text, by its id."""
    start = ": ".join(item.item_id.split(": ", 2)[:2])
    return f"{start}: {item.source}" if item.source else item.item_id


def _compare_findings(name: str, before: AnyRun, after: LintRun) -> LintComparison:
    sides = (before.items if isinstance(before, LintRun) else (), after.items)
    on_base, items = ([item for item in side if item.outcome == _COUNTED] for side in sides)
    # A finding may be worded differently on base and head, for example where it lists fields.
    fresh, gone = find_new(items, on_base, BY_ID), find_new(on_base, items, BY_ID)
    new = find_new(fresh, gone, _name_place)
    return LintComparison(
        name=name,
        base=before.status,
        head=after.status,
        verdict=Status.UNVERIFIED,
        base_count=len(on_base),
        head_count=len(items),
        known=len(items) - len(new),
        new_failures=tuple(new),
        seconds=after.seconds,
    )


# --- rules -----------------------------------------------------------------------------------


def add_rule_findings(
    compared: tuple[AnyComparison, ...],
    base: CheckReport,
    head: CheckReport,
    contract: Contract,
    change: Change | None = None,
    human_changes: Change | None = None,
) -> tuple[AnyComparison, ...]:
    """Add our rules' findings to the checks; new failures of our ruff check become such findings.

    Args:
        human_changes: The branch's change so far, if people committed; its lines never block.
    """
    checks = []
    for check in compared:
        after, ruled = head.result(check.name), check
        if isinstance(ruled, LintComparison):
            ruled = _apply_to_findings(ruled, base, contract)
        more: list[Finding] = []
        if isinstance(check, TestComparison) and isinstance(after, TestRun):
            more += test_changes.find_problems(check, after)
        if isinstance(after, PackageRun):
            more += new_dependencies.find_package_problems(after.added_packages)
        findings = (*ruled.findings, *levels.apply_levels(more, contract.config))
        if change is not None:
            findings = levels.soften_human_findings(findings, change, human_changes)
        checks.append(replace(ruled, findings=findings))
    return tuple(checks)


def _apply_to_findings(
    check: LintComparison, base: CheckReport, contract: Contract
) -> LintComparison:
    """Drop new findings that do not count; those of our own ruff check become findings of rules."""
    config, project = contract.config, contract.project
    command = next((row for row in project.commands if row.name == check.name), None)
    if command and command.tool in FORMATTERS:
        check = _drop_unformatted(check, base.result(check.name))
    if command and command.is_assumed and check.known and check.new_failures:
        return _replace_failures(check, (_name_unenforced(check),))
    if check.name != ruff_contract.CHECK:
        return check
    problems = ruff_contract.find_problems(check.new_failures, config)
    return _replace_failures(check, levels.apply_levels(problems, config))


def _drop_unformatted(check: LintComparison, before: AnyRun | None) -> LintComparison:
    """Drop findings in files that fail on base too: the project does not enforce their format."""
    items = before.items if isinstance(before, LintRun) else ()
    paths = {split_place(item.place)[0] for item in items}
    left = tuple(item for item in check.new_failures if split_place(item.place)[0] not in paths)
    kept = replace(check, new_failures=left)
    return kept if left else _replace_failures(kept, ())


def _name_unenforced(check: LintComparison) -> Finding:
    """Make one finding out of all new reports of a tool that the project does not enforce."""
    path, line = split_place(check.new_failures[0].place)
    texts = (f"“{item.text.rstrip('.')}”" for item in check.new_failures)
    return Finding(
        rule=UNENFORCED,
        severity=Severity.REVIEW,
        path=path,
        line=line,
        message=f"{check.name} reports {list_some(texts, 1)}."
        " It fails on the base branch too, and neither a hook nor a job of CI is seen to run it.",
        fix="Fix it, unless the project does not use this tool; `checks.lint` and `checks.types`"
        " name the tools that it uses.",
    )


def _replace_failures(check: LintComparison, findings: tuple[Finding, ...]) -> LintComparison:
    # A check that fails as a whole stays failed, since its items are not the reason.
    fails_by_items = check.verdict is Status.FAILED and not check.reason
    verdict = Status.PASSED if fails_by_items else check.verdict
    return replace(check, findings=findings, new_failures=(), verdict=verdict)
