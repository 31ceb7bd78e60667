"""The ledger of a run in the database of a fleet, whatever becomes of the connection."""

from __future__ import annotations

from contextlib import closing, contextmanager

import pytest

from agent.errors import StoreUnavailable
from agent.store.sql_run_files import SqlRunFiles
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry.ledger import FILE_NAME, Ledger, verify_ledger
from tests.integration.run_samples import run


class Fleet:
    """Machines that keep a run's folder in one database; `fault` is what happens to a write."""

    def __init__(self, store: SqlRunStore) -> None:
        self.fault = ""
        self._database = store._database
        self._write = self._database.write
        self._database.write = self._faulty
        self.files = SqlRunFiles(self._database)
        self.run_id = run(1).run_id

    @contextmanager
    def _faulty(self):
        if self.fault == "down":
            raise StoreUnavailable(self.fault)
        with self._write() as session:
            yield session
        if self.fault == "cut after the commit":
            raise StoreUnavailable(self.fault)

    def carry(self, folder):
        folder.mkdir(exist_ok=True)
        copy = self.files.open(self.run_id, folder)
        return Ledger(folder / FILE_NAME, self.run_id, store=copy.store_ledger)

    def stored(self):
        return self.files.read(self.run_id, FILE_NAME)


@pytest.fixture
def fleet(tmp_path):
    with closing(SqlRunStore(tmp_path)) as store:
        yield Fleet(store)


@pytest.mark.parametrize("fault", ["down", "cut after the commit"])
@pytest.mark.parametrize("machine", ["same", "another"])
def test_the_ledger_stays_whole_when_a_write_of_it_fails(fleet, tmp_path, fault, machine):
    fleet.fault = fault
    ledger = fleet.carry(tmp_path / "same")
    ledger.begin()
    with pytest.raises(StoreUnavailable):
        ledger.started("read ticket", 1.0, wait=True)
    fleet.fault = ""
    ledger = fleet.carry(tmp_path / machine)
    ledger.begin()
    ledger.end()
    assert list(verify_ledger(fleet.stored(), fleet.run_id)) == []


@pytest.mark.parametrize("fault", ["down", "cut after the commit"])
def test_who_goes_on_after_a_failed_write_stores_each_line_once(fleet, tmp_path, fault):
    ledger = fleet.carry(tmp_path / "same")
    ledger.begin()
    fleet.fault = fault
    ledger.append("triage", 1, "started")
    fleet.fault = ""
    ledger.end()
    assert fleet.stored() == (tmp_path / "same" / FILE_NAME).read_bytes()
    assert list(verify_ledger(fleet.stored(), fleet.run_id)) == []
