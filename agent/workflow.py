"""The flows: a ticket to a proposed branch, and a review of it to an answer; nothing but the order.

No I/O here, no clock, no chance: everything happens in a step, whose name is stable and unique
and whose result is a small record. So a durable engine can stand under `once` and repeat the
function from the top; a finished step is then remembered, not done again. What models do are
steps as well, one for each reply and one for its calls: `agent.editing.loop`.
"""

from __future__ import annotations

from functools import partial

from agent.desk import Desk
from agent.editing import reviewing, scouting
from agent.editing.rounds import Draft, Round, choose_best
from agent.editing.run_context import RunContext
from agent.errors import EnvironmentFailed, RepositoryUnfit, TicketUnclear
from agent.models.checks import CheckReport
from agent.models.environment import Opened, Prepared
from agent.models.outcome import Outcome
from agent.models.run import Run
from agent.models.step import Step, StepRunner
from agent.publishing.evidence import Decided
from agent.recipes.add_field import recipe
from agent.stages import (
    answer,
    baseline,
    checkout,
    decide,
    edit,
    environment,
    follow_up,
    onboard,
    plan,
    publish,
    repair,
    respond,
    triage,
    validate,
)


def resolve_ticket(run: Run, once: StepRunner, desk: Desk) -> Outcome:
    """Carry one ticket to a branch that passed the checks, with the text and log that prove it.

    Raises:
        RunStopped: The run ends without a branch; the error says why.
    """
    facts = desk.facts
    facts.ticket = ticket = once(Step.READ_TICKET, triage.read_ticket, run, desk)
    once(Step.ANNOUNCE, desk.code_host.announce_start, run)
    facts.decision = decision = once(Step.TRIAGE, triage.decide_ticket, ticket, run, desk)
    if not decision.recipe:
        facts.ticket = ticket = once(Step.EARLIER, triage.add_earlier_attempt, ticket, run, desk)
    facts.checkout = base = once(Step.CHECKOUT, checkout.prepare_checkout, run, desk)
    checkout.restore_checkout(run, base, desk)
    facts.contract = contract = once(Step.READ_CONFIG, checkout.read_contract, run, base, desk)
    once(Step.BRANCHES, checkout.require_free_prefix, run, base, contract, desk)
    parameters = once(
        Step.CLARIFY, plan.settle_parameters, ticket, decision, run, base, contract, desk
    )
    opened = Opened(run=run, checkout=base, contract=contract)
    run_context = RunContext(
        ticket, decision, parameters, opened, once, desk, measure=_measure_base
    )
    with run_context.attach_best_change():
        tried = _by_recipe(run_context) if parameters else None
        decided = _review_change(tried or _by_model(run_context), run_context)
    return once(Step.PUBLISH, publish.open_pull_request, run_context.prepared, decided, desk)


def answer_review(run: Run, once: StepRunner, desk: Desk) -> Outcome:
    """Go on with a pull request of ours: what people ask, red checks, a base that has moved.

    The whole branch is compared with its base, as the first change was. A change that passes is
    committed on top. Every thread ends as a commit, an answer, or a request that a person goes on.

    Raises:
        RunStopped: The follow-up ends without a result; the pull request stays as it is.
    """
    context = once(Step.READ_PULL, follow_up.read_context, run, desk)
    if not follow_up.has_work(context, run):
        return once(Step.PUBLISH, answer.end_without_work, context, run, desk)
    once(Step.ANNOUNCE, desk.code_host.announce_start, run)
    facts = desk.facts
    facts.ticket = ticket = once(Step.READ_TICKET, triage.read_ticket, run, desk)
    facts.ticket = ticket = once(Step.EARLIER, triage.add_earlier_attempt, ticket, run, desk)
    branch_state = once(Step.CHECKOUT, follow_up.read_branch_state, context, run, desk)
    facts.checkout = branch_state.checkout
    checkout.restore_checkout(run, branch_state, desk)
    if not follow_up.has_work(context, run, branch_state):
        return once(Step.PUBLISH, answer.end_without_work, context, run, desk)
    asked = once(Step.READ_THREADS, follow_up.make_task, context, branch_state, run, desk)
    facts.contract = contract = once(
        Step.READ_CONFIG, checkout.read_contract, run, branch_state.checkout, desk
    )
    opened = Opened(run=run, checkout=branch_state.checkout, contract=contract)
    human_changes = branch_state.change if branch_state.foreign_commits else None
    run_context = RunContext(
        ticket,
        follow_up.make_decision(context),
        "",
        opened,
        once,
        desk,
        human_changes,
        _measure_base,
    )
    with run_context.attach_best_change():
        draft, answers = respond.see_to(asked, run_context)
        tried = None
        # The branch stays as it is where nothing was edited or merged in.
        if follow_up.is_news(draft.change, asked, run):
            _prepare_base(run_context)
            tried = _until_green(draft, run_context)
        decided = _review_change(tried, run_context) if tried and tried.is_passed else None
    failed = None if decided else tried
    answers = respond.make_withheld_answers(answers, decided, failed)
    return once(
        Step.PUBLISH,
        answer.publish_answers,
        asked,
        answers,
        decided,
        failed,
        run_context.prepared if decided else opened,
        desk,
    )


