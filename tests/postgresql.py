"""A PostgreSQL server of the tests' own, with a data folder and a port of its own."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.processes import find_free_port

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
_USER = "postgres"
_READY_SECONDS = 60.0
#: It refuses to run as root.
_AS = {"user": _USER, "group": _USER, "extra_groups": []} if os.geteuid() == 0 else {}


class Server:
    def __init__(self, folder: Path) -> None:
        """Make the data folder; nothing is started yet."""
        self.folder = folder
        if _AS:
            shutil.chown(folder, _USER, _USER)
        self.port = find_free_port()
        self._data = folder / "data"
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", _USER, "--no-sync")

    def start(self) -> None:
        # Of what is killed nothing stays. It refuses to run as root.
        bound = ["setpriv", "--pdeathsig", "QUIT"]
        if _AS:
            bound += [f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
        where = ("-p", str(self.port), "-k", str(self.folder), "-c", "listen_addresses=127.0.0.1")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*bound, str(_PROGRAMS / "postgres"), "-D", str(self._data), *where],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + _READY_SECONDS
        while not self._answers():
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            return self.execute("SELECT 1") == [(1,)]
        return False

    def stop(self, how: str = "immediate") -> None:
        self._run("pg_ctl", "-D", self._data, "-m", how, "-w", "stop")
        self._process.wait(20)

    def cut_connections(self) -> None:
        """End every connection of clients, as a network that breaks does."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def execute(
        self, query: str, database: str = _USER, values: Sequence[object] = ()
    ) -> list[tuple[object, ...]]:
        where = f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"
        with psycopg.connect(where, autocommit=True) as connection:
            rows = connection.execute(query.encode(), values or None)
            return rows.fetchall() if rows.description else []

    def create_database(self) -> str:
        """Make an empty database; return its address for our settings."""
        name = f"of_test_{secrets.token_hex(4)}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{name}"

    def _run(self, name: str, *args: object) -> None:
        # Without a terminal, so that Ctrl-C ends the tests, and they the server.
        subprocess.run(
            [str(_PROGRAMS / name), *map(str, args)],
            check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            start_new_session=True, timeout=60, **_AS,
        )  # fmt: skip


@contextmanager
def serving() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="mergewright-postgresql-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
