"""Run the steps of a run: each once, timed and recorded.

A step leaves a `StepRecord` (JSON, no pickle), from which its result is read again. The engine
stores the records (`agent.store.engine`).

A step whose process was killed runs again, so it may run more than once. A step with a record does
not run again.
"""

import errno
import hashlib
import json
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from typing import Any, ParamSpec, Protocol, TypeVar, get_type_hints

import structlog
from pydantic import TypeAdapter

from agent import errors
from agent.errors import (
    FREE_SOME_SPACE,
    AgentError,
    Cancelled,
    InternalError,
    ProcessEnding,
    RunStopped,
    StorageFull,
    Superseded,
    VersionUnknown,
)
from agent.llm.budget import Budget
from agent.models.chat import CallResults, Reply
from agent.models.clock import read_clock
from agent.models.outcome import Outcome
from agent.models.record import Record
from agent.models.run import Reason, Remember
from agent.models.run_facts import RunFacts
from agent.models.step import AnyStep, Step
from agent.telemetry.run_events import RunEvents
from agent.telemetry.run_log import RunLog
from agent.text.redaction import Redactor

T = TypeVar("T")
P = ParamSpec("P")

_log = structlog.get_logger()

#: Maximum size of a result in the events; of a larger one they have only the digest.
_RECORDED_BYTES = 64 * 1024
#: If so many workers were lost during a step, it is not tried again, since it may be the cause. A
#: loss also counts for steps that only ran at the same time.
_MOST_LOST = 20
#: Seconds for which an interrupted command waits for its steps to end.
BREAK_OFF_SECONDS = 3.0


class StepRecord(Record):
    """The record of a step; it has either a `value` or a `failure`."""

    seconds: float
    value: str | None = None
    """The result as JSON."""
    failure: errors.ErrorRecord | None = None


class Cancellation:
    """Stops a run; its current step ends within two seconds."""

    def __init__(self) -> None:
        self.problem: RunStopped = Cancelled()
        self.is_broken_off = False
        self._set = threading.Event()

    def set(self, words: str, reason: Reason = Reason.CANCELLED) -> None:
        """Stop the run; the words of the first call count."""
        if not self._set.is_set():
            is_superseded = reason is Reason.SUPERSEDED
            self.problem = Superseded(words) if is_superseded else Cancelled(words)
        self._set.set()

    def break_off(self) -> None:
        """End the current step without a record: another process continues the run."""
        self.is_broken_off = True
        self._set.set()

    def is_set(self) -> bool:
        return self._set.is_set()


class Watcher(Protocol):
    def started(self, step: AnyStep) -> None: ...

    def ended(self, step: AnyStep, seconds: float, *, ok: bool) -> None: ...


#: What the time of a conversation's step was used for, by the last word of the step's name.
_USES = {"calls": "commands", "reply": "models"}


