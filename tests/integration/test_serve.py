"""`mergewright serve` as an operator starts it, beside a simulated GitHub."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from importlib import resources
from pathlib import Path

import httpx
import pytest

from agent.adapters.sql_inbox import Inbox
from agent.adapters.sql_store import SqlStore
from agent.cli import serve
from agent.demo.simulator import actions, serving
from agent.demo.simulator.faults import Fault
from agent.demo.simulator.records import Role
from agent.demo.simulator.world import World
from agent.domain import Delivery, IssueRef, Run, Snapshot
from agent.intake import Request

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
        self.asked_in = ""
        self.address = f"http://127.0.0.1:{environ['MERGEWRIGHT_LISTEN_PORT']}"

    @property
    def secret(self) -> str:
        given = self.environ.get("MERGEWRIGHT_WEBHOOK_SECRET")
        return given or Path(self.environ["MERGEWRIGHT_WEBHOOK_SECRET_FILE"]).read_text()

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
            facts = httpx.get(f"{self.address}/readyz", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return False
        beat = facts["worker"]["heartbeat_seconds"] if facts["ready"] else None
        return beat is not None and beat < 3

    def wait(self, true: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("github"))
    with serving.running(made):
        for login in ("ann", "robot"):
            made.add_user(login)
        made.add_user("ourselves", "Organization")
        made.add_app("mergewright-test", "ourselves")
        yield made


@pytest.fixture
def environ(world, home, tmp_path) -> dict[str, str]:
    return settings_for(world, home, tmp_path)


@pytest.fixture(scope="module")
def service(world, tmp_path_factory) -> Iterator[Service]:
    """One that the tests share which leave it at work."""
    home = Path(tempfile.mkdtemp(prefix="mergewright-test-", dir="/tmp"))
    home.chmod(0o711)  # as the fixture `home`
    folder = tmp_path_factory.mktemp("service")
    given = settings_for(world, home, folder)
    given["MERGEWRIGHT_WEBHOOK_SECRET"] = (folder / "webhook").read_text()
    del given["MERGEWRIGHT_WEBHOOK_SECRET_FILE"]
    given |= {"MERGEWRIGHT_PUBLIC_URL": "https://m.example.org", "GITHUB_TOKEN": "of-the-shell"}
    with running(given, folder / "log") as one:
        yield one
    shutil.rmtree(home)


def settings_for(world: World, home: Path, tmp_path: Path) -> dict[str, str]:
    """What an operator sets for an App."""
    app = next(iter(world.apps.values()))
    files = {"app.pem": app.private_key, "webhook": secrets.token_hex(32)}
    for name, text in files.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text)
    return {
        "PATH": os.environ["PATH"],
        "MERGEWRIGHT_HOME": str(home),
        "MERGEWRIGHT_LISTEN_PORT": str(free_port()),
        "MERGEWRIGHT_GITHUB_URL": f"{world.base_url}/api/v3",
        "MERGEWRIGHT_GITHUB_APP_ID": str(app.id),
        "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE": str(tmp_path / "app.pem"),
        "MERGEWRIGHT_WEBHOOK_SECRET_FILE": str(tmp_path / "webhook"),
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "agent", *words]


@contextmanager
def started(environ: dict[str, str], log: Path, cwd: Path = ROOT) -> Iterator[Service]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command("serve"), env={**environ, "PYTHONPATH": str(ROOT)}, cwd=cwd, stdout=out,
            stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    service = Service(process, log, environ)
    try:
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
        if process.poll() is None:
            process.kill()
            process.wait()


@contextmanager
def running(environ: dict[str, str], log: Path, cwd: Path = ROOT) -> Iterator[Service]:
    with started(environ, log, cwd) as service:
        service.wait(service.ready)
        yield service


def refused(environ: dict[str, str], *words: str, code: int = 2) -> str:
    """Start a command that must refuse; return what it says."""
    done = subprocess.run(
        command(*(words or ("serve",))), env=environ, cwd=ROOT, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


def alive(pid: int) -> bool:
    with suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def gone(pids: list[int], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def of_home(home: Path) -> list[int]:
    """Processes of which something names this data folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            if str(home).encode() in told and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return [pid for pid in found if alive(pid)]


def variables(pid: int) -> dict[str, str]:
    words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(word.partition("=")[::2] for word in words if word)


# --- at work ---------------------------------------------------------------------------------


