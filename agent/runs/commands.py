"""Runs that a command carries, without the service: of a ticket file, or of an issue.

They are in the store like all others, marked as the command's, so that no worker claims them. Each
has the records of its steps in an engine file in its own folder, since several commands and a
service share one data folder. The file is not redacted, since a run has to continue with the exact
texts; it is deleted when nothing is left to continue.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from agent.desk import Compose
from agent.errors import AgentError, InternalError, ProcessEnding
from agent.models.clock import read_clock
from agent.models.outcome import Outcome
from agent.models.record import replace
from agent.models.run import Reason, Remember, Run
from agent.models.step import read_step_name
from agent.runs import executor, folders
from agent.runs.executor import Say
from agent.settings import Settings
from agent.steps import BREAK_OFF_SECONDS, Cancellation, Watcher
from agent.store.engine import FILE_NAME, Engine, EngineStatus, Segment
from agent.store.sql_run_store import SqlRunStore, open_store
from agent.store.sql_tables import RunRow, name_command

#: Seconds between checks for the run's end, or a request to stop.
_LOOK_SECONDS = 0.5
#: Number of a repository's newest runs among which one to resume is searched.
_MOST_RUNS = 500


Execute = Callable[[Remember], tuple[Outcome, dict[str, float]]]
"""Carries a run with a recorder of its steps; see `executor.execute_run`."""


@dataclass
class CommandOutcome:
    """How a command ended its work on a run; without outcome and problem it was interrupted."""

    outcome: Outcome | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    problem: Exception | None = None
    at: str | None = None
    """The last step that was begun; None: none was."""
    over: threading.Event = field(default_factory=threading.Event)

    def carry(self, execute: Execute, remember: Remember) -> str:
        """Carry the run, in the engine's thread; return the outcome as JSON."""

        def begin_step(name: str, attempt: Callable[[], str]) -> str:
            self.at = name
            return remember(name, attempt)

        try:
            outcome, self.seconds = execute(begin_step)
            self.outcome = outcome
        except Exception as problem:
            self.problem = problem
            raise ProcessEnding from problem
        finally:
            self.over.set()
        return outcome.model_dump_json()


@contextmanager
def begin_run(run: Run, settings: Settings) -> Iterator[tuple[SqlRunStore, RunRow]]:
    """Record a run before its first step, as carried by this process.

    Raises:
        ActiveRun: Its issue has a run that is not over.
        SettingsInvalid: The data folder cannot be written.
    """
    with closing(open_store(settings)) as store, folders.lock_run(settings.home, run) as folder:
        try:
            added = store.add_run(run, read_clock(), worker=name_command(os.getpid()))
        except AgentError:
            folder.rmdir()
            raise
        yield store, store.get_run(added.run_id)


@contextmanager
def resume_run(run_id: str, settings: Settings) -> Iterator[tuple[SqlRunStore, RunRow]]:
    """Continue an unfinished run of a command. Raises ActiveRun if another process carries it."""
    with closing(open_store(settings)) as store:
        # Before we lock the folder: with our lock, a command that was killed would seem alive.
        store.end_dead_commands(read_clock())
        with folders.lock_run(settings.home, store.get_run(run_id).run):
            yield store, store.resume_run(run_id, read_clock(), name_command(os.getpid()))


def find_latest(store: SqlRunStore, repository: str, ticket: str | None = None) -> RunRow | None:
    """Find the newest run of a ticket file in this repository that can be continued.

    `ticket` None: of any file; empty: of `mergewright check`.
    """
    for stored in store.list_latest(_MOST_RUNS, repository):
        run = stored.run
        is_wanted = (run.snapshot is None and run.ticket and ticket is None) or run.ticket == ticket
        if is_wanted and may_resume(stored):
            return stored
    return None


def may_resume(stored: RunRow) -> bool:
    return stored.outcome is None or not stored.outcome.reason.is_settled


def execute_run(
    store: SqlRunStore,
    stored: RunRow,
    settings: Settings,
    compose: Compose,
    watcher: Watcher,
    *,
    say: Say,
) -> tuple[Outcome, dict[str, float]]:
    """Carry a run to its end; return its outcome and the seconds by step.

    Ctrl-C interrupts the current step; the run can be continued there. What does not end in time,
    such as a wait for a lock, ends with the process.

    Raises:
        SettingsInvalid: The operator's settings are wrong.
        StorageFull: The disk is full.
    """
    run, ended, cancellation = stored.run, CommandOutcome(), Cancellation()
    folder = folders.make_run_folder(settings.home, run)
    execute = partial(
        executor.execute_run,
        stored,
        store,
        settings,
        compose,
        watcher=watcher,
        cancellation=cancellation,
        say=say,
    )
    engine = Engine(folder, lambda run_id, remember: ended.carry(execute, remember))
    segment = Segment(run_id=run.run_id, number=stored.segment)
    try:
        engine.launch()
        try:
            engine.begin(segment, stored.begin_with)
            while not (ended.over.wait(_LOOK_SECONDS) or _was_over(engine, segment, ended)):
                stop_if_asked(store, run.run_id, cancellation)
        except KeyboardInterrupt:
            cancellation.break_off()
            while not ended.over.wait(BREAK_OFF_SECONDS) and _is_lasting(ended.at):
                pass  # a step with visible effects is finished
    finally:
        engine.close()
        _note_end(store, run, ended, folder)
    if ended.problem is not None:
        raise ended.problem
    return ended.outcome or _interrupted(run), ended.seconds


def _was_over(engine: Engine, segment: Segment, ended: CommandOutcome) -> bool:
    """Whether a run had ended before an earlier process was killed. Raises InternalError."""
    status, result = engine.read_status(segment)
    if status is EngineStatus.BROKEN:
        raise InternalError(f"The engine cannot continue {segment.run_id}: {result}")
    if status is EngineStatus.ENDED:
        ended.outcome = Outcome.model_validate_json(result)
    return status is EngineStatus.ENDED


def _is_lasting(name: str | None) -> bool:
    step = read_step_name(name or "")
    return step is not None and step.step.is_lasting


def stop_if_asked(store: SqlRunStore, run_id: str, cancellation: Cancellation) -> None:
    with suppress(AgentError):  # the caller asks again soon
        stored = store.get_run(run_id)
        if stored.stop_request:
            cancellation.set(stored.stop_request, stored.stop_reason)


def _interrupted(run: Run) -> Outcome:
    sentence = "Interrupted. Nothing was changed; finished steps are kept."
    return Outcome.for_stopped_run(run.run_id, Reason.INTERRUPTED, sentence)


def _note_end(store: SqlRunStore, run: Run, ended: CommandOutcome, folder: Path) -> None:
    outcome = ended.outcome or _interrupted(run)
    if ended.problem is not None:
        outcome = replace(outcome, sentence=str(ended.problem))
    store.finish_run(run.run_id, outcome, read_clock())
    if outcome.reason.is_settled:
        for place in folder.glob(f"{FILE_NAME}*"):
            place.unlink(missing_ok=True)
