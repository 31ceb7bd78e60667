"""One run of an issue, carried: with its ledger, its log, its page and whoever watches.

Owns what surrounds the steps of such a run, in the service and in a command, and what people are
told of an end that the run could not tell. How an error ends a run is
`agent.runs.worker`; which run is carried, and when, is `agent.service.dispatch`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

import structlog

from agent.errors import AgentError, ModelUnavailable, ModelUnusable, Superseded
from agent.llm.counted_models import CountedModels
from agent.llm.spendings import SpendingLimits
from agent.models.chat_model import ChatModel
from agent.models.outcome import Outcome, StoredRun
from agent.models.run import Reason, Run, RunState
from agent.models.steps import Remember
from agent.runs import worker
from agent.runs.milestones import Milestones, RunPage, StateNotes, show_state
from agent.sandbox.stoppable import Stoppable
from agent.services import Services
from agent.settings import Settings
from agent.steps import Cancellation, Steps, Watcher
from agent.store.sql_store import COMMAND, SqlStore
from agent.telemetry.ledger import Ledger, LedgerClosed
from agent.telemetry.run_log import RunLog
from agent.text.whole_lines import WholeLines

_log = structlog.get_logger()

#: So often a command asks whether its run is to be stopped.
_LOOK_SECONDS = 0.5


Say = Callable[[str], None]
"""Takes one line of progress."""
RecordWrite = Callable[[str, Mapping[str, object]], None]
"""Takes kind and facts of a write that went out."""


MakeServices = Callable[[Say, RecordWrite], Services]
"""Makes the services of one run."""


class Watchers:
    """Tells every watcher of a run what happens."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def started(self, step: str) -> None:
        """A step begins."""
        for watcher in self._watchers:
            watcher.started(step)

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        """A step is over."""
        for watcher in self._watchers:
            watcher.ended(step, seconds, ok=ok)


class Carried(NamedTuple):
    """How a durable run is carried on."""

    remember: Remember
    cancellation: Cancellation
    waited: worker.Waited = worker.Waited()
    retries: int = 0
    """So often it was over before, people were told of an end, and somebody let it go on."""
    grants: int = 1
    """So often it was allowed its money and minutes."""


def carry(
    run: Run,
    settings: Settings,
    make: MakeServices,
    *further: Watcher,
    say: Say = lambda line: None,
    hear: Say | None = None,
    durable: Carried | None = None,
    cancellation: Cancellation | None = None,
    store: SqlStore | None = None,
) -> tuple[Outcome, dict[str, float]]:
    """Carry a run of an issue to its end; return its outcome and the seconds by step.

    Args:
        make: Makes the services of the run, told how to say and how to record what is written.
        further: Who else watches.
        say: Takes each line of progress, besides the log.
        hear: Takes each line of what a model writes and calls, as it comes, without secrets.
        durable: What keeps its records; None: it ends with its process.
        cancellation: What stops it, where it is not durable.
        store: Counts what models cost; None: nobody counts requests that got no reply.

    Raises:
        Postponed: Something holds the run up; it goes on later.
        SettingsInvalid: The operator's settings are wrong, and the run is not durable.
        AgentError: A durable run did not come to its first step.
    """
    folder = worker.run_folder(settings.home, run)
    ledger = Ledger(folder / "ledger.jsonl", run.run_id)
    cancellation = durable.cancellation if durable else cancellation or Cancellation()

    write = ledger.notes("forge")

    def record(kind: str, facts: Mapping[str, object]) -> None:
        try:
            write(kind, facts)
        except LedgerClosed as problem:
            _log.warning("a write came late", run=run.run_id, problem=str(problem))

    def shown(line: str) -> None:
        # It names tests, findings and issues in their own words.
        line = services.redactor(line)
        heard.flush()
        log.line(line)
        say(line)

    services = make(shown, record)
    heard = WholeLines(lambda line: hear(services.redactor(line)) if hear else None)

    grants = durable.grants if durable else 1
    counted = _counted(services.models, run, settings, store, grants, kept=durable is not None)
    services = replace(
        services,
        sandbox=Stoppable(services.sandbox, cancellation),
        stopped=cancellation,
        models=counted or services.models,
        bound=counted.bound if counted else services.bound,
        record=ledger.notes("model", within=True),
        hear=heard if hear else None,
        others=store.beside if store else services.others,
        grants=grants,
        guidance=lambda run: store.guidance(run.first) if store else (),
        history=lambda run: _history(run, store),
        earlier=store.earlier_pull if store else services.earlier,
    )
    log = RunLog(folder / "run.log", services.redactor)
    page = RunPage(folder / RunPage.FILE_NAME, run, services.redactor)
    milestones = Milestones(
        run,
        services.forge,
        settings,
        services.redactor,
        grants=grants,
        again=durable.retries if durable else 0,
    )
    step = Steps(
        ledger,
        log,
        Watchers(page, milestones, *further),
        max_minutes=settings.max_minutes,
        grants=grants,
        remember=durable.remember if durable else None,
        cancellation=cancellation,
    )
    step.learned = milestones.learned
    if durable and durable.retries:
        _show_again(run, services, cancellation)
    try:
        outcome = worker.carry(
            run, step, services, ledger, log, waited=durable.waited if durable else None
        )
    except worker.Postponed as wait:
        _tell_wait(wait, milestones)
        if wait.plan_asked is not None:
            show_state(folder, RunState.AWAITING_APPROVAL)
        raise
    finally:
        # The next attempt has a forge and a ledger of its own: this one changes nothing any more.
        services.forge.pause(run)
        ledger.close()
    if outcome.pull_request_text is not None:
        text = folder / "pull_request.md"
        with suppress(OSError):  # the words are on the forge already
            text.write_text(outcome.pull_request_text, encoding="utf-8")
            outcome = outcome.model_copy(update={"text_path": str(text)})
    page.end(outcome)
    return outcome, step.seconds