def label_an_issue(world: World, service: Service, folder: Path, role: Role) -> str:
    """Let the App tell this service of a label that a person has set, in a new repository."""
    app = next(iter(world.apps.values()))
    app.hook.url = f"{service.address}/webhooks/github"
    app.hook.secret = service.secret
    source = folder / "source"
    source.mkdir()
    (source / "shop.py").write_text("x = 1\n")
    owner = f"shop{world.next_id()}"
    repository = world.add_repository(f"{owner}/store", source)
    world.grant(repository, "ann", role)
    label = world.add_label(repository, "mergewright", "0e8a16")
    world.install(app, owner, [repository])
    ann = world.user("ann")
    title, _, body = resources.files("agent.demo").joinpath("ticket.md").read_text().partition("\n")
    issue = actions.open_issue(world, repository, ann, title.removeprefix("# "), body, [], [])
    with world.lock:
        actions.add_labels(world, repository, issue, [label], ann)
    return repository.full_name


def git_of(home: Path) -> list[int]:
    """Git programs at work below this data folder."""
    found = []
    for pid in of_home(home):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().startswith("git"):
                found.append(pid)
    return found


@contextmanager
def fetching(
    world: World, home: Path, service: Service, folder: Path, seconds: float = 20
) -> Iterator[list[int]]:
    """Let a run be under way whose fetch takes so long to come to its end."""
    made = Fault(kind="delay", path="/*/info/refs", count=None, seconds=seconds)
    world.faults.add(made)
    try:
        service.asked_in = label_an_issue(world, service, folder, "write")
        service.wait(lambda: bool(git_of(home)))
        yield git_of(home)
    finally:
        world.faults.remove()


def test_a_label_is_taken_by_the_listener_and_settled_by_the_worker(world, service, tmp_path):
    label_an_issue(world, service, tmp_path, "triage")
    service.wait(lambda: '"event": "ignored"' in service.said())
    inbox = Inbox(service.home)
    (told,) = [
        found
        for one in list(world.hooks.log)
        if one.action == "labeled" and (found := inbox.find(one.guid))
    ]
    inbox.close()
    assert told.outcome == "ignored"
    assert "ann" in told.reason


def test_the_processes_have_their_own_secrets_and_not_each_others(service):
    listener, worker = (variables(service.pid(name)) for name in (LISTENER, WORKER))
    secret = service.environ["MERGEWRIGHT_WEBHOOK_SECRET"]
    assert listener["MERGEWRIGHT_WEBHOOK_SECRET"] == secret
    assert not [name for name in listener if "GITHUB" in name or "PUBLIC_URL" in name]
    assert worker["MERGEWRIGHT_GITHUB_APP_ID"] == service.environ["MERGEWRIGHT_GITHUB_APP_ID"]
    assert not [name for name in worker if "WEBHOOK" in name]
    assert secret not in worker.values()


@pytest.mark.parametrize(("killed", "other"), [(LISTENER, WORKER), (WORKER, LISTENER)])
def test_one_that_is_killed_is_started_again_and_the_other_goes_on(service, killed, other):
    first, spared = service.pid(killed), service.pid(other)
    os.kill(first, signal.SIGKILL)
    service.wait(lambda: service.pid(killed) != first)
    service.wait(service.ready)
    assert service.pid(other) == spared
    assert service.events("ended", killed)[-1]["exit_code"] == -signal.SIGKILL


def test_a_second_worker_on_the_same_data_folder_is_refused(service):
    service.wait(service.ready)
    other = service.environ | {"MERGEWRIGHT_LISTEN_PORT": str(free_port())}
    holder = f"{service.home} is worked on by process {service.pid(WORKER)} since "
    for words in ("serve", "work"):
        assert holder in refused(other, words)
    assert service.ready()


# --- ending ----------------------------------------------------------------------------------


def test_what_a_killed_worker_had_started_does_not_outlive_it(world, environ, home, tmp_path):
    with running(environ, tmp_path / "log") as service:
        first = service.pid(WORKER)
        with fetching(world, home, service, tmp_path) as programs:
            os.kill(first, signal.SIGKILL)
            assert gone(programs)
        service.wait(lambda: service.pid(WORKER) != first)
        service.wait(lambda: service.said().count('"event": "working"') == 2)
        with closing(SqlStore(home)) as store:
            service.wait(lambda: any(one.active for one in store.latest(1)))


def steps_done(service: Service) -> list[str]:
    """Steps that are over of the run that was asked for last."""
    with closing(SqlStore(service.home)) as store:
        (one,) = store.latest(2, service.asked_in)
    ledger = service.home / "runs" / one.run.run_id / "ledger.jsonl"
    events = [json.loads(line) for line in ledger.read_text().splitlines()]
    return [event["step"] for event in events if event["event"] == "done"]


