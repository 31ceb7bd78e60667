"""Decide whether a change may be checked and leave the machine.

Owns the one way from Change to ClearedChange. The rules, each pure and in a module of its own,
are in `agent.policy`; what tools find in a room is left to `checks`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from agent import worktree
from agent.domain import Change, ClearedChange, Finding, Level, Prepared, Severity, Ticket
from agent.errors import PolicyRefused
from agent.policy import levels, registry
from agent.policy.proposal import Proposal
from agent.services import Services


def clear(
    change: Change, ticket: Ticket, prepared: Prepared, svc: Services, stood: Change | None = None
) -> ClearedChange:
    """Let a change pass only if every rule of the target repository allows it.

    Args:
        stood: What a branch held before that people have put commits of their own on; what rules
            found in that already stands against nothing that we add.

    Raises:
        PolicyRefused: A rule forbids it; the message names rule, file, line and the way out.
    """
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    contract = prepared.contract
    proposal = Proposal(change, contract.config, contract.project, base, ticket)
    try:
        cleared = judge(proposal, svc.settings.floors, _before(stood, ticket, prepared, svc))
    except PolicyRefused as problem:
        svc.say(_refused([one for one in problem.findings if one.severity is Severity.BLOCK]))
        raise
    remarks = len(cleared.findings)
    svc.say(
        f"{len(registry.OF_CHANGES)} rules allow the change"
        + (f", {remarks} remark{'s' * (remarks != 1)} for the reviewer" if remarks else "")
    )
    return cleared


def _refused(blocking: list[Finding]) -> str:
    """Say in one line what stands against a change."""
    first = blocking[0]
    place = first.path if first.line is None else f"{first.path}:{first.line}"
    said = f"{first.rule} stands against it: {place} {first.message}".replace("  ", " ")
    more = len(blocking) - 1
    return said + (f" ({more} more finding{'s' * (more != 1)})" if more else "")


def _before(
    stood: Change | None, ticket: Ticket, prepared: Prepared, svc: Services
) -> tuple[Finding, ...]:
    """Return what rules find in a branch as it was."""
    if stood is None:
        return ()
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    contract = prepared.contract
    return _found(Proposal(stood, contract.config, contract.project, base, ticket), {})


def judge(
    proposal: Proposal, floors: Mapping[str, Level], before: tuple[Finding, ...] = ()
) -> ClearedChange:
    """Hold a change against every rule; pure.

    Args:
        proposal: The change, with its contract and base.
        floors: The least that rules weigh here, by their ids, as the operator has set them.
        before: Findings that were there before; as many of the same rule in the same file only
            remark.

    Raises:
        PolicyRefused: With all findings of all rules, not only the first.
    """
    findings = _tolerated(_found(proposal, floors), before)
    if any(finding.severity is Severity.BLOCK for finding in findings):
        raise PolicyRefused(findings)
    return ClearedChange(change=proposal.change, findings=findings)


def _found(proposal: Proposal, floors: Mapping[str, Level]) -> tuple[Finding, ...]:
    found = (finding for module in registry.MODULES for finding in module.check(proposal))
    return tuple(levels.weigh(found, registry.RULES, proposal.config, floors))


def _tolerated(findings: tuple[Finding, ...], before: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Let what was there before remark, no more; people answer for their own commits."""
    left = Counter((one.rule, one.path) for one in before)
    told = []
    for one in findings:
        known = one.severity is Severity.BLOCK and left[one.rule, one.path] > 0
        left[one.rule, one.path] -= known
        told.append(one.model_copy(update={"severity": Severity.REVIEW}) if known else one)
    return tuple(told)
