"""Decide whether a change may be checked and leave the machine.

Owns the one way from Change to ClearedChange. The rules, each pure and in a module of its own,
are in `agent.policy`; what tools find in a room is left to `checks`.
"""

from __future__ import annotations

from agent import worktree
from agent.domain import Change, ClearedChange, Prepared, Severity
from agent.errors import PolicyRefused
from agent.policy import registry
from agent.services import Services
from repo_config.detect import Project
from repo_config.schema import RepoConfig
from repo_config.tree import Tree


def clear(change: Change, prepared: Prepared, svc: Services) -> ClearedChange:
    """Let a change pass only if every rule of the target repository allows it.

    Raises:
        PolicyRefused: A rule forbids it; the message names rule, file, line and the way out.
    """
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    contract = prepared.contract
    cleared = judge(change, contract.config, contract.project, base)
    remarks = len(cleared.findings)
    svc.say(
        f"{len(registry.RULES)} rules allow the change"
        + (f", {remarks} remark{'s' * (remarks != 1)} for the reviewer" if remarks else "")
    )
    return cleared


def judge(change: Change, config: RepoConfig, project: Project, tree: Tree) -> ClearedChange:
    """Hold a change against every rule; pure.

    Args:
        change: What would be published.
        config: Of the base commit, so that no change loosens its own rules.
        project: What was detected there.
        tree: The files of the base commit.

    Raises:
        PolicyRefused: With all findings of all rules, not only the first.
    """
    findings = tuple(
        finding for rule in registry.RULES for finding in rule.check(change, config, project, tree)
    )
    if any(finding.severity is Severity.BLOCK for finding in findings):
        raise PolicyRefused(findings)
    return ClearedChange(change=change, findings=findings)
