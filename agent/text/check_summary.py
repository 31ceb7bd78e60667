"""Summarise compared checks: every count in a text about checks is made here. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeGuard

from agent.models.checks import (
    AnyComparison,
    CheckItem,
    CommandComparison,
    ItemComparison,
    LintComparison,
    PackageComparison,
    Status,
    TestComparison,
    TestRun,
)
from agent.text.sanitise import list_some

_NOT_COUNTED = {
    Status.ABSENT: "not run",
    Status.UNVERIFIED: "unverified",
    Status.UNMEASURABLE: "cannot be measured",
}


class CheckSummary(NamedTuple):
    base: str
    """Text of a table cell, like the next two fields."""
    head: str
    new: str
    """Number of new failures, or `unknown`."""
    result: str
    """Result of the comparison, for a table cell."""
    sentence: str
    """Empty if there is nothing to say except the verdict."""


def summarize_check(check: AnyComparison) -> CheckSummary:
    base, head = _describe_side(check, "base"), _describe_side(check, "head")
    if isinstance(check, PackageComparison) and check.head in (Status.PASSED, Status.FAILED):
        base, head = "–", check.counts
    elif count := _count_new(check):
        head += f"; {format_count(count, 'new test' if is_of_tests(check) else 'new finding')}"
    is_told_apart = check.verdict in (Status.PASSED, Status.FAILED)
    new = f"{len(list_new(check)):,}" if is_told_apart else "unknown"
    return CheckSummary(base, head, new, _format_result(check), " ".join(_make_sentences(check)))


def _format_result(check: AnyComparison) -> str:
    if check.verdict is Status.FAILED and (new := list_new(check)):
        return f"{format_count(len(new), 'new failure')}"
    if is_of_tests(check) and check.is_partial:
        return "not completed"
    if check.verdict is Status.PASSED and not is_of_tests(check) and (found := _count_new(check)):
        return f"{format_count(found, 'finding')} to review"
    # Tests that fail on both sides have not passed.
    has_failures = check.head_failures if is_of_tests(check) else _is_of_change_alone(check)
    if check.verdict is Status.PASSED and has_failures:
        return "no new failure"
    return _NOT_COUNTED.get(check.verdict, check.verdict.value)


def summarize_all(checks: Iterable[AnyComparison]) -> str:
    """Summarise in one line the checks of a change that passed."""
    ran = [check for check in checks if {check.base, check.head} != {Status.ABSENT}]
    measured = [check for check in ran if check.verdict is Status.PASSED]
    if not measured:
        return "No check ran" if not ran else f"No check could be measured: {_format_list(ran)}"
    parts = [f"No new failures in {format_count(len(measured), 'check')}"]
    if known := sum(check.known for check in measured if isinstance(check, ItemComparison)):
        parts.append(f"{format_count(known, 'failure')} already on the base branch")
    if flaky := sum(len(check.flaky) for check in measured if is_of_tests(check)):
        parts.append(format_count(flaky, "flaky test"))
    if others := [check for check in ran if check not in measured]:
        parts.append(f"not measured: {_format_list(others)}")
    return "; ".join(parts)


def describe_outcomes(result: TestRun) -> str:
    """Count tests by their outcome; empty if there are none."""
    if not any(item.outcome in ("passed", "failed", "error", "skipped") for item in result.items):
        return ""
    ran = [item for item in result.items if not item.is_collection]
    counts = Counter(item.outcome for item in ran)
    parts = [f"{count:,} {outcome}" for outcome, count in counts.most_common()]
    if lost := len(result.items) - len(ran):
        parts.append(f"{format_count(lost, 'module')} not collected")
    return f"{format_count(len(ran), 'test')}: {', '.join(parts)}"


def list_added(checks: Iterable[AnyComparison]) -> list[str]:
    """List the ids of tests that only head has."""
    return [name for check in checks if is_of_tests(check) for name in check.added]


def is_of_tests(check: AnyComparison) -> TypeGuard[TestComparison]:
    return isinstance(check, TestComparison)


def list_new(check: AnyComparison) -> tuple[CheckItem, ...]:
    """List the items that fail only with the change; empty for a check without items."""
    return check.new_failures if isinstance(check, ItemComparison) else ()


def format_count(number: int, word: str) -> str:
    """Write a number with its word."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def name_check(check: AnyComparison) -> str:
    """Name a check at the beginning of a sentence."""
    return check.name[:1].upper() + check.name[1:]


def _describe_side(check: AnyComparison, side: Literal["base", "head"]) -> str:
    status: Status = getattr(check, side)
    if status in _NOT_COUNTED:
        return _NOT_COUNTED[status]
    names = ("count", "failures", "uncollected", "skipped", "xfailed", "unrun")
    numbers = [int(getattr(check, f"{side}_{name}", 0)) for name in names]
    count, failures, uncollected, skipped, xfailed, unrun = numbers
    if isinstance(check, CommandComparison):
        return "run" if _is_of_change_alone(check) else status.value
    if status is Status.FAILED and not (failures if is_of_tests(check) else count):
        # It ended before it reported any item.
        return "did not complete"
    if not is_of_tests(check):
        return format_count(count, "finding") if count else "clean"
    failed = failures - uncollected
    parts = (
        (count - failed - skipped - xfailed, "passed"),
        (failed, "failed"),
        (skipped, "skipped"),
        (xfailed, "expected failures"),
        (uncollected, "not collected"),
        (unrun, "not run"),
    )
    return ", ".join(f"{number:,} {word}" for number, word in parts if number) or "no tests"


def _is_of_change_alone(check: AnyComparison) -> bool:
    """Whether a command passed without a run on base; it may have failures that base has, too."""
    is_alone = isinstance(check, CommandComparison) and check.base is Status.ABSENT
    return is_alone and check.verdict is Status.PASSED


def _count_new(check: AnyComparison) -> int:
    """Count tests, or findings, that only head has."""
    if not {check.verdict, check.head} <= {Status.PASSED, Status.FAILED}:
        return 0
    if is_of_tests(check):
        return len(check.added)
    return check.head_count - check.known if isinstance(check, LintComparison) else 0


def _make_sentences(check: AnyComparison) -> Iterable[str]:
    name = name_check(check)
    if check.verdict is Status.UNMEASURABLE:
        yield f"{name} cannot be measured: {check.reason.rstrip('.')}."
        return
    if Status.UNVERIFIED in (check.verdict, check.base, check.head):
        why = check.reason or "its result is inconsistent"
        yield f"{name} could not be verified: {why.rstrip('.')}."
        return
    if is_of_tests(check):
        new = f", {len(check.added):,} new" if check.added else ""
        new += f", {check.head_unrun:,} not run" if check.head_unrun else ""
        cut = f" of {check.base_count + check.base_unrun:,}" if check.base_unrun else ""
        on_base = f"{check.base_count:,}{cut} on the base branch"
        yield f"{name}: {on_base}, {check.head_count:,} with the change{new}."
        if (more := check.head_skipped - check.base_skipped) > 0:
            yield f"{format_count(more, 'more test')} skipped."
    if known := check.known if isinstance(check, ItemComparison) else 0:
        word = "failure" if is_of_tests(check) else "finding"
        yield f"{name}: {format_count(known, word)} already on the base branch."
    if not is_of_tests(check) and (count := _count_new(check)):
        yield f"{name}: {format_count(count, 'new finding')}."
    if is_of_tests(check) and check.flaky:
        named = [f"{test.item_id} {test.summary}" for test in check.flaky]
        yield f"{name}: {list_some(named)}."


def _format_list(checks: Iterable[AnyComparison]) -> str:
    return ", ".join(check.name for check in checks)
