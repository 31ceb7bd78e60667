"""How soon a delivery is acknowledged that is on disk by then: our listener, and a bare one.

The bare one is what a person writes who wants only that: FastAPI, the signature, one queue, one
transaction for what has gathered, `synchronous=FULL`. Both are processes of
their own, and get such signed bodies over as many connections, in turns.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench import timing
from tests.bench.bare import BareFailed

SECRET = "a secret of the bench, of no use"
DELIVERIES = 3_000
WARM = 200
CONNECTIONS = 32
BODY_BYTES = 12_000
#: At least 0.9 of the bare one's deliveries in the same time.
BAR = 1 / 0.9


def measure(scratch: Path, rounds: int, say: Callable[[str], None]) -> list[timing.Section]:
    """Deliver to all in turns; every round has deliveries that were never seen."""
    say(f"acknowledge: {DELIVERIES:,} deliveries, {CONNECTIONS} connections, {rounds} rounds")
    measured: dict[str, list[_Round]] = {"ours": [], "bare": []}
    with (
        _ours(scratch / "ours") as ours,
        _bare(scratch / "bare.sqlite") as bare,
    ):
        servers = {"ours": ours, "bare": bare}
        for name, server in servers.items():
            _deliver(server.port, WARM)  # the first requests load what is loaded late
            say(f"acknowledge: {name} is warm")
        for number in range(rounds):
            for name in list(servers)[:: 1 if number % 2 else -1]:
                measured[name].append(_round(servers[name]))
    _all_there(scratch / "ours" / "inbox.sqlite", "deliveries", rounds * DELIVERIES + WARM)
    _all_there(scratch / "bare.sqlite", "hooks", rounds * DELIVERIES + WARM)
    note = (
        f"Each {BODY_BYTES:,} bytes, signed, {CONNECTIONS} connections."
        f" Counted in the files afterwards. {_rates(measured)}"
    )
    title = "Acknowledging a delivery that is on disk, and a bare server doing so"
    return [timing.Section("acknowledge", title, "bare", _rows(measured), note)]


class _Server(NamedTuple):
    port: int
    pid: int


class _Round(NamedTuple):
    """What one server took for all deliveries."""

    seconds: float
    busy: float
    """Of them, at work on a processor."""
    waits: list[float]
    """Of each delivery, shortest first."""


def _round(server: _Server) -> _Round:
    before = timing.processor_seconds(server.pid)
    seconds, waits = _deliver(server.port, DELIVERIES)
    return _Round(seconds, timing.processor_seconds(server.pid) - before, sorted(waits))


def _rows(measured: dict[str, list[_Round]]) -> list[timing.Row]:
    def row(what: str, of: Callable[[_Round], float], bar: float | None = None) -> timing.Row:
        ours, others = ([of(one) for one in measured[name]] for name in ("ours", "bare"))
        return timing.Row(what, ours, others, bar)

    return [
        row(f"{DELIVERIES:,} deliveries", lambda one: one.seconds, BAR),
        row("  processor time of the server", lambda one: one.busy),
        row("wait of one, p50", lambda one: one.waits[len(one.waits) * 50 // 100]),
        row("wait of one, p99", lambda one: one.waits[len(one.waits) * 99 // 100]),
    ]


def _rates(measured: dict[str, list[_Round]]) -> str:
    """Deliveries in a second, at the median and at best, and the share of bare's ours are."""
    told = []
    for words, chosen in (("Per second", statistics.median), ("at best", min)):
        ours, others = (
            DELIVERIES / chosen([one.seconds for one in measured[name]])
            for name in ("ours", "bare")
        )
        told.append(f"{words}: ours {ours:,.0f}, bare {others:,.0f}, {ours / others:.2f} of it")
    return "; ".join(told) + "."


@contextmanager
def _ours(home: Path) -> Iterator[_Server]:
    port = _free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "MERGEWRIGHT_HOME": str(home),
        "MERGEWRIGHT_LISTEN_PORT": str(port),
        "MERGEWRIGHT_WEBHOOK_SECRET": SECRET,
    }
    with _server([sys.executable, "-m", "webhooks"], environ, port) as server:
        yield server


@contextmanager
def _bare(database: Path) -> Iterator[_Server]:
    port = _free_port()
    argv = [sys.executable, "-m", "tests.bench.acknowledge", str(port), str(database)]
    with _server(argv, {"PATH": os.environ["PATH"]}, port) as server:
        yield server