def test_the_step_under_way_is_finished_before_the_service_ends(world, environ, home, tmp_path):
    with (
        running(environ, tmp_path / "log") as service,
        fetching(world, home, service, tmp_path, 3) as programs,
    ):
        assert service.stop() == 0
        assert gone(programs, 1)
        assert of_home(home) == []
        assert steps_done(service)[-1] == "checkout"
        assert "killed" not in service.said()


def test_a_second_signal_ends_a_step_that_takes_long(world, environ, home, tmp_path):
    with (
        running(environ, tmp_path / "log") as service,
        fetching(world, home, service, tmp_path) as programs,
    ):
        service.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        began = time.monotonic()
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(30) == 0
        assert time.monotonic() - began < 8
        assert gone(programs, 1)
        assert of_home(home) == []
        assert "checkout" not in steps_done(service)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_both_within_seconds_and_leaves_nothing(environ, home, tmp_path, number):
    with running(environ, tmp_path / "log") as service:
        began = time.monotonic()
        assert service.stop(number) == 0
        assert time.monotonic() - began < 8
        assert of_home(home) == []
        for name in (LISTENER, WORKER):
            assert service.events("stopped", name)[0]["exit_code"] == 0


def test_both_end_with_a_supervisor_that_is_killed(environ, home, tmp_path):
    with running(environ, tmp_path / "log") as service:
        children = [service.pid(name) for name in (LISTENER, WORKER)]
        service.process.kill()
        service.process.wait()
        assert gone(children)
        assert of_home(home) == []


def test_paths_are_read_from_the_folder_it_was_started_in(environ, home, tmp_path):
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "__init__.py").write_text("raise SystemExit('a foreign package')\n")
    (tmp_path / "start").mkdir()
    environ["MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE"] = "../app.pem"
    environ["MERGEWRIGHT_WEBHOOK_SECRET_FILE"] = "../webhook"
    with running(environ, tmp_path / "log", tmp_path / "start") as service:
        given = variables(service.pid(WORKER))["MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE"]
        assert Path(given).is_absolute()


# --- starting again --------------------------------------------------------------------------


def ends_with(code: int) -> serve._Child:
    return serve._Child("test", ("-c", f"raise SystemExit({code})"), dict(os.environ))


