"""The inbox: what is the same, what is on disk, who may write."""

import os
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from agent.errors import SettingsInvalid, StoreUnusable
from agent.models.ticket import Delivery
from agent.store.sql_inbox import Inbox, Receipt

DAY = 86_400.0
NOW = 1_800_000_000.0


def delivery(name: str, **changed) -> Delivery:
    fields = {
        "delivery_id": name,
        "event": "issues",
        "received_at": NOW,
        "body": name.encode(),
    }
    return Delivery(**(fields | changed))


@pytest.fixture
def inbox(tmp_path, database_url):
    opened = Inbox(tmp_path, database_url)
    yield opened
    opened.close()


@pytest.fixture
def in_file(tmp_path):
    opened = Inbox(tmp_path)
    yield opened
    opened.close()


def kept(receipts: tuple[Receipt, ...]) -> list[str]:
    return [receipt.status for receipt in receipts]


def ids(inbox: Inbox) -> list[str]:
    return [one.delivery_id for one in inbox.list_unread(99)]


def test_WH3_the_same_delivery_id_is_taken_once(inbox):
    assert kept(inbox.append([delivery("a"), delivery("a"), delivery("b")])) == [
        "accepted", "duplicate", "accepted",
    ]  # fmt: skip
    assert kept(inbox.append([delivery("b"), delivery("c")])) == ["duplicate", "accepted"]
    assert ids(inbox) == ["a", "b", "c"]


def test_WH3_after_a_restart_and_after_thirty_days_it_is_still_known(tmp_path):
    first = Inbox(tmp_path)
    first.append([delivery("a")])
    first.record_decision("a", "run", "")
    first.close()
    second = Inbox(tmp_path)
    second.prune(NOW + 31 * DAY)
    assert kept(second.append([delivery("a"), delivery("b")])) == ["duplicate", "accepted"]
    second.close()


def test_pruning_removes_what_is_settled_and_old(inbox):
    inbox.append([delivery("unread"), delivery("settled")])
    inbox.record_decision("settled", "run", "")
    assert inbox.prune(NOW + 31 * DAY) == 0
    assert inbox.prune(NOW + 36 * DAY) == 1
    assert inbox.find("settled") is None
    assert inbox.list_unread(99)[0].body == b"unread"


def test_a_damaged_file_is_refused(tmp_path):
    inbox = Inbox(tmp_path)
    inbox.append([delivery(f"d{n}", body=os.urandom(20_000)) for n in range(20)])
    inbox.close()
    path = tmp_path / "inbox.sqlite"
    whole = bytearray(path.read_bytes())
    whole[8192:32768] = b"\xaa" * (32768 - 8192)
    path.write_bytes(whole)
    with pytest.raises(StoreUnusable, match="is damaged"):
        Inbox(tmp_path)


def test_a_file_that_was_taken_away_gives_no_false_receipt(in_file):
    in_file.append([delivery("a")])
    in_file.path.rename(in_file.path.with_name("elsewhere"))
    with pytest.raises(StoreUnusable, match="removed or replaced"):
        in_file.append([delivery("b")])
    with pytest.raises(StoreUnusable, match="removed or replaced"):
        in_file.prove_writable()


def test_nobody_else_may_read_it(in_file):
    in_file.append([delivery("a")])
    for path in in_file.path.parent.glob("inbox.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_every_append_is_synced(in_file):
    with in_file._database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "inbox.sqlite").symlink_to(tmp_path / "target")
    with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_HOME"):
        Inbox(tmp_path)
    assert not (tmp_path / "target").exists()


def test_a_second_inbox_of_a_process_takes_no_lock_from_the_first(tmp_path):
    with closing(Inbox(tmp_path)) as first:
        assert first.count_unread() == (0, None)
        log = first.path.with_name(f"{first.path.name}-wal")
        before = log.stat().st_ino
        Inbox(tmp_path).close()
        # Whoever closes the file last removes the log that others would go on writing to.
        look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        look += "print(c.execute('SELECT count(*) FROM deliveries').fetchone()[0]); c.close()"
        told = subprocess.run(
            [sys.executable, "-c", look, first.path], capture_output=True, timeout=30, check=True
        )
        assert told.stdout == b"0\n"
        assert log.exists()
        assert log.stat().st_ino == before
