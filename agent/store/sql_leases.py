"""Leases: which workers of a fleet are alive, and takeover of the runs of dead ones.

A worker renews its row while it lives. If a row was not renewed for the length of a lease, it is
deleted and the worker's runs are queued again, in one transaction without other writers. From then
on no transaction of that worker is accepted, nor any of its writes to the code host. A worker that
cannot reach the database exits well before others take over. All times are the database's.

On SQLite there is one worker, which holds the lock of the data folder instead.
"""

import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import structlog
from sqlalchemy import Connection, delete, func, update
from sqlmodel import Session, col, select

from agent.errors import AgentError, SettingsInvalid
from agent.store.database import Database
from agent.store.sql_queue import ONLY, WORKER
from agent.store.sql_tables import LeaseRow, RunRow

#: Parts of a lease: between two heartbeats; and without a heartbeat until the worker exits.
_BEAT, _FENCE = 1 / 6, 0.6
#: Exit code of a worker without a lease; a supervisor starts it again, with another number.
EXIT_FENCED = 70
_NOW = func.extract("epoch", func.clock_timestamp())

_log = structlog.get_logger()


class Lease:
    """The right of a process to carry runs; this class is a single worker's, without heartbeats."""

    number = ONLY

    def start_heartbeats(self) -> None:
        """Start heartbeats; the process exits if they do not reach the database."""

    def require(self) -> None:
        """Renew the lease; the process exits if others have taken over its runs."""

    def set_ready(self, *, ready: bool) -> None:
        """Record whether this worker is ready, so that it may lead."""

    def leads(self) -> bool:
        """Whether this worker decides on deliveries, as the one that has been ready longest."""
        return True

    def take_over(self) -> int:
        """Queue the runs of dead workers again; return the number of those workers."""
        return 0

    def release(self) -> None:
        """Release this worker's runs and its lease; afterwards it must not write any more."""


ONLY_LEASE = Lease()


class SharedLease(Lease):
    """The lease of one of several workers; it is valid from its creation."""

    def __init__(self, database: Database, home: Path, seconds: float, key: str) -> None:
        """Register a worker; the lease is renewed only after `start_heartbeats`.

        Args:
            seconds: Time without a heartbeat after which other workers take over.
            key: Public half of the key that this worker signs logs with.

        Raises:
            SettingsInvalid: Another worker has another data folder, or another key.
        """
        self._database = database
        self._seconds = seconds
        self._over = threading.Event()
        self._seen = _read_clock()
        process = f"{socket.gethostname()} {os.getpid()}"
        row = LeaseRow(process=process, home=str(home), key=key, last_seen=0.0)
        with database.write() as session:
            alive = col(LeaseRow.last_seen) >= _NOW - seconds
            for worker in session.exec(select(LeaseRow).where(alive)):
                if worker.home != row.home:
                    raise SettingsInvalid(
                        f"MERGEWRIGHT_HOME is {row.home} here and {worker.home} with the worker of"
                        f" {worker.process}. Use the same path on all workers, each on its own"
                        " disk."
                    )
                if worker.key != key:
                    raise SettingsInvalid(
                        f"Logs are signed with key {key} here, but with {worker.key} by the"
                        f" worker of {worker.process}. Set the same MERGEWRIGHT_SIGNING_KEY_FILE"
                        " on all workers. To change the key, stop all workers first."
                    )
            session.add(row)
            session.flush()
            self.number = row.number or 0
            self._renew(session.connection())

    def start_heartbeats(self) -> None:
        self._database.guard = self._require_row
        for work in (self._beat, self._watch):
            threading.Thread(target=work, name="lease", daemon=True).start()

    def require(self) -> None:
        begun = _read_clock()
        with self._database.translate_errors(), self._database.reads.begin() as connection:
            renewed = self._renew(connection)
        if not renewed:
            _leave("others have taken over")
        self._seen = begun

    def set_ready(self, *, ready: bool) -> None:
        # Join at the end: the current leader may be processing a delivery.
        last = select(func.coalesce(func.max(LeaseRow.turn), 0) + 1).scalar_subquery()
        with self._database.write() as session:
            mine = col(LeaseRow.number) == self.number
            session.execute(update(LeaseRow).where(mine).values(turn=last if ready else None))

    def leads(self) -> bool:
        ready = select(LeaseRow.number).where(col(LeaseRow.turn).is_not(None))
        with self._database.read() as session:
            return session.exec(ready.order_by(col(LeaseRow.turn))).first() == self.number

    def take_over(self) -> int:
        silent = col(LeaseRow.last_seen) < _NOW - self._seconds
        with self._database.read() as session:
            # Usually no worker is dead: then no lock is taken.
            if session.exec(select(LeaseRow.number).where(silent).limit(1)).first() is None:
                return 0
        with self._database.write() as session:
            dead = session.execute(delete(LeaseRow).where(silent)).rowcount  # type: ignore[attr-defined]
            _free_runs(session)
        return int(dead)

    def release(self) -> None:
        self._over.set()
        with self._database.write() as session:
            session.execute(delete(LeaseRow).where(col(LeaseRow.number) == self.number))
            _free_runs(session)

    def _beat(self) -> None:
        while not self._over.wait(self._seconds * _BEAT):
            with suppress(AgentError):  # `_watch` exits if errors last too long
                self.require()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            if _read_clock() - self._seen > self._seconds * _FENCE:
                _leave("no heartbeat reached the database")

    def _renew(self, connection: Connection) -> bool:
        mine = col(LeaseRow.number) == self.number
        renewed = connection.execute(update(LeaseRow).where(mine).values(last_seen=_NOW))
        return renewed.rowcount == 1

    def _require_row(self, connection: Connection) -> None:
        mine = select(LeaseRow.number).where(col(LeaseRow.number) == self.number)
        if connection.execute(mine).first() is None:
            _leave("others have taken over")


def _free_runs(session: Session) -> None:
    """Queue every run again whose worker has no lease."""
    names = select(func.concat(WORKER, LeaseRow.number))
    theirs = col(RunRow.active), col(RunRow.worker).startswith(WORKER)
    gone = col(RunRow.worker).not_in(names)
    session.execute(update(RunRow).where(*theirs, gone).values(worker=None))


def _leave(why: str) -> NoReturn:
    _log.error("the worker exits at once; other workers continue its runs", problem=why)
    os._exit(EXIT_FENCED)


def _read_clock() -> float:
    """Return seconds of a clock that continues during suspend and never jumps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
