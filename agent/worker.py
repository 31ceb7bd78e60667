"""Run a workflow to its end: the direct implementation of `step`, and errors made outcomes.

`DirectStep` does each piece of work once, in this process, and writes it into ledger and log.
`carry` is the one place where an error becomes an Outcome.
"""

from __future__ import annotations

import errno
import hashlib
import time
import traceback
from collections.abc import Callable
from typing import Protocol, TypeVar

import structlog
from pydantic import TypeAdapter

from agent import workflow, worktree
from agent.domain import Outcome, Reason, Run, RunState, Ticket
from agent.errors import (
    AgentError,
    PermanentError,
    PolicyRefused,
    RunStopped,
    SandboxMissing,
    StorageFull,
)
from agent.ledger import Ledger
from agent.publishing import text
from agent.services import Services
from agent.telemetry import RunLog

T = TypeVar("T")

_log = structlog.get_logger()

#: Where a run ends, by reason; everything else is `failed`.
_END_STATES = {
    Reason.UNCLEAR: RunState.NEEDS_HUMAN,
    Reason.NO_RECIPE: RunState.NEEDS_HUMAN,
    Reason.CONFIG_INVALID: RunState.NEEDS_HUMAN,
    Reason.POLICY: RunState.NEEDS_HUMAN,
    Reason.UNASKED_OPERATIONS: RunState.NEEDS_HUMAN,
    Reason.REFUSED: RunState.DECLINED,
    Reason.INTERRUPTED: RunState.CANCELLED,
}


class Watcher(Protocol):
    """Whoever watches a run live."""

    def started(self, step: str) -> None:
        """A step begins."""
        ...

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        """A step is over."""
        ...


class DirectStep:
    """The `step` port without an engine: a plain call, timed and recorded."""

    def __init__(self, run: Run, ledger: Ledger, log: RunLog, watcher: Watcher) -> None:
        self._run = run
        self._ledger = ledger
        self._log = log
        self._watcher = watcher
        self.seconds: dict[str, float] = {}
        """Duration of each step so far, by name, in order."""
        self.ticket: Ticket | None = None
        """The ticket once it was read, for texts about a run that stopped."""

    def __call__(self, name: str, work: Callable[..., T], /, *args: object) -> T:
        """Do the work now; a name may occur only once in a run."""
        if name in self.seconds:
            raise AssertionError(f"step name used twice: {name}")
        self.seconds[name] = 0.0
        self._ledger.append(name, 1, 1, "started", at=round(time.time(), 3))
        self._log.line(f"[{name}]")
        self._watcher.started(name)
        begun = time.monotonic()
        ok = False
        try:
            result = work(*args)
            ok = True
        finally:
            self.seconds[name] = round(time.monotonic() - begun, 3)
            self._watcher.ended(name, self.seconds[name], ok=ok)
            if not ok:
                self._ledger.append(name, 1, 2, "failed", seconds=self.seconds[name])
        # What a step returns must survive a process: it is JSON, and its digest is on record.
        as_json = TypeAdapter(type(result)).dump_json(result) if result is not None else b"null"
        digest = hashlib.sha256(as_json).hexdigest()
        self._ledger.append(name, 1, 2, "done", seconds=self.seconds[name], result_sha256=digest)
        self._log.result(name, result)
        if isinstance(result, Ticket):
            self.ticket = result
        return result


def carry(run: Run, step: DirectStep, svc: Services, log: RunLog) -> Outcome:
    """Run the workflow and give every ending a reason, a sentence and a text."""
    with structlog.contextvars.bound_contextvars(run=run.run_id):
        try:
            outcome = workflow.resolve_ticket(run, step, svc)
        except KeyboardInterrupt:
            outcome = _stopped(
                run,
                Reason.INTERRUPTED,
                "Interrupted; nothing was changed. Run again to start anew.",
            )
        except RunStopped as stop:
            outcome = _stopped(run, stop.reason, stop.message)
            if isinstance(stop, PolicyRefused):
                outcome = outcome.model_copy(update={"findings": stop.findings})
        except SandboxMissing as problem:
            outcome = _stopped(run, Reason.NO_ROOM, problem.message)
        except StorageFull as problem:
            outcome = _stopped(run, Reason.STORAGE_FULL, problem.message)
        except PermanentError:
            raise
        except AgentError as problem:
            outcome = _stopped(run, Reason.UNAVAILABLE, problem.message)
        except OSError as problem:
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                outcome = _unexpected(run, problem, log)
            else:
                outcome = _stopped(
                    run,
                    Reason.STORAGE_FULL,
                    f"The disk of {svc.settings.home} is full. Free space there, for example with"
                    " `mergewright env prune --all`, and run again.",
                )
        except Exception as problem:  # noqa: BLE001  a run never ends without a word
            outcome = _unexpected(run, problem, log)
        finally:
            worktree.remove(svc.base_folder(run).parent)
    return _with_text(run, outcome, step, svc, log)


def _stopped(run: Run, reason: Reason, sentence: str) -> Outcome:
    state = _END_STATES.get(reason, RunState.FAILED)
    return Outcome(run_id=run.run_id, state=state, reason=reason, sentence=sentence)


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
    """Give a run that stopped its text, and close the log."""
    log.line(f"{outcome.state.value} ({outcome.reason.value}): {outcome.sentence}")
    if outcome.pull_request_text is not None:
        return outcome
    words = text.stopped(outcome, step.ticket, str(log.path))
    outcome = outcome.model_copy(update={"pull_request_text": words, "log": str(log.path)})
    try:
        return svc.forge.deliver(run, outcome)
    except OSError as problem:
        # A full disk may have been the reason; the words still reach the caller.
        log_path = f"{log.path} (the text could not be written: {problem.strerror})"
        return outcome.model_copy(update={"log": log_path})
