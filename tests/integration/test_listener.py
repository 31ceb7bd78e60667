"""The listener as a process: signatures, bombs, floods, kills, a graceful end."""

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
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.errors import StorageFull
from agent.models.ticket import Delivery
from agent.settings import HEARTBEAT
from agent.store.sql_inbox import Inbox
from tests.deep import deep
from tests.integration.small_disks import fill, small_disk
from tests.processes import find_free_port, listening
from tests.unit.webhooks.deliveries import SECRET, headers, labeled, raw, signature

__all__ = ["small_disk"]
ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024


class Listener:
    """A running listener and the way to it."""

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, health_port: int, home: Path
    ) -> None:
        self.process = process
        self.port = port
        self.health_url = f"http://127.0.0.1:{health_port}"
        self.home = home
        self.url = f"http://127.0.0.1:{port}"

    def post(self, body: bytes, **changed: str | None) -> httpx.Response:
        return httpx.post(
            f"{self.url}/webhooks/github",
            content=body,
            headers=headers(body, **changed),
            timeout=20,
        )

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.health_url + path, timeout=20)

    def rows(self) -> list[tuple[str, str | None, str]]:
        with sqlite3.connect(self.home / "inbox.sqlite") as database:
            return database.execute(
                "SELECT delivery_id, outcome, reason FROM deliveries ORDER BY number"
            ).fetchall()

    def memory_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    def stop(self, number: int = signal.SIGTERM) -> str:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> str:
        self.process.wait(30)
        return find_log(self.home).read_text()


def find_log(home: Path) -> Path:
    return home.with_name(f"{home.name}.log")


@contextmanager
def running(home: Path, **environ: str) -> Iterator[Listener]:
    port, health_port = find_free_port(), find_free_port()
    given = {
        "PATH": os.environ["PATH"],
        "MERGEWRIGHT_HOME": str(home),
        "MERGEWRIGHT_LISTEN_PORT": str(port),
        "MERGEWRIGHT_HEALTH_PORT": str(health_port),
        "MERGEWRIGHT_WEBHOOK_SECRET": SECRET,
        **environ,
    }
    if "MERGEWRIGHT_WEBHOOK_SECRET_FILE" in environ:
        del given["MERGEWRIGHT_WEBHOOK_SECRET"]
    # A pipe that nobody reads is full after 500 refusals, and holds the listener up.
    with (
        find_log(home).open("wb") as log,
        listening((sys.executable, "-m", "webhooks"), port, given, log) as process,
    ):
        yield Listener(process, port, health_port, home)


#: What an operator's shell may have, and a listener must not.
FORBIDDEN = {
    "MERGEWRIGHT_GITHUB_TOKEN": "canary-github-token",
    "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE": "/canary-key.pem",
    "ANTHROPIC_API_KEY": "canary-model-key",
    "OPENAI_API_KEY": "canary-other-key",
    "DOCKER_HOST": "canary-docker",
}


@pytest.fixture(scope="module")
def listener(tmp_path_factory) -> Iterator[Listener]:
    with running(tmp_path_factory.mktemp("listener"), **FORBIDDEN) as one:
        yield one


def open_connection(listener: Listener) -> socket.socket:
    return socket.create_connection(("127.0.0.1", listener.port), 20)


def head(body_length: int | str, sign: str, **more: str) -> bytes:
    lines = {
        "Host": "x",
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": sign,
        "Content-Length": str(body_length),
        **more,
    }
    told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /webhooks/github HTTP/1.1\r\n{told}\r\n".encode()


def first_line(connection: socket.socket) -> str:
    connection.settimeout(25)
    with suppress(ConnectionResetError):
        return connection.recv(4096).partition(b"\r\n")[0].decode()
    return "reset"


# --- taking ----------------------------------------------------------------------------------


def test_a_delivery_is_in_the_inbox_when_it_is_acknowledged(listener):
    name = "aaaaaaaa-0000-4000-8000-00000000abcd"
    answer = listener.post(raw(labeled()), X_GitHub_Delivery=name.upper())
    told = {"delivery": name, "status": "accepted", "reason": ""}
    assert (answer.status_code, answer.json()) == (202, told)
    assert name in {delivery for delivery, _, _ in listener.rows()}


def test_an_old_body_sent_under_the_next_number_does_not_use_it_up(listener):
    old, new = {"zen": "one", "hook_id": 1}, {"zen": "two", "hook_id": 1}
    told = [
        listener.post(raw(body), X_GitHub_Event="ping", X_GitHub_Delivery="77").json()["reason"]
        for body in (old, new, new)
    ]
    assert told[0] == told[1] != told[2]


def test_WH1_every_wrong_signature_is_refused_without_a_row(listener):
    body = raw(labeled())
    before = listener.rows()
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
    assert listener.rows() == before


