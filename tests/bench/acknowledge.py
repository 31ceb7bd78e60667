"""How soon a delivery is acknowledged that is on disk by then: our listener, and a bare one.

The bare one is what a person writes who wants only that: FastAPI, the signature, one queue, one
transaction for what has gathered, on disk when it is answered. Both are processes of their own, and
get such signed bodies over as many connections, in turns.
"""

import asyncio
import hashlib
import hmac
import os
import sqlite3
import statistics
import subprocess
import sys
import time
import uuid
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.timing import BareFailed, Row, Say, Section
from tests.postgresql import serving
from tests.processes import find_free_port, listening
from tests.unit.webhooks import deliveries

SECRET = "a secret of the bench, of no use"
DELIVERIES = 3_000
WARM = 200
CONNECTIONS = 32
BODY_BYTES = 12_000
#: At least 0.9 of the bare one's deliveries in the same time.
BAR = 1 / 0.9


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    sections = []
    with serving() as server:
        for store, url in (("SQLite", None), ("PostgreSQL", server.create_database())):
            say(f"acknowledge: {DELIVERIES:,} deliveries, {rounds} rounds, {store}")
            bare = server.create_database() if url else str(scratch / "bare.sqlite")
            sections.append(_measure_store(scratch / store, rounds, store, url, bare))
    return sections


def _measure_store(home: Path, rounds: int, store: str, url: str | None, bare: str) -> Section:
    """Deliver to both in turns; every round has deliveries that were never seen.

    Args:
        url: Of our PostgreSQL; None: SQLite.
        bare: Address or file of the bare server's database.
    """
    row = Row(f"{DELIVERIES:,} deliveries", [], [], BAR)
    port, bare_port = find_free_port(), find_free_port()
    environ = {
        "MERGEWRIGHT_HOME": str(home),
        "MERGEWRIGHT_LISTEN_PORT": str(port),
        "MERGEWRIGHT_HEALTH_PORT": "0",
        "MERGEWRIGHT_WEBHOOK_SECRET": SECRET,
        **({"MERGEWRIGHT_DATABASE_URL": url} if url else {}),
    }
    here = {"PATH": os.environ["PATH"]}
    ours = (sys.executable, "-m", "webhooks")
    bare_server = (sys.executable, "-m", "tests.bench.acknowledge", str(bare_port), bare)
    with (
        listening(ours, port, here | environ, subprocess.DEVNULL),
        listening(bare_server, bare_port, here, subprocess.DEVNULL),
    ):
        sides = [(port, row.ours), (bare_port, row.bare)]
        for one, _ in sides:
            _deliver(one, WARM)  # the first requests load what is loaded late
        for number in range(rounds):
            for one, measured in sides[:: 1 if number % 2 else -1]:
                measured.append(_deliver(one, DELIVERIES))
    _require_all(url or str(home / "inbox.sqlite"), "deliveries", rounds * DELIVERIES + WARM)
    _require_all(bare, "hooks", rounds * DELIVERIES + WARM)
    rates = [DELIVERIES / statistics.median(side) for side in (row.ours, row.bare)]
    note = (
        f"Each {BODY_BYTES:,} bytes, signed, {CONNECTIONS} connections. Counted in the database"
        f" afterwards. Per second: ours {rates[0]:,.0f}, bare {rates[1]:,.0f},"
        f" {rates[0] / rates[1]:.2f} of it."
    )
    title = f"Acknowledging a delivery that is on disk in {store}, and a bare server doing so"
    return Section(f"acknowledge {store}", title, "bare", [row], note)


def _require_all(database: str, table: str, expected: int) -> None:
    with closing(_connect(database)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    if count != expected:
        raise BareFailed(f"{database}: {count:,} rows, {expected:,} were acknowledged")


def _connect(database: str) -> Any:
    if database.startswith("postgresql"):
        return psycopg.connect(database.replace("+psycopg", ""), autocommit=True)
    return sqlite3.connect(database, isolation_level=None, check_same_thread=False)


# --- the sender ------------------------------------------------------------------------------


def _deliver(port: int, count: int) -> float:
    """Send so many; return the seconds for all."""
    # Made beforehand: to sign is not what is measured.
    requests = [_make_request() for _ in range(count)]
    return asyncio.run(_send_all(port, requests))


def _make_request() -> bytes:
    # As long as those of GitHub are, with their many addresses.
    body = deliveries.raw(deliveries.labeled(body="words " * (BODY_BYTES // 6)))
    head = (
        "POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: GitHub-Hookshot/1\r\n"
        "Accept: */*\r\nContent-Type: application/json\r\nX-GitHub-Event: issues\r\n"
        f"X-GitHub-Delivery: {uuid.uuid4()}\r\nX-Hub-Signature-256: {deliveries.signature(body, SECRET)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _send_all(port: int, requests: list[bytes]) -> float:
    left = iter(requests)

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in left:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 202"):
                raise BareFailed(f"a delivery was answered {head.splitlines()[0]!r}")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    begun = time.perf_counter()
    async with asyncio.timeout(300), asyncio.TaskGroup() as connections:
        for _ in range(CONNECTIONS):
            connections.create_task(send())
    return time.perf_counter() - begun


# --- the bare server -------------------------------------------------------------------------


def _make_bare_app(database: str) -> Any:
    from fastapi import FastAPI, HTTPException, Request

    connection, place, begin = _connect(database), "%s", "BEGIN"
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        place, begin = "?", "BEGIN IMMEDIATE"
    columns = "id TEXT PRIMARY KEY, event TEXT, at DOUBLE PRECISION, body BYTEA"
    connection.execute(f"CREATE TABLE hooks ({columns})")
    add = f"INSERT INTO hooks VALUES ({', '.join([place] * 4)}) ON CONFLICT DO NOTHING"
    queue: asyncio.Queue[tuple[tuple[Any, ...], asyncio.Future[None]]] = asyncio.Queue()

    def commit(rows: list[tuple[Any, ...]]) -> None:
        connection.execute(begin)
        connection.cursor().executemany(add, rows)
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

    async def take(request: Request) -> dict[str, bool]:
        body, headers = await request.body(), request.headers
        expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, headers.get("x-hub-signature-256", "")):
            raise HTTPException(401)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        row = headers["x-github-delivery"], headers["x-github-event"], time.time(), body
        queue.put_nowait((row, answer))
        await answer
        return {"accepted": True}

    # By hand: the annotations above are names of this function only.
    take.__annotations__ = {"request": Request}
    app = FastAPI(lifespan=lifespan)
    app.post("/webhooks/github", status_code=202)(take)
    return app


if __name__ == "__main__":
    import uvicorn

    app, port = _make_bare_app(sys.argv[2]), int(sys.argv[1])
    uvicorn.run(app, port=port, log_level="warning", access_log=False, http="h11")
