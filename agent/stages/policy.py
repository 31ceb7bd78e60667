"""Decide whether a change may be checked and leave the machine.

Owns the one way from Change to ClearedChange. The rules, each pure and in a module of its own,
are in `agent.policy`; what tools find in a room is left to `checks`.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent import worktree
from agent.domain import Change, ClearedChange, Finding, Level, Prepared, Severity, Ticket
from agent.errors import PolicyRefused
from agent.policy import levels, registry
from agent.policy.proposal import Proposal
from agent.services import Services


def clear(change: Change, ticket: Ticket, prepared: Prepared, svc: Services) -> ClearedChange:
    """Let a change pass only if every rule of the target repository allows it.

    Raises:
        PolicyRefused: A rule forbids it; the message names rule, file, line and the way out.
    """
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    contract = prepared.contract
    proposal = Proposal(change, contract.config, contract.project, base, ticket)
    try:
        cleared = judge(proposal, svc.settings.floors)
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


def judge(proposal: Proposal, floors: Mapping[str, Level]) -> ClearedChange:
    """Hold a change against every rule; pure.

    Args:
        proposal: The change, with its contract and base.
        floors: The least that rules weigh here, by their ids, as the operator has set them.

    Raises:
        PolicyRefused: With all findings of all rules, not only the first.
    """
    found = (finding for module in registry.MODULES for finding in module.check(proposal))
    findings = tuple(levels.weigh(found, registry.RULES, proposal.config, floors))
    if any(finding.severity is Severity.BLOCK for finding in findings):
        raise PolicyRefused(findings)
    return ClearedChange(change=proposal.change, findings=findings)