@contextmanager
def _server(argv: list[str], environ: dict[str, str], port: int) -> Iterator[_Server]:
    process = subprocess.Popen(
        argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        _wait_for(port, process)
        yield _Server(port, process.pid)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if process.poll() is not None:
            raise BareFailed(f"a listener ended at its start: {process.communicate()[1][-500:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise BareFailed("a listener did not begin to listen within 30 s")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def _all_there(database: Path, table: str, expected: int) -> None:
    with sqlite3.connect(database) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    if count != expected:
        raise BareFailed(f"{database.name}: {count:,} rows, {expected:,} were acknowledged")


# --- the sender ------------------------------------------------------------------------------


def _deliver(port: int, count: int) -> tuple[float, list[float]]:
    """Send so many; return the seconds for all, and what each waited."""
    # Made beforehand: to sign is not what is measured.
    requests = [_request() for _ in range(count)]
    return asyncio.run(_send_all(port, requests))


def _request() -> bytes:
    body = json.dumps(_payload()).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        "POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: GitHub-Hookshot/1\r\n"
        "Accept: */*\r\nContent-Type: application/json\r\nX-GitHub-Event: issues\r\n"
        f"X-GitHub-Delivery: {uuid.uuid4()}\r\nX-Hub-Signature-256: sha256={signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _payload() -> dict[str, Any]:
    account = {"login": "octo", "id": 7, "type": "User"} | {
        f"{name}_url": f"https://api.github.example/users/octo/{name}"
        for name in ("avatar", "followers", "following", "gists", "starred", "orgs", "events")
    }
    repository = {f"{n}_url": f"https://api.github.example/repos/o/r/p{n}" for n in range(40)}
    issue = {
        "id": int.from_bytes(os.urandom(6)) + 1,
        "number": 12,
        "title": "Add a field to the order",
        "user": account,
        "labels": [{"id": 1, "name": "mergewright", "color": "ededed"}],
        "state": "open",
        "locked": False,
        "assignees": [account, account],
        "updated_at": "2026-11-01T10:00:00Z",
        "html_url": "https://github.example/o/r/issues/12",
        "body": "",
    }
    payload = {
        "action": "labeled",
        "issue": issue,
        "label": {"id": 1, "name": "mergewright"},
        "repository": repository
        | {
            "id": 5,
            "full_name": "o/r",
            "private": False,
            "clone_url": "https://github.example/o/r.git",
            "default_branch": "main",
            "owner": account,
        },
        "sender": account,
        "installation": {"id": 3},
    }
    issue["body"] = "words " * ((BODY_BYTES - len(json.dumps(payload))) // 6)
    return payload


async def _send_all(port: int, requests: list[bytes]) -> tuple[float, list[float]]:
    waited: list[float] = []
    left = iter(requests)

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in left:
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 202"):
                raise BareFailed(f"a delivery was answered {head.splitlines()[0]!r}")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            waited.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    async with asyncio.timeout(300), asyncio.TaskGroup() as connections:
        for _ in range(CONNECTIONS):
            connections.create_task(connection())
    return time.perf_counter() - begun, waited


# --- the bare server -------------------------------------------------------------------------


def _bare_app(database: str) -> Any:
    from fastapi import FastAPI, HTTPException, Request

    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE hooks (id TEXT PRIMARY KEY, event TEXT, at REAL, body BLOB)")
    queue: asyncio.Queue[tuple[tuple[Any, ...], asyncio.Future[None]]] = asyncio.Queue()

    def commit(rows: list[tuple[Any, ...]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR IGNORE INTO hooks VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")

    async def commit_forever() -> None:
        while True:
            batch = [await queue.get()]
            while len(batch) < 256 and not queue.empty():
                batch.append(queue.get_nowait())
            await asyncio.to_thread(commit, [row for row, _ in batch])
            for _, answer in batch:
                answer.set_result(None)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        task = asyncio.create_task(commit_forever())
        yield
        task.cancel()

    app = FastAPI(lifespan=lifespan)

    async def hook(request: Request) -> dict[str, bool]:
        body = await request.body()
        expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers.get("x-hub-signature-256", "")):
            raise HTTPException(401)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        given = request.headers
        queue.put_nowait(
            ((given["x-github-delivery"], given["x-github-event"], time.time(), body), answer)
        )
        await answer
        return {"accepted": True}

    # By hand: the annotations above are names of this function only.
    hook.__annotations__ = {"request": Request}
    app.post("/webhooks/github", status_code=202)(hook)
    return app


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(
        _bare_app(sys.argv[2]),
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        http="h11",
    )
