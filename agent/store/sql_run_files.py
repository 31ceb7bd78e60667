"""Folders of runs in the database of a fleet, so that another machine can continue or show a run.

Files are stored when a step begins and ends, and before any effect that others can see.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, delete, func
from sqlmodel import Session, col, select

from agent.errors import StoreUnavailable
from agent.models.clock import read_clock
from agent.store.database import Database
from agent.store.sql_tables import RunFileRow
from agent.telemetry.run_events import FILE_NAME as EVENTS
from agent.telemetry.signature import FILE_NAME as SIGNATURE

#: The copy of a folder, which readers use, is removed if it is older than this.
_COPY_SECONDS = 3600.0
#: Files that only grow: just their new lines are stored.
_GROWING = (EVENTS, "run.log")
#: Files are stored in pieces, since PostgreSQL accepts no value of half a gigabyte.
_PIECE_BYTES = 16 * 1024**2
#: Seconds between attempts while the database is away; after more, the usual lease has run out.
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
_log = structlog.get_logger()


class SqlRunFiles:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._shown: dict[Path, int] = {}
        """Number of the last piece in each folder that `show` has written."""
        self._lock = threading.Lock()

    def open(self, run_id: str, folder: Path) -> FolderCopy:
        """Write the stored files of a run to its folder; return the object that stores changes."""
        # Nothing is lost: events that are not stored have had no effect outside.
        (folder / EVENTS).unlink(missing_ok=True)
        self._write_files(run_id, folder)
        return FolderCopy(self._database, run_id, folder)

    def show(self, run_id: str, folder: Path) -> None:
        newest = select(func.max(RunFileRow.number)).where(col(RunFileRow.run_id) == run_id)
        with self._lock:
            with self._database.read() as session:
                number = session.exec(newest).one() or 0
            if self._shown.get(folder) != number:
                # The old copy may have files that are not stored any more.
                shutil.rmtree(folder, ignore_errors=True)
                self._write_files(run_id, folder)
                self._shown[folder] = number
            with suppress(OSError):
                os.utime(folder)
            self._remove_unused(folder.parent)

    def _remove_unused(self, copies: Path) -> None:
        for folder in copies.iterdir():
            if folder.stat().st_mtime < read_clock() - _COPY_SECONDS:
                self._shown.pop(folder, None)
                shutil.rmtree(folder, ignore_errors=True)

    def read(self, run_id: str, name: str) -> bytes | None:
        """Read one file of a run; None: it is not stored."""
        return self._read(run_id, col(RunFileRow.name) == name).get(name)

    def _read(self, run_id: str, *which: ColumnElement[bool]) -> dict[str, bytes]:
        wanted = select(RunFileRow.name, RunFileRow.content).where(
            col(RunFileRow.run_id) == run_id, *which
        )
        pieces: dict[str, list[bytes]] = defaultdict(list)
        with self._database.read() as session:
            ordered = wanted.order_by(col(RunFileRow.number))
            # Only collected here: a server ends a transaction whose client is slow with the rows.
            for name, content in session.exec(ordered, execution_options={"yield_per": 8}):
                pieces[name].append(content)
        return {name: b"".join(several) for name, several in pieces.items()}

    def _write_files(self, run_id: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in self._read(run_id).items():
            fresh = folder / f".{name}.new"
            fresh.touch(mode=0o600)
            fresh.write_bytes(content)
            fresh.replace(folder / name)

    def replace(self, run_id: str, signature: bytes | None) -> None:
        """Delete the stored files of a run; store only the signature, if there is one."""
        with self._database.write() as session:
            session.execute(delete(RunFileRow).where(col(RunFileRow.run_id) == run_id))
            if signature is not None:
                session.add(RunFileRow(run_id=run_id, name=SIGNATURE, content=signature))


class FolderCopy:
    def __init__(self, database: Database, run_id: str, folder: Path) -> None:
        self._database, self._run_id, self._folder = database, run_id, folder
        self._lock = threading.Lock()
        self._stored = {path.name: path.stat() for path in folder.iterdir()}
        self._sizes: dict[str, int] = {}
        """Number of stored bytes of the growing files, if it is known."""

    def store(self) -> None:
        """Store every file that has changed. Raises StoreUnavailable."""
        with self._lock:
            for path in self._folder.iterdir():
                try:
                    if path.is_file():
                        _persist(partial(self._store_file, path))
                except OSError as problem:
                    _log.warning("a file is not stored", file=path.name, problem=str(problem))

    def _store_file(self, path: Path) -> None:
        facts, before = path.stat(), self._stored.get(path.name)
        if before and (before.st_mtime_ns, before.st_size) == (facts.st_mtime_ns, facts.st_size):
            return
        # If the connection breaks, it is unknown what was stored: then the next call stores it all.
        begin = self._sizes.pop(path.name, 0)
        with path.open("rb") as file, self._database.write() as session:
            if not begin:
                of_run = delete(RunFileRow).where(col(RunFileRow.run_id) == self._run_id)
                session.execute(of_run.where(col(RunFileRow.name) == path.name))
            file.seek(begin)
            content = file.read()
            if path.name in _GROWING:
                # Another thread may be writing the last line.
                content = content[: content.rfind(b"\n") + 1]
                begin += len(content)
            if content or not begin:
                self._add_pieces(session, path.name, content)
        if path.name in _GROWING:
            self._sizes[path.name] = begin
        self._stored[path.name] = facts

    def _add_pieces(self, session: Session, name: str, content: bytes) -> None:
        """Add content in pieces; empty content is one empty piece."""
        for start in range(0, len(content) or 1, _PIECE_BYTES):
            piece = content[start : start + _PIECE_BYTES]
            session.add(RunFileRow(run_id=self._run_id, name=name, content=piece))
            session.flush()


def _persist(store: Callable[[], None]) -> None:
    """Call `store`, again and again while the database is away.

    A step is recorded only after its files are stored, since no later step writes them again.
    """
    for pause in _PAUSES:
        with suppress(StoreUnavailable):
            return store()
        time.sleep(pause)
    return store()