def _measure_base(
    run_context: RunContext, once: StepRunner, desk: Desk, scout: environment.Scout | None
) -> tuple[Prepared, CheckReport]:
    """Build the environment, and run the checks without the change."""
    measures = environment.Measures(
        baseline.measure_base, baseline.measure_tests, baseline.measure_others
    )
    scout = scout or partial(scouting.scout_configuration, run_context)
    return environment.prepare_environment(run_context.base, once, desk, measures, scout)


def _prepare_base(run_context: RunContext) -> None:
    """Have the base ready for a change; propose what that takes."""
    if run_context.measure is None:
        return
    once, base, desk = run_context.once, run_context.base, run_context.desk
    try:
        run_context.prepare_environment()
    except (EnvironmentFailed, RepositoryUnfit):
        once(Step.PROPOSE, onboard.propose_configuration, base, desk)
        raise
    once(Step.PROPOSE, onboard.propose_configuration, base, desk)


def _by_recipe(run_context: RunContext) -> Round | None:
    """Plan, edit, judge: a recipe makes the same change each time, so it has one try.

    None where Django does not take what the ticket states, and a model can.

    Raises:
        TicketUnclear: There is no model that can.
    """
    once, desk = run_context.once, run_context.desk
    desk.facts.plan = agreed = once(Step.PLAN, recipe.draft_plan, run_context.parameters)
    once(Step.APPROVAL, plan.require_plan_approval, agreed, run_context.base, desk)
    _prepare_base(run_context)
    try:
        change = once(Step.EDIT, edit.carry_out, agreed, run_context.prepared, desk)
    except TicketUnclear as problem:
        if not plan.has_model(desk):
            raise
        desk.say(f"the recipe leaves it to the model: {problem.message}")
        return None
    return validate.judge_change(Draft(plan=agreed, change=change), run_context)


def _by_model(run_context: RunContext) -> Round:
    """One conversation from the plan to a change that passes; another attempt where none does."""
    attempt = plan.agree_plan(run_context)
    once, desk = run_context.once, run_context.desk
    desk.facts.plan = attempt.plan
    # What a recipe planned before may have been approved: this is another plan.
    asked = Step.APPROVAL.named("of the model's plan") if run_context.parameters else Step.APPROVAL
    once(asked, plan.require_plan_approval, attempt.plan, run_context.base, desk)
    _prepare_base(run_context)
    candidates: list[Round] = []
    while (draft := edit.next_candidate(attempt, candidates, run_context)) is not None:
        candidates.append(_until_green(draft, run_context))
    return reviewing.choose_attempt(candidates, run_context)


def _until_green(draft: Draft, run_context: RunContext) -> Round:
    """Rules, checks, repair; and again while repair has something new to try."""
    tried = [validate.judge_change(draft, run_context)]
    while (following := repair.next_draft(tried, run_context)) is not None:
        tried.append(validate.judge_change(following, run_context))
    return choose_best(tried)


def _review_change(chosen: Round, run_context: RunContext) -> Decided:
    """Have a second model look at what a model has edited; what it demands is seen to once."""
    notes = reviewing.review_change(chosen, run_context)
    if (draft := repair.answer_submission(chosen, notes, run_context)) is not None:
        chosen, notes = reviewing.settle_review(
            chosen, _until_green(draft, run_context), notes, run_context
        )
    return validate.gather_results(
        decide.with_review(chosen, notes, run_context.prepared.contract), notes, run_context
    )