def watched_until(child: serve._Child, true: Callable[[], bool]) -> int | None:
    """Watch a child as the supervisor does; return what that says."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        if (code := child.watch()) is not None:
            return code
        time.sleep(0.02)
    return None


def test_what_ends_again_and_again_is_started_after_longer_pauses():
    child = ends_with(1)
    paused = []
    for count in (1, 2, 3):
        assert watched_until(child, lambda count=count: child.failures == count) is None
        paused.append(round(child.start_at - time.monotonic(), 1))
    assert paused == [0.2, 1.0, 5.0]


def test_settings_that_are_wrong_from_the_start_are_not_tried_again():
    assert watched_until(ends_with(2), lambda: False) == 2


def test_a_clock_that_is_put_forward_makes_no_process_stand_still(tmp_path):
    pulse = tmp_path / "pulse"
    pulse.touch()
    child = serve._Child("test", (), {}, pulse=pulse, started=time.monotonic() - 1000)
    assert not child._stands_still()
    os.utime(pulse, (1.0, 1.0))  # its last sign is now far behind the clock
    assert not child._stands_still()
    child.seen = (1.0, time.monotonic() - serve._STILL_SECONDS - 1)
    assert child._stands_still(), "it has not changed for long"
    pulse.touch()
    assert not child._stands_still()
    pulse.unlink()
    child.seen = (child.seen[0], time.monotonic() - serve._STILL_SECONDS - 1)
    assert child._stands_still()


def test_settings_that_went_wrong_later_do_not_end_the_service():
    child = ends_with(2)
    child.was_well = True
    assert watched_until(child, lambda: child.failures == 1) is None


def test_a_program_that_cannot_be_started_is_tried_again(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    child = ends_with(0)
    assert watched_until(child, lambda: child.failures == 1) is None
    child.end(time.monotonic())


# --- refusing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("MERGEWRIGHT_WEBHOOK_SECRET_FILE", "MERGEWRIGHT_WEBHOOK_SECRET_FILE"),
        ("MERGEWRIGHT_GITHUB_APP_ID", "MERGEWRIGHT_GITHUB_APP_ID"),
        ("MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE", "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE"),
    ],
)
def test_a_missing_setting_is_named(environ, variable, named):
    del environ[variable]
    assert named in refused(environ)


@pytest.mark.parametrize("file", ["app.pem", "webhook"])
@pytest.mark.parametrize("content", ["", "no key"])
def test_a_file_without_the_secret_in_it_is_named(environ, tmp_path, file, content):
    (tmp_path / file).write_text(content)
    said = refused(environ)
    assert ("PRIVATE_KEY_FILE" if file == "app.pem" else "secret") in said


def test_app_and_token_together_are_refused(environ):
    assert "Keep one of them" in refused(environ | {"MERGEWRIGHT_GITHUB_TOKEN": "ghp_x"})


def test_a_port_that_is_taken_ends_the_service_with_words(environ, home, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as door:
        environ["MERGEWRIGHT_LISTEN_PORT"] = str(door.getsockname()[1])
        said = refused(environ)
    assert "MERGEWRIGHT_LISTEN_PORT" in said
    assert of_home(home) == []


def test_a_data_folder_that_cannot_be_made_is_named(environ, tmp_path):
    (tmp_path / "file").touch()
    environ["MERGEWRIGHT_HOME"] = str(tmp_path / "file" / "home")
    assert f"{tmp_path}/file/home cannot be used" in refused(environ, "work")


@pytest.mark.parametrize("below", ["", "/api/v3/nothing"])
def test_an_address_that_is_not_the_apis_ends_the_service_and_loses_nothing(environ, home, below):
    issue = IssueRef(repository="o/r", repository_id=7, number=1, issue_id=9)
    snapshot = Snapshot(
        issue=issue, url="u", title="T", body="", labels=("mergewright",), author="x", actor="y",
        actor_id=1, approved_at="2026-11-20T10:00:00Z",
    )  # fmt: skip
    run = Run(run_id="r1", repository="u", ticket="#1", snapshot=snapshot, started=1)
    asked = Request(snapshot=snapshot, label="mergewright", clone_url="u")
    delivery = Delivery(
        delivery_id="d1", event="issues", action="labeled", content_key="k", received_at=1.0,
        body=asked.model_dump_json().encode(),
    )  # fmt: skip
    with closing(Inbox(home)) as inbox, closing(SqlStore(home)) as store:
        inbox.append([delivery])
        store.add(run, 1.0)
        wrong = environ["MERGEWRIGHT_GITHUB_URL"].removesuffix("/api/v3") + below
        for words in ("serve", "work"):
            said = refused(environ | {"MERGEWRIGHT_GITHUB_URL": wrong}, words)
            (line,) = [one for one in said.splitlines() if one.startswith("mergewright: ")]
            assert line.startswith(f"mergewright: MERGEWRIGHT_GITHUB_URL: {wrong} does not answer")
            assert line.endswith("or on an Enterprise server https://HOST/api/v3.")
        assert inbox.find("d1").outcome is None
        assert store.find("r1").active
    assert of_home(home) == []


def test_a_github_that_is_not_reachable_yet_is_waited_for_and_no_label_is_lost(home, tmp_path):
    world, port = World(tmp_path / "later"), free_port()
    world.base_url = f"http://127.0.0.1:{port}"
    world.add_user("ann")
    world.add_user("ourselves", "Organization")
    world.add_app("mergewright-test", "ourselves")
    environ = settings_for(world, home, tmp_path)
    with running(environ, tmp_path / "log") as service:
        service.wait(lambda: service.said().count('"event": "not known to the forge"') == 2)
        with serving.running(world, port=port):
            # It is asked again in five seconds; until then nothing is decided.
            label_an_issue(world, service, tmp_path, "triage")
            service.wait(lambda: '"event": "ignored"' in service.said())
        told = service.said()
    assert told.index("not known to the forge") < told.index('"known to the forge"')
    assert "whose permission is triage" in told


@pytest.mark.parametrize("name", ["mergewright.sqlite", "inbox.sqlite"])
def test_a_worker_with_a_damaged_file_says_so(environ, home, name):
    (home / name).write_bytes(b"not a database at all, I am afraid" * 100)
    said = refused(environ, "work")
    assert f"{home / name} is damaged" in said


def test_a_worker_without_a_room_does_not_start(environ, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    environ["PATH"] = str(tools)
    said = refused(environ, "work")
    assert "bubblewrap" in said
    assert "mergewright doctor" in said