def test_the_secret_changes_without_a_gap(tmp_path):
    """A delivery at each moment of a change, signed with what GitHub has then."""
    file, new = tmp_path / "webhook", "the-next-secret-of-the-webhook"
    file.write_text(f"{SECRET}\n")

    with running(tmp_path / "home", MERGEWRIGHT_WEBHOOK_SECRET_FILE=str(file)) as listener:

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
        log = listener.stop()
    assert "the secret before stays in use" in log
    assert new not in log


# --- bombs -----------------------------------------------------------------------------------


def test_WH4_too_large_a_body_is_refused_while_it_comes(listener):
    before = listener.memory_kib()
    with open_connection(listener) as connection:
        start = head(0, signature(b"")).replace(
            b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"
        )
        connection.sendall(start)
        part = b"100000\r\n" + b"x" * MIB + b"\r\n"
        with suppress(ConnectionResetError, BrokenPipeError):
            for _ in range(40):
                connection.sendall(part)
        assert first_line(connection)[9:12] in ("413", "")
    assert listener.get("/livez").json() == {"alive": True}
    # The parts, the whole, and nothing that grows with what was sent beyond the bound.
    assert listener.memory_kib() - before < 80 * 1024


@pytest.mark.parametrize("sent", ["nothing", deep("half a head"), "half a body"])
def test_WH5_connections_of_one_client_keep_nobody_from_health(listener, sent):
    body = raw(labeled())
    whole = head(len(body), signature(body)) + body[:10]
    part = {"nothing": b"", "half a head": whole[:40], "half a body": whole}[sent]
    opened = []
    try:
        for _ in range(600):
            opened.append(open_connection(listener))
            opened[-1].sendall(part)
        assert listener.get("/livez").json() == {"alive": True}
    finally:
        for connection in opened:
            connection.close()
    # GitHub is told to come again, and may at once.
    until, status = time.monotonic() + 60, 0
    while status != 202:
        assert time.monotonic() < until
        # What the kernel had no room for is sent once more, later than anybody waits.
        with suppress(httpx.TransportError):
            status = listener.post(raw(labeled())).status_code


# --- the process -----------------------------------------------------------------------------


