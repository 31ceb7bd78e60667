"""Define the order of the steps of a run, for a ticket or for requests on a pull request.

This module has no I/O, clock or random values: everything happens in a step, whose name is stable
and unique and whose result is a small record. So a durable engine can implement `once`, and repeat
`run_task` from the top: a finished step returns its recorded result. Replies of models and the
calls in them are steps as well (`agent.editing.loop`).
"""

from functools import partial
from typing import Any

from agent.desk import Desk
from agent.editing import attempts, reviewing, scouting
from agent.editing.attempts import Attempt
from agent.editing.preparation import UNPREPARED, Preparation
from agent.editing.rounds import Draft, Round, choose_best
from agent.editing.run_context import RunContext, list_roles
from agent.errors import EditFailed, EnvironmentFailed, RepositoryUnfit
from agent.models.environment import OpenedRepository
from agent.models.outcome import Outcome
from agent.models.pulls import BranchState
from agent.models.record import replace
from agent.models.run import Run
from agent.models.step import Step, StepRunner
from agent.models.task import ItemAnswer, PullContext, Task
from agent.models.ticket import Ticket
from agent.publishing import status
from agent.publishing.evidence import DecidedChange
from agent.recipes.add_field import recipe
from agent.stages import (
    checkout,
    decide,
    edit,
    environment,
    follow_up,
    onboard,
    plan,
    publish,
    report,
    respond,
    triage,
    validate,
)


def run_task(run: Run, once: StepRunner, desk: Desk) -> Outcome:
    """Turn a ticket into a pull request, or requests on a pull request into commits and answers.

    Requests come from people and CI. For them, the whole branch is compared with its base again.

    Raises:
        RunStopped: The run ends without a result; the error says why.
    """
    if not run.ticket:
        return _check_base(run, once, desk)
    facts = desk.facts
    pull = once(Step.READ_PULL, follow_up.read_context, run, desk) if run.follow_up else None
    if pull and not pull.asks_anything:
        return once(Step.PUBLISH, publish.end_without_work, pull, run, desk)
    facts.ticket = ticket = once(Step.READ_TICKET, triage.read_ticket, run, desk)
    once(Step.ANNOUNCE, status.announce, run, desk)
    facts.recipe = chosen = once(Step.TRIAGE, triage.decide_ticket, ticket, pull, desk)
    start = once(Step.CHECKOUT, checkout.prepare_start, pull, run, desk)
    base = _open_base(start, run, once, desk)
    items = once(Step.READ_THREADS, follow_up.list_items, pull, start, run, desk) if pull else ()
    task = Task(ticket=ticket, recipe=chosen, start=start, pull=pull, items=items)
    if not pull:
        parameters = once(Step.CLARIFY, plan.resolve_parameters, task, base, desk)
        task = replace(task, parameters=parameters)
    run_context = _begin_work(task, base, once, desk)
    tried: Round | None
    attempt: Attempt | None = None
    answers: tuple[ItemAnswer, ...] = ()
    with run_context.close_at_end():
        if pull:
            tried, attempt, answers = _by_answers(pull, run_context)
        elif task.parameters:
            tried = _by_recipe(run_context)
        else:
            tried, attempt = _by_model(run_context)
        decided = _review_change(tried, attempt, run_context) if tried else None
    refused = tried.refused if tried and not decided else ()
    if decided and not pull:
        decided, run_context = _bring_up(decided, run_context)
    base = run_context.prepared if decided else base
    made = task, decided, refused, answers, base
    return once(Step.PUBLISH, publish.publish_result, *made, desk)


def _bring_up(decided: DecidedChange, run_context: RunContext) -> tuple[DecidedChange, RunContext]:
    """Check a finished change again if its base branch has moved before a retry."""
    run, once, desk = run_context.base.run, run_context.once, run_context.desk
    start = once(Step.BRING_UP, checkout.bring_up, decided, run_context.prepared, desk)
    if start is None:
        return decided, run_context
    with once.rename(start.tip[:12]):
        base = _open_base(start, run, once, desk)
        moved = _begin_work(replace(run_context.task, start=start), base, once, desk)
        with moved.close_at_end():
            _prepare_base(moved)
            tried = moved.judge(Draft(plan=decided.plan, change=start.change))
            tried = decide.with_review(tried, decided.notes, base.contract)
            checked = validate.gather_results(tried, decided.notes, moved)
    assert checked is not None  # noqa: S101  without a pull request, it raises instead
    return replace(checked, work=decided.work), moved


def _check_base(run: Run, once: StepRunner, desk: Desk) -> Outcome:
    start = once(Step.CHECKOUT, checkout.prepare_start, None, run, desk)
    base = _open_base(start, run, once, desk)
    ticket = Ticket(ticket_id="check", title="", body="", digest="")
    run_context = _begin_work(Task(ticket=ticket, recipe="", start=start), base, once, desk)
    with run_context.close_at_end():
        measured = run_context.preparation.finish()
        return once(Step.REPORT, report.report_base, base, measured, desk)


def _open_base(start: BranchState, run: Run, once: StepRunner, desk: Desk) -> OpenedRepository:
    """Provide the base commit, and read the repository's configuration there."""
    desk.facts.checkout = commit = start.checkout
    checkout.restore_checkout(run, start, desk)
    contract = once(Step.READ_CONFIG, checkout.read_contract, run, commit, desk)
    desk.facts.contract = contract
    return OpenedRepository(run=run, checkout=commit, contract=contract)


