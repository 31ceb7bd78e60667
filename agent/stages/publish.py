"""Publish: commit, branch and text for a change that passed; the text alone for one that did not.

Executes nothing of the repository's. May run twice: an equal commit on an equal branch is found
again, and the texts are written anew.
"""

from __future__ import annotations

from agent import worktree
from agent.domain import (
    CheckReport,
    ClearedChange,
    Comparison,
    Outcome,
    Plan,
    Prepared,
    Reason,
    Record,
    ReviewNotes,
    Ticket,
    Verdict,
    end_state,
)
from agent.publishing import commits, text
from agent.services import Services


class Decided(Record):
    """Everything a run found out, ready to be handed over."""

    ticket: Ticket
    plan: Plan
    cleared: ClearedChange
    after: CheckReport
    compared: tuple[Comparison, ...]
    notes: ReviewNotes
    verdict: Verdict


def open_pull_request(prepared: Prepared, decided: Decided, svc: Services) -> Outcome:
    """Make the branch if the verdict allows it, and hand the text over either way."""
    run, base, change = prepared.run, prepared.checkout, decided.cleared.change
    branch = commit = None
    if decided.verdict.publish and not run.dry_run:
        message = commits.message(
            decided.plan.title, decided.plan.steps, base.subjects, decided.ticket.ticket_id
        )
        commit = worktree.commit(base, change, message, date=run.started)
        wanted = commits.branch(
            prepared.contract.config.pull_request.branch_prefix,
            decided.ticket.ticket_id,
            decided.plan.title,
        )
        branch = worktree.deliver(base, commit, wanted)
        svc.say(f"branch {branch} at {commit[:12]}")
    log_path = svc.run_folder(run) / "run.log"
    evidence = text.Evidence(
        prepared=prepared,
        ticket=decided.ticket,
        title=decided.plan.title,
        steps=decided.plan.steps,
        notes=change.notes,
        paths=change.paths,
        diff=worktree.diff(base, change),
        comparisons=decided.compared,
        findings=decided.cleared.findings,
        after=decided.after,
        review=decided.notes,
        verdict=decided.verdict,
        branch=branch,
        commit=commit,
        log_path=str(log_path),
    )
    words = text.pull_request(evidence) if decided.verdict.publish else text.withheld(evidence)
    reason = decided.verdict.reason
    if decided.verdict.publish and run.dry_run:
        reason = Reason.DRY_RUN
    outcome = Outcome(
        run_id=run.run_id,
        state=end_state(reason),
        reason=reason,
        sentence=decided.verdict.sentence,
        branch=branch,
        commit=commit,
        pull_request_text=words,
        log=str(log_path),
        checks=decided.compared,
        findings=decided.cleared.findings,
    )
    return svc.forge.deliver(run, outcome)
