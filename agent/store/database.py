"""One database of ours: opened, its tables made, its errors named. SQLite by default.

Commits survive a power failure. On SQLite a transaction that writes takes the write lock first. So
reading and then writing is atomic, also between processes. A transaction that only reads takes no
lock, and never waits.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from agent.errors import PermanentError, SettingsInvalid, StorageFull, TransientError


class Errors(NamedTuple):
    """What the driver's errors are called for one of the databases."""

    unavailable: type[TransientError]
    unusable: type[PermanentError]
    consequence: str
    """What follows from moving a damaged file away; ends the sentence that advises it."""


class Database:
    """Tables in one file; safe to use from several threads and processes."""

    def __init__(
        self,
        path: Path,
        tables: Sequence[Table],
        errors: Errors,
        *,
        busy_seconds: float,
        page_bytes: int = 4096,
    ) -> None:
        """Open the database, and make file and tables where there are none.

        Args:
            busy_seconds: How long to wait for a lock.
            page_bytes: For a file that is still empty; larger ones suit larger rows.

        Raises:
            SettingsInvalid: The file cannot be made or opened there.
            PermanentError: It is damaged, no database, or of another version.
            TransientError: Somebody else holds its lock.
        """
        self.path, self._errors = path, errors
        create_file(path)
        self.engine = create_engine(
            f"sqlite:///{path}", connect_args={"timeout": busy_seconds, "check_same_thread": False}
        )
        _listen(self.engine, page_bytes)
        self._readers = self.engine.execution_options(reads_only=True)
        try:
            with self.connect() as connection:
                self._create_tables(connection, tables)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open what waits for nobody who writes, and holds nobody up."""
        with self.translate_errors(), Session(self._readers) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that is committed at the end of the block."""
        with self.translate_errors(), Session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a transaction as `write` does, for statements without records."""
        with self.translate_errors(), self.engine.begin() as connection:
            yield connection

    def require_sound(self) -> None:
        """Look through the file; PermanentError where it is damaged."""
        with self.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if found != "ok":
            raise _make_damaged(self.path, str(found), self._errors)

    def prove_writable(self) -> None:
        """Write to the disk now; raises what `write` does."""
        with self.connect() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Make the driver's errors ours; see the function of this name."""
        with translate_errors(self.path, self._errors):
            yield

    def _create_tables(self, connection: Connection, tables: Sequence[Table]) -> None:
        version = compute_version(tables)
        if inspect(connection).has_table("alembic_version"):
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
            if (there := found.all()) == [version]:
                return
            raise self._errors.unusable(
                f"{self.path} was made by another version of Mergewright (its tables are of"
                f" revision {', '.join(there)}, not {version}). Start with an empty"
                " MERGEWRIGHT_HOME, or go on with that version; it also restores its own backups."
            )
        # Loaded only where tables are made.
        from alembic import command
        from alembic.config import Config

        config = Config()
        scripts = resources.files("agent.store").joinpath("migrations")
        config.set_main_option("script_location", str(scripts))
        config.attributes |= {"connection": connection, "tables": tables, "version": version}
        command.upgrade(config, "head")
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": version})


def compute_version(tables: Sequence[Table]) -> str:
    """Name the columns as the models describe them, so that others are never opened."""
    columns = [repr((str(one), str(one.type), one.nullable)) for table in tables for one in table.c]
    return hashlib.sha256("".join(columns).encode()).hexdigest()[:12]


def _listen(engine: Engine, page_bytes: int) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        # Transactions are begun below, by name, not by the driver's guess.
        connection.isolation_level = None
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        only_reads = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def create_file(path: Path) -> None:
    """Make a file where there is none; only this user may read it.

    Raises:
        SettingsInvalid: It cannot be made or opened there.
    """
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
            # Sandboxes run as another user and must be able to pass, whatever the umask was.
            path.parent.chmod(0o711)
        # Rows hold the words of private repositories; SQLite gives its side files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        # It is not opened here: closing it again would take away the locks that connections of
        # this process have on it, and who closes the file next would think it was the last.
        _require_own(path)
    except OSError as problem:
        raise _make_unwritable(path, problem) from problem


def _require_own(path: Path) -> None:
    number = 0
    if not stat.S_ISREG(path.lstat().st_mode):
        number = errno.ELOOP
    elif not os.access(path, os.R_OK | os.W_OK):
        number = errno.EACCES
    else:
        try:
            path.chmod(0o600)
        except OSError as problem:
            number = problem.errno or errno.EACCES
    if number:
        raise _make_unwritable(path, OSError(number, os.strerror(number)))


def _make_unwritable(path: Path, problem: OSError) -> SettingsInvalid:
    return SettingsInvalid(
        f"MERGEWRIGHT_HOME: {path} cannot be opened for writing ({problem.strerror}). Name a"
        " folder that this user may write to."
    )


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
            raise _make_damaged(path, str(cause), errors) from problem
        raise errors.unavailable(f"{path} cannot be used just now: {cause}.") from problem


def _make_damaged(path: Path, found: str, errors: Errors) -> PermanentError:
    return errors.unusable(
        f"{path} is damaged ({found}). Stop the service, restore it from a backup, or move it away"
        f" with {path.name}-wal and {path.name}-shm{errors.consequence}"
    )
