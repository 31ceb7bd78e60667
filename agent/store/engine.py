"""The durable engine: DBOS stores the result of each step of a run, and continues after a kill.

The only module that knows DBOS. A run is carried in segments: the first begins at the top, each
further one takes over the records of the previous one up to a step. No segment is alive while a run
waits; waits, order and limits are rows in our own store.

Each process has its own executor name, and DBOS moves no run between them. A worker takes over a
run by calling `begin` with its segment. From then on DBOS rejects steps of the previous worker. On
SQLite the lock of the data folder (`agent.store.worker_lock`) decides who may do so, on PostgreSQL
a lease; there each worker also has its own queue.
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
#: DBOS does not continue runs of another version, so this must never change.
VERSION = "runs-1"
#: A segment that ended so long ago, and whose end is still not recorded, is begun again.
_NOTED_SECONDS = 5.0
_WORKFLOW = "carry"
_BROKEN = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED")
_OVER = ("SUCCESS", *_BROKEN)


class Segment(Record):
    """A part of a run that is carried without a wait."""

    run_id: str
    number: int = 1

    @property
    def name(self) -> str:
        return f"{self.run_id}/{self.number}"


class EngineStatus(StrEnum):
    ALIVE = "alive"
    STRANDED = "stranded"
    """The segment is not over, but no process carries it; `begin` starts or continues it here."""
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
        """Prepare an engine in a data folder; `launch` opens its database.

        Args:
            carry: Carries a run, given its id and the recorder of its steps; returns how the
                segment ended. Called again for the same run after a kill.
            url: URL of PostgreSQL; None: a file in the data folder.
        """
        self.path = home / FILE_NAME
        self._url = url
        self._name = "PostgreSQL" if url else str(self.path)
        self._queue = f"worker-{worker}"
        # With a fixed name, DBOS itself would continue the workflows of an earlier process.
        self._executor = f"{self._queue}-{uuid4().hex}"
        self._draining = threading.Event()
        self._alive = 0
        self._moved = threading.Condition()
        self._left: dict[str, float] = {}
        """When segments ended or were queued again here, by name; monotonic seconds."""

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
        """Open the database. Workflows of earlier processes do not continue until `begin`.

        Raises:
            StoreUnusable, StoreUnavailable, SettingsInvalid: The database cannot be opened.
        """
        try:
            if self._url is None:
                database.create_file(self.path)
            with database.translate_errors(self._name):
                if self._url is None:
                    # Readers and the writer do not wait for each other; every commit is on disk.
                    with closing(sqlite3.connect(self.path, timeout=10.0)) as connection:
                        connection.execute("PRAGMA journal_mode = WAL")
                # DBOS logs for its own developers; errors that matter are raised.
                logging.getLogger("dbos").setLevel(logging.ERROR)
                # With a handler, DBOS sets up no output of its own.
                logging.getLogger("dbos").addHandler(logging.NullHandler())
                DBOS(config=self._config())
                DBOS.listen_queues([self._queue])
                DBOS.launch()
                DBOS.register_queue(self._queue, polling_interval_sec=0.25)
        except BaseException:
            self.close()
            raise

    def begin(self, segment: Segment, begin_with: str | None = None) -> None:
        """Begin a segment; does nothing if this worker has already begun it.

        Args:
            begin_with: Step of the previous segment to begin with: the records of all steps before
                it are taken over; if they are gone, the segment begins at the top. Empty: it begins
                at the top, too. None: the records of every step are taken over.
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
        # On a full disk, the end of a segment is not recorded: it is begun again, and finds the
        # records of all its steps.
        left = time.monotonic() - self._left.get(status.workflow_id, math.inf)
        return waits or (status.executor_id == self._executor and left < _NOTED_SECONDS)

    def forget(self, segments: Iterable[Segment]) -> None:
        names = [segment.name for segment in segments]
        if names:
            with self._translate_errors():
                DBOS.delete_workflows(names)

    def forget_before(self, moment: float, kept: Container[str]) -> int:
        """Delete the records of runs that ended before a moment; return the number of segments.

        Runs in `kept` keep their records, however old.
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
        """Stop every run before its next step; return whether all stopped in time."""
        self._draining.set()
        with self._moved:
            return self._moved.wait_for(lambda: self._alive == 0, seconds)

    def close(self) -> None:
        """Close the database; another process can continue the active segments."""
        self._draining.set()
        if self._url is not None:  # With a file, the next process uses the same queue.
            with suppress(AgentError), self._translate_errors():
                DBOS.delete_queue(self._queue)
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def _config(self) -> DBOSConfig:
        return DBOSConfig(
            name="mergewright",
            system_database_url=self._url or f"sqlite:///{self.path}",
            application_version=VERSION,
            executor_id=self._executor,
            # Not pickle: records are text already, and nothing in the database may be executed.
            serializer=DBOSPortableJSONSerializer(),
            log_level="ERROR",
            enable_otlp=False,
            # We send no notifications, but `close` waits for the listener's next poll.
            notification_listener_polling_interval_sec=0.05,
            # The database ends the transaction of a worker that hangs.
            sys_db_idle_transaction_timeout_sec=10.0,
            sys_db_pool_size=10,
        )

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        with database.translate_errors(self._name):
            try:
                yield
            except error.DBOSException as problem:
                raise StoreUnusable(f"{self._name} does not respond: {problem}") from problem


def create_tables(url: str) -> None:
    """Create the tables that an empty PostgreSQL database lacks, without carrying runs."""
    with database.translate_errors("PostgreSQL"):
        DBOS.migrate(url)


def forget_segments(home: Path, url: str | None, runs: Iterable[PurgedRun]) -> None:
    """Delete the records of runs that are over; for a process that is no worker."""
    names = [f"{run.run_id}/{number}" for run in runs for number in range(1, run.segment + 1)]
    if not names or (url is None and not (home / FILE_NAME).exists()):
        return
    with database.translate_errors("PostgreSQL" if url else str(home / FILE_NAME)):
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
        with database.translate_errors(self._database_name):
            try:
                return DBOS.run_step({"name": str(name)}, attempt)
            except error.DBOSUnexpectedStepError as problem:
                raise VersionUnknown(
                    f"The step '{name}' was recorded by an incompatible version of Mergewright."
                    " Remove the label from the issue and set it again to start over."
                ) from problem
