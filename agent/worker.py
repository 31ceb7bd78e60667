"""Carry a run to its end: the one place where an error becomes an Outcome.

Owns the run's folders and what is done about an error: the run ends with it, or waits for whoever
holds it up. Its steps are `agent.steps`; which runs are carried, and when, is `agent.service`.
"""

from __future__ import annotations

import errno
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from agent import steps, telemetry, workflow, worktree
from agent.domain import Outcome, Reason, Run
from agent.errors import (
    AgentError,
    ForgeLimited,
    PermanentError,
    PolicyRefused,
    RunStopped,
    SandboxMissing,
    SettingsInvalid,
    StorageFull,
    TransientError,
    Unforeseen,
)
from agent.ledger import Ledger
from agent.publishing import text
from agent.services import Services
from agent.steps import Steps
from agent.telemetry import RunLog

_log = structlog.get_logger()

#: What an operator has to act on, and how a run that does not wait for that ends.
_REASONS: dict[type[AgentError], Reason] = {
    SandboxMissing: Reason.NO_ROOM,
    StorageFull: Reason.STORAGE_FULL,
    Unforeseen: Reason.INTERNAL,
}
#: What holds a run up is tried again so often: for about eight hours.
MOST_WAITS = 40
_SHORTEST_WAIT, _LONGEST_WAIT = 5.0, 900.0


class Postponed(Exception):
    """The run cannot go on before a time, and goes on then; nothing of it is lost."""

    def __init__(self, message: str, until: float, after: str) -> None:
        """Say when, and with what.

        Args:
            until: Seconds since the epoch.
            after: The step that is tried again then.
        """
        super().__init__(message)
        self.message = message
        self.until = until
        self.after = after


def carry(
    run: Run,
    step: Steps,
    svc: Services,
    ledger: Ledger,
    log: RunLog,
    *,
    waits: int | None = None,
) -> Outcome:
    """Run the workflow and give every ending a reason, a sentence and a text.

    Args:
        waits: How often the run has waited for what it would wait for now; None: nobody takes it
            up again, so it waits for nothing.

    Raises:
        Postponed: Something holds the run up that is not its own: a forge that asks us to wait or
            is silent, a full disk, a machine without rooms, a setting.
        SettingsInvalid: The operator's settings are wrong, and the run waits for nothing.
    """
    with structlog.contextvars.bound_contextvars(run=run.run_id):
        try:
            with _own_trees(svc.base_folder(run).parent):
                outcome = workflow.resolve_ticket(run, step, svc)
        except KeyboardInterrupt:
            outcome = _stopped(
                run,
                Reason.INTERRUPTED,
                "Interrupted; nothing was changed. Run again to start anew.",
            )
        except Exception as error:  # a run never ends without a word
            problem = steps.foreseen(error)
            if waits is None and isinstance(problem, SettingsInvalid):
                raise
            _postpone(problem, step, waits)
            outcome = _stopped(run, _reason(problem), _sentence(problem, waits), problem)
            if isinstance(problem, PolicyRefused):
                outcome = outcome.model_copy(update={"findings": problem.findings})
        outcome = outcome.model_copy(
            update={
                "checks": outcome.checks or step.compared,
                "findings": outcome.findings or step.findings,
            }
        )
        outcome = _with_text(run, outcome, step, svc, waits)
    _close(outcome, ledger, log)
    return outcome


@contextmanager
def _own_trees(folder: Path) -> Iterator[None]:
    """Hold the run's folder of work trees, and remove what killed runs left beside it."""
    trees = folder.parent
    trees.mkdir(exist_ok=True, mode=0o711)
    with (trees / ".lock").open("w") as door:
        # Behind the door a folder without a holder is a left-over, not one about to be held.
        fcntl.flock(door, fcntl.LOCK_EX)
        for other in trees.iterdir():
            if other.is_dir():
                _remove_unheld(other)
        folder.mkdir(mode=0o711)
        holder = (folder / ".held").open("w")
        fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        worktree.remove(folder)
        holder.close()


