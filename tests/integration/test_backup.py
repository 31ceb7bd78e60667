"""`mergewright backup` while the service writes, and `mergewright restore`."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import SettingsInvalid, StorageFull
from agent.models.outcome import Outcome
from agent.models.run import Reason
from agent.models.ticket import Delivery
from agent.service import backup
from agent.store import sql_inbox
from agent.store.engine import FILE_NAME as ENGINE
from agent.store.engine import Engine, EngineStatus, Segment
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry import ledger
from agent.telemetry.ledger import Ledger
from tests.folders import lay_files
from tests.integration.run_samples import run
from tests.integration.small_disks import small_disk
from tests.processes import of_home, run_agent, wait_until

__all__ = ["small_disk"]


def delivery(number: int) -> Delivery:
    return Delivery(
        delivery_id=f"d{number}", event="issues", action="labeled", content_key=f"k{number}",
        received_at=time.time(), body=b"{}",
    )  # fmt: skip


def work(home: Path, number: int) -> None:
    """Do with one delivery what listener, intake and dispatch do, in their order."""
    with closing(Inbox(home)) as inbox, closing(SqlRunStore(home)) as store:
        inbox.append([delivery(number)])
        store.add_run(run(number), float(number), delivery_id=f"d{number}")
        inbox.settle(f"d{number}", "accepted", f"r{number}")
        folder = home / "runs" / f"r{number}"
        folder.mkdir(parents=True)
        told = Ledger(folder / "ledger.jsonl", f"r{number}")
        for step in range(5):
            told.append(f"s{step}", 1, "started")
        (folder / "run.log").write_text("a line\n")
        store.finish_run(
            f"r{number}", Outcome.for_stopped_run(f"r{number}", Reason.UNCLEAR, "x"), 9.0
        )


@pytest.fixture
def filled(home: Path) -> Path:
    data = home / "data"
    data.mkdir()
    for number in (1, 2, 3):
        work(data, number)
    for name in ("mirrors/m.git/HEAD", "environments/ready/e/x", "baselines/b.json", "trees/t/a"):
        lay_files(data, {name: "a cache"})
    (data / "app.pem").write_text("a secret")
    (data / "runs" / "r1" / "run.new").write_text("half")
    return data


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_agent(*words, environ=of_home(home), timeout=60)


def repacked(file: Path, change, out: Path) -> Path:
    """Write an archive anew, each file changed or left out."""
    with tarfile.open(file) as old, tarfile.open(out, "w:gz") as new:
        for member in old:
            content = change(member, old.extractfile(member).read())
            if content is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    return out


def test_everything_that_cannot_be_made_again_comes_back_and_nothing_else(filled, home):
    file, back = home / "b.tar.gz", home / "back"
    made = command(filled, "backup", str(file), "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert (told["runs"], told["tables"]["inbox.sqlite"]) == (3, sql_inbox.VERSION)
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        names = archive.getnames()
        assert names[-1] == "manifest.json"
        assert not [name for name in names if b"a secret" in archive.extractfile(name).read()]
    assert {name.split("/")[0] for name in names} == {
        "inbox.sqlite", "mergewright.sqlite", "runs", "manifest.json",
    }  # fmt: skip
    done = command(back, "restore", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert sorted(one.name for one in back.iterdir()) == [
        "inbox.sqlite", "mergewright.sqlite", "runs",
    ]  # fmt: skip
    with closing(SqlRunStore(back)) as store, closing(Inbox(back)) as inbox:
        assert {one.run.run_id for one in store.list_latest(9)} == {"r1", "r2", "r3"}
        assert inbox.find("d2").outcome == "accepted"
    assert (back / "runs" / "r3" / "run.log").read_text() == "a line\n"
    for path in back.rglob("*"):
        if path.is_file() and path.suffix not in (".sqlite-wal", ".sqlite-shm"):
            assert path.stat().st_mode & 0o077 == 0, path
    shown = command(back, "runs", "list", "--json")
    assert shown.returncode == 0
    assert "r3" in shown.stdout


def test_a_copy_made_while_the_service_writes_is_consistent(home):
    data, stop, made = home / "data", threading.Event(), []
    data.mkdir()
    work(data, 0)

    def write() -> None:
        number = 1
        while not stop.is_set():
            work(data, number)
            number += 1
        made.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    files = []
    try:
        for number in range(2):
            time.sleep(0.3)
            files.append(home / f"{number}.tar.gz")
            backup.make(data, files[-1])
    finally:
        stop.set()
        writer.join(30)
    assert made[0] > 2
    for number, file in enumerate(files):
        back = home / f"back-{number}"
        backup.restore(back, file)
        with closing(SqlRunStore(back)) as store, closing(Inbox(back)) as inbox:
            there = {one.run.run_id: one for one in store.list_latest(10_000)}
            for unread in inbox.list_unread():
                inbox.settle(unread.delivery_id, "seen", "")
            settled = [f"d{n}" for n in range(made[0]) if inbox.find(f"d{n}")]
            accepted = [one for one in settled if inbox.find(one).outcome == "accepted"]
        assert accepted
        assert all(f"r{one[1:]}" in there for one in accepted), "each settled one has its run"
        for run_id, one in there.items():
            folder = back / "runs" / run_id
            if one.outcome is not None:
                whole = list(ledger.verify_ledger((folder / "ledger.jsonl").read_bytes(), run_id))
                assert whole == [ledger.END_MISSING], "only that is not written here"
            Ledger(folder / "ledger.jsonl", run_id).close()


def test_records_of_the_engine_come_back_so_that_nothing_is_done_again(home):
    data, back, asked = home / "data", home / "back", []
    data.mkdir()
    hold = threading.Event()

    def carry(run_id, remember):
        told = remember("first", lambda: asked.append("first") or "1")
        return told + remember("second", lambda: asked.append("second") or str(hold.wait(20)))

    SqlRunStore(data).close()
    one = Segment(run_id="r1")
    engine = Engine(data, carry)
    engine.launch()
    engine.begin(one)
    wait_until(lambda: "second" in asked)
    backup.make(data, home / "b.tar.gz")
    hold.set()
    engine.drain(10)
    engine.close()
    backup.restore(back, home / "b.tar.gz")
    engine = Engine(back, carry)
    engine.launch()
    engine.begin(one)
    try:
        wait_until(lambda: engine.read_status(one)[0] is not EngineStatus.ALIVE)
        assert engine.read_status(one) == (EngineStatus.ENDED, "1True")
    finally:
        engine.close()
    assert asked == ["first", "second", "second"]


def test_PF3_a_full_disk_leaves_no_half_archive(filled, home, small_disk):
    (filled / "runs" / "r1" / "run.log").write_bytes(os.urandom(2 * 1024**2))
    disk = small_disk(1)
    with pytest.raises(StorageFull, match="full|space"):
        backup.make(filled, disk / "b.tar.gz")
    assert list(disk.iterdir()) == []


@pytest.fixture
def archive(filled, home) -> Path:
    backup.make(filled, home / "b.tar.gz")
    return home / "b.tar.gz"


def renamed(name):
    def rename(member, content):
        if member.name == "runs/r1/run.log":
            member.name = name
        return content

    return rename


def linked(member, content):
    if member.name == "runs/r1/run.log":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return content


@pytest.mark.parametrize(
    "change",
    [renamed("runs/../../evil"), renamed("app.pem"), linked],
    ids=["elsewhere", "a foreign name", "a link"],
)
def test_an_archive_that_was_changed_is_refused_and_nothing_laid_out(archive, home, change):
    file = repacked(archive, change, home / "changed.tar.gz")
    with pytest.raises(SettingsInvalid, match=str(file)):
        backup.restore(home / "back", file)
    assert list((home / "back").iterdir()) == []
    assert not (home / "evil").exists()


@pytest.mark.parametrize("name", ["inbox.sqlite", "mergewright.sqlite", ENGINE])
def test_PF8_a_backup_with_other_tables_is_refused(archive, home, name):
    def other(member, content):
        if member.name != "manifest.json":
            return content
        told = json.loads(content)
        told["tables"][name] = "99"
        return json.dumps(told).encode()

    file = repacked(archive, other, home / "changed.tar.gz")
    with pytest.raises(SettingsInvalid, match=f"other tables in {name}"):
        backup.restore(home / "back", file)
    assert list((home / "back").iterdir()) == []
