"""One run of a ticket on this machine, carried: with its ledger, its log and its steps on record.

What `agent.runs.issue_run` is for issues. A run that was interrupted, or ended with something that
somebody has mended since, goes on with the first step that has no record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from agent.errors import SettingsInvalid
from agent.llm.counted_models import CountedModels
from agent.llm.spendings import SpendingLimits
from agent.models.chat_model import ChatModel
from agent.models.outcome import Outcome
from agent.models.run import Run
from agent.runs import worker
from agent.services import Services
from agent.settings import Settings
from agent.steps import Steps, Watcher
from agent.store import step_file
from agent.store.step_file import Begun, StepFile
from agent.telemetry import run_log
from agent.telemetry.ledger import Ledger
from agent.text.whole_lines import WholeLines

Say = Callable[[str], None]


def begin(run: Run, home: Path, model: str | None = None) -> StepFile:
    """Put a run on record before its first step.

    Args:
        model: That the command named for it.

    Raises:
        SettingsInvalid: Its folder cannot be written.
        StorageFull: The disk is full.
    """
    begun = Begun(run=run, model=model, version=metadata.version("mergewright"))
    return StepFile(worker.run_folder(home, run) / step_file.FILE_NAME, begun)


def go_on(home: Path, run_id: str) -> StepFile:
    """Take a run up that is not done.

    Raises:
        TransientError: Another process carries it.
        SettingsInvalid: It has no records here.
        VersionUnknown: Another version has begun it.
    """
    kept = StepFile(home / "runs" / run_id / step_file.FILE_NAME)
    kept.require_version(metadata.version("mergewright"))
    return kept


def carry(
    kept: StepFile,
    settings: Settings,
    make: Callable[[Settings, Say], Services],
    watcher: Watcher,
    *,
    say: Say,
    hear: Say | None = None,
) -> tuple[Outcome, dict[str, float]]:
    """Carry a run to its end; return its outcome and the seconds by step.

    Args:
        make: Makes the services of the run, told how to say.
        say: Takes each line of progress, besides the log.
        hear: Takes each line of what a model writes and calls, as it comes, without secrets.

    Raises:
        SettingsInvalid: The operator's settings are wrong.
    """
    run = kept.begun.run

    def told(line: str) -> None:
        # What is foreign may show a secret, and the terminal may be recorded.
        line = services.redactor(line)
        heard.flush()
        log.line(line)
        say(line)

    with _leaving_nothing(kept):
        services = make(settings, told)
    folder = worker.run_folder(settings.home, run)
    heard = WholeLines(lambda line: hear(services.redactor(line)) if hear else None)
    log = run_log.RunLog(folder / "run.log", services.redactor)
    ledger = Ledger(folder / "ledger.jsonl", run.run_id)
    services = replace(
        services,
        record=ledger.notes("model", within=True),
        hear=heard,
        models=_counted(services.models, kept, settings),
        grants=kept.grants,
    )
    step = Steps(
        ledger,
        log,
        watcher,
        max_minutes=settings.max_minutes,
        grants=kept.grants,
        remember=kept,
        go_on="run --resume",
    )
    try:
        outcome = worker.carry(run, step, services, ledger, log)
    except SettingsInvalid:
        # Once that is put right, the run goes on there.
        if kept.bare:
            kept.discard()
        else:
            kept.go_on_with(step.at)
        raise
    kept.end(outcome)
    return outcome, step.seconds


@contextmanager
def _leaving_nothing(kept: StepFile) -> Iterator[None]:
    """Remove a run that does not come to its first step: it has nothing to go on with."""
    try:
        yield
    except BaseException:
        if kept.bare:
            kept.discard()
        raise


def _counted(models: ChatModel | None, kept: StepFile, settings: Settings) -> ChatModel | None:
    """Count what models cost, with requests that get no reply, against what the run may spend."""
    if models is None:
        return None
    of_run = settings.model_usd * kept.grants
    limits = SpendingLimits(kept.begun.run.run_id, repository_id=0, of_run=of_run, of_day=None)
    return CountedModels(models, kept, limits)
