"""`mergewright serve` as an operator starts it, beside a simulated GitHub."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from agent.cli import serve
from tests.deep import deep
from tests.faulty_github import FaultyWorld
from tests.folders import data_folder
from tests.integration import github_samples as samples
from tests.processes import (
    find_free_port,
    find_processes,
    is_alive,
    listening,
    run_agent,
    wait_until,
)

ROOT = Path(__file__).parents[2]
LISTENER, WORKER = "listener", "worker"


class Service:
    """A running `serve`, and what it says."""

    def __init__(
        self, process: subprocess.Popen[bytes], log: Path, environ: dict[str, str]
    ) -> None:
        self.process = process
        self.log = log
        self.environ = environ
        self.home = Path(environ["MERGEWRIGHT_HOME"])
        self.health = f"http://127.0.0.1:{environ['MERGEWRIGHT_HEALTH_PORT']}"

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def events(self, event: str, process: str) -> list[dict[str, object]]:
        lines = [line for line in self.said().splitlines() if line.startswith("{")]
        found = [json.loads(line) for line in lines if line.endswith("}")]
        return [one for one in found if one["event"] == event and one.get("process") == process]

    def pid(self, name: str) -> int:
        return int(str(self.events("started", name)[-1]["pid"]))

    def ready(self) -> bool:
        try:
            facts = httpx.get(f"{self.health}/readyz", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return False
        beat = facts["worker"]["heartbeat_seconds"] if facts["ready"] else None
        return beat is not None and beat < 3

    def wait(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not true():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[FaultyWorld]:
    with samples.serving_world(tmp_path_factory.mktemp("github")) as made:
        yield made


@pytest.fixture
def environ(world, home, tmp_path) -> dict[str, str]:
    return settings_for(world, home, tmp_path)


@pytest.fixture(scope="module")
def service(world, tmp_path_factory) -> Iterator[Service]:
    """One that the tests share; paths in its settings are read from the folder it is started in."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "start" / "webhooks").mkdir(parents=True)
    (folder / "start" / "webhooks" / "__init__.py").write_text("raise SystemExit('foreign')\n")
    with data_folder() as home:
        given = settings_for(world, home, folder)
        given["MERGEWRIGHT_WEBHOOK_SECRET"] = (folder / "webhook").read_text()
        del given["MERGEWRIGHT_WEBHOOK_SECRET_FILE"]
        given |= {
            "MERGEWRIGHT_PUBLIC_URL": "https://m.example.org",
            "GITHUB_TOKEN": "of-the-shell",
            "MERGEWRIGHT_GITHUB_CLIENT_SECRET": "of-the-client",
            "MERGEWRIGHT_METRICS_PORT": str(find_free_port()),
            "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE": "../app.pem",
        }
        with running(given, folder / "log", folder / "start") as one:
            yield one


def settings_for(world: FaultyWorld, home: Path, tmp_path: Path) -> dict[str, str]:
    """Return what an operator sets for an App."""
    app = next(iter(world.apps.values()))
    files = {"app.pem": app.private_key, "webhook": secrets.token_hex(32)}
    for name, text in files.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text)
    return {
        "PATH": os.environ["PATH"],
        "MERGEWRIGHT_HOME": str(home),
        "MERGEWRIGHT_LISTEN_PORT": str(find_free_port()),
        "MERGEWRIGHT_HEALTH_PORT": str(find_free_port()),
        "MERGEWRIGHT_GITHUB_URL": f"{world.base_url}/api/v3",
        "MERGEWRIGHT_GITHUB_APP_ID": str(app.id),
        "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE": str(tmp_path / "app.pem"),
        "MERGEWRIGHT_WEBHOOK_SECRET_FILE": str(tmp_path / "webhook"),
        "MERGEWRIGHT_DASHBOARD_PORT": str(find_free_port()),
    }


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "agent", *words]


@contextmanager
def running(environ: dict[str, str], log: Path, folder: Path = ROOT) -> Iterator[Service]:
    port = int(environ["MERGEWRIGHT_LISTEN_PORT"])
    with (
        log.open("wb") as out,
        listening(
            command("serve"), port, {**environ, "PYTHONPATH": str(ROOT)}, out, folder
        ) as process,
    ):
        service = Service(process, log, environ)
        service.wait(service.ready)
        yield service


def refused(environ: dict[str, str], *words: str, code: int = 2) -> str:
    """Start a command that must refuse; return what it says."""
    done = run_agent(*(words or ("serve",)), environ=environ, timeout=60)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


