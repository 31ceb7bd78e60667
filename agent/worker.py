"""Run a workflow to its end: the direct implementation of `step`, and errors made outcomes.

`DirectStep` does each piece of work once, in this process, and writes it into ledger and log.
`carry` is the one place where an error becomes an Outcome.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
from pydantic import TypeAdapter

from agent import telemetry, workflow, worktree
from agent.domain import (
    ClearedChange,
    Comparison,
    Contract,
    Finding,
    Outcome,
    Reason,
    Run,
    Ticket,
    Verdict,
)
from agent.errors import (
    AgentError,
    ForgeLimited,
    ForgeUnavailable,
    PolicyRefused,
    RunStopped,
    SandboxMissing,
    SettingsInvalid,
    StorageFull,
    TimeSpent,
)
from agent.ledger import Ledger
from agent.publishing import text
from agent.services import Services
from agent.telemetry import RunLog

T = TypeVar("T")

_log = structlog.get_logger()

#: Steps whose effect others can see: once begun they are brought to their end.
_FINISHED = frozenset({"publish"})
#: Larger results stand in the ledger by their digest alone.
_LEDGER_BYTES = 64 * 1024
#: For a forge that does not answer: a run begins anew for so long, and waits so long between.
_PATIENCE_SECONDS = 6 * 3600.0
_SHORTEST_WAIT, _LONGEST_WAIT = 5.0, 900.0


class Watcher(Protocol):
    """Whoever watches a run live."""

    def started(self, step: str) -> None:
        """A step begins."""
        ...

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        """A step is over."""
        ...


class Postponed(Exception):
    """The run cannot go on before a time, and begins anew then; nothing of it is lost."""

    def __init__(self, message: str, until: float) -> None:
        """Say when.

        Args:
            until: Seconds since the epoch.
        """
        super().__init__(message)
        self.message = message
        self.until = until


class DirectStep:
    """The `step` port without an engine: a plain call, timed, bounded and recorded."""

    def __init__(
        self, run: Run, ledger: Ledger, log: RunLog, watcher: Watcher, *, max_minutes: int
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._watcher = watcher
        self._most_minutes = max_minutes
        self._minutes = max_minutes
        self._begun = time.monotonic()
        self.seconds: dict[str, float] = {}
        """Duration of each step so far, by name, in order."""
        self.ticket: Ticket | None = None
        """The ticket once it was read, for texts about a run that stopped."""
        self.compared: tuple[Comparison, ...] = ()
        """The checks once they were compared: they are proved, however the run ends."""
        self.findings: tuple[Finding, ...] = ()
        """What policy has found in the change, and the verdict after it."""

    def __call__(self, name: str, work: Callable[..., T], /, *args: object) -> T:
        """Do the work now; a name may occur only once in a run.

        Raises:
            TimeSpent: The run has used its minutes, and this step would cost more.
        """
        if name in self.seconds:
            raise AssertionError(f"step name used twice: {name}")
        if name not in _FINISHED and time.monotonic() - self._begun > self._minutes * 60:
            raise TimeSpent(
                f"The run has used its {self._minutes} minutes (limits.minutes) before the step"
                f" {name!r}. Allow more, or make the checks quicker."
            )
        self.seconds[name] = 0.0
        self._ledger.append(name, 1, "started", at=round(time.time(), 3))
        self._log.line(f"[{name}]")
        self._watcher.started(name)
        begun = time.monotonic()
        ok = False
        try:
            with _uninterrupted() if name in _FINISHED else nullcontext():
                result = work(*args)
            ok = True
        finally:
            self.seconds[name] = round(time.monotonic() - begun, 3)
            self._watcher.ended(name, self.seconds[name], ok=ok)
            if not ok:
                self._ledger.append(name, 2, "failed", seconds=self.seconds[name])
        self._record(name, result)
        return result

    def _record(self, name: str, result: object) -> None:
        # What a step returns must survive a process: it is JSON, and its digest is on record.
        as_json = TypeAdapter(type(result)).dump_json(result) if result is not None else b"null"
        facts: dict[str, object] = {"result_sha256": hashlib.sha256(as_json).hexdigest()}
        if len(as_json) <= _LEDGER_BYTES:
            facts["result"] = json.loads(as_json)
        self._ledger.append(name, 2, "done", seconds=self.seconds[name], **facts)
        self._log.result(name, result)
        match result:
            case Ticket():
                self.ticket = result
            case Contract():
                self._minutes = min(result.config.limits.minutes, self._most_minutes)
            case ClearedChange():
                self.findings = result.findings
            case (Comparison(), *_):
                self.compared = tuple(one for one in result if isinstance(one, Comparison))
            case Verdict():
                self.findings += result.findings


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C come too late: what is being handed over is handed over whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def carry(run: Run, step: DirectStep, svc: Services, ledger: Ledger, log: RunLog) -> Outcome:
    """Run the workflow and give every ending a reason, a sentence and a text.

    Raises:
        SettingsInvalid: The operator's settings are wrong; the run says nothing of the ticket.
        Postponed: The forge asks us to wait for longer than a run stands still, or is silent.
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
        except RunStopped as stop:
            outcome = _stopped(run, stop.reason, stop.message, stop)
            if isinstance(stop, PolicyRefused):
                outcome = outcome.model_copy(update={"findings": stop.findings})
        except SettingsInvalid:
            raise
        except SandboxMissing as problem:
            outcome = _stopped(run, Reason.NO_ROOM, problem.message)
        except StorageFull as problem:
            outcome = _stopped(run, Reason.STORAGE_FULL, problem.message)
        except AgentError as problem:
            _postpone(run, problem, log)
            outcome = _stopped(run, Reason.UNAVAILABLE, problem.message, problem)
        except OSError as problem:
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                outcome = _unexpected(run, problem, log)
            else:
                outcome = _stopped(run, Reason.STORAGE_FULL, full_disk(svc.settings.home))
        except Exception as problem:  # noqa: BLE001  a run never ends without a word
            outcome = _unexpected(run, problem, log)
    outcome = outcome.model_copy(
        update={
            "checks": outcome.checks or step.compared,
            "findings": outcome.findings or step.findings,
        }
    )
    outcome = _with_text(run, outcome, step, svc, log)
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


