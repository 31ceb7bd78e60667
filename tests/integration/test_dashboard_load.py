"""The dashboard with 10,000 runs in the store and fifty readers of live logs."""

from __future__ import annotations

import os
import random
import re
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from agent.dashboard import links
from agent.store.sql_store import SqlStore
from tests.integration.test_dashboard_browser import AppClient, serving_dashboard
from tests.unit.dashboard import made_runs

pytestmark = pytest.mark.deep
RUNS, READERS = 10_000, 50
MOST_BYTES, MOST_SHARE = 1_000_000, 0.15
ROUNDS = 5


def used_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sign_in(home: Path, url: str) -> httpx.Cookies:
    code = links.make_link(home, url).rpartition("=")[2]
    answer = httpx.post(f"{url}/sign-in/once", data={"code": code})
    assert answer.status_code == 303
    return answer.cookies


def test_pages_come_at_once_beside_fifty_live_logs(tmp_path):
    with closing(SqlStore(tmp_path)) as store:
        made_runs.fill(store, RUNS)
        (active, *_) = [one for one in store.list_latest(6) if one.started_at]
        over = store.list_latest(30)[-1]
        folder = made_runs.write_folder(tmp_path, active.run, None, time.time())
        made_runs.write_folder(tmp_path, over.run, over.outcome, time.time())
        with serving_dashboard(tmp_path, "http://127.0.0.1:1", AppClient()) as (url, pid):
            # A person has five sessions, and each of them ten streams.
            sessions = [sign_in(tmp_path, url) for _ in range(READERS // 10)]
            client = httpx.Client(base_url=url, cookies=sessions[0], timeout=60)
            repository = over.run.snapshot.issue.repository
            paths = (
                "/", "/?text=nick&sort=costliest&page=3", f"/runs/{active.run.run_id}",
                f"/runs/{over.run.run_id}/changes", "/repositories",
                f"/repositories/{repository}", "/queue", "/statistics?range=all",
                "/statistics/acceptance.svg?range=all",
            )  # fmt: skip
            for path in paths:  # what is read once, and drawn once
                assert client.get(path).status_code == 200, path
            heard, stop = [0] * READERS, threading.Event()

            def listen(number: int) -> None:
                with httpx.Client(base_url=url, cookies=sessions[number // 10], timeout=60) as own:
                    path = f"/runs/{active.run.run_id}/log/events"
                    with own.stream("GET", path) as answer:
                        for line in answer.iter_lines():
                            heard[number] += line.startswith("data: ")
                            if stop.is_set():
                                return

            readers = [
                threading.Thread(target=listen, args=(number,), daemon=True)
                for number in range(READERS)
            ]
            for reader in readers:
                reader.start()
            begun, used = time.monotonic(), used_seconds(pid)
            slowest: dict[str, float] = {}
            for _ in range(ROUNDS):
                with (folder / "run.log").open("a") as log:
                    log.writelines(f"line {random.random()}\n" for _ in range(20))
                for path in paths:
                    asked = time.monotonic()
                    with client.stream("GET", path) as answer:
                        first = time.monotonic() - asked
                        size = len(answer.read())
                    assert size < MOST_BYTES, path
                    slowest[path] = min(slowest.get(path, 9.0), first)
                time.sleep(1)
            share = (used_seconds(pid) - used) / (time.monotonic() - begun) / (os.cpu_count() or 1)
            stop.set()
            with (folder / "run.log").open("a") as log:
                log.write("the last line\n")
            for reader in readers:
                reader.join(20)
            client.close()
            print({re.sub(r"[0-9]{8}-\S{20,}", "RUN", k): round(v, 3) for k, v in slowest.items()})
            print(f"share of all processors: {share:.1%}")
            assert min(heard) >= 60 + 20 * (ROUNDS - 1)
            assert share < MOST_SHARE
