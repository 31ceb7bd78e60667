"""The `step` port: each piece of work is done once, bounded, timed, recorded and remembered.

Owns what a step leaves behind (`StepRecord`: JSON, no pickle) and how it is read again. Where the
records are kept is the engine's (`agent.store.engine`).

A step whose process was killed runs again, so it may run more than once; one that has a record
never does.
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

#: Of larger results only the digest is recorded.
_RECORDED_BYTES = 64 * 1024
#: A step that takes its worker down with it is not to do so for ever. Whatever else was under way
#: when a worker died is counted as well.
_MOST_LOST = 20
#: After so long a command that is interrupted no longer waits for what it breaks off.
BREAK_OFF_SECONDS = 3.0


class StepRecord(Record):
    """What one step left behind; exactly one of `value` and `failure` is there."""

    seconds: float
    value: str | None = None
    """The result as JSON."""
    failure: errors.ErrorRecord | None = None


class Cancellation:
    """Stops a run; what it is doing breaks off within two seconds."""

    def __init__(self) -> None:
        self.problem: RunStopped = Cancelled()
        self.is_broken_off = False
        self._set = threading.Event()

    def set(self, words: str, reason: Reason = Reason.CANCELLED) -> None:
        """Stop it; the first words count."""
        if not self._set.is_set():
            is_superseded = reason is Reason.SUPERSEDED
            self.problem = Superseded(words) if is_superseded else Cancelled(words)
        self._set.set()

    def break_off(self) -> None:
        """End what it is doing without a record of it: the run goes on with another process."""
        self.is_broken_off = True
        self._set.set()

    def is_set(self) -> bool:
        return self._set.is_set()


class Watcher(Protocol):
    def started(self, step: AnyStep) -> None: ...

    def ended(self, step: AnyStep, seconds: float, *, ok: bool) -> None: ...


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
        """Take what a run's steps need.

        Args:
            cancellation: Once set, no further step is begun, and one under way may end early.
        """
        self._events = events
        self._log = log
        self._watchers = watchers
        self._facts = facts
        self._budget = budget
        self._remember = remember
        self._cancellation = cancellation or Cancellation()
        self.seconds: dict[AnyStep, float] = {}
        """Duration of each step so far, by name, in order; of its last attempt."""
        self._set_up: set[str] = set()
        """Names of the steps that are counted to the minutes of set-up."""
        self._is_apart = False
        self._detail = ""
        """What is added to the names of steps."""
        self.at: AnyStep | None = None
        """The step that was asked for last."""

    def __call__(
        self, name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do the work, or return what it returned before; a name may occur only once in a run.

        Raises:
            AgentError: What the work raised, now or before.
            Cancelled: Somebody stopped the run.
            VersionUnknown: The record was made by code that this code cannot follow.
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
            result = (
                fresh[0] if fresh else result_adapter(work).validate_json(record.value or "null")
            )
        except ValueError as unknown:
            raise VersionUnknown(
                f"The step '{name}' was recorded by an incompatible version of Mergewright."
                " Remove the label from the issue and set it again to start over."
            ) from unknown
        return result

    def _attempt(
        self, name: AnyStep, work: Callable[..., T], called: Callable[[], T], fresh: list[T]
    ) -> StepRecord:
        """Do the work once and make the record of it; an error is a result as well."""
        begun = time.monotonic()
        value, failure, result = None, None, None
        try:
            # What others can see is on disk as begun before it begins; the rest runs again.
            is_lasting = name.step.is_lasting
            record = self._events.append if is_lasting else self._events.note
            record(name, "started", at=round(read_clock(), 3))
            try:
                # Whoever goes on after a kill counts it, also on another machine.
                self._events.store()
            except AgentError:
                if is_lasting:
                    raise
            self._log.line(f"[{name}]")
            for watcher in self._watchers:
                watcher.started(name)
            self._may_begin(name)
            result = called()
            # What a step returns must survive the process.
            value = result_adapter(work).dump_json(result).decode()
            seconds = round(time.monotonic() - begun, 3)
            # Replies and results of calls have events of their own, which are redacted.
            whole = not isinstance(result, Reply | CallResults)
            facts = _describe_result(value, self._log.redactor, whole=whole)
            self._events.append(name, "done", seconds=seconds, **facts)
            self._log.result(name, result)
            fresh.append(result)
        except Exception as problem:  # noqa: BLE001  an error is what the step gives back
            error = self._explain_error(name, problem)
            if isinstance(result, Outcome) and result.branch:
                error.name_branch(result.branch, result.commit, "its record could not be written")
            value, failure = None, errors.make_failure(error)
        finally:
            # Also where the process is interrupted and no record is made.
            seconds = self.seconds[name] = round(time.monotonic() - begun, 3)
            self._report_ended(name, seconds, ok=value is not None)
            if value is None:
                facts = _describe_failure(failure, self._log.redactor)
                with suppress(OSError):  # a full disk may be why it failed
                    self._events.append(name, "failed", seconds=seconds, **facts)
            with suppress(AgentError):  # else with the next step
                self._events.store()
        return StepRecord(seconds=seconds, value=value, failure=failure)

    def _report_ended(self, name: AnyStep, seconds: float, *, ok: bool) -> None:
        for watcher in self._watchers:
            watcher.ended(name, seconds, ok=ok)

    def _explain_error(self, name: AnyStep, problem: Exception) -> AgentError:
        """Give an error its sentence; what breaks off because the run was stopped is no trouble."""
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
        """Refuse a step that is not to be begun; people hear of it all the same."""
        if (lost := self._events.unfinished[name]) >= _MOST_LOST:
            raise InternalError(
                f"The worker was lost {lost} times during '{name}', so this step is not tried"
                " again. The operator can find the cause in the service's log."
            )
        if name.step is Step.DELIVER:
            return
        # What an earlier attempt has begun to hand over may be seen already; the step looks itself.
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
    # copytree collects its failures; a full disk is among them as text.
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
    """How the results of a piece of work are written and read: by what it says it returns."""
    # A method is made anew each time that it is named; its function stays.
    return _adapter_of(getattr(work, "__func__", work))


@lru_cache(maxsize=256)
def _adapter_of(work: Callable[..., T]) -> TypeAdapter[T]:
    hints: dict[str, Any] = get_type_hints(work)
    return TypeAdapter(hints["return"])
