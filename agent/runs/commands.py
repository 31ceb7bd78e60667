"""Runs that a command carries: of an issue, beside the service, or of a ticket file.

A run of a ticket file resumes at the first step that has no record: after an interruption, or after
somebody fixed what ended it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import AgentError
from agent.models.clock import read_clock
from agent.models.outcome import Outcome
from agent.models.run import Reason, Run, RunState
from agent.runs import executor, folders
from agent.runs.executor import RunSupport, Say
from agent.runs.progress import StateFile
from agent.services import Compose
from agent.settings import Settings
from agent.steps import Cancellation, Watcher
from agent.store import step_file
from agent.store.step_file import Begun, StepFile

if TYPE_CHECKING:
    from agent.store.sql_run_store import SqlRunStore

#: So often a command asks whether its run is to be stopped.
_LOOK_SECONDS = 0.5


def begin_run(run: Run, home: Path, model: str | None = None) -> StepFile:
    """Put a run of a ticket file on record before its first step.

    Args:
        model: That the command named for it.

    Raises:
        SettingsInvalid: Its folder cannot be written.
        StorageFull: The disk is full.
    """
    begun = Begun(run=run, model=model, version=metadata.version("mergewright"))
    return StepFile(folders.make_run_folder(home, run) / step_file.FILE_NAME, begun)


def go_on(home: Path, run_id: str) -> StepFile:
    """Take a run of a ticket file up that is not done.

    Raises:
        TransientError: Another process carries it.
        SettingsInvalid: It has no records here.
        VersionUnknown: Another version has begun it.
    """
    kept = StepFile(home / "runs" / run_id / step_file.FILE_NAME)
    kept.require_version(metadata.version("mergewright"))
    return kept


def carry_here(
    kept: StepFile, settings: Settings, compose: Compose, watcher: Watcher, *, say: Say, hear: Say
) -> tuple[Outcome, dict[str, float]]:
    """Carry a run of a ticket file to its end; return its outcome and the seconds by step.

    Raises:
        SettingsInvalid: The operator's settings are wrong; once they are right, the run goes on.
    """
    keeping = RunSupport(
        remember=kept,
        budget_multiplier=kept.budget_multiplier,
        spendings=kept,
    )
    begun = read_clock()
    step_file.note_run(settings.home, kept.begun.run, begun)
    try:
        outcome, seconds = executor.carry_run(
            kept.begun.run, settings, compose, keeping, watcher, say=say, hear=hear
        )
    except BaseException as problem:
        kept.break_off(problem)
        raise
    kept.end(outcome)
    step_file.note_run(settings.home, kept.begun.run, begun, outcome)
    return outcome, seconds


def carry_issue(
    run: Run, settings: Settings, compose: Compose, watcher: Watcher, *, say: Say, hear: Say
) -> tuple[Outcome, dict[str, float]]:
    """Carry a run of an issue that no worker will take; the issue has no other meanwhile.

    Raises:
        ActiveRun: The issue has a run that is not over.
        SettingsInvalid: The operator's settings are wrong.
    """
    # A run of a ticket file needs no database.
    from agent.store.sql_run_store import open_store
    from agent.store.sql_tables import name_command

    settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    with closing(open_store(settings)) as store:
        run = store.add_run(run, read_clock(), worker=name_command(os.getpid()))
        sentence = "The command ended before the run did."
        outcome = Outcome.for_stopped_run(run.run_id, Reason.INTERRUPTED, sentence)
        try:
            notes = StateFile(run.run_id, RunState.TRIAGING, store.set_state)
            with _watch_for_stop(store, run.run_id) as cancellation:
                keeping = RunSupport(
                    cancellation=cancellation, spendings=store.spendings, memory=store
                )
                outcome, seconds = executor.carry_run(
                    run, settings, compose, keeping, notes, watcher, say=say, hear=hear
                )
            # None of its steps is on record, so whoever lets it go on begins it anew.
            outcome = outcome.model_copy(update={"stopped_at": None})
        finally:
            store.finish_run(run.run_id, outcome, read_clock())
    return outcome, seconds


@contextmanager
def _watch_for_stop(store: SqlRunStore, run_id: str) -> Iterator[Cancellation]:
    """Stop the run that the block carries when somebody asks the store for it."""
    cancellation, over = Cancellation(), threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            with suppress(AgentError):  # it is asked again
                stored = store.get_run(run_id)
                if stored.stop_request:
                    cancellation.set(stored.stop_request, stored.stop_reason)
                    return

    looking = threading.Thread(target=look, name="stoppable", daemon=True)
    looking.start()
    try:
        yield cancellation
    finally:
        over.set()
        looking.join()
