"""The run on one screen: the order of the stages, and nothing else.

No I/O here, no clock, no chance: everything happens in a step, whose name is stable and unique
and whose result is a small record. So a durable engine can stand under `step` and repeat the
function from the top; a finished step is then remembered, not done again. What models do are
steps as well, one for each reply and one for its calls: `agent.editing.loop`.
"""

from __future__ import annotations

from agent import proposing
from agent.domain import Outcome, Plan, Prepared, Run
from agent.editing.job import Job
from agent.editing.rounds import Draft, Round, best
from agent.errors import PolicyRefused, TimeSpent
from agent.ports import Step
from agent.services import Services
from agent.stages import (
    baseline,
    checkout,
    checks,
    decide,
    edit,
    environment,
    onboard,
    plan,
    policy,
    prove,
    publish,
    repair,
    review,
    triage,
)


def resolve_ticket(run: Run, step: Step, svc: Services) -> Outcome:
    """Carry one ticket to a branch that passed the checks, with the text and log that prove it.

    Raises:
        RunStopped: The run ends without a branch; the error says why.
    """
    ticket = step("read ticket", triage.read, run, svc)
    step("announce", svc.forge.begin, run)
    decision = step("triage", triage.decide, ticket, run, svc)
    base = step("checkout", checkout.prepare, run, svc)
    contract = step("read config", checkout.contract, run, base, svc)
    if step.changed("onboarding"):
        step("onboard", onboard.settle, run, base, contract, svc)
    facts = step("clarify", plan.settle, ticket, decision, run, base, contract, svc)
    built = step("environment", environment.build, run, base, contract, svc)
    prepared = Prepared(run=run, checkout=base, contract=contract, environment=built)
    before = step("baseline", baseline.measure, prepared, svc)
    job = Job(ticket, decision, facts, prepared, before, step, svc)
    with job.keeping():
        decided = _by_recipe(job) if facts else _by_model(job)
    return step("publish", publish.open_pull_request, prepared, decided, svc)


def _by_recipe(job: Job) -> proposing.Decided:
    """Plan, edit, policy, checks: a recipe makes the same change each time, so it has one try."""
    step, svc, prepared = job.step, job.svc, job.prepared
    agreed = step("plan", plan.draft, job.decision, job.facts)
    _approved(agreed, job)
    change = step("edit", edit.carry_out, agreed, prepared, svc)
    cleared = step("policy 1", policy.clear, change, job.ticket, prepared, svc)
    after = step("checks 1", checks.run, cleared, job.before, prepared, svc)
    step("repair 1", repair.revise, cleared, job.before, after)
    notes = step("review", review.examine, cleared, agreed)
    compared = step("compare", checks.compare, job.before, after, prepared, svc)
    verdict = step("decide", decide.weigh, compared, cleared, prepared.contract)
    return proposing.Decided(
        ticket=job.ticket,
        plan=agreed,
        cleared=cleared,
        after=after,
        compared=compared,
        notes=notes,
        verdict=verdict,
        similar=job.decision.similar,
    )


def _by_model(job: Job) -> proposing.Decided:
    """Plan, tests that fail, candidates, each mended until it passes; a second model's review."""
    agreed = plan.agree(job)
    _approved(agreed, job)
    tests = edit.tests_first(agreed, job)
    candidates: list[Round] = []
    while (draft := edit.next_candidate(agreed, tests, candidates, job)) is not None:
        candidates.append(_until_green(draft, job))
    chosen = review.choose(candidates, job)
    notes = review.examine_draft(chosen, job)
    if (draft := repair.answer(chosen, notes, job)) is not None:
        chosen, notes = review.settled(chosen, _until_green(draft, job), notes, job)
    return proposing.decided(decide.with_review(chosen, notes, job.prepared.contract), notes, job)


def _approved(agreed: Plan, job: Job) -> None:
    """Edit nothing before a person agrees, where one is to be asked."""
    if job.step.changed("approval"):
        job.step("approval", plan.approve, agreed, job.prepared, job.svc)


def _until_green(draft: Draft, job: Job) -> Round:
    """Policy, checks, repair; and again while repair has something new to try."""
    tried = [_judged(draft, job)]
    while (following := repair.next_draft(tried, job)) is not None:
        tried.append(_judged(following, job))
    return best(tried)


def _judged(draft: Draft, job: Job) -> Round:
    """Judge a change; where the minutes end in that, one that has passed is not given up for it."""
    number = job.number
    try:
        return job.over(_weighed(draft, job))
    except TimeSpent as problem:
        if not job.has_passed:
            raise
        job.leave(problem, "another change was checked to its end")
        return job.over(Round(number, draft, unfinished=True))


def _weighed(draft: Draft, job: Job) -> Round:
    """Hold a change against the rules and, if they let it pass, against the project's checks."""
    step, svc, prepared, number = job.step, job.svc, job.prepared, job.number
    made = draft.plan, draft.change, number
    change = step(f"changelog {number}", edit.entered, *made, prepared, svc)
    draft = draft.edited(change, draft.words)
    try:
        held = change, job.ticket, prepared, svc, job.stood
        cleared = step(f"policy {number}", policy.clear, *held)
    except PolicyRefused as problem:
        return Round(number, draft, refused=problem.findings)
    after = step(f"checks {number}", checks.run, cleared, job.before, prepared, svc)
    compared = step(f"compare {number}", checks.compare, job.before, after, prepared, svc)
    proof = step(f"proof {number}", prove.show, draft.plan, change, compared, after, prepared, svc)
    verdict = step(f"decide {number}", decide.weigh, compared, cleared, prepared.contract, proof)
    return Round(number, draft, (), cleared, after, compared, proof, verdict)
