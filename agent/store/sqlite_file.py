"""One SQLite file of ours, whatever is in it: made for this user alone, opened, its errors named.

What is on disk when a transaction ends stays there through a power failure. Transactions begin by
taking the write lock, so that to look and then to write is one act, also between processes; on a
connection with the execution option `reads_only` they do not, and never wait.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from agent.errors import PermanentError, SettingsInvalid, StorageFull, TransientError


class Errors(NamedTuple):
    """What the driver's errors are called for one of the files."""

    unavailable: type[TransientError]
    unusable: type[PermanentError]
    consequence: str
    """What follows from moving a damaged file away; ends the sentence that advises it."""


def create_file(path: Path) -> None:
    """Make the file where there is none; only this user may read it.

    Raises:
        SettingsInvalid: It cannot be made or opened there.
    """
    # Rows hold the words of private repositories; SQLite gives its side files the same mode.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        # It is not opened here: closing it again would take away the locks that connections of
        # this process have on it, and who closes the file next would think it was the last.
        _require_own(path)
    except OSError as problem:
        raise not_writable(path, problem) from problem


def _require_own(path: Path) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise not_writable(path, OSError(errno.ELOOP, os.strerror(errno.ELOOP)))
    if not os.access(path, os.R_OK | os.W_OK):
        raise not_writable(path, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    try:
        path.chmod(0o600)
    except OSError as problem:
        raise not_writable(path, problem) from problem


def not_writable(path: Path, problem: OSError) -> SettingsInvalid:
    """Say that the operator's folder cannot hold the file."""
    return SettingsInvalid(
        f"MERGEWRIGHT_HOME: {path} cannot be opened for writing ({problem.strerror}). Name a"
        " folder that this user may write to."
    )


def make_engine(path: Path, *, busy_seconds: float, page_bytes: int = 4096) -> Engine:
    """Open the file.

    Args:
        busy_seconds: How long to wait for a lock.
        page_bytes: For a file that is still empty; larger ones suit larger rows.
    """
    made = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": busy_seconds, "check_same_thread": False}
    )

    @event.listens_for(made, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        # Transactions are begun below, by name, not by the driver's guess.
        connection.isolation_level = None
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(made, "begin")
    def _begun(connection: Connection) -> None:
        only_reads = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return made


@contextmanager
def translate_errors(path: Path, errors: Errors) -> Iterator[None]:
    """Make the driver's errors ours.

    Raises:
        StorageFull: The disk is full.
        PermanentError: The file is damaged or no database; of the class that `errors` names.
        TransientError: It cannot be used just now; likewise.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as problem:
        cause = problem.orig if isinstance(problem, DBAPIError) else problem
        name = getattr(cause, "sqlite_errorname", "")
        if name.startswith("SQLITE_FULL"):
            raise StorageFull(f"The disk of {path} is full. Free space there.") from problem
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise make_damaged_error(path, str(cause), errors) from problem
        raise errors.unavailable(f"{path} cannot be used just now: {cause}.") from problem


def make_damaged_error(path: Path, found: str, errors: Errors) -> PermanentError:
    """Say what to do about a damaged file."""
    return errors.unusable(
        f"{path} is damaged ({found}). Stop the service, restore it from a backup, or move it away"
        f" with {path.name}-wal and {path.name}-shm{errors.consequence}"
    )