def _history(run: Run, store: SqlStore | None) -> tuple[StoredRun, ...]:
    if store is None or run.follow_up is None:
        return ()
    first, later = store.get(run.first), store.follow_ups(run.first)
    return (first, *(one for one in later if one.run.run_id != run.run_id))


def _tell_wait(wait: worker.Postponed, milestones: Milestones) -> None:
    """Show on the issue that a model is waited for; what is wrong with it is its operator's."""
    match wait.__cause__:
        case ModelUnavailable():
            milestones.waits(wait.until, wait.message)
        case ModelUnusable():
            milestones.waits(wait.until, "Whoever runs the service has to mend its model first.")


def _counted(
    models: ChatModel | None,
    run: Run,
    settings: Settings,
    store: SqlStore | None,
    grants: int,
    *,
    kept: bool,
) -> CountedModels | None:
    """Count what models cost against what the run, and its repository in a day, may spend.

    None: there is nobody to count, or nowhere to.

    Args:
        kept: Whether the run's steps are on record.
    """
    if models is None or store is None or run.snapshot is None:
        return None
    limits = SpendingLimits(
        run_id=run.run_id,
        repository_id=run.snapshot.issue.repository_id,
        of_run=settings.model_usd * grants,
        of_day=settings.model_usd_per_day,
        kept=kept,
    )
    return CountedModels(models, store.spendings, limits)


def _show_again(run: Run, services: Services, cancellation: Cancellation) -> None:
    """Show a run that was over as one that is at work, if the issue still stands.

    It is no step, since a run that goes on does not repeat the one that told of it first; what
    fails here is told by the run itself.
    """
    try:
        services.forge.ticket(run)
        services.forge.begin(run)
    except Superseded as problem:
        cancellation.set(problem.message, Reason.SUPERSEDED)
    except AgentError as problem:
        _log.warning("not shown as at work again", problem=problem.message)


def tell_end(run: Run, outcome: Outcome, svc: Services) -> Outcome:
    """Tell of an end that the run could not tell itself: on its page, and to whoever waits."""
    page = worker.run_folder(svc.settings.home, run) / RunPage.FILE_NAME
    RunPage(page, run, svc.redactor).end(outcome)
    return svc.forge.deliver(run, outcome)


def carry_at_once(
    run: Run, settings: Settings, make: MakeServices, watcher: Watcher, *, say: Say, hear: Say
) -> tuple[Outcome, dict[str, float]]:
    """Carry a run that no worker will take, kept in the store: its issue has no other meanwhile.

    Args:
        say: Takes each line of progress, besides the log.
        hear: Takes each line of what a model writes and calls, as it comes, without secrets.

    Raises:
        ActiveRun: The issue has a run that is not over.
        SettingsInvalid: The operator's settings are wrong.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    with closing(SqlStore(settings.home)) as store:
        run = store.add(run, time.time(), worker=f"{COMMAND}{os.getpid()}")
        sentence = "The command ended before the run did."
        outcome = Outcome.stopped(run.run_id, Reason.INTERRUPTED, sentence)
        try:
            notes = StateNotes(run.run_id, RunState.TRIAGING, store.moved)
            with _stoppable(store, run.run_id) as cancellation:
                outcome, seconds = carry(
                    *(run, settings, make, notes, watcher),
                    say=say,
                    hear=hear,
                    cancellation=cancellation,
                    store=store,
                )
            # None of its steps is on record, so whoever lets it go on begins it anew.
            outcome = outcome.model_copy(update={"stopped_at": None})
        finally:
            store.finish(run.run_id, outcome, time.time())
    return outcome, seconds


@contextmanager
def _stoppable(store: SqlStore, run_id: str) -> Iterator[Cancellation]:
    """Stop the run that the block carries when somebody asks the store for it."""
    cancellation, over = Cancellation(), threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            with suppress(AgentError):  # it is asked again
                stored = store.get(run_id)
                if stored.stopped:
                    cancellation.set(stored.stopped, stored.stopped_for)
                    return

    looking = threading.Thread(target=look, name="stoppable", daemon=True)
    looking.start()
    try:
        yield cancellation
    finally:
        over.set()
        looking.join()
