"""What fifty readers of a live log cost: pages beside them, and the run that they read.

The store has 10,000 runs. The demo's ticket is carried out from label to pull request, in turn with
nobody at the dashboard and with ten people of five streams each, read by a process of its own.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from agent.dashboard import sign_in_links
from agent.demo import play
from agent.demo.play import Stage
from agent.demo.scenarios import SCENARIOS
from agent.models.outcome import Outcome
from agent.models.run import Reason
from agent.store.sql_run_store import SqlRunStore
from tests.bench import label, timing
from tests.unit.dashboard import made_runs

RUNS, PEOPLE, STREAMS = 10_000, 10, 5
BAR = 1.15
_PATHS = (
    "/",
    "/?text=nick&sort=costliest&page=3",
    "/repositories",
    "/queue",
    "/statistics?range=all",
)
_NOTE = f"""\
Other side: nobody at the dashboard. Pages are first bytes with {PEOPLE * STREAMS} live logs open beside them
(bar: 0.300 s). Readers, dashboard, simulated GitHub and worker share this machine's processors."""


def measure(scratch: Path, rounds: int, say: Callable[[str], None]) -> list[timing.Section]:
    """Time runs and pages, with and without readers in turn."""
    place = scratch / "dashboard"
    home = place / "home"
    home.mkdir(mode=0o711, parents=True)
    place.chmod(0o711)  # sandboxes run as another user, who must be able to pass
    say(f"dashboard: a store of {RUNS:,} runs")
    with closing(SqlRunStore(home)) as store:
        made_runs.fill(store, RUNS)
        for run_id in store.list_active_ids():  # the worker would carry them
            end = Outcome.for_stopped_run(run_id, Reason.CANCELLED, "It was stopped.")
            store.finish_run(run_id, end, time.time())
    alone: list[float] = []
    read: list[float] = []
    pages: dict[str, list[float]] = defaultdict(list)
    with play.staging(home, place) as stage:
        first = play.put_on(stage, SCENARIOS["add-field"], place / "corner-shop")
        say("dashboard: first run, which makes the environment")
        label.carry_issue(first)
        cookies = [_sign_in(stage, first.repository, f"reader{number}") for number in range(PEOPLE)]
        code = sign_in_links.create_sign_in_link(home, stage.dashboard).rpartition("=")[2]
        with httpx.Client(base_url=stage.dashboard, timeout=60) as operator:
            operator.post("/sign-in/once", data={"code": code})
            for path in _PATHS:  # what is read once, and drawn once
                operator.get(path)
            for number in range(rounds):
                say(f"dashboard: round {number + 1} of {rounds}")
                for is_read in (True, False) if number % 2 else (False, True):
                    if not is_read:
                        alone.append(label.carry_new_issue(first)[0][label.TOTAL])
                        continue
                    with _reading(stage, cookies), _visiting(operator, pages):
                        read.append(label.carry_new_issue(first)[0][label.TOTAL])
    rows = [timing.Row("label to pull request", read, alone, BAR)]
    rows += [timing.Row(path, pages[path]) for path in _PATHS]
    title = f"{PEOPLE * STREAMS} readers of a live log, {RUNS:,} runs in the store"
    return [timing.Section("dashboard", title, "nobody", rows, _NOTE)]


def _sign_in(stage: Stage, repository: object, login: str) -> str:
    """Sign a person in by the simulated GitHub; return the cookie."""
    world = stage.world
    world.grant(repository, world.add_user(login).login, "read")  # type: ignore[arg-type]
    with httpx.Client(timeout=30) as browser:
        asked = browser.get(f"{stage.dashboard}/sign-in/github")
        said = browser.get(f"{asked.headers['location']}&as={login}")
        browser.get(said.headers["location"])
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


@contextmanager
def _reading(stage: Stage, cookies: list[str]) -> Iterator[None]:
    """Have another process read the log of the next run, as all streams of all people."""
    argv = [
        sys.executable,
        "-m",
        "tests.bench.dashboard",
        stage.dashboard,
        str(stage.home / "runs"),
    ]
    reader = subprocess.Popen([*argv, *cookies], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    reader.stdout.readline()
    try:
        yield
    finally:
        reader.terminate()
        told = reader.communicate()[0]
        if f"{PEOPLE * STREAMS} streams" not in told:
            raise AssertionError(f"the readers did not read: {told}")


@contextmanager
def _visiting(operator: httpx.Client, pages: dict[str, list[float]]) -> Iterator[None]:
    """Look at pages meanwhile."""
    over = threading.Event()

    def visit() -> None:
        time.sleep(1)
        for path in _PATHS:
            begun = time.monotonic()
            with operator.stream("GET", path) as answer:
                pages[path].append(time.monotonic() - begun)
                answer.raise_for_status().read()
            over.wait(0.2)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield
    finally:
        over.set()
        visitor.join()


# --- the process that reads ----------------------------------------------------------------------


def _await_run(runs: Path) -> str:
    """Return the id of the next run that begins."""
    known = {one.name for one in runs.iterdir()}
    print("ready", flush=True)
    while not (new := {one.name for one in runs.iterdir()} - known):
        time.sleep(0.05)
    return new.pop()


async def _read(url: str, run_id: str, cookies: list[str]) -> None:
    """Read the log of a run by all streams."""
    parts = urlsplit(url)
    opened = 0

    async def follow(cookie: str) -> None:
        nonlocal opened
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"GET /runs/{run_id}/log/events HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        writer.write(f"{head}Cookie: {cookie}\r\n\r\n".encode())
        status = (await reader.readline()).decode().strip()
        opened += " 200 " in status
        print(f"{opened} streams; {status}", flush=True)
        while await reader.read(65_536):
            pass

    await asyncio.gather(*(follow(cookie) for cookie in cookies for _ in range(STREAMS)))
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(_read(sys.argv[1], _await_run(Path(sys.argv[2])), sys.argv[3:]))