def variables(pid: int) -> dict[str, str]:
    words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(word.partition("=")[::2] for word in words if word)


# --- at work ---------------------------------------------------------------------------------


def test_the_processes_have_their_own_secrets_and_not_each_others(service):
    listener, worker = (variables(service.pid(name)) for name in (LISTENER, WORKER))
    secret = service.environ["MERGEWRIGHT_WEBHOOK_SECRET"]
    assert listener["MERGEWRIGHT_WEBHOOK_SECRET"] == secret
    for part in ("KEY", "TOKEN", "CLIENT", "PUBLIC_URL"):
        assert not [name for name in listener if part in name]
    assert worker["MERGEWRIGHT_GITHUB_APP_ID"] == service.environ["MERGEWRIGHT_GITHUB_APP_ID"]
    assert not [name for name in worker if "WEBHOOK" in name or "CLIENT" in name]
    pages = variables(service.pid("dashboard"))
    assert pages["MERGEWRIGHT_GITHUB_CLIENT_SECRET"] == "of-the-client"
    assert not [name for name in pages if "WEBHOOK" in name or "APP" in name or "KEY" in name]
    assert secret not in worker.values()


def test_a_worker_tells_whether_it_works_on_a_port_of_its_own(service):
    def ask(path: str) -> httpx.Response:
        port = service.environ["MERGEWRIGHT_METRICS_PORT"]
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=20)

    def is_ready() -> bool:
        with suppress(httpx.TransportError):
            return ask("/readyz").status_code == 200
        return False

    service.wait(is_ready)
    assert 'mergewright_build_info{process="worker"' in ask("/metrics").text


@pytest.mark.parametrize(("killed", "other"), [deep(LISTENER, WORKER), (WORKER, LISTENER)])
def test_one_that_is_killed_is_started_again_and_the_other_goes_on(service, killed, other):
    first, spared = service.pid(killed), service.pid(other)
    os.kill(first, signal.SIGKILL)
    service.wait(lambda: service.pid(killed) != first)
    service.wait(service.ready)
    assert service.pid(other) == spared
    assert service.events("ended", killed)[-1]["exit_code"] == -signal.SIGKILL


# --- ending ----------------------------------------------------------------------------------


def test_a_clock_that_is_put_forward_makes_no_process_stand_still(tmp_path):
    heartbeat = tmp_path / "pulse"
    heartbeat.touch()
    child = serve._Child("test", (), {}, heartbeat)
    assert not child._is_stuck(1000.0)
    os.utime(heartbeat, (1.0, 1.0))  # its last sign is now far behind the clock
    assert not child._is_stuck(1000.0 + serve._STILL_SECONDS)
    late = 1001.0 + 2 * serve._STILL_SECONDS
    assert child._is_stuck(late), "it has not changed for long"
    heartbeat.touch()
    assert not child._is_stuck(late)
    heartbeat.unlink()
    assert child._is_stuck(late + serve._STILL_SECONDS + 1)


# --- refusing --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("serve",), ("work",)])
def test_a_process_that_cannot_start_says_so_in_json_like_all_else(environ, command):
    nobody = f"postgresql+psycopg://nobody@127.0.0.1:{find_free_port()}/none"
    environ |= {"MERGEWRIGHT_DATABASE_URL": nobody}
    if command == ("serve",):
        environ["MERGEWRIGHT_GITHUB_APP_ID"] = "none"
    said = refused(environ, *command, code=2 if command == ("serve",) else 1)
    told = [json.loads(line) for line in said.splitlines()][-1]
    assert (told["event"], told["program"]) == ("cannot go on", "mergewright")
    assert ("APP_ID" if command == ("serve",) else "PostgreSQL") in told["problem"]


@pytest.mark.deep
def test_both_end_with_a_supervisor_that_is_killed(environ, home, tmp_path):
    with running(environ, tmp_path / "log") as service:
        children = [service.pid(name) for name in (LISTENER, WORKER)]
        service.process.kill()
        service.process.wait()
        wait_until(lambda: not any(map(is_alive, children)))
        # The dashboard ends as well, by itself.
        wait_until(lambda: find_processes(home) == [])


# --- the last one: nothing goes on after it ---------------------------------------------------


def test_a_signal_ends_both_and_leaves_nothing(service):
    service.wait(service.ready)
    assert service.stop(signal.SIGINT) == 0
    assert find_processes(service.home) == []
    for name in (LISTENER, WORKER):
        assert service.events("stopped", name)[-1]["exit_code"] == 0
