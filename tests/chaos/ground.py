"""What chaos works on: a simulated GitHub, the listener as a process, and workers that may die."""

import os
import select
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from agent import settings
from agent.cli import serve
from agent.store import engine, sql_inbox, sql_run_store
from agent.telemetry import signature
from tests.chaos import nursery_disk
from tests.chaos.points import Point
from tests.demo import play
from tests.demo.play import OWNER
from tests.faulty_github import FaultyWorld
from tests.postgresql import Server
from tests.processes import bind_to_us, find_free_port, listening
from tests.simulator import serving
from tests.simulator.records import App

ROOT = Path(__file__).parents[2]
#: What ARCHITECTURE.md calls durable is not among them.
CACHES = ("baselines", "environments", "layers", "mirrors", "pythons", "set-up", "trees")
_READY_SECONDS = 60.0
_END_SECONDS = 90.0


class Stuck(Exception):
    """Something does not come; what was waited for is in the text."""


class Workers:
    """One worker after the other, never two at a time."""

    def __init__(
        self,
        environ: Mapping[str, str],
        log: Path,
        broken: str = "",
        disk: Path | None = None,
        *,
        has_new_disks: bool = False,
    ) -> None:
        """Load everything once.

        Args:
            environ: Of each worker, as `serve` would give it.
            log: Takes what they print.
            broken: A fault on purpose, by name.
            disk: What these see in place of the data folder, as on a machine of their own.
            has_new_disks: Each starts with nothing in the data folder but what is durable.
        """
        self.log = log
        self.disk = disk
        self.home = Path(environ["MERGEWRIGHT_HOME"]) if disk is None else disk
        self.has_new_disks = has_new_disks
        log.touch(mode=0o600)
        command = (
            *bind_to_us(),
            "-m",
            "tests.chaos.nursery",
            str(log),
            *([broken] if broken else ()),
        )
        self._nursery = subprocess.Popen(
            command
            if disk is None
            else nursery_disk.see(disk, Path(environ["MERGEWRIGHT_HOME"]), command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environ),
            cwd=ROOT,
            start_new_session=True,
        )
        self._unread = b""
        self.pid: int | None = None

    def start(self, strike: Point | None = None) -> int:
        """Start the next one, which dies at the point, if there is one; return its number."""
        assert self._nursery.stdin is not None
        if self.has_new_disks:
            # What a killed one has started may still write to its disk for a moment.
            with tempfile.TemporaryDirectory(
                dir=self.home.parent, ignore_cleanup_errors=True
            ) as old:
                for name in CACHES:
                    with suppress(FileNotFoundError):
                        (self.home / name).rename(f"{old}/{name}")
        self._nursery.stdin.write(f"{strike.told() if strike else ''}\n".encode())
        self._nursery.stdin.flush()
        word, number = self._line(_READY_SECONDS) or ("nothing", 0)
        if word != "started":
            raise Stuck(f"no worker could be started: {word} {number}")
        self.pid = number
        return number

    def over(self, seconds: float) -> int | None:
        """Wait for its end; return the exit code, negative for a signal, None if it is alive."""
        if self.pid is None:
            raise AssertionError("no worker was started")
        line = self._line(seconds)
        if line is None:
            return None
        self.pid = None
        return line[1]

    def kill(self) -> int:
        return self._end_by(signal.SIGKILL)

    def stop(self) -> int:
        return self._end_by(signal.SIGTERM)

    def close(self) -> None:
        assert self._nursery.stdin is not None
        if self._nursery.stdin.closed:
            return
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
            with suppress(Stuck):
                self.kill()
        self._nursery.stdin.close()
        try:
            self._nursery.wait(20)
        except subprocess.TimeoutExpired:
            self._nursery.kill()
            self._nursery.wait()
        assert self._nursery.stdout is not None
        self._nursery.stdout.close()

    def _end_by(self, number: signal.Signals) -> int:
        assert self.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
        code = self.over(_END_SECONDS)
        if code is None:
            raise Stuck(f"worker {self.pid} does not end")
        return code

    def _line(self, seconds: float) -> tuple[str, int] | None:
        assert self._nursery.stdout is not None
        end = time.monotonic() + seconds
        file = self._nursery.stdout.fileno()
        while b"\n" not in self._unread:
            ready, _, _ = select.select([file], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            more = os.read(file, 4096)
            if not more:
                raise Stuck(f"the process that starts workers has ended; see {self.log}")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        word, number = line.decode().split()
        return word, int(number)


@dataclass(frozen=True)
class Ground:
    """Everything but what happens on it."""

    world: FaultyWorld
    address: str
    app: App
    home: Path
    scratch: Path
    """Where workers keep temporary files."""
    environ: dict[str, str]
    """Of a worker."""
    workers: Workers
    crew: tuple[Workers, ...] = ()
    """All workers of a fleet; empty: there is one at a time."""
    server: Server | None = None
    """That the fleet shares; None: SQLite."""

    @property
    def homes(self) -> tuple[Path, ...]:
        """The data folders of all workers, where they really are."""
        return tuple(workers.disk for workers in self.crew if workers.disk is not None) or (
            self.home,
        )

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Ask the store of runs, which the worker may be writing to."""
        return self._ask(sql_run_store.FILE_NAME, query, *values)

    def unread(self) -> int:
        query = "SELECT count(*) FROM deliveries WHERE outcome IS NULL"
        ((count,),) = self._ask(sql_inbox.FILE_NAME, query)
        return int(str(count))

    def find_unfinished(self) -> list[tuple[object, ...]]:
        """Ask the engine for what it has not brought to its end: name, status and error."""
        schema = "dbos." if self.server else ""
        return self._ask(
            engine.FILE_NAME,
            "SELECT workflow_uuid, status, coalesce(told.error, '')"
            f" FROM {schema}workflow_status LEFT JOIN {schema}workflow_output AS told"
            " USING (workflow_uuid) WHERE status != 'SUCCESS'",
        )

    def find_folder(self, run_id: str) -> Path:
        """Find the folder of a run; that of a fleet is laid out from the database."""
        if self.server is None:
            return self.home / "runs" / run_id
        folder = self.home.parent / "folders" / run_id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        pieces = self.rows(
            "SELECT name, content FROM run_files WHERE run_id = ? ORDER BY number", run_id
        )
        for name, content in pieces:
            with (folder / str(name)).open("ab") as file:
                file.write(cast("bytes", content))
        return folder

    def _ask(self, file: str, query: str, *values: object) -> list[tuple[object, ...]]:
        if self.server is None:
            return ask(self.home / file, query, *values)
        database = self.environ["MERGEWRIGHT_DATABASE_URL"].rpartition("/")[2]
        return self.server.execute(query.replace("?", "%s"), database, values)


def ask(file: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    """Read from a SQLite file; nothing, where it has no tables yet."""
    if not file.exists():
        return []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)) as connection:
        try:
            return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as problem:
            if "no such table" in str(problem):
                return []
            raise


@contextmanager
def laid_out(
    folder: Path,
    environments: Path | None = None,
    *,
    server: Server | None = None,
    workers: int = 1,
    has_new_disks: bool = False,
    **more: str,
) -> Iterator[Ground]:
    """Set everything up below a folder that sandboxes can reach; no worker is started yet.

    Args:
        environments: Where environments are already, which are shared then.
        server: What a fleet shares; None: SQLite and one worker.
        workers: How many the fleet has.
        has_new_disks: Each worker starts with only what is durable.
        more: Further variables of a worker.
    """
    home, scratch = folder / "home", folder / "scratch"
    home.mkdir(mode=0o711)
    scratch.mkdir(mode=0o711)
    if environments is not None:
        (home / "environments").symlink_to(environments)
    world = FaultyWorld(folder / "github")
    with serving.running(world) as address:
        port = find_free_port()
        public = f"http://127.0.0.1:{port}"
        app, of_app = play.people_and_app(world, public, folder)
        world.install(app, OWNER)
        signature.load_key(settings.Settings(home=folder))
        plain = {
            name: value for name, value in os.environ.items() if not name.startswith("MERGEWRIGHT")
        }
        whole = {
            **plain,
            **of_app,
            "TMPDIR": str(scratch),
            "MERGEWRIGHT_HOME": str(home),
            "MERGEWRIGHT_SIGNING_KEY_FILE": str(folder / "signing" / "key.pem"),
            "MERGEWRIGHT_LISTEN_PORT": str(port),
            "MERGEWRIGHT_HEALTH_PORT": "0",
            "MERGEWRIGHT_DASHBOARD_URL": public,
            "MERGEWRIGHT_ONBOARDING": "off",
        }
        if server is not None:
            whole["MERGEWRIGHT_DATABASE_URL"] = server.create_database()
        environ = {**serve._keep_for_worker(whole), **more}
        log = folder / "worker.log"
        of_listener = settings.keep_for_listener(whole)
        with (
            (folder / "listener.log").open("ab") as out,
            crew_of(environ, log, workers if server else 0, has_new_disks) as crew,
            closing(
                crew[0] if crew else Workers(environ, log, has_new_disks=has_new_disks)
            ) as first,
            listening((*bind_to_us(), "-m", "webhooks"), port, of_listener, out),
        ):
            yield Ground(world, address, app, home, scratch, environ, first, crew, server)


@contextmanager
def crew_of(
    environ: Mapping[str, str], log: Path, number: int, has_new_disks: bool = False
) -> Iterator[tuple[Workers, ...]]:
    """Make the workers of a fleet, each with a data folder of its own; none is started yet.

    What takes minutes to make, and is never changed, they share, unless disks are new.
    """
    shared = log.parent / "environments"
    shared.mkdir(mode=0o711, exist_ok=True)
    with ExitStack() as stack:
        made = []
        for place in range(number):
            disk = log.parent / f"disk-{place}"
            if not disk.exists():
                disk.mkdir(mode=0o711)
                if not has_new_disks:
                    (disk / shared.name).symlink_to(shared)
            workers = Workers(environ, log, disk=disk, has_new_disks=has_new_disks)
            made.append(stack.enter_context(closing(workers)))
        yield tuple(made)