def _unexpected(run: Run, problem: Exception, log: RunLog) -> Outcome:
    _log.error("run failed", error=repr(problem), exc_info=problem)
    log.line("".join(traceback.format_exception(problem)))
    return _stopped(
        run,
        Reason.INTERNAL,
        f"Mergewright itself failed: {type(problem).__name__}: {problem}. The log has the trace;"
        " please report it.",
    )


def _with_text(run: Run, outcome: Outcome, step: DirectStep, svc: Services, log: RunLog) -> Outcome:
    """Give a run that stopped its text."""
    if outcome.pull_request_text is not None:
        return outcome
    outcome = svc.redactor.inside(outcome)
    words = text.stopped(outcome, step.ticket, svc.log_place(run), run=run, redactor=svc.redactor)
    outcome = outcome.model_copy(update={"pull_request_text": words, "log": str(log.path)})
    try:
        return svc.forge.deliver(run, outcome)
    except (OSError, AgentError) as problem:
        _postpone(run, problem, log)
        # A full disk or a silent forge may have been the reason; the words reach the caller.
        log.line(f"the text could not be delivered: {problem}")
        return outcome


def _postpone(run: Run, problem: OSError | AgentError, log: RunLog) -> None:
    """Give up for now where it is the forge that holds a run up; it begins anew later.

    A forge that says when is believed. One that is silent is asked again ever less often: after
    half of the run's age, and not for ever. A run that was started by a command ends here: once
    the command has ended, nobody takes it up again.

    Raises:
        Postponed: The run has not waited for long enough yet.
    """
    if run.snapshot is not None and not run.snapshot.by_label:
        return
    now = time.time()
    if isinstance(problem, ForgeLimited):
        until = problem.until
    elif isinstance(problem, ForgeUnavailable) and now - run.started < _PATIENCE_SECONDS:
        until = now + min(max((now - run.started) / 2, _SHORTEST_WAIT), _LONGEST_WAIT)
    else:
        return
    log.line(problem.message)
    raise Postponed(problem.message, until) from problem


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
