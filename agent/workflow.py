"""The run on one screen: the order of the stages, and nothing else.

No I/O here, no clock, no chance: everything happens in a step, whose name is stable and unique
and whose result is a small record. So a durable engine can stand under `step` and repeat the
function from the top; a finished step is then remembered, not done again. What models do are
steps as well, one for each reply and one for its calls: `agent.editing.loop`.
"""

from __future__ import annotations

from dataclasses import replace

from agent import proposing
from agent.agenda import Agenda, Answer
from agent.domain import Opened, Outcome, Prepared, Run
from agent.editing import failures
from agent.editing.job import Job
from agent.editing.rounds import Draft, Round, best
from agent.errors import ROUND_ENDS, EditFailed, EnvironmentFailed, PolicyRefused
from agent.ports import Step
from agent.services import Services
from agent.stages import (
    answer,
    baseline,
    checkout,
    checks,
    decide,
    earlier,
    edit,
    environment,
    follow_up,
    onboard,
    plan,
    policy,
    prove,
    publish,
    repair,
    respond,
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
    ticket = step("earlier", earlier.know, ticket, run, svc)
    base = step("checkout", checkout.prepare, run, svc)
    contract = step("read config", checkout.contract, run, base, svc)
    step("onboard", onboard.settle, run, base, contract, svc)
    facts = step("clarify", plan.settle, ticket, decision, run, base, contract, svc)
    opened = Opened(run=run, checkout=base, contract=contract)
    job = Job(ticket, decision, facts, opened, step, svc)
    with job.keeping():
        decided = _by_recipe(job) if facts else _by_model(job)
    return step("publish", publish.open_pull_request, job.prepared, decided, svc)


def answer_review(run: Run, step: Step, svc: Services) -> Outcome:
    """Go on with a pull request of ours: what people ask, red checks, a base that has moved.

    All of the branch is held against its base as the first change was; what passes goes on top of
    it, and every thread ends as a commit, an answer, or the word that a person has to go on.

    Raises:
        RunStopped: The follow-up ends without a result; the pull request stays as it is.
    """
    occasion = step("read pull", follow_up.read, run, svc)
    if not follow_up.has_work(occasion, run):
        return step("publish", answer.nothing, occasion, run, svc)
    step("announce", svc.forge.begin, run)
    ticket = step("read ticket", triage.read, run, svc)
    ticket = step("earlier", earlier.know, ticket, run, svc)
    standing = step("checkout", follow_up.stand, occasion, run, svc)
    if not follow_up.has_work(occasion, run, standing):
        return step("publish", answer.nothing_by_now, occasion, run, svc)
    asked = step("read threads", follow_up.agenda, occasion, standing, run, svc)
    base = standing.checkout
    contract = step("read config", checkout.contract, run, base, svc)
    opened = Opened(run=run, checkout=base, contract=contract)
    stood = standing.change if standing.foreign else None
    job = Job(ticket, follow_up.decision(occasion), "", opened, step, svc, stood)
    with job.keeping():
        _prepare(job)
        draft, answers = _seen_to(asked, job)
        decided, tried = _settled(draft, asked, job)
    answers = respond.withheld(answers, decided, tried)
    return step("publish", answer.publish, asked, answers, decided, tried, job.prepared, svc)


def _prepare(job: Job) -> None:
    """Build the environment, and run the checks without the change."""
    base, step, svc = job.base, job.step, job.svc
    run, commit, contract = base.run, base.checkout, base.contract
    built = step("environment", environment.build, run, commit, contract, svc)
    job.prepared = Prepared(run=run, checkout=commit, contract=contract, environment=built)
    job.before = step("baseline", baseline.measure, job.prepared, svc)


def _seen_to(asked: Agenda, job: Job) -> tuple[Draft, tuple[Answer, ...]]:
    """What is for people, what is suggested, and the rest by a model."""
    step, svc, prepared = job.step, job.svc, job.prepared
    draft = respond.begun(asked)
    answers = step("settle", respond.by_rules, asked, prepared)
    suggested = step(
        "suggestions", respond.as_suggested, asked, answers, draft.change, prepared, svc
    )
    draft, answers = respond.with_suggested(draft, suggested), answers + suggested.answers
    draft, more = respond.by_model(asked, answers, draft, job)
    return draft, answers + more


def _settled(
    draft: Draft, asked: Agenda, job: Job
) -> tuple[proposing.Decided | None, Round | None]:
    """Judge what was edited, or merged in; nothing where the branch stays as it is."""
    if not follow_up.is_news(draft.change, asked, job.prepared.run):
        return None, None
    models = job.svc.models is not None
    tried = _until_green(draft, job) if models else _judged(draft, job)
    if not tried.passed:
        return None, tried
    # What no model has edited needs no second one.
    notes = review.examine_draft(tried, job) if job.uses else review.unneeded()
    if (mended := repair.answer(tried, notes, job)) is not None:
        tried, notes = review.settled(tried, _until_green(mended, job), notes, job)
    weighed = decide.with_review(tried, notes, job.prepared.contract)
    return proposing.decided(weighed, notes, job), None


def _by_recipe(job: Job) -> proposing.Decided:
    """Plan, edit, policy, checks: a recipe makes the same change each time, so it has one try."""
    step, svc = job.step, job.svc
    agreed = step("plan", plan.draft, job.decision, job.facts)
    step("approval", plan.approve, agreed, job.base, svc)
    _prepare(job)
    prepared = job.prepared
    change = step("edit", edit.carry_out, agreed, prepared, svc)
    cleared = step("policy 1", policy.clear, change, job.ticket, prepared, svc)
    after = step("checks 1", checks.run, cleared, job.before, prepared, svc)
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
    """One conversation from the plan to a change that passes; a second model's review."""
    attempt = plan.agree(job)
    job.step("approval", plan.approve, attempt.plan, job.base, job.svc)
    _prepare(job)
    plan.require_proofs(job.before)
    candidates: list[Round] = []
    while (draft := edit.next_candidate(attempt, candidates, job)) is not None:
        candidates.append(_until_green(draft, job))
    chosen = best(candidates)
    notes = review.examine_draft(chosen, job)
    if (draft := repair.answer(chosen, notes, job)) is not None:
        chosen, notes = review.settled(chosen, _until_green(draft, job), notes, job)
    return proposing.decided(decide.with_review(chosen, notes, job.prepared.contract), notes, job)


def _until_green(draft: Draft, job: Job) -> Round:
    """Policy, checks, repair; and again while repair has something new to try."""
    tried = [_judged(draft, job)]
    while (following := repair.next_draft(tried, job)) is not None:
        tried.append(_judged(following, job))
    return best(tried)


def _judged(draft: Draft, job: Job) -> Round:
    """Judge a change; where that cannot be ended, one that has passed is not given up for it."""
    number = job.number
    try:
        return job.over(_weighed(draft, job))
    except ROUND_ENDS as problem:
        if not job.survives(problem):
            raise
        job.leave(problem, "another change was checked to its end")
        return job.over(Round(number, draft, unfinished=True))


def _weighed(draft: Draft, job: Job) -> Round:
    """Hold a change against the rules and, if they let it pass, against the project's checks."""
    step, svc, prepared, number = job.step, job.svc, job.prepared, job.number
    made = draft.plan, draft.change, number
    try:
        change = step(f"changelog {number}", edit.entered, *made, prepared, svc)
        draft = replace(draft, change=change)
        held = change, job.ticket, prepared, svc, job.stood
        cleared = step(f"policy {number}", policy.clear, *held)
        after = step(f"checks {number}", checks.run, cleared, job.before, prepared, svc)
    except PolicyRefused as problem:
        return Round(number, draft, refused=problem.findings)
    except (EditFailed, EnvironmentFailed) as problem:
        return Round(number, draft, refused=(failures.find_obstacle(problem),))
    compared = step(f"compare {number}", checks.compare, job.before, after, prepared, svc)
    proof = step(f"proof {number}", prove.show, draft.plan, change, compared, after, prepared, svc)
    verdict = step(f"decide {number}", decide.weigh, compared, cleared, prepared.contract, proof)
    return Round(number, draft, (), cleared, after, compared, proof, verdict)