def _remove_unheld(folder: Path) -> None:
    try:
        with (folder / ".held").open("w") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    worktree.remove(folder)


def run_folder(home: Path, run: Run) -> Path:
    """Make the folder of a run; tickets, diffs and logs are nobody else's business.

    Raises:
        StorageFull: The disk is full.
        SettingsInvalid: It cannot be made there.
    """
    folder = home / "runs" / run.run_id
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It is there when a run begins anew.
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(full_disk(home)) from problem
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {folder} cannot be made ({problem.strerror}). Name a folder that"
            " you may write to."
        ) from problem
    return folder


def full_disk(home: Path) -> str:
    """Say what to do about a full disk."""
    return (
        f"The disk of {home} is full. Free space there: `mergewright env prune --all` removes"
        f" environments; {home / 'mirrors'} and {home / 'baselines'} are caches as well."
    )


def _stopped(run: Run, reason: Reason, sentence: str, problem: AgentError | None = None) -> Outcome:
    outcome = Outcome.stopped(run.run_id, reason, sentence)
    if problem is None:
        return outcome
    return outcome.model_copy(update={"branch": problem.branch, "commit": problem.commit})


def _with_text(
    run: Run, outcome: Outcome, step: Steps, svc: Services, waits: int | None
) -> Outcome:
    """Give a run that stopped its text, and tell whoever waits for it."""
    if outcome.pull_request_text is not None:
        return outcome
    outcome = svc.redactor.inside(outcome)
    words = text.stopped(outcome, step.ticket, svc.log_place(run), run=run, redactor=svc.redactor)
    log = str(svc.run_folder(run) / "run.log")
    outcome = outcome.model_copy(update={"pull_request_text": words, "log": log})
    try:
        return step("deliver", svc.forge.deliver, run, outcome)
    except AgentError as problem:
        _postpone(problem, step, waits)
        # A full disk or a silent forge may have been the reason; the words reach the caller.
        svc.say(f"the text could not be delivered: {problem.message}")
        return outcome


def _postpone(problem: AgentError, step: Steps, waits: int | None) -> None:
    """Wait for whoever holds the run up, where that is not the run itself.

    A forge that says when is believed. Who is silent is asked again ever less often, and not for
    ever.

    Raises:
        Postponed: The run has not waited for long enough yet.
    """
    if waits is None or not isinstance(problem, TransientError | PermanentError):
        return
    if isinstance(problem, ForgeLimited):
        until = problem.until
    elif waits < MOST_WAITS:
        until = time.time() + min(_SHORTEST_WAIT * 2.0**waits, _LONGEST_WAIT)
    else:
        return
    raise Postponed(problem.message, until, step.at) from problem


def _sentence(problem: AgentError, waits: int | None) -> str:
    """What is told; a machine's own affairs are not told to everybody who reads an issue."""
    if waits is None or not isinstance(problem, PermanentError):
        return problem.message
    return (
        "Mergewright could not work for hours, for a reason on its own side that its operator"
        " finds in its log. Take the label off and set it again once that is mended."
    )


def _reason(problem: AgentError) -> Reason:
    if isinstance(problem, RunStopped):
        return problem.reason
    return next(
        (reason for kind, reason in _REASONS.items() if isinstance(problem, kind)),
        Reason.UNAVAILABLE,
    )


def _close(outcome: Outcome, ledger: Ledger, log: RunLog) -> None:
    """Write the end into log and ledger; a ledger without it was cut short."""
    for comparison in outcome.checks:
        log.line(telemetry.tell_comparison(comparison))
    for finding in outcome.findings:
        log.line(telemetry.tell_finding(finding))
    log.line(f"{outcome.state.value} ({outcome.reason.value}): {outcome.sentence}")
    facts = outcome.model_dump(mode="json", exclude={"checks", "pull_request_text"})
    try:
        ledger.append("run", 1, "ended", outcome=facts)
    except OSError as problem:
        _log.warning("the ledger has no end", error=repr(problem))
