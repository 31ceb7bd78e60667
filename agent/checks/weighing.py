"""Have rules weigh what tools have found that base has not."""

from agent.checks import readers
from agent.checks.commands import BASE_SETTINGS
from agent.checks.django_state import MIGRATIONS
from agent.models.change import Change, Finding
from agent.models.checks import (
    AnyComparison,
    AnyRun,
    CheckItem,
    CheckReport,
    LintComparison,
    LintRun,
    PackageRun,
    Status,
    TestRun,
    split_place,
)
from agent.models.environment import Contract
from agent.models.record import replace
from agent.policy import (
    gate_files,
    levels,
    migrations,
    new_dependencies,
    ruff_contract,
    test_changes,
)
from agent.text.check_summary import is_of_tests


def weigh_comparisons(
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
        after, before = head.result(check.name), base.result(check.name)
        found = check
        if isinstance(found, LintComparison):
            found = _weigh_findings(found, base, head, contract)
        more: list[Finding] = []
        if isinstance(before, TestRun) and isinstance(after, TestRun) and is_of_tests(check):
            more += test_changes.find_problems(check, before, after)
        if isinstance(after, PackageRun):
            more += new_dependencies.find_package_problems(after.added_packages)
        findings = (*found.findings, *levels.apply_levels(more, contract.config))
        if change is not None:
            findings = levels.soften_human_findings(findings, change, human_changes)
        weighed.append(replace(found, findings=findings))
    return tuple(weighed)


def _weigh_findings(
    found: LintComparison,
    base: CheckReport,
    head: CheckReport,
    contract: Contract,
) -> LintComparison:
    """Replace what a tool newly finds by what a rule says of it."""
    name, after = found.name.removesuffix(BASE_SETTINGS), head.result(found.name)
    is_extra = found.name in (MIGRATIONS.name, name + BASE_SETTINGS)
    is_unknown = is_extra and found.is_in_the_way and bool(found.reason)
    config, project = contract.config, contract.project
    tools = {command.name: command.tool for command in project.commands}
    if tools.get(name) in readers.FORMATTERS:
        found = _drop_unformatted(found, base.result(found.name))
    if name == ruff_contract.CHECK:
        problems = ruff_contract.find_problems(found.new_failures, config)
    elif name == MIGRATIONS.name and isinstance(after, LintRun):
        problems = migrations.find_problems(after)
    elif head.result(name + BASE_SETTINGS):
        why = CheckItem(item_id="", outcome="finding", text=found.reason)
        problems = gate_files.find_by_base_settings((why,) if is_unknown else found.new_failures)
    else:
        return found
    found = _replace_failures(found, levels.apply_levels(problems, config))
    # What is extra only adds to what the other checks say.
    return replace(found, verdict=Status.UNMEASURABLE) if is_unknown else found


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
