"""Validate: check a change by rules, run its checks and decide, in this order."""

import math
from functools import partial

from agent.editing import rounds
from agent.editing.rounds import Draft, Round
from agent.editing.run_context import RunContext
from agent.errors import EditFailed, EnvironmentFailed, PolicyRefused
from agent.models.checks import Status
from agent.models.record import replace
from agent.models.review import ReviewNotes
from agent.models.step import Step
from agent.publishing.evidence import DecidedChange
from agent.stages import baseline, checks, decide, edit, policy
from agent.text.check_summary import format_count


def validate_draft(draft: Draft, run_context: RunContext) -> Round:
    """Validate a draft; if an error ends that early, an earlier change that passed is kept."""
    judged = Round(run_context.history.round_number, draft, unfinished=True)
    with run_context.history.keep_passed_change("the checks of another change finished"):
        judged = _run_gate(draft, run_context)
    return run_context.history.record_round(judged)


def _run_gate(draft: Draft, run_context: RunContext) -> Round:
    """Apply the rules to a change, run the project's checks on it, and decide."""
    once, desk, prepared = run_context.once, run_context.desk, run_context.prepared
    task, before, number = run_context.task, run_context.baseline, run_context.history.round_number
    change, human = draft.change, task.human_changes
    try:
        once(Step.DRAFT.named(number), edit.record_draft, change, number, prepared, desk)
        inputs = change, task.ticket, prepared, desk, human
        cleared = once(Step.POLICY.named(number), policy.clear_change, *inputs)
        anew = partial(baseline.measure_anew, before, prepared, desk)
        judged = once(
            Step.CHECKS.named(number),
            checks.check_cleared,
            cleared,
            draft.plan,
            before,
            prepared,
            desk,
            human,
            run_context.gate_seconds,
            anew,
        )
    except PolicyRefused as problem:
        desk.facts.note_round(problem.reason)
        return Round(number, draft, refused=problem.findings)
    except (EditFailed, EnvironmentFailed) as problem:
        if draft.plan.recipe:  # no model could repair it
            raise
        return Round(number, draft, refused=(rounds.make_stop_finding(problem),))
    desk.facts.compared = judged.compared
    facts = judged, cleared, prepared.contract
    verdict = once(Step.DECIDE.named(number), decide.decide_verdict, *facts)
    desk.facts.note_round(verdict.reason, (*cleared.findings, *verdict.findings))
    return Round(number, draft, (), cleared, judged, verdict)


def describe_gate(run_context: RunContext) -> str:
    """Describe what a submit runs, and how long that takes."""
    baseline = run_context.baseline
    ran = [result for result in baseline.results if result.status is not Status.ABSENT]
    names = ", ".join(result.name for result in ran) or "no check"
    # The factor is for the runs of new tests, and of tests without parts of the change.
    seconds = math.ceil(1.5 * max((result.seconds for result in ran), default=0.0))
    runs = (
        f"`submit` runs the rules, {names}, the new and changed tests without the change, and tests"
        f" without parts of it. Expect {format_count(seconds, 'second')} or more."
    )
    if "reviewer" in run_context.roles:
        return runs
    return f"{runs}\nNo reviewer is configured: what only a reviewer accepts makes a draft."


def gather_results(
    chosen: Round, notes: ReviewNotes, run_context: RunContext
) -> DecidedChange | None:
    """Join all results of a run on a change; None: rules refused the change of a follow-up.

    Raises:
        PolicyRefused: The rules refused the change, and there is no pull request to report it in.
    """
    if chosen.cleared is None or chosen.judged is None or chosen.verdict is None:
        if run_context.task.pull is None:
            raise PolicyRefused(chosen.refused)
        return None
    verdict, work = chosen.verdict, run_context.summarize_model_work(chosen.draft.change)
    if work.undone and (notes.open or not verdict.publish):
        sentence = " ".join((verdict.sentence, *work.undone))
        verdict = replace(verdict, sentence=sentence)
    return DecidedChange(
        ticket=run_context.task.ticket,
        plan=chosen.draft.plan,
        cleared=chosen.cleared,
        after=chosen.judged.ran,
        compared=chosen.compared,
        notes=notes,
        verdict=verdict,
        proof=chosen.proof,
        work=work,
    )
