"""The durable engine: DBOS keeps what each step of a run returned, and goes on after a kill.

The only module that knows DBOS. A run is carried in segments: the first begins at the top, each
further one takes over the records of the one before up to a step. No segment is alive while a run
waits; the wait is a row in our own store, as are order and limits.

Each process has a name of its own, and takes nothing over by itself. Who takes a run over calls
`begin` with its segment: that moves the records to it, and from then on the engine takes none of
who had it before. Who may do so, the lock of the data folder (`agent.store.worker_lock`) says on
SQLite, and a lease on PostgreSQL, where each worker also has a queue of its own.
"""

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetWorkflowID,
    WorkflowStatus,
    error,
)

from agent.errors import AgentError, ProcessEnding, StoreUnusable, VersionUnknown
from agent.models.record import Record, replace
from agent.models.run import Remember
from agent.store import database
from agent.store.sql_purges import PurgedRun
from agent.store.sql_queue import ONLY

FILE_NAME = "engine.sqlite"
#: DBOS never carries a run of another version on, so this stays.
VERSION = "runs-1"
#: More than it takes to note the end of a segment.
_NOTED_SECONDS = 5.0
_WORKFLOW = "carry"
_BROKEN = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED")
_OVER = ("SUCCESS", *_BROKEN)
_CONSEQUENCE = "; active runs then start over and find what they already wrote."


class Segment(Record):
    """One stretch of a run that is carried without a wait."""

    run_id: str
    number: int = 1

    @property
    def name(self) -> str:
        return f"{self.run_id}/{self.number}"


class EngineStatus(StrEnum):
    ALIVE = "alive"
    STRANDED = "stranded"
    """It is not over, and nobody carries it: it goes on, or begins, once it is begun here."""
    ENDED = "ended"
    BROKEN = "broken"


