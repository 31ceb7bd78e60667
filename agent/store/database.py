"""Open a database of ours, create its tables, and raise our errors in place of the driver's.

SQLite, or PostgreSQL by URL. Commits survive a power failure. A writing transaction takes a lock
first: SQLite's own, or on PostgreSQL an advisory one. So reading and then writing is atomic, also
between processes. A reading transaction takes no lock and never waits.
"""

import errno
import hashlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from importlib import resources
from pathlib import Path

from sqlalchemy import (
    Connection,
    Engine,
    String,
    Table,
    column,
    create_engine,
    event,
    inspect,
    select,
    table,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlmodel import Session

from agent.errors import (
    SettingsInvalid,
    StorageFull,
    StoreUnavailable,
    StoreUnusable,
    TransientError,
)
from agent.settings import require_home

_REVISIONS = ("initial", "drop_audit_sent", "summaries_of_runs")
"""Names of the revisions of the tables (`migrations/versions`), the oldest first."""
REVISION = _REVISIONS[-1]
#: Databases from before the second revision note one of these in place of the first one's name.
_FIRST_DIGESTS = ("71150f3a2903", "df2fd698abab")


class Database:
    """Tables in one file or on a server; safe to use from several threads and processes."""

    def __init__(
        self,
        path: Path,
        tables: Sequence[Table],
        *,
        url: str | None = None,
        busy_seconds: float,
    ) -> None:
        """Open the database; create file and tables, or bring older tables up to date.

        Args:
            url: URL of PostgreSQL; None: the file is used.
            busy_seconds: Maximum wait for a lock.

        Raises:
            SettingsInvalid: The file cannot be created or opened.
            StoreUnusable: The database is damaged, of a later version, or the file is no database.
            StoreUnavailable: Another process holds the lock.
        """
        self.path = path
        self.is_server = url is not None
        self.name = "PostgreSQL" if url else str(path)
        self.guard: Callable[[Connection], None] = lambda connection: None
        """Called in each writing transaction after it has the writers' lock."""
        self._version = table(f"{tables[0].name}_version", column("version_num", String))
        if url is None:
            create_file(path)
            self.engine = _open_file(path, busy_seconds)
            self._readers = self.engine.execution_options(reads_only=True)
        else:
            arguments = _make_connect_arguments(busy_seconds)
            self.engine = create_engine(url, pool_pre_ping=True, connect_args=arguments)
            self._readers = self.engine.execution_options(
                reads_only=True, isolation_level="REPEATABLE READ"
            )
            self.reads = self.engine.execution_options(reads_only=True)
            """For a write that must never wait, so it takes no lock; only on a server."""
            self._lock_writers(tables[0].name)
        try:
            with self.connect() as connection:
                self._create_tables(connection, tables)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that waits for no writer and delays none; its records stay usable."""
        session = Session(self._readers, expire_on_commit=False)
        with self.translate_errors(), session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction, committed at the end of the block; its records stay usable."""
        session = Session(self.engine, expire_on_commit=False)
        with self.translate_errors(), session, session.begin():
            yield session

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a transaction as `write` does, for statements without records."""
        with self.translate_errors(), self.engine.begin() as connection:
            yield connection

    def require_sound(self) -> None:
        """Check the whole file. Raises StoreUnusable if it is damaged. A server checks itself."""
        if self.is_server:
            return
        with self.connect() as connection:
            result = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if result != "ok":
            raise _make_damaged(self.name, str(result))

    def prove_writable(self) -> None:
        """Write to the disk now; raises what `write` does."""
        with self.connect() as connection:
            same = {"version_num": self._version.c.version_num}
            connection.execute(update(self._version).values(same))

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        with translate_errors(self.name):
            yield

    def _lock_writers(self, name: str) -> None:
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")

        @event.listens_for(self.engine, "begin")
        def _begun(connection: Connection) -> None:
            if not connection.get_execution_options().get("reads_only", False):
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({key})")
                self.guard(connection)

    def _create_tables(self, connection: Connection, tables: Sequence[Table]) -> None:
        name = self._version.name
        if inspect(connection).has_table(name):
            noted = connection.execute(select(self._version.c.version_num)).scalar()
            if noted == REVISION:
                return
            if noted in _FIRST_DIGESTS:
                connection.execute(update(self._version).values(version_num=_REVISIONS[0]))
            elif noted not in _REVISIONS:
                raise StoreUnusable(
                    f"{self.name} is of another version of Mergewright (table revision {noted},"
                    f" not {REVISION}). Use that version, or a later one."
                )
        from alembic import command
        from alembic.config import Config

        config = Config()
        scripts = resources.files("agent.store").joinpath("migrations")
        config.set_main_option("script_location", str(scripts))
        config.attributes |= {"connection": connection, "tables": tables, "version_table": name}
        command.upgrade(config, REVISION)


def _make_connect_arguments(busy_seconds: float) -> dict[str, object]:
    """Return connection options that bound how long a dead or stopped client blocks others."""
    milliseconds = round(busy_seconds * 1000)
    return {
        "connect_timeout": 5,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": milliseconds,
        "options": f"-c idle_in_transaction_session_timeout=10000 -c lock_timeout={milliseconds}",
    }


def _open_file(path: Path, busy_seconds: float) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": busy_seconds, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        # Transactions are begun explicitly below, not implicitly by the driver.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # Free pages must not keep the text of deleted rows.
        connection.execute("PRAGMA secure_delete = ON")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        only_reads = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return engine


def overwrite_free_pages(path: Path) -> None:
    """Rewrite a SQLite file without deleted rows; processes that use it wait meanwhile.

    Raises:
        TransientError: A process that uses the file did not release it in time.
    """
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=30.0, isolation_level=None)) as connection:
        try:
            connection.execute("VACUUM")
            is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.OperationalError as problem:
            raise TransientError(f"{path}: {problem}. Repeat the purge.") from problem
    if is_busy:
        raise TransientError(f"{path} is in use, so deleted text may be left. Repeat the purge.")


def create_file(path: Path) -> None:
    require_home(path.parent)
    try:
        # Rows contain texts of private repositories; SQLite gives its side files the same mode.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        # The file is not opened again: closing it would release the locks that connections of this
        # process hold on it, and the process that closes it next would believe it was the last.
        _require_regular(path)
        path.chmod(0o600)
    except OSError as problem:
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {path} cannot be opened for writing ({problem.strerror}). Use a"
            " folder that this user can write to."
        ) from problem


def _require_regular(path: Path) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Raise our errors in place of the driver's.

    Args:
        name: Name of the file or server, for the messages.

    Raises:
        StorageFull: The disk is full.
        StoreUnusable: The file is damaged or no database.
        StoreUnavailable: The database cannot be used just now.
    """
    try:
        yield
    except (DBAPIError, NoConnectionFree, sqlite3.Error) as problem:
        cause = problem.orig if isinstance(problem, DBAPIError) else problem
        code = getattr(cause, "sqlite_errorname", "") or getattr(cause, "sqlstate", "") or ""
        if code.startswith(("SQLITE_FULL", "53100")):
            raise StorageFull(f"The disk of {name} is full. Free some space.") from problem
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")):
            raise _make_damaged(name, str(cause)) from problem
        raise StoreUnavailable(f"{name} is currently unavailable: {cause}.") from problem


def _make_damaged(name: str, cause: str) -> StoreUnusable:
    way_out = "restore it from a backup"
    if Path(name).is_absolute():
        short = Path(name).name
        way_out += f", or move it away with {short}-wal and {short}-shm to begin anew"
    return StoreUnusable(f"{name} is damaged ({cause}). Stop the service, {way_out}.")