class Steps:
    def __init__(
        self,
        events: RunEvents,
        log: RunLog,
        watchers: Sequence[Watcher],
        facts: RunFacts,
        budget: Budget,
        remember: Remember,
        *,
        cancellation: Cancellation | None = None,
    ) -> None:
        """Make the steps of a run.

        Args:
            cancellation: Once it is set, no step begins, and the current step may end early.
        """
        self._events = events
        self._log = log
        self._watchers = watchers
        self._facts = facts
        self._budget = budget
        self._remember = remember
        self._cancellation = cancellation or Cancellation()
        self.seconds: dict[AnyStep, float] = {}
        """Seconds of the last attempt of each step so far, by name, in order."""
        self._set_up: set[str] = set()
        """Names of the steps whose time counts for the minutes of set-up."""
        self._is_apart = False
        self._detail = ""
        """Appended to the names of steps."""
        self.at: AnyStep | None = None
        """The step that was called last."""

    def __call__(
        self, name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do the work, or return its recorded result; a name may occur only once in a run.

        Raises:
            AgentError: The work raised it, now or before.
            Cancelled: The run was stopped.
            VersionUnknown: The record is of an incompatible version.
        """
        name = name.named(self._detail) if self._detail else name
        if name in self.seconds:
            raise AssertionError(f"step name used twice: {name}")
        self.at = name
        if self._is_apart:
            self._set_up.add(name)
        fresh: list[T] = []
        made: list[StepRecord] = []

        def attempt() -> str:
            made.append(self._attempt(name, work, partial(work, *args, **kwargs), fresh))
            return made[0].model_dump_json()

        kept = self._remember(name, attempt)
        try:
            record = made[0] if made else StepRecord.model_validate_json(kept)
            self.seconds[name] = record.seconds
            if not made:
                self._report_ended(name, record.seconds, ok=record.failure is None)
            if record.failure is not None:
                raise errors.restore_error(record.failure)
            if fresh:
                return fresh[0]
            return result_adapter(work).validate_json(record.value or "null")
        except ValueError as unknown:
            raise VersionUnknown(
                f"The step '{name}' was recorded by an incompatible version of Mergewright."
                " Remove the label from the issue and set it again to start over."
            ) from unknown

    def _attempt(
        self, name: AnyStep, work: Callable[..., T], called: Callable[[], T], fresh: list[T]
    ) -> StepRecord:
        """Do the work once and return its record; an error is recorded too."""
        begun = time.monotonic()
        value, failure, result = None, None, None
        try:
            self._record_start(name)
            self._log.line(f"[{name}]")
            for watcher in self._watchers:
                watcher.started(name)
            self._may_begin(name)
            result = called()
            # Another process may need the result, so it has to be JSON.
            value = result_adapter(work).dump_json(result).decode()
            seconds = round(time.monotonic() - begun, 3)
            # Replies and results of calls have events of their own, which are redacted.
            whole = not isinstance(result, Reply | CallResults)
            facts = _describe_result(value, self._log.redactor, whole=whole)
            self._events.append(name, "done", seconds=seconds, **facts)
            self._log.result(name, result)
            fresh.append(result)
        except Exception as problem:  # noqa: BLE001  the error is the result of the step
            error = self._explain_error(name, problem)
            if isinstance(result, Outcome) and result.branch:
                error.name_branch(result.branch, result.commit)
            value, failure = None, errors.make_failure(error)
        finally:
            # This also runs if the process is interrupted and makes no record.
            seconds = self.seconds[name] = round(time.monotonic() - begun, 3)
            self._report_ended(name, seconds, ok=value is not None)
            if value is None:
                facts = _describe_failure(failure, self._log.redactor)
                with suppress(OSError):  # a full disk may be why it failed
                    self._events.append(name, "failed", seconds=seconds, **facts)
            with suppress(AgentError):  # the next step stores them again
                self._events.store()
        return StepRecord(seconds=seconds, value=value, failure=failure)

    def _record_start(self, name: AnyStep) -> None:
        """Record a step's start: on disk if it has effects outside; any other can run again."""
        is_lasting = name.step.is_lasting
        record = self._events.append if is_lasting else self._events.note
        record(name, "started", at=round(read_clock(), 3))
        try:
            # After a kill, the next process counts the attempts, maybe on another machine.
            self._events.store()
        except AgentError:
            if is_lasting:
                raise

    def _report_ended(self, name: AnyStep, seconds: float, *, ok: bool) -> None:
        for watcher in self._watchers:
            watcher.ended(name, seconds, ok=ok)

    def _explain_error(self, name: AnyStep, problem: Exception) -> AgentError:
        """Return the error to record; if a stop of the run ended the step, that of the stop."""
        broken_off = not name.step.is_lasting or isinstance(problem, Cancelled)
        if self._cancellation.is_set() and broken_off:
            if self._cancellation.is_broken_off:
                raise ProcessEnding from problem
            stopped = self._cancellation.problem
            if isinstance(problem, AgentError):
                stopped.branch, stopped.commit = problem.branch, problem.commit
            return stopped
        if not isinstance(problem, AgentError):
            self._log.line("".join(traceback.format_exception(problem)))
        error = make_agent_error(problem)
        self._log.line(" ".join(filter(None, (error.message, error.details))))
        return error

    def _may_begin(self, name: AnyStep) -> None:
        """Raise if a step may not begin. A stop does not keep the last step from reporting it."""
        if (lost := self._events.unfinished[name]) >= _MOST_LOST:
            raise InternalError(
                f"The worker was lost {lost} times during '{name}', so this step is not tried"
                " again. The operator can find the cause in the service's log."
            )
        if name.step is Step.DELIVER:
            return
        # An earlier attempt may have had effects that others see: the step has to look for these.
        begun = name.step.is_lasting and name in self._events.begun
        if self._cancellation.is_set() and not begun:
            raise ProcessEnding if self._cancellation.is_broken_off else self._cancellation.problem

    @property
    def run_seconds_left(self) -> float:
        contract, suite_seconds = self._facts.contract, self._facts.suite_seconds
        config = contract.config if contract else None
        granted = self._budget.find_minutes(config, suite_seconds) * 60
        used = sum(
            seconds
            for name, seconds in self.seconds.items()
            if (name in self._set_up) is self._is_apart
        )
        return max(0.0, granted - used)

    def sum_up_uses(self) -> dict[str, float]:
        uses = dict.fromkeys(("checks", "commands", "models"), 0.0)
        for name, seconds in self.seconds.items():
            use = "checks" if name.step is Step.CHECKS else _USES.get(name.rpartition(" ")[2])
            if use and name not in self._set_up:
                uses[use] += seconds
        return uses

    @contextmanager
    def count_apart(self) -> Iterator[None]:
        self._is_apart = True
        try:
            yield
        finally:
            self._is_apart = False

    @contextmanager
    def rename(self, detail: str) -> Iterator[None]:
        self._detail = detail
        try:
            yield
        finally:
            self._detail = ""


def make_agent_error(problem: Exception) -> AgentError:
    if isinstance(problem, AgentError):
        return problem
    # The error of copytree has no errno, only the joined messages of all its errors.
    if isinstance(problem, OSError) and (
        problem.errno in (errno.ENOSPC, errno.EDQUOT) or os.strerror(errno.ENOSPC) in str(problem)
    ):
        return StorageFull(f"The disk is full: {problem}. {FREE_SOME_SPACE}")
    _log.error("unforeseen", error=repr(problem), exc_info=problem)
    return InternalError(
        f"Mergewright itself failed: {type(problem).__name__}: {problem}. The log has the"
        " traceback. Please report it."
    )


def _describe_result(value: str, redactor: Redactor, *, whole: bool) -> dict[str, object]:
    facts: dict[str, object] = {"result_sha256": hashlib.sha256(value.encode()).hexdigest()}
    if whole and len(value) <= _RECORDED_BYTES:
        facts["result"] = redactor.redact_record(json.loads(value))
    return facts


def _describe_failure(failure: errors.ErrorRecord | None, redactor: Redactor) -> dict[str, object]:
    if failure is None or len(failure.model_dump_json()) > _RECORDED_BYTES:
        return {}
    return {"failure": redactor.redact_record(failure).model_dump(mode="json")}


def result_adapter(work: Callable[..., T]) -> TypeAdapter[T]:
    """Return the adapter that writes and reads the results of work, by its return annotation."""
    # A bound method is a new object at each access; its function is always the same.
    return _adapter_of(getattr(work, "__func__", work))


@lru_cache(maxsize=256)
def _adapter_of(work: Callable[..., T]) -> TypeAdapter[T]:
    hints: dict[str, Any] = get_type_hints(work)
    return TypeAdapter(hints["return"])
