"""Carry a run to its end: of an issue or of a ticket file, in the service or by a command.

Owns what surrounds the steps of a run: its events, log and page. Only here an error becomes an
Outcome, and only here is an end posted. The caller decides which run is carried, and when.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from typing import TYPE_CHECKING

import structlog

from agent import limits, steps, workflow
from agent.desk import Compose, Desk, make_redactor
from agent.errors import (
    AgentError,
    CodeHostLimited,
    IndexUnavailable,
    ModelUnavailable,
    PermanentError,
    PolicyRefused,
    StorageFull,
    VersionUnknown,
)
from agent.git import worktree
from agent.llm.budget import Budget
from agent.llm.spendings import CountedModels
from agent.models.clock import read_clock
from agent.models.model_use import SpendingLimits
from agent.models.outcome import JudgedChange, Outcome, RunFiles
from agent.models.record import replace
from agent.models.run import Reason, Remember, Run
from agent.models.step import Step
from agent.publishing import earlier_pulls, status, text, thread_answers
from agent.publishing.pull_request_content import PATCH
from agent.runs import folders, notifications, waiting
from agent.runs.progress import RunProgress
from agent.runs.waiting import PastWait, RunPostponed
from agent.settings import Settings
from agent.steps import Cancellation, Steps, Watcher
from agent.store.sql_tables import RunRow
from agent.telemetry import run_events, run_log, signature
from agent.telemetry.run_events import RunEvents
from agent.telemetry.run_log import RunLog

if TYPE_CHECKING:
    from agent.store.sql_run_store import SqlRunStore

_log = structlog.get_logger()

Say = Callable[[str], None]


def execute_run(
    stored: RunRow,
    keeper: SqlRunStore,
    settings: Settings,
    compose: Compose,
    remember: Remember,
    *,
    watcher: Watcher | None = None,
    cancellation: Cancellation | None = None,
    say: Say = lambda line: None,
) -> tuple[Outcome, dict[str, float]]:
    """Carry a run to its end; return its outcome and the seconds by step.

    Args:
        say: Called with each line of progress, besides the log.

    Raises:
        RunPostponed: The run is delayed, and continues later.
        SettingsInvalid: The operator's settings are wrong, which is found before the first step.
        AgentError: A run of the service did not begin its first step, or its end is not stored.
    """
    run, cancellation = stored.run, cancellation or Cancellation()
    # Only runs of the service wait and continue later; a run of a command ends instead.
    waited = PastWait(stored.begin_with, stored.wait_count) if stored.command is None else None
    folder = folders.make_run_folder(settings.home, run)
    store = keeper.files.open(run.run_id, folder).store if keeper.files else None
    events = RunEvents(folder / run_events.FILE_NAME, store)
    log = RunLog(folder / "run.log", make_redactor(settings))
    desk = _make_desk(stored, keeper, settings, compose, log, events, cancellation, say)
    run_progress = RunProgress(stored, desk, keeper.set_state)
    watchers: list[Watcher] = [run_progress, *([watcher] if watcher else [])]
    facts, budget = desk.facts, desk.budget
    step = Steps(events, log, watchers, facts, budget, remember, cancellation=cancellation)
    try:
        outcome = run_workflow(run, step, desk, log, waited=waited)
        # An error here keeps the run active: once it is over, nobody stores missing files.
        events.store()
    except RunPostponed as postponed:
        _report_wait(postponed, run_progress)
        raise
    finally:
        # The next attempt continues the file of events: this one must not change it any more.
        events.close()
        with suppress(AgentError):  # the run's next segment begins with the stored files
            events.store()
    return outcome, {str(name): seconds for name, seconds in step.seconds.items()}


def _make_desk(
    stored: RunRow,
    keeper: SqlRunStore,
    settings: Settings,
    compose: Compose,
    log: RunLog,
    events: RunEvents,
    cancellation: Cancellation,
    say: Say,
) -> Desk:
    def report_line(line: str) -> None:
        # The line may quote tests, findings and issues, and so show a secret.
        line = log.redactor(line)
        log.line(line)
        say(line)

    desk = compose(
        say=report_line,
        redactor=log.redactor,
        stopped=cancellation,
        events=events,
        signing_key=signature.load_key(settings),
        grants=stored.grants,
        memory=keeper,
    )
    if desk.models is None:
        return desk
    counted = CountedModels(desk.models, keeper.spendings, _make_limits(stored, settings))
    return dataclasses.replace(desk, models=counted)


def _make_limits(stored: RunRow, settings: Settings) -> SpendingLimits:
    issue = stored.run.snapshot.issue if stored.run.snapshot else None
    budgets = limits.load_limits(settings).list_budgets(issue, settings.model_usd_per_day)
    return SpendingLimits(
        run_id=stored.run_id,
        repository_id=issue.repository_id if issue else 0,
        of_run=Budget(settings, stored.grants).find_usd(),
        budgets=tuple(budgets),
        owner=issue.owner if issue else "",
    )


def _report_wait(postponed: RunPostponed, run_progress: RunProgress) -> None:
    """Show on the issue why the run waits; problems of the service in general words."""
    wait = postponed.wait
    match postponed.__cause__:
        case ModelUnavailable() | IndexUnavailable() | CodeHostLimited():
            run_progress.show_wait(wait.until, wait.reason)
        case PermanentError():
            words = "The service has an internal problem."
            run_progress.show_wait(wait.until, words, for_operator=True)


# --- from the first step to the exit --------------------------------------------------------------


def run_workflow(
    run: Run,
    step: Steps,
    desk: Desk,
    log: RunLog,
    *,
    waited: PastWait | None = None,
) -> Outcome:
    """Run the workflow and give every end a reason, a sentence and a text.

    Args:
        waited: Previous waits of the run; None: it never waits.

    Raises:
        RunPostponed: Something outside the run delays it: a code host that is limited or silent, a
            full disk, a machine without sandboxes, a setting.
    """
    facts = desk.facts
    with structlog.contextvars.bound_contextvars(run=run.run_id):
        _record_beginning(run, desk)
        try:
            with folders.lock_trees(desk.base_folder(run).parent):
                outcome = workflow.run_task(run, step, desk)
            if not outcome.is_done:
                # The checks blocked the change: if the run is continued, they are run again.
                at = [name for name in step.seconds if name.step is Step.CHECKS][-1:]
                outcome = replace(outcome, stopped_at=at[0] if at else None)
        except Exception as error:  # noqa: BLE001  every end is explained
            outcome = _end_with(error, run, step, desk, waited)
        judged = replace(outcome.judged, checks=outcome.judged.checks or facts.compared)
        if not outcome.is_done:
            # The outcome of a published change has its findings already.
            judged = replace(judged, findings=judged.findings or facts.findings)
        figures = replace(
            outcome.figures,
            category=facts.plan.category if facts.plan else None,
            recipe=facts.recipe,
            first_round=facts.first_round,
            models=facts.account.uses,
        )
        outcome = replace(outcome, config_name=run.config_name, judged=judged, figures=figures)
        outcome = _deliver_outcome(run, desk.redactor.redact_record(outcome), step, desk, waited)
        if desk.settings.notify is not None and outcome.reason is not Reason.VERSION_UNKNOWN:
            _notify(run, outcome, step, desk)
    _close_records(run, outcome, desk, log)
    return outcome


def _record_beginning(run: Run, desk: Desk) -> None:
    kept = desk.redactor.redact_record(run)
    facts = {"run_record": kept.model_dump(mode="json"), "log": desk.log_place(run)}
    try:
        desk.events.append("run", "begun", version=metadata.version("mergewright"), **facts)
    except OSError as problem:
        # The first step meets the same problem, with which the run waits or ends.
        _log.warning("the events have no beginning", error=repr(problem))


def _end_with(
    error: Exception, run: Run, step: Steps, desk: Desk, waited: PastWait | None
) -> Outcome:
    """Turn an error into the outcome of a run, unless the run waits or the caller gets it."""
    problem = steps.make_agent_error(error)
    if waited is not None and not step.at:
        # The records have to begin with the first step, so the end may not become a record now.
        raise problem from error
    # If the run waited to post its end, it had decided before to wait no longer for this problem.
    if waited is None or waited.step != Step.DELIVER:
        waiting.postpone_run(problem, step.at, waited)
    sentence = waiting.write_sentence(problem, waited)
    if run.snapshot is None and problem.details:
        sentence = f"{sentence} {problem.details}"
    at = Step.BRING_UP if step.at is Step.PUBLISH and Step.BRING_UP in step.seconds else step.at
    return Outcome(
        run_id=run.run_id,
        state=problem.reason.state,
        reason=problem.reason,
        sentence=sentence,
        branch=problem.branch,
        commit=problem.commit,
        stopped_at=None if isinstance(problem, VersionUnknown) else at,
        files=RunFiles(patch_path=_store_patch(run, desk)),
        judged=JudgedChange(
            digest=desk.facts.change.digest if desk.facts.change else None,
            findings=problem.findings if isinstance(problem, PolicyRefused) else (),
        ),
    )


def _store_patch(run: Run, desk: Desk) -> str | None:
    base, change = desk.facts.checkout, desk.facts.change
    if change is None or not change.files or base is None:
        return None
    try:
        return str(desk.store_file(run, PATCH, worktree.make_diff(base, change)))
    except AgentError as problem:
        _log.warning("the unfinished change is not stored", error=problem.message)
        return None


def _deliver_outcome(
    run: Run, outcome: Outcome, step: Steps, desk: Desk, waited: PastWait | None
) -> Outcome:
    """Write the text of an end to the run's folder, and post it."""
    stopped = outcome.files.text is None
    if outcome.pull_request is None and not run.dry_run:
        still_open = tuple(pull.number for pull in earlier_pulls.list_open(run, desk))
        outcome = replace(outcome, still_open=still_open)
    if stopped:
        log_place, redactor = desk.log_place(run), desk.redactor
        words = text.render_stopped(
            outcome, desk.facts.ticket, log_place, run=run, redactor=redactor
        )
        log = str(desk.run_folder(run) / "run.log")
        outcome = replace(outcome, files=replace(outcome.files, text=words, log=log))
    outcome = _write_text(run, outcome, desk)
    try:
        if outcome.reason is Reason.VERSION_UNKNOWN:
            # The records are of another version, so nothing can be added to them.
            return status.report_outcome(run, outcome, desk)
        return step(Step.DELIVER, _report_outcome, run, outcome, desk, is_stopped=stopped)
    except AgentError as problem:
        waiting.postpone_run(problem, step.at, waited)
        # A full disk or a silent code host may be the reason; the caller gets the text.
        desk.say(f"the text could not be delivered: {problem.message}")
        return outcome