def _begin_work(task: Task, opened: OpenedRepository, once: StepRunner, desk: Desk) -> RunContext:
    """Build the context of a change's steps; nothing is prepared yet."""
    roles = once(Step.ROLES, list_roles, desk.models)

    def scout(*args: Any) -> scouting.Search:
        return scouting.begin_search(run_context, *args)

    measure = partial(environment.prepare_environment, opened)
    # The recorded roles decide, not today's models, so that a continued run has the same steps.
    prepared = Preparation(once, desk, measure, scout if "editor" in roles else None)

    def judge(draft: Draft) -> Round:
        return validate.validate_draft(draft, run_context)

    run_context = RunContext(task, opened, once, desk, prepared, judge, roles)
    return run_context


def _prepare_base(run_context: RunContext) -> None:
    """Prepare the base for a change, and propose the configuration that this needs."""
    if run_context.preparation.ready is not None:
        return
    once, base, desk = run_context.once, run_context.base, run_context.desk
    try:
        measured = run_context.preparation.finish()
    except (EnvironmentFailed, RepositoryUnfit):
        once(Step.PROPOSE, onboard.propose_configuration, base, None, desk)
        raise
    once(Step.PROPOSE, onboard.propose_configuration, base, measured, desk)


def _by_recipe(run_context: RunContext) -> Round:
    """Plan, edit, judge: a recipe makes the same change each time, so it has one try.

    Raises:
        TicketUnclear: Django does not accept what the ticket states.
    """
    once, desk = run_context.once, run_context.desk
    desk.facts.plan = agreed = once(Step.PLAN, recipe.draft_plan, run_context.task.parameters)
    once(Step.APPROVAL, plan.require_plan_approval, agreed, run_context.base, desk)
    _prepare_base(run_context)
    change = once(Step.EDIT, edit.apply_plan, agreed, run_context.prepared, desk)
    return run_context.judge(Draft(plan=agreed, change=change))


def _by_model(run_context: RunContext) -> tuple[Round, Attempt]:
    """Carry out the ticket in one conversation with a model, from the plan to the best change.

    Raises:
        EditFailed: Nothing was changed.
    """
    rounds = run_context.history.rounds
    attempt = _plan_by_model(run_context)
    attempts.run_attempt(attempt, run_context)
    if not rounds:
        raise EditFailed(f"The model changed nothing: {attempt.why}.")
    return choose_best(rounds), attempt


def _plan_by_model(run_context: RunContext) -> Attempt:
    """Have the model plan while the base is prepared, and await the plan's approval."""
    once, desk = run_context.once, run_context.desk
    try:
        attempt = attempts.begin_attempt(run_context)
    except UNPREPARED:
        # The preparation has failed in its thread: the run's own steps fail in the same way.
        _prepare_base(run_context)
        raise
    _prepare_base(run_context)
    run_context.require_proofs()
    desk.facts.plan = attempt.plan
    once(Step.APPROVAL, plan.require_plan_approval, attempt.plan, run_context.base, desk)
    attempt.begin_edits(validate.describe_gate(run_context))
    return attempt


def _by_answers(
    pull: PullContext, run_context: RunContext
) -> tuple[Round | None, Attempt | None, tuple[ItemAnswer, ...]]:
    """Answer the items by rules first, then by one conversation, which edits the branch."""
    task, history = run_context.task, run_context.history
    if follow_up.is_by_recipe(pull, task.start, task.items):
        return _by_recipe_again(run_context)
    answered = run_context.once(Step.SETTLE, respond.answer_by_rules, pull, task.items)
    draft, answers, attempt = respond.answer_by_model(answered, pull.plan, run_context)
    # If nothing was edited or merged in, the branch stays as it is.
    if not task.brings_news(draft.change, answers):
        return None, None, answers
    _prepare_base(run_context)
    attempt = attempts.run_attempt(attempt, run_context, run_context.judge(draft))
    return choose_best(history.rounds), attempt, answers


def _by_recipe_again(run_context: RunContext) -> tuple[Round, None, tuple[ItemAnswer, ...]]:
    """Make the recipe's change again on the base's head; it replaces that whose migrations fork."""
    once, task, desk = run_context.once, run_context.task, run_context.desk
    _prepare_base(run_context)
    agreed = once(Step.PLAN, edit.plan_again, task.ticket, run_context.prepared, desk)
    change = once(Step.EDIT, edit.apply_plan, agreed, run_context.prepared, desk)
    answers = respond.answer_by_recipe(task.items)
    return run_context.judge(Draft(plan=agreed, change=change)), None, answers


def _review_change(
    chosen: Round, attempt: Attempt | None, run_context: RunContext
) -> DecidedChange | None:
    """Have a second model review a model's change; the first answers its remarks once."""
    notes = reviewing.review_change(chosen, run_context)
    if attempt and notes.remarks and chosen.is_passed:
        if made := attempts.answer_review(attempt, chosen, notes, run_context):
            chosen, notes = reviewing.complete_review(chosen, choose_best(made), notes, run_context)
    return validate.gather_results(
        decide.with_review(chosen, notes, run_context.prepared.contract), notes, run_context
    )
