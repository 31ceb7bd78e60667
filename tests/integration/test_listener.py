"""The listener: its applications in this process, and what only its own process can show."""

import asyncio
import json
import math
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.testclient import TestClient

from agent import secret_values
from agent.errors import StorageFull
from agent.models.ticket import Delivery
from agent.settings import HEARTBEAT, Settings
from agent.store import sql_inbox
from agent.store.database import Database
from agent.store.sql_inbox import Inbox
from tests.deep import deep
from tests.folders import fill
from tests.processes import find_free_port, listening
from tests.unit.webhooks.deliveries import SECRET, headers, labeled, raw, signature
from webhooks.app import make_listener

MIB = 1024 * 1024
PATH = "/webhooks/github"

# --- its applications ------------------------------------------------------------------------


class Listener:
    """The applications of the listener over an inbox."""

    def __init__(self, home: Path, stack: ExitStack, secret: SecretStr | Path) -> None:
        loaded = Settings(home=home, webhook_secret=secret)
        secrets = secret_values.RotatingSecret(
            loaded, "webhook_secret", lambda: secret_values.read_webhook_secrets(loaded)
        )
        deliveries_app, health_app = make_listener(secrets, Inbox(home))
        self.home = home
        self._deliveries = stack.enter_context(TestClient(deliveries_app))
        self._health = stack.enter_context(TestClient(health_app))

    def post(self, body: bytes, **changed: str | None) -> httpx.Response:
        return self._deliveries.post(PATH, content=body, headers=headers(body, **changed))

    def get(self, path: str) -> httpx.Response:
        return self._health.get(path)

    def count_rows(self) -> int:
        with closing(sqlite3.connect(self.home / "inbox.sqlite")) as database:
            return int(database.execute("SELECT count(*) FROM deliveries").fetchone()[0])


@pytest.fixture
def make(tmp_path) -> Iterator[Callable[..., Listener]]:
    with ExitStack() as stack:
        yield lambda file=None: Listener(tmp_path / "home", stack, file or SecretStr(SECRET))


def test_WH1_every_wrong_signature_is_refused_without_a_row(make):
    listener, body = make(), raw(labeled())
    name = "aaaaaaaa-0000-4000-8000-00000000abcd"
    answer = listener.post(body, X_GitHub_Delivery=name.upper())
    accepted = {"delivery": name, "status": "accepted", "reason": ""}
    assert (answer.status_code, answer.json()) == (202, accepted)
    as_json_again = json.dumps(json.loads(body), indent=1).encode()
    tries = [
        (body, {"X_Hub_Signature_256": None}),
        (body, {"X_Hub_Signature_256": None, "X_Hub_Signature": "sha1=" + "0" * 40}),
        (body, {"X_Hub_Signature_256": signature(body, "another secret, also long")}),
        (body, {"X_Hub_Signature_256": signature(body, "")}),
        (body[:-1] + b" ", {"X_Hub_Signature_256": signature(body)}),
        (as_json_again, {"X_Hub_Signature_256": signature(body)}),
        (b"\xff not even JSON", {"X_Hub_Signature_256": signature(body)}),
    ]
    for sent, changed in tries:
        answer = listener.post(sent, **changed)
        assert answer.status_code == 401, changed
        assert "X-Hub-Signature-256" in answer.json()["reason"]
        assert signature(body)[7:] not in answer.text
    assert listener.count_rows() == 1


def test_the_secret_changes_without_a_gap(make, tmp_path, capsys):
    """A delivery at each moment of a change, signed with what GitHub has then."""
    file, new = tmp_path / "webhook", "the-next-secret-of-the-webhook"
    file.write_text(f"{SECRET}\n")
    listener = make(file)

    def post(secret: str) -> int:
        body = raw(labeled())
        return listener.post(body, X_Hub_Signature_256=signature(body, secret)).status_code

    assert (post(SECRET), post(new)) == (202, 401)
    file.write_text(f"{SECRET}\n{new}\n")
    assert (post(SECRET), post(new), post("neither of the two, also long")) == (202, 202, 401)
    for unusable in ("", "short\n", f"{SECRET}\n{new}\na third one that is too many\n"):
        file.write_text(unusable)
        assert (post(SECRET), post(new)) == (202, 202), "those before stay in use"
    file.with_name("next").write_text(f"{new}\n")
    file.with_name("next").replace(file)
    assert (post(SECRET), post(new)) == (401, 202)
    log = capsys.readouterr().out
    assert "the secret before stays in use" in log
    assert new not in log