def run(home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "webhooks"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "MERGEWRIGHT_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_WH1_without_a_good_secret_it_does_not_start(tmp_path):
    done = run(tmp_path / "home", MERGEWRIGHT_WEBHOOK_SECRET="too-short")
    assert done.returncode == 2
    (told,) = map(json.loads, done.stderr.splitlines())
    assert (told["event"], told["program"]) == ("cannot go on", "mergewright listener")
    assert "at least 16" in told["problem"]
    assert "too-short" not in done.stderr
    assert SECRET not in done.stderr


def test_what_it_must_not_hold_is_nowhere_in_the_process(listener):
    environ = Path(f"/proc/{listener.process.pid}/environ").read_bytes()
    assert b"MERGEWRIGHT_HOME" in environ
    assert b"canary" not in environ


def test_it_ends_gracefully_and_answers_what_is_under_way(tmp_path):
    body = raw(labeled())
    with running(tmp_path) as one:
        # The door takes connections before there is somebody behind it.
        assert one.get("/livez").status_code == 200
        with open_connection(one) as connection:
            connection.sendall(head(len(body), signature(body)) + body[:-1])
            time.sleep(0.3)
            one.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            connection.sendall(body[-1:])
            assert "202" in first_line(connection)
        told = one.wait()
        assert one.process.returncode == 0
    assert json.loads(told.splitlines()[-1])["event"] == "stopped"
    inbox = Inbox(tmp_path)
    assert len(inbox.list_unread(99)) == 1
    inbox.close()


def test_readiness_is_a_write_shows_what_waits_and_fails_where_every_delivery_is_refused(tmp_path):
    def read_readiness() -> tuple[int, str | None, int]:
        facts = (answer := one.get("/readyz")).json()
        return answer.status_code, facts["reason"], facts["deliveries"]["refused_in_a_row"]

    body = raw(labeled())
    wrong = signature(body, "the secret of another webhook")
    with running(tmp_path) as one, closing(Inbox(tmp_path)) as inbox:
        idle = one.get("/readyz")
        assert (idle.status_code, idle.json()["ready"]) == (503, False)
        assert idle.json()["worker"] == {"heartbeat_seconds": None}
        inbox.beat()
        time.sleep(2.1)
        assert read_readiness() == (200, None, 0)
        for _ in range(2):
            assert one.post(body, X_Hub_Signature_256=wrong).status_code == 401
        status, reason, refused = read_readiness()
        assert (status, refused) == (503, 2)
        assert "The last 2 deliveries were refused" in reason
        assert "MERGEWRIGHT_WEBHOOK_SECRET" in reason
        assert one.post(body).status_code == 202
        time.sleep(2.1)
        assert read_readiness() == (200, None, 0)
        facts = one.get("/readyz").json()
        assert facts["inbox"]["unread"] == 1
        assert 0 < facts["inbox"]["oldest_unread_seconds"] < 60
        assert 0 < facts["worker"]["heartbeat_seconds"] < 60
        assert one.post(body, X_Hub_Signature_256=wrong).status_code == 401
        assert read_readiness() == (200, None, 1), "the secret is proved: a stranger sent it"
        assert [one.get(path).status_code for path in ("/healthz", "/", "/metrics/")] == [404] * 3
        old = time.time() - 31
        os.utime(tmp_path / HEARTBEAT, (old, old))
        time.sleep(2.1)
        stale = one.get("/readyz")
        assert (stale.status_code, stale.json()["ready"]) == (503, False)
        assert stale.json()["inbox"]["writable"] is True
        assert one.post(raw(labeled())).status_code == 202


def test_PF4_while_the_inbox_is_locked_it_says_503_and_then_takes_again(tmp_path):
    with running(tmp_path) as one:
        assert one.post(raw(labeled())).status_code == 202
        lock = sqlite3.connect(tmp_path / "inbox.sqlite", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        body = raw(labeled())
        fixed = headers(body)
        answer = httpx.post(f"{one.url}/webhooks/github", content=body, headers=fixed, timeout=20)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "inbox.sqlite" not in answer.text
        assert one.get("/livez").status_code == 200
        lock.execute("ROLLBACK")
        lock.close()
        answer = httpx.post(f"{one.url}/webhooks/github", content=body, headers=fixed, timeout=20)
        assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
        assert len(one.rows()) == 2
        told = one.stop()
    assert "database is locked" in told


def pour(one: Listener, go_on: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Send valid deliveries, many at once, until told; give the status of each, 0 for none."""
    answers: dict[str, int] = {}

    async def keep_on(client: httpx.AsyncClient) -> None:
        while go_on(answers):
            body = raw(labeled(body="words " * 500))
            fixed = headers(body)
            answers[fixed["X-GitHub-Delivery"]] = 0
            with suppress(httpx.TransportError):
                answer = await client.post(
                    f"{one.url}/webhooks/github", content=body, headers=fixed
                )
                answers[fixed["X-GitHub-Delivery"]] = answer.status_code

    async def all_at_once() -> None:
        async with httpx.AsyncClient(timeout=20) as client, asyncio.timeout(60):
            await asyncio.gather(*(keep_on(client) for _ in range(16)))

    asyncio.run(all_at_once())
    return answers


def test_PF1_after_kill_9_under_load_every_202_is_in_the_inbox(tmp_path):
    def go_on(answers: dict[str, int]) -> bool:
        if enough := list(answers.values()).count(202) >= 60:
            one.process.kill()
        return not enough

    with running(tmp_path) as one:
        answers = pour(one, go_on)
    with closing(Inbox(tmp_path)) as inbox:
        unread = inbox.list_unread(limit=1_000_000)
    there = {delivery.delivery_id for delivery in unread}
    assert len(there) == len(unread)
    acknowledged = {name for name, status in answers.items() if status == 202}
    assert len(acknowledged) >= 60
    assert acknowledged <= there <= answers.keys()


# --- figures ---------------------------------------------------------------------------------


def read_figures(listener: Listener) -> dict[tuple[str, ...], float]:
    answer = listener.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_figures_count_deliveries_by_answer_and_tell_what_waits(listener):
    counted = {
        ("mergewright_deliveries_total", "202", "accepted"): 1,
        ("mergewright_deliveries_total", "401", "refused"): 1,
        ("mergewright_acknowledgement_seconds_count",): 1,
        ("mergewright_inbox_deliveries",): 1,
    }
    before = read_figures(listener)
    body = raw(labeled())
    assert listener.post(body).status_code == 202
    assert listener.post(body, X_Hub_Signature_256="sha256=" + "0" * 64).status_code == 401
    after = read_figures(listener)
    assert {name: after[name] - before.get(name, 0) for name in counted} == counted
    assert math.isnan(after["mergewright_worker_heartbeat_age_seconds",])


# --- floods and failing disks ----------------------------------------------------------------


def test_PF3_a_full_disk_takes_nothing_and_once_there_is_space_it_takes_again(small_disk):
    disk, taken = small_disk(3), []

    def take(count: int, size: int) -> None:
        for _ in range(count):
            name = str(uuid.uuid4())
            one = Delivery(
                delivery_id=name, event="issues",
                received_at=time.time(), body=b"x" * size,
            )  # fmt: skip
            inbox.append([one])
            taken.append(name)

    with closing(Inbox(disk)) as inbox:
        take(5, 30_000)
        filling = fill(disk)
        # What fits where a page is left is still taken; then it is over.
        with pytest.raises(StorageFull):
            take(20, 30_000)
        with pytest.raises(StorageFull):
            take(50, 600)
        with pytest.raises(StorageFull):
            inbox.prove_writable()
        filling.unlink()
        take(5, 30_000)
        assert [one.delivery_id for one in inbox.list_unread(99)] == taken
