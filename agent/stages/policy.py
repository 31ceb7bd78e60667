"""Decide whether a change may be checked and leave the machine.

Owns the one way from Change to ClearedChange. The rules, each pure and in a module of its own,
are in `agent.policy`; what tools find in a sandbox is left to `checks`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from agent.errors import PolicyRefused
from agent.git import worktree
from agent.models.change import Change, ClearedChange, Finding, Level, Severity
from agent.models.checks import Comparison
from agent.models.environment import Prepared
from agent.models.ticket import Ticket
from agent.policy import levels, registry
from agent.policy.change_context import ChangeContext
from agent.policy.content import paths
from agent.services import Services


def clear_change(
    change: Change,
    ticket: Ticket,
    prepared: Prepared,
    svc: Services,
    human_changes: Change | None = None,
) -> ClearedChange:
    """Let a change pass only if every rule of the target repository allows it.

    Args:
        human_changes: What a branch held before, with commits of people in it; what rules found in
            that is not held against what we add.

    Raises:
        PolicyRefused: A rule forbids it; the message names rule, file, line and the way out.
    """
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    contract = prepared.contract
    change_context = ChangeContext(change, contract.config, contract.project, base, ticket)
    try:
        cleared = judge_change(change_context, svc.settings.floors, human_changes)
    except PolicyRefused as problem:
        svc.say(
            _explain_refusal([one for one in problem.findings if one.severity is Severity.BLOCK])
        )
        raise
    remarks = len(cleared.findings)
    svc.say(
        f"{len(registry.OF_CHANGES)} rules allow the change"
        + (f", {remarks} remark{'s' * (remarks != 1)} for the reviewer" if remarks else "")
    )
    return cleared


def _explain_refusal(blocking: list[Finding]) -> str:
    """Say in one line what stands against a change."""
    first = blocking[0]
    place = first.path if first.line is None else f"{first.path}:{first.line}"
    said = f"{first.rule} stands against it: {place} {first.message}".replace("  ", " ")
    more = len(blocking) - 1
    return said + (f" ({more} more finding{'s' * (more != 1)})" if more else "")


def judge_change(
    change_context: ChangeContext, floors: Mapping[str, Level], human_changes: Change | None = None
) -> ClearedChange:
    """Hold a change against every rule; pure.

    Args:
        change_context: The change, with its contract and base.
        floors: The least that rules weigh here, by their ids, as the operator has set them.
        human_changes: What a branch held before, with commits of people in it; what rules find in
            that is only a remark, unless they find it in what is added as well.

    Raises:
        PolicyRefused: With all findings of all rules, not only the first.
    """
    findings = _find_problems(change_context, floors)
    if human_changes is not None:
        before = _find_problems(replace(change_context, change=human_changes), floors)
        findings = _soften_findings(
            findings, before, _find_edited_paths(human_changes, change_context.change)
        )
    if any(finding.severity is Severity.BLOCK for finding in findings):
        raise PolicyRefused(findings)
    # What of the tree is not in the change is for a person to look at, whatever rules say.
    change = change_context.change
    return ClearedChange(change=change, findings=(*change.left_out, *findings))


def _find_problems(
    change_context: ChangeContext, floors: Mapping[str, Level]
) -> tuple[Finding, ...]:
    found = (
        finding for module in registry.MODULES for finding in module.check_change(change_context)
    )
    return tuple(levels.apply_levels(found, registry.RULES, change_context.config, floors))


def _find_edited_paths(human_changes: Change, change: Change) -> frozenset[str]:
    """Return the paths of files that are not as they stood, or are as they were before that."""
    # Who has made a record knows more or less of what was before.
    was, now = (
        {one.path: (one.after, one.executable) for one in files.files}
        for files in (human_changes, change)
    )
    return frozenset(path for path in {*was, *now} if was.get(path) != now.get(path))


def _soften_findings(
    findings: tuple[Finding, ...], before: tuple[Finding, ...], edited: frozenset[str]
) -> tuple[Finding, ...]:
    """Lower blocking findings that the branch already had to review.

    This excludes files that we have edited since: a finding on paths, tests or tool settings may be
    about our edit there. Only people may take back what only people may write.
    """
    ours = {(one.rule, one.path) for one in findings}
    taken_back = [
        one
        for one in before
        if one.rule == paths.PATHS.id and one.path in edited and (one.rule, one.path) not in ours
    ]
    left = Counter(_known_by(one, edited) for one in before if one.severity is Severity.BLOCK)
    told = []
    for one in findings:
        key = _known_by(one, edited)
        strict = one.path in edited and one.rule in registry.OF_WHOLE_FILES
        known = one.severity is Severity.BLOCK and not strict and left[key] > 0
        left[key] -= known
        told.append(one.model_copy(update={"severity": Severity.REVIEW}) if known else one)
    return (*taken_back, *told)


def tolerate_standing(
    compared: tuple[Comparison, ...], change: Change, human_changes: Change | None
) -> tuple[Comparison, ...]:
    """Let what rules find in lines that people have committed remark, no more."""
    return tuple(
        check.model_copy(
            update={"findings": levels.soften_in_human_lines(check.findings, change, human_changes)}
        )
        for check in compared
    )


def _known_by(finding: Finding, edited: frozenset[str]) -> tuple[str, str, str]:
    """Return by what a finding is known again; its line may be another one by now."""
    return finding.rule, finding.path, finding.message if finding.path in edited else ""