def test_readiness_is_a_write_shows_what_waits_and_fails_where_every_delivery_is_refused(make):
    def read_readiness() -> tuple[int, str | None, int]:
        facts = (answer := listener.get("/readyz")).json()
        return answer.status_code, facts["reason"], facts["deliveries"]["refused_in_a_row"]

    listener, body = make(), raw(labeled())
    wrong = signature(body, "the secret of another webhook")
    idle = listener.get("/readyz")
    assert (idle.status_code, idle.json()["ready"]) == (503, False)
    assert idle.json()["worker"] == {"heartbeat_seconds": None}
    with closing(Inbox(listener.home)) as inbox:
        inbox.beat()
    assert read_readiness() == (200, None, 0)
    for _ in range(2):
        assert listener.post(body, X_Hub_Signature_256=wrong).status_code == 401
    status, reason, refused = read_readiness()
    assert (status, refused) == (503, 2)
    assert "The last 2 deliveries were refused" in reason
    assert "MERGEWRIGHT_WEBHOOK_SECRET" in reason
    assert listener.post(body).status_code == 202
    assert read_readiness() == (200, None, 0)
    facts = listener.get("/readyz").json()
    assert facts["inbox"]["unread"] == 1
    assert 0 <= facts["inbox"]["oldest_unread_seconds"] < 60
    assert 0 <= facts["worker"]["heartbeat_seconds"] < 60
    assert listener.post(body, X_Hub_Signature_256=wrong).status_code == 401
    assert read_readiness() == (200, None, 1), "the secret is proved: a stranger sent it"
    assert [listener.get(path).status_code for path in ("/healthz", "/", "/metrics/")] == [404] * 3
    old = time.time() - 31
    os.utime(listener.home / HEARTBEAT, (old, old))
    stale = listener.get("/readyz")
    assert (stale.status_code, stale.json()["ready"]) == (503, False)
    assert stale.json()["inbox"]["writable"] is True
    assert listener.post(raw(labeled())).status_code == 202