def _report_outcome(run: Run, outcome: Outcome, desk: Desk, *, is_stopped: bool) -> Outcome:
    if is_stopped and run.follow_up:
        thread_answers.post_stopped(run, outcome, desk)
    if run.follow_up:
        thread_answers.report_broken(run, outcome, desk)
    dated = replace(outcome, figures=replace(outcome.figures, told_at=read_clock()))
    return status.report_outcome(run, dated, desk)


def _notify(run: Run, outcome: Outcome, step: Steps, desk: Desk) -> None:
    """Notify of an end at most once: if the step is recorded, nothing is sent any more."""
    begun = []

    def describe() -> str:
        begun.append(words := desk.redactor(notifications.describe_end(run, outcome)))
        return words

    words = step(Step.NOTIFY, describe)
    if begun and words:
        notifications.send(desk.settings, words)


def _write_text(run: Run, outcome: Outcome, desk: Desk) -> Outcome:
    if not outcome.files.text:
        return outcome
    with suppress(OSError, StorageFull):  # the caller has the text
        place = desk.store_file(run, "pull_request.md", outcome.files.text)
        return replace(outcome, files=replace(outcome.files, text_path=str(place)))
    return outcome


def _close_records(run: Run, outcome: Outcome, desk: Desk, log: RunLog) -> None:
    for comparison in outcome.judged.checks:
        log.line(run_log.describe_comparison(comparison))
    for finding in outcome.judged.findings:
        log.line(run_log.describe_finding(finding))
    log.line(f"{outcome.state.value} ({outcome.reason.value}): {outcome.sentence}")
    facts = outcome.model_dump(mode="json", exclude={"judged": {"checks"}, "files": {"text"}})
    try:
        desk.events.append("run", "ended", outcome=facts, text=outcome.files.text)
        desk.sign_log(run)
    except (OSError, StorageFull) as problem:
        _log.warning("the end is not recorded", error=repr(problem))
