"""Trouble of disk, database, time and versions: nothing is lost, nothing ends for it."""

import json
import os
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from agent.errors import SandboxLost, SandboxMissing, StorageFull, StoreUnavailable
from agent.models.run import RunState, Wait
from agent.models.sandbox import SandboxRequest
from agent.runs.waiting import RunPostponed
from agent.sandbox import running
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.store.engine import FILE_NAME as ENGINE
from tests.integration.dispatching import done, services
from tests.integration.small_disks import fill, small_disk
from tests.run_samples import run

__all__ = ["services", "small_disk"]


def whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_PF3_a_disk_that_is_full_when_a_step_is_recorded_holds_the_run_up_until_it_is_free(
    services, small_disk
):
    disk = small_disk(8)
    asked, inside, go = [], threading.Event(), threading.Event()

    def carry(stored, remember, _):
        def long() -> str:
            asked.append("long")
            inside.set()
            go.wait(30)
            return json.dumps("x" * 400_000)

        try:
            remember("long", long)
        except StorageFull as problem:
            wait = Wait(reason=problem.message, until=time.time(), begin_with="long")
            raise RunPostponed(wait) from problem
        remember("next", lambda: asked.append("next") or "2")
        return done(stored)

    one = services(disk, carry)
    one.store.add_run(run(1), 1.0)
    one.until(inside.is_set)
    filling = fill(disk)
    go.set()
    time.sleep(3)
    for _ in range(20):
        with suppress(StorageFull, StoreUnavailable):
            one.dispatcher.run_once()
        time.sleep(0.05)
    assert asked == ["long"]
    assert not one.over(), "it waits"
    assert one.runner.disk_wait is not None, "which its worker is asked for"
    filling.unlink()
    one.until(one.over)
    assert one.runner.disk_wait is None
    assert asked == ["long", "long", "next"], "only what has no record is done again"
    assert one.store.get_run("r1").state is RunState.OPEN
    assert whole(disk / ENGINE)
    assert whole(one.store.path)


def test_PF4_a_run_whose_row_is_no_run_is_ended_alone(services, home):
    one = services(home, done)
    for number in (1, 2):
        one.store.add_run(run(number, number), float(number))
    with closing(sqlite3.connect(one.store.path)) as connection, connection:
        connection.execute("UPDATE runs SET run = '{\"half' WHERE run_id = 'r1'")
    one.until(lambda: one.over("r2"))
    assert one.store.get_run("r2").state is RunState.OPEN
    assert "r1" not in one.store.list_active_ids()


FAKES = {
    "hangs": "#!/bin/sh\nexec sleep 300\n",
    "dies": "#!/bin/sh\nexit 0\n",
    "is too old": "#!/bin/sh\necho bwrap: Unknown option --disable-userns >&2\nexit 1\n",
}


@pytest.mark.parametrize("kind", ["missing", "is too old", "dies"])
def test_PF7_a_sandbox_program_that_does_not_work_is_no_result_and_runs_nothing_here(
    kind, home, tmp_path, monkeypatch
):
    tools, mark = tmp_path / "bin", tmp_path / "ran"
    tools.mkdir()
    if kind != "missing":
        (tools / "bwrap").write_text(FAKES[kind])
        (tools / "bwrap").chmod(0o755)
        tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    order = SandboxRequest(argv=("/usr/bin/touch", str(mark)))
    with pytest.raises((SandboxMissing, SandboxLost)):
        BubblewrapSandbox(Settings(home=home)).run(order)
    assert not mark.exists()


def test_PF7_a_sandbox_that_hangs_while_it_is_opened_is_taken_down(home, monkeypatch):
    tools = home / "bin"
    tools.mkdir(mode=0o755)
    (tools / "bwrap").write_text(FAKES["hangs"])
    (tools / "bwrap").chmod(0o755)
    monkeypatch.setattr(running, "_OPENING_SECONDS", 1.0)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    with pytest.raises((SandboxMissing, SandboxLost)):
        BubblewrapSandbox(Settings(home=home)).run(SandboxRequest(argv=("/bin/true",)))