class Engine:
    def __init__(
        self,
        home: Path,
        carry: Callable[[str, Remember], str],
        *,
        url: str | None = None,
        worker: int = ONLY,
    ) -> None:
        """Take the folder of its file, and what it carries.

        Args:
            carry: Takes the id of a run and what keeps the records of its steps; returns how the
                segment ended. It may be called again for the same run after a kill.
            url: Of PostgreSQL; None: a file in the data folder.
        """
        self.path = home / FILE_NAME
        self._url = url
        self._name = "PostgreSQL" if url else str(self.path)
        self._queue = f"worker-{worker}"
        # The engine itself would go on with what a process of the same name had.
        self._executor = f"{self._queue}-{uuid4().hex}"
        self._draining = threading.Event()
        self._alive = 0
        self._moved = threading.Condition()
        self._left: dict[str, float] = {}
        """When segments were left that nobody carries, by name: at their end, or to the queue."""

        @DBOS.workflow(name=_WORKFLOW)
        def carried(run_id: str) -> str:
            if self._draining.is_set():
                raise ProcessEnding
            name = str(DBOS.workflow_id)
            self._left.pop(name, None)
            with self._moved:
                self._alive += 1
            try:
                return carry(run_id, _EngineMemory(self._name, self._draining))
            finally:
                self._left[name] = time.monotonic()
                with self._moved:
                    self._alive -= 1
                    self._moved.notify_all()

        self._carried = carried

    def launch(self) -> None:
        """Open the database; what processes before had goes on once it is begun.

        Raises StoreUnusable, StoreUnavailable or SettingsInvalid.
        """
        try:
            if self._url is None:
                database.create_file(self.path)
            with database.translate_errors(self._name, _CONSEQUENCE):
                if self._url is None:
                    # Readers and the writer do not wait for each other; every commit is on disk.
                    with closing(sqlite3.connect(self.path, timeout=10.0)) as connection:
                        connection.execute("PRAGMA journal_mode = WAL")
                # Its own words are for those who run DBOS; what matters of them is raised.
                logging.getLogger("dbos").setLevel(logging.ERROR)
                # It then sets up no output of its own.
                logging.getLogger("dbos").addHandler(logging.NullHandler())
                DBOS(config=self._config())
                DBOS.listen_queues([self._queue])
                DBOS.launch()
                DBOS.register_queue(self._queue, polling_interval_sec=0.25)
        except BaseException:
            self.close()
            raise

    def begin(self, segment: Segment, begin_with: str | None = None) -> None:
        """Begin a segment; one that this worker has begun already is left alone.

        Args:
            begin_with: For a further segment: the step of the one before that it begins with. The
                records of all steps before that are taken over; where there are none any more, it
                begins at the top. Empty: at the top as well. None: the records of every step.
        """
        with self._translate_errors():
            if (there := DBOS.get_workflow_status(segment.name)) is not None:
                if there.status not in _OVER and not self._is_ours(there):
                    self._left[segment.name] = time.monotonic()
                    DBOS.resume_workflow(segment.name, queue_name=self._queue)
                return
            before = replace(segment, number=segment.number - 1).name
            anew = begin_with == "" or DBOS.get_workflow_status(before) is None
            if segment.number == 1 or anew:
                with SetWorkflowID(segment.name):
                    DBOS.start_workflow(self._carried, segment.run_id)
                return
            steps = DBOS.list_workflow_steps(before, load_output=False)
            numbers = {step["function_name"]: step["function_id"] for step in steps}
            last = max(numbers.values(), default=0) + 1
            with SetWorkflowID(segment.name):
                DBOS.fork_workflow(
                    before,
                    numbers.get(begin_with or "", last),
                    application_version=VERSION,
                    queue_name=self._queue,
                )

    def read_status(self, segment: Segment) -> tuple[EngineStatus, str]:
        with self._translate_errors():
            status = DBOS.get_workflow_status(segment.name)
        if status is None:
            return EngineStatus.STRANDED, ""
        if status.status in _OVER:
            self._left.pop(segment.name, None)
        if status.status == "SUCCESS":
            return EngineStatus.ENDED, str(status.output)
        if status.status in _BROKEN:
            return EngineStatus.BROKEN, f"{status.status}: {status.error}"
        return EngineStatus.ALIVE if self._is_ours(status) else EngineStatus.STRANDED, ""

    def _is_ours(self, status: WorkflowStatus) -> bool:
        waits = status.status == "ENQUEUED" and status.queue_name == self._queue
        # A full disk keeps no end: the segment is begun again, and finds all its records.
        left = time.monotonic() - self._left.get(status.workflow_id, math.inf)
        return waits or (status.executor_id == self._executor and left < _NOTED_SECONDS)

    def forget(self, segments: Iterable[Segment]) -> None:
        names = [segment.name for segment in segments]
        if names:
            with self._translate_errors():
                DBOS.delete_workflows(names)

    def forget_before(self, moment: float, kept: Container[str]) -> int:
        """Delete the records of runs that were over before a moment; return of how many segments.

        Those of the runs `kept` stay, however old.
        """
        over = datetime.fromtimestamp(moment, UTC).isoformat()
        with self._translate_errors():
            workflows = DBOS.list_workflows(
                name=_WORKFLOW,
                status=[*_OVER],
                completed_before=over,
                load_input=False,
                load_output=False,
                limit=1_000,
            )
        names = [workflow.workflow_id for workflow in workflows]
        gone = [name for name in names if name.rpartition("/")[0] not in kept]
        if gone:
            with self._translate_errors():
                DBOS.delete_workflows(gone)
        return len(gone)

    def drain(self, seconds: float) -> bool:
        """Let every run stop before its next step; return whether all did so in time."""
        self._draining.set()
        with self._moved:
            return self._moved.wait_for(lambda: self._alive == 0, seconds)

    def close(self) -> None:
        """Let go of the database; what is alive goes on once another process begins it."""
        self._draining.set()
        if self._url is not None:  # The queue of a file is that of the next process as well.
            with suppress(AgentError), self._translate_errors():
                DBOS.delete_queue(self._queue)
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def _config(self) -> DBOSConfig:
        return DBOSConfig(
            name="mergewright",
            system_database_url=self._url or f"sqlite:///{self.path}",
            application_version=VERSION,
            executor_id=self._executor,
            # Records are text already; nothing in the database is ever executed.
            serializer=DBOSPortableJSONSerializer(),
            log_level="ERROR",
            enable_otlp=False,
            # It looks for nothing, but `close` waits until it is awake.
            notification_listener_polling_interval_sec=0.05,
            # The database ends a transaction of a worker that hangs in it.
            sys_db_idle_transaction_timeout_sec=10.0,
            sys_db_pool_size=10,
        )

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        with database.translate_errors(self._name, _CONSEQUENCE):
            try:
                yield
            except error.DBOSException as problem:
                raise StoreUnusable(f"{self._name} does not respond: {problem}") from problem


def create_tables(url: str) -> None:
    """Create the tables that an empty PostgreSQL database lacks, without carrying anything."""
    with database.translate_errors("PostgreSQL", _CONSEQUENCE):
        DBOS.migrate(url)


def forget_segments(home: Path, url: str | None, runs: Iterable[PurgedRun]) -> None:
    """Delete the records of runs that are over, from another process than the workers'."""
    names = [f"{run.run_id}/{number}" for run in runs for number in range(1, run.segment + 1)]
    if not names or (url is None and not (home / FILE_NAME).exists()):
        return
    with database.translate_errors("PostgreSQL" if url else str(home / FILE_NAME), _CONSEQUENCE):
        client = DBOSClient(
            system_database_url=url or f"sqlite:///{home / FILE_NAME}",
            serializer=DBOSPortableJSONSerializer(),
        )
        try:
            client.delete_workflows(names)
        finally:
            client.destroy()


class _EngineMemory:
    """Keeps the records of one run's steps in the engine's database."""

    def __init__(self, database_name: str, draining: threading.Event) -> None:
        self._database_name = database_name
        self._draining = draining

    def __call__(self, name: str, attempt: Callable[[], str]) -> str:
        if self._draining.is_set():
            raise ProcessEnding
        with database.translate_errors(self._database_name, _CONSEQUENCE):
            try:
                return DBOS.run_step({"name": str(name)}, attempt)
            except error.DBOSUnexpectedStepError as problem:
                raise VersionUnknown(
                    f"The step '{name}' was recorded by an incompatible version of Mergewright."
                    " Remove the label from the issue and set it again to start over."
                ) from problem