def test_PF4_while_the_inbox_is_locked_it_says_503_and_then_takes_again(make, monkeypatch, capsys):
    def open_impatiently(*args: object, **named: object) -> Database:
        return Database(*args, **{**named, "busy_seconds": 0.2})

    monkeypatch.setattr(sql_inbox, "Database", open_impatiently)
    listener, body = make(), raw(labeled())
    again = headers(body)["X-GitHub-Delivery"]
    with closing(sqlite3.connect(listener.home / "inbox.sqlite", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        answer = listener.post(body, X_GitHub_Delivery=again)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "inbox.sqlite" not in answer.text
        assert listener.get("/livez").status_code == 200
        lock.execute("ROLLBACK")
    answer = listener.post(body, X_GitHub_Delivery=again)
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert listener.count_rows() == 1
    assert "database is locked" in capsys.readouterr().out


def test_the_metrics_count_deliveries_by_answer_and_show_what_waits(make):
    def read_metrics() -> dict[tuple[str, ...], float]:
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(listener.get("/metrics").text)
            for sample in family.samples
        }

    listener, body = make(), raw(labeled())
    counted = {
        ("mergewright_deliveries_total", "202", "accepted"): 1,
        ("mergewright_deliveries_total", "401", "refused"): 1,
        ("mergewright_inbox_deliveries",): 1,
    }
    before = read_metrics()
    assert listener.post(body).status_code == 202
    assert listener.post(body, X_Hub_Signature_256="sha256=" + "0" * 64).status_code == 401
    after = read_metrics()
    assert {name: after[name] - before.get(name, 0) for name in counted} == counted
    assert math.isnan(after["mergewright_worker_heartbeat_age_seconds",])


# --- its process -----------------------------------------------------------------------------


class Process:
    """The listener as a process of its own."""

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, health_port: int, log: Path
    ) -> None:
        self.process, self.port, self._log = process, port, log
        self.url = f"http://127.0.0.1:{port}{PATH}"
        self._health_url = f"http://127.0.0.1:{health_port}"

    def is_alive(self) -> bool:
        return httpx.get(f"{self._health_url}/livez", timeout=20).json() == {"alive": True}

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 20)

    def read_peak_memory(self) -> int:
        """Return the most memory that it has taken so far, in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    def read_log(self) -> str:
        """Wait for its end; return what it has printed."""
        self.process.wait(30)
        return self._log.read_text()


#: Variables that an operator's shell may have, and a listener must not.
FORBIDDEN = {
    "MERGEWRIGHT_GITHUB_TOKEN": "canary-github-token",
    "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE": "/canary-key.pem",
    "ANTHROPIC_API_KEY": "canary-model-key",
    "OPENAI_API_KEY": "canary-other-key",
    "DOCKER_HOST": "canary-docker",
}


@contextmanager
def running(home: Path, secret: str = SECRET) -> Iterator[Process]:
    port, health_port = find_free_port(), find_free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "MERGEWRIGHT_HOME": str(home),
        "MERGEWRIGHT_LISTEN_PORT": str(port),
        "MERGEWRIGHT_HEALTH_PORT": str(health_port),
        "MERGEWRIGHT_WEBHOOK_SECRET": secret,
        **FORBIDDEN,
    }
    # A pipe without a reader is full after 500 refusals, and holds the listener up.
    path = home.with_name(f"{home.name}.log")
    with (
        path.open("wb") as log,
        listening((sys.executable, "-m", "webhooks"), port, environ, log) as process,
    ):
        yield Process(process, port, health_port, path)


@pytest.fixture(scope="module")
def process(tmp_path_factory) -> Iterator[Process]:
    with running(tmp_path_factory.mktemp("listener")) as made:
        yield made


def write_head(body_length: int, sign: str) -> bytes:
    lines = {
        "Host": "x",
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": sign,
        "Content-Length": str(body_length),
    }
    joined = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {PATH} HTTP/1.1\r\n{joined}\r\n".encode()


def read_first_line(connection: socket.socket) -> str:
    connection.settimeout(25)
    with suppress(ConnectionResetError):
        return connection.recv(4096).partition(b"\r\n")[0].decode()
    return "reset"


def test_WH4_too_large_a_body_is_refused_while_it_comes(process):
    before = process.read_peak_memory()
    with process.connect() as connection:
        start = write_head(0, signature(b"")).replace(
            b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"
        )
        connection.sendall(start)
        part = b"100000\r\n" + b"x" * MIB + b"\r\n"
        with suppress(ConnectionResetError, BrokenPipeError):
            for _ in range(40):
                connection.sendall(part)
        assert read_first_line(connection)[9:12] in ("413", "")
    assert process.is_alive()
    # The parts, the whole, and nothing that grows with what was sent beyond the bound.
    assert process.read_peak_memory() - before < 80 * 1024


@pytest.mark.parametrize("sent", ["nothing", deep("half a head"), "half a body"])
def test_WH5_connections_of_one_client_keep_nobody_from_health(process, sent):
    body = raw(labeled())
    whole = write_head(len(body), signature(body)) + body[:10]
    part = {"nothing": b"", "half a head": whole[:40], "half a body": whole}[sent]
    with ExitStack() as stack:
        for _ in range(600):
            stack.enter_context(process.connect()).sendall(part)
        assert process.is_alive()
    # GitHub is told to come again, and may at once.
    until, status = time.monotonic() + 60, 0
    while status != 202:
        assert time.monotonic() < until
        body = raw(labeled())
        # What the kernel had no room for is sent once more, later than anybody waits.
        with suppress(httpx.TransportError):
            answer = httpx.post(process.url, content=body, headers=headers(body), timeout=20)
            status = answer.status_code


def test_what_it_must_not_hold_is_nowhere_in_the_process(process):
    environ = Path(f"/proc/{process.process.pid}/environ").read_bytes()
    assert b"MERGEWRIGHT_HOME" in environ
    assert b"canary" not in environ


def test_WH1_without_a_good_secret_it_does_not_start(tmp_path):
    refused = pytest.raises(subprocess.SubprocessError, match="ended with 2")
    with refused, running(tmp_path / "home", "too-short"):
        pass
    (line,) = (tmp_path / "home.log").read_text().splitlines()
    problem = json.loads(line)
    assert (problem["event"], problem["program"]) == ("cannot go on", "mergewright listener")
    assert "at least 16" in problem["problem"]
    assert "too-short" not in line


def test_it_ends_gracefully_and_answers_what_is_under_way(tmp_path):
    body = raw(labeled())
    with running(tmp_path) as process:
        # The door takes connections before there is an application behind it.
        assert process.is_alive()
        with process.connect() as connection:
            connection.sendall(write_head(len(body), signature(body)) + body[:-1])
            time.sleep(0.3)
            process.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            connection.sendall(body[-1:])
            assert "202" in read_first_line(connection)
        log = process.read_log()
        assert process.process.returncode == 0
    assert json.loads(log.splitlines()[-1])["event"] == "stopped"
    with closing(Inbox(tmp_path)) as inbox:
        assert len(inbox.list_unread(99)) == 1


def send_until(process: Process, is_over: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Send valid deliveries, many at once; return the status by delivery, 0 for none."""
    answers: dict[str, int] = {}

    async def send(client: httpx.AsyncClient) -> None:
        while not is_over(answers):
            body = raw(labeled(body="words " * 500))
            fixed = headers(body)
            answers[fixed["X-GitHub-Delivery"]] = 0
            with suppress(httpx.TransportError):
                answer = await client.post(process.url, content=body, headers=fixed)
                answers[fixed["X-GitHub-Delivery"]] = answer.status_code

    async def send_all() -> None:
        async with httpx.AsyncClient(timeout=20) as client, asyncio.timeout(60):
            await asyncio.gather(*(send(client) for _ in range(16)))

    asyncio.run(send_all())
    return answers


