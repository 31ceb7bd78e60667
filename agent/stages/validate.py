"""Validate: rules, checks, proof and decision on a change, in this order, in both flows."""

from __future__ import annotations

from dataclasses import replace

from agent.editing import rounds
from agent.editing.job import Job, why
from agent.editing.rounds import Draft, Round
from agent.errors import ROUND_ENDS, EditFailed, EnvironmentFailed, PolicyRefused
from agent.stages import checks, decide, edit, policy, prove


def judge(draft: Draft, job: Job) -> Round:
    """Judge a change; where that cannot be ended, one that has passed is not given up for it."""
    number = job.number
    try:
        return job.over(_weigh(draft, job))
    except ROUND_ENDS as problem:
        if not job.survives(problem):
            raise
        job.note(f"{why(problem)} before another change was checked to its end.")
        return job.over(Round(number, draft, unfinished=True))


def _weigh(draft: Draft, job: Job) -> Round:
    """Hold a change against the rules and, if they let it pass, against the project's checks."""
    step, svc, prepared, number = job.step, job.svc, job.prepared, job.number
    try:
        made = draft.plan, draft.change, number, prepared, svc
        change = step(f"changelog {number}", edit.entered, *made)
        draft = replace(draft, change=change)
        held = change, job.ticket, prepared, svc, job.stood
        cleared = step(f"policy {number}", policy.clear, *held)
        after = step(f"checks {number}", checks.run, cleared, job.before, prepared, svc, job.stood)
    except PolicyRefused as problem:
        return Round(number, draft, refused=problem.findings)
    except (EditFailed, EnvironmentFailed) as problem:
        if draft.plan.recipe:  # nobody would mend it
            raise
        return Round(number, draft, refused=(rounds.find_obstacle(problem),))
    compared = step(f"compare {number}", checks.compare, job.before, after, prepared, svc)
    compared = policy.tolerate_standing(compared, change, job.stood)
    proof = step(f"proof {number}", prove.show, draft.plan, change, compared, after, prepared, svc)
    verdict = step(f"decide {number}", decide.weigh, compared, cleared, prepared.contract, proof)
    return Round(number, draft, (), cleared, after, compared, proof, verdict)
