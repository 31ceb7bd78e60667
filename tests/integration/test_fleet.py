"""Several workers on one PostgreSQL: who dies or stands still loses its runs once, to one other."""

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import SettingsInvalid, StoreUnavailable, StoreUnusable
from agent.models.ticket import Delivery
from agent.store.sql_inbox import Inbox
from agent.store.sql_leases import EXIT_FENCED
from agent.store.sql_run_store import SqlRunStore
from tests.processes import wait_until
from tests.run_samples import run

pytestmark = pytest.mark.deep
ROOT = Path(__file__).parents[2]
#: A fifth of what is usual.
LEASE = 6.0


class Fleet:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.lease_seconds = folder, url, LEASE
        self.store = SqlRunStore(folder, url)
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, fault: str = "") -> subprocess.Popen[bytes]:
        arguments = [self.url, str(self.folder), name, str(self.lease_seconds), "1.0", "2", fault]
        self.workers[name] = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.fleet_worker", *arguments],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        self.wait(lambda: f"{name} works" in self.words())
        return self.workers[name]

    def words(self) -> list[str]:
        said = self.folder / "said"
        return said.read_text().splitlines() if said.exists() else []

    def wait(self, true) -> None:
        wait_until(true, 60, show=self.words)

    def over(self) -> bool:
        return not self.store.list_active_ids()

    def wrote(self) -> Counter[str]:
        """Count how often each step has written, over all workers."""
        words = (line.split(maxsplit=1)[1] for line in self.words())
        return Counter(word for word in words if word.startswith("wrote"))

    def close(self) -> None:
        for worker in self.workers.values():
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
                worker.wait()
        self.store.close()


@pytest.fixture
def fleet(tmp_path, postgresql):
    with closing(Fleet(tmp_path, postgresql.create_database())) as made:
        yield made


def test_what_a_killed_worker_held_is_taken_over_once_and_goes_on_with_its_step(fleet):
    for name in "abc":
        fleet.start(name)
    fleet.store.add_run(run(1, 7), 1.0)
    fleet.wait(lambda: any(line.endswith("began r1 2") for line in fleet.words()))
    first = fleet.words()[-1][0]
    fleet.workers[first].kill()
    fleet.wait(fleet.over)
    begun = [line for line in fleet.words() if " began " in line]
    other = begun[2][0]
    assert begun == [
        f"{first} began r1 1", f"{first} began r1 2", f"{other} began r1 2", f"{other} began r1 3",
    ]  # fmt: skip


@pytest.mark.parametrize(("fault", "times"), [("", 1), ("fence", 2)])
def test_who_stood_still_for_longer_than_its_lease_writes_nothing_any_more(fleet, fault, times):
    stopped = fleet.start("a", fault)
    fleet.store.add_run(run(1, 7), 1.0)
    fleet.wait(lambda: "a began r1 1" in fleet.words())
    stopped.send_signal(signal.SIGSTOP)
    fleet.start("b")
    fleet.wait(lambda: "b wrote r1 1" in fleet.words())
    stopped.send_signal(signal.SIGCONT)
    fleet.wait(fleet.over)
    if not fault:
        assert stopped.wait(10) == EXIT_FENCED
    else:
        fleet.wait(lambda: "a wrote r1 1" in fleet.words())
    assert fleet.wrote()["wrote r1 1"] == times, "a broken fence is noticed"


def test_a_worker_that_is_cut_off_ends_before_its_lease_does(fleet, postgresql):
    worker = fleet.start("a")
    postgresql.stop()
    try:
        assert worker.wait(LEASE) == EXIT_FENCED
    finally:
        postgresql.start()


def test_who_was_at_work_first_leads_until_it_leaves(tmp_path, postgresql):
    url = postgresql.create_database()
    with closing(SqlRunStore(tmp_path, url)) as store:
        first, second = (store.acquire_worker_lease(30.0, key="") for _ in range(2))
        second.set_ready(ready=True)
        assert (first.leads(), second.leads()) == (False, True), "the first is still to begin"
        first.set_ready(ready=True)
        assert (first.leads(), second.leads()) == (False, True), "it may be at a delivery"
        second.set_ready(ready=False)
        assert (first.leads(), second.leads()) == (True, False)
        second.set_ready(ready=True)
        first.release()
        assert (first.leads(), second.leads()) == (False, True)


def test_a_worker_that_signs_with_another_key_is_refused_until_the_others_are_stopped(
    tmp_path, postgresql
):
    with closing(SqlRunStore(tmp_path, postgresql.create_database())) as store:
        old = [store.acquire_worker_lease(30.0, key="old") for _ in range(2)]
        with pytest.raises(SettingsInvalid, match="stop all workers first"):
            store.acquire_worker_lease(30.0, key="new")
        for one in old:
            one.release()
        store.acquire_worker_lease(30.0, key="new")


def test_who_is_asked_to_end_hands_its_runs_over_at_once(fleet):
    fleet.lease_seconds = 3600.0  # for whose end no test could wait
    leaving = fleet.start("a")
    fleet.start("b")
    for number in (1, 2, 3, 4):
        fleet.store.add_run(run(number, number), float(number))
    fleet.wait(lambda: sum(" began " in line for line in fleet.words()) == 4)
    leaving.send_signal(signal.SIGTERM)
    assert leaving.wait(20) == os.EX_OK
    fleet.wait(fleet.over)
    assert set(fleet.wrote().values()) == {1}
    assert fleet.words()[-1].startswith("b ")


def test_the_role_of_listeners_adds_deliveries_and_reads_nothing_of_runs(tmp_path, postgresql):
    url = postgresql.create_database()
    for one in (Inbox(tmp_path, url), SqlRunStore(tmp_path, url)):
        one.close()
    readme = (ROOT / "deploy/README.md").read_text()
    for statement in readme.partition("```sql")[2].partition("```")[0].split(";")[:-1]:
        postgresql.execute(statement, url.rpartition("/")[2])
    with closing(Inbox(tmp_path, url.replace("postgres@", "listener@"))) as inbox:
        inbox.prove_writable()
        one = Delivery(delivery_id="1", event="issues", received_at=1.0, body=b"{}")
        assert [receipt.status for receipt in inbox.append([one])] == ["accepted"]
        assert [receipt.status for receipt in inbox.append([one])] == ["duplicate"]
        assert (inbox.count_unread()[0], inbox.read_last_beat()) == (1, None)
        with pytest.raises(StoreUnavailable):
            inbox.record_decision("1", "done", "")
    with pytest.raises((StoreUnavailable, StoreUnusable)):
        SqlRunStore(tmp_path, url.replace("postgres@", "listener@")).get_run("x")