def test_PF1_after_kill_9_under_load_every_202_is_in_the_inbox(tmp_path):
    def is_over(answers: dict[str, int]) -> bool:
        if enough := list(answers.values()).count(202) >= 60:
            process.process.kill()
        return enough

    with running(tmp_path) as process:
        answers = send_until(process, is_over)
    with closing(Inbox(tmp_path)) as inbox:
        unread = inbox.list_unread(limit=1_000_000)
    there = {delivery.delivery_id for delivery in unread}
    assert len(there) == len(unread)
    acknowledged = {name for name, status in answers.items() if status == 202}
    assert len(acknowledged) >= 60
    assert acknowledged <= there <= answers.keys()


# --- a full disk -----------------------------------------------------------------------------


def test_PF3_a_full_disk_takes_nothing_and_once_there_is_space_it_takes_again(small_disk):
    disk, stored = small_disk(3), []

    def append(count: int, size: int) -> None:
        for _ in range(count):
            name, now = str(uuid.uuid4()), time.time()
            delivery = Delivery(delivery_id=name, event="issues", received_at=now, body=b"x" * size)
            inbox.append([delivery])
            stored.append(name)

    with closing(Inbox(disk)) as inbox:
        append(5, 30_000)
        filling = fill(disk)
        # What fits where a page is left is still taken; then it is over.
        with pytest.raises(StorageFull):
            append(20, 30_000)
        with pytest.raises(StorageFull):
            append(50, 600)
        with pytest.raises(StorageFull):
            inbox.prove_writable()
        filling.unlink()
        append(5, 30_000)
        assert [row.delivery_id for row in inbox.list_unread(99)] == stored
