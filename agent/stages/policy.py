"""Policy: check a change by the rules before it is checked and published.

Only this stage turns a Change into a ClearedChange. The rules are pure, and in modules of
`agent.policy`; rules about results of sandboxes are applied by `checks`.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial

from agent.desk import Desk
from agent.errors import PolicyRefused
from agent.git import worktree
from agent.models.change import Change, ClearedChange, Finding, Severity
from agent.models.environment import Prepared
from agent.models.ticket import Ticket
from agent.policy import levels, paths, registry
from agent.policy.change_context import ChangeContext
from agent.setup import distributions


def clear_change(
    change: Change,
    ticket: Ticket,
    prepared: Prepared,
    desk: Desk,
    human_changes: Change | None = None,
) -> ClearedChange:
    """Return the change as cleared, if every rule of the repository allows it.

    Args:
        human_changes: The branch's earlier change, with commits of people; findings in these do not
            block.

    Raises:
        PolicyRefused: A rule forbids it; the message names rule, file, line and the way out.
    """
    contract = prepared.contract
    environment = prepared.environment
    change_context = ChangeContext(
        change,
        contract.config,
        contract.project,
        desk.open_base(prepared),
        ticket,
        partial(distributions.list_modules, environment.path),
        environment.interpreter.version,
        partial(worktree.list_hunks, prepared.checkout),
    )
    cleared = apply_rules(change_context, human_changes)
    remarks = len(cleared.findings)
    desk.say(
        "all rules passed"
        + (f", {remarks} remark{'s' * (remarks != 1)} for the reviewer" if remarks else "")
    )
    return cleared


def apply_rules(
    change_context: ChangeContext, human_changes: Change | None = None
) -> ClearedChange:
    """Check a change by every rule; pure.

    Args:
        human_changes: The branch's earlier change, with commits of people; findings in these are
            for review, unless the change adds the same again.

    Raises:
        PolicyRefused: A rule forbids the change; the error has the findings of all rules.
    """
    change = change_context.change
    problems = (
        finding for module in registry.MODULES for finding in module.check_change(change_context)
    )
    graded = levels.apply_levels(problems, change_context.config)
    asked = levels.soften_asked_findings(graded, change_context.ticket)
    findings = levels.soften_human_findings(asked, change, human_changes)
    if human_changes is not None:
        theirs = dataclasses.replace(change_context, change=human_changes)
        findings = (*_find_taken_back(change, theirs, findings), *findings)
    if any(finding.severity is Severity.BLOCK for finding in findings):
        raise PolicyRefused(findings)
    # Files that were left out of the change always need review.
    return ClearedChange(change=change, findings=(*change.left_out, *findings))


def _find_taken_back(
    change: Change, theirs: ChangeContext, findings: tuple[Finding, ...]
) -> Iterator[Finding]:
    """Yield findings for files that only people may write, if the change edits people's version.

    If the change restores base's version, it has no such file, so the rules do not see it.
    """
    named = {finding.path for finding in findings if finding.rule == paths.PATHS.id}
    now, was = (
        {file.path: (file.after, file.executable) for file in side.files}
        for side in (change, theirs.change)
    )
    for finding in paths.check_change(theirs):
        is_edited = finding.path in was and now.get(finding.path) != was[finding.path]
        if finding.rule == paths.PATHS.id and is_edited and finding.path not in named:
            yield finding
