"""The folder of a run in the database of a fleet, whatever becomes of the connection."""

import zipfile
from contextlib import closing, contextmanager

import pytest
from typer.testing import CliRunner

from agent.cli import runs
from agent.desk import Desk
from agent.errors import StoreUnavailable, Superseded
from agent.models.step import Step
from agent.runs import executor
from agent.settings import Settings
from agent.store import sql_run_files
from agent.store.sql_run_files import SqlRunFiles
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry.ledger import FILE_NAME, Ledger, verify_ledger
from tests.fakes import FakeCodeHost, FakeKeeper, make_stored_run
from tests.run_samples import run


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
def fleet(tmp_path, monkeypatch):
    monkeypatch.setattr(sql_run_files, "_PAUSES", ())
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


def test_a_step_ends_only_when_its_files_are_stored(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(sql_run_files, "_PAUSES", (0.5,))
    monkeypatch.setattr(sql_run_files.time, "sleep", lambda seconds: setattr(fleet, "fault", ""))
    copy = fleet.files.open(fleet.run_id, tmp_path)
    (tmp_path / "change.patch").write_bytes(b"diff")
    fleet.fault = "down"
    copy.ended(Step.EDIT, 1.0, ok=True)
    assert fleet.files.read(fleet.run_id, "change.patch") == b"diff"


def test_a_run_whose_end_cannot_be_stored_is_not_over(fleet, tmp_path):
    class Host(FakeCodeHost):
        def read_ticket(self, run):
            raise Superseded("The issue was closed.")

        def report_outcome(self, run, outcome, text, *, occasion):
            fleet.fault = faults.pop()
            return super().report_outcome(run, outcome, text, occasion=occasion)

    def compose(*, record_write, count, **own):
        return Desk(settings, Host(None), sandbox=None, index=None, **own)

    settings, faults = Settings(home=tmp_path), ["", "down"]
    keeper, stored = FakeKeeper(files=fleet.files), make_stored_run(run(1), command=None)
    given = stored, keeper, settings, compose, lambda name, attempt: attempt()
    with pytest.raises(StoreUnavailable):
        executor.execute_run(*given)
    fleet.fault = ""
    executor.execute_run(*given)
    assert list(verify_ledger(fleet.stored(), fleet.run_id)) == []
    assert fleet.files.read(fleet.run_id, "pull_request.md")


@pytest.mark.deep
def test_any_machine_of_a_fleet_exports_the_signed_log_of_a_run(tmp_path, postgresql, monkeypatch):
    url, there = postgresql.create_database(), tmp_path / "there"
    there.mkdir()
    with closing(SqlRunStore(there, url)) as store:
        store.add_run(run(1), 1.0)
        copy = store.files.open("r1", there)
        ledger = Ledger(there / FILE_NAME, "r1", store=copy.store_ledger)
        ledger.begin()
        ledger.end()
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("MERGEWRIGHT_DATABASE_URL", url)
    done = CliRunner().invoke(runs.app, ["log", "r1", "--signed", str(tmp_path / "r1.zip")])
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(tmp_path / "r1.zip") as exported:
        assert list(verify_ledger(exported.read(FILE_NAME), "r1")) == []
