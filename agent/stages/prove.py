"""Prove: new and changed tests fail without the change and pass with it."""

from __future__ import annotations

from agent.checks import hunks
from agent.editing import proving
from agent.git import worktree
from agent.models.change import Change, Plan
from agent.models.checks import CheckReport, Comparison
from agent.models.environment import Prepared
from agent.models.proof import Proof
from agent.policy.layout import is_test
from agent.services import Services
from agent.text.check_summary import summarize_check

_TYPE_CHECKERS = ("mypy", "pyright", "basedpyright")


def prove_change(
    plan: Plan,
    change: Change,
    compared: tuple[Comparison, ...],
    after: CheckReport,
    prepared: Prepared,
    svc: Services,
) -> Proof:
    """Run the final tests once more without the change, where all else has passed."""
    if plan.recipe:  # its edits are known beforehand, and bring their tests
        return Proof()
    if prepared.contract.config.checks.tests.runner == "off":
        return Proof(unneeded="tests are switched off in the configuration")
    if any(one.is_in_the_way for one in compared):
        return Proof(unneeded="the change does not pass its checks")
    if prepared.run.follow_up is not None:
        return Proof(unneeded="its tests were seen to fail without it when it was opened")
    if (wanted := prepared.contract.config.tests.proof) == "off":
        return Proof(unneeded="tests.proof is off")
    running = [file for file in change.files if hunks.changes_what_runs(file)]
    if not running:
        counts = (
            f"; {check.name} says {said.base} on base and {said.head} with the change"
            for check in compared
            if check.name in _TYPE_CHECKERS
            for said in (summarize_check(check),)
        )
        return Proof(unneeded=f"no code that runs is changed{''.join(counts)}")
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    gone = hunks.Removals(change, base)
    sources = [file for file in running if not is_test(file.path)]
    if sources and all(gone.is_unused(one.path, one.before, one.after) for one in sources):
        return Proof(unneeded="nothing refers to what is removed")
    added = {name for check in compared if check.counts_tests for name in check.added}
    proof = proving.with_change(change, added, after, prepared, svc)
    taken_back = proving.take_back(change, added, after, prepared, svc)
    return proof.model_copy(update={"hunks": taken_back, "is_required": wanted == "require"})
