"""The flows: a ticket to a proposed branch, and a review of it to an answer; nothing but the order.

No I/O here, no clock, no chance: everything happens in a step, whose name is stable and unique
and whose result is a small record. So a durable engine can stand under `step` and repeat the
function from the top; a finished step is then remembered, not done again. What models do are
steps as well, one for each reply and one for its calls: `agent.editing.loop`.
"""

from __future__ import annotations

from functools import partial

from agent.editing import scouting
from agent.editing.job import Job
from agent.editing.rounds import Draft, Round, best
from agent.errors import EnvironmentFailed, RepositoryUnfit
from agent.models.checks import CheckReport
from agent.models.environment import Opened, Prepared
from agent.models.outcome import Outcome
from agent.models.run import Run
from agent.models.steps import Step
from agent.publishing import proposing
from agent.services import Services
from agent.stages import (
    answer,
    baseline,
    checkout,
    decide,
    earlier,
    edit,
    environment,
    follow_up,
    onboard,
    plan,
    publish,
    repair,
    respond,
    review,
    triage,
    validate,
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
    job = Job(ticket, decision, facts, opened, step, svc, measure=_measure)
    with job.keeping():
        decided = _reviewed(_by_recipe(job) if facts else _by_model(job), job)
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
    contract = step("read config", checkout.contract, run, standing.checkout, svc)
    opened = Opened(run=run, checkout=standing.checkout, contract=contract)
    stood = standing.change if standing.foreign else None
    job = Job(ticket, follow_up.decision(occasion), "", opened, step, svc, stood, _measure)
    with job.keeping():
        job.prepare()
        draft, answers = respond.see_to(asked, job)
        # The branch stays as it is where nothing was edited or merged in.
        is_news = follow_up.is_news(draft.change, asked, run)
        tried = _until_green(draft, job) if is_news else None
        decided = _reviewed(tried, job) if tried and tried.passed else None
    failed = None if decided else tried
    answers = respond.withheld(answers, decided, failed)
    return step("publish", answer.publish, asked, answers, decided, failed, job.prepared, svc)


_MEASURES = environment.Measures(baseline.measure, baseline.measure_tests, baseline.measure_others)


def _measure(job: Job) -> tuple[Prepared, CheckReport]:
    """Build the environment, and run the checks without the change; propose what that takes."""
    base, step, svc = job.base, job.step, job.svc
    scout = partial(scouting.scout, job)
    measures = environment.Measures(
        baseline.measure, baseline.measure_tests, baseline.measure_others
    )
    try:
        found = environment.prepare(base, step, svc, measures, scout)
    except (EnvironmentFailed, RepositoryUnfit):
        step("propose configuration", onboard.propose, base, svc)
        raise
    step("propose configuration", onboard.propose, base, svc)
    return found


def _by_recipe(job: Job) -> Round:
    """Plan, edit, judge: a recipe makes the same change each time, so it has one try."""
    step, svc = job.step, job.svc
    agreed = step("plan", plan.draft, job.decision, job.facts)
    step("approval", plan.approve, agreed, job.base, svc)
    job.prepare()
    change = step("edit", edit.carry_out, agreed, job.prepared, svc)
    return validate.judge(Draft(plan=agreed, change=change), job)


def _by_model(job: Job) -> Round:
    """One conversation from the plan to a change that passes; another attempt where none does."""
    attempt = plan.agree(job)
    job.step("approval", plan.approve, attempt.plan, job.base, job.svc)
    job.prepare()
    candidates: list[Round] = []
    while (draft := edit.next_candidate(attempt, candidates, job)) is not None:
        candidates.append(_until_green(draft, job))
    return best(candidates)


def _until_green(draft: Draft, job: Job) -> Round:
    """Rules, checks, repair; and again while repair has something new to try."""
    tried = [validate.judge(draft, job)]
    while (following := repair.next_draft(tried, job)) is not None:
        tried.append(validate.judge(following, job))
    return best(tried)


def _reviewed(chosen: Round, job: Job) -> proposing.Decided:
    """Have a second model look at what a model has edited; what it demands is seen to once."""
    notes = review.examine(chosen, job)
    if (draft := repair.answer(chosen, notes, job)) is not None:
        chosen, notes = review.settled(chosen, _until_green(draft, job), notes, job)
    return proposing.decided(decide.with_review(chosen, notes, job.prepared.contract), notes, job)
