"""The folder of a run in the database of a fleet, also while the connection fails."""

import os
from contextlib import closing, contextmanager

import pytest
from typer.testing import CliRunner

from agent.cli import runs
from agent.desk import Desk
from agent.errors import StoreUnavailable, Superseded
from agent.runs import executor
from agent.settings import Settings
from agent.store import sql_run_files
from agent.store.sql_run_files import SqlRunFiles
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry import signature
from agent.telemetry.run_events import FILE_NAME, RunEvents
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
        return RunEvents(folder / FILE_NAME, copy.store)

    def stored(self):
        return self.files.read(self.run_id, FILE_NAME)


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setattr(sql_run_files, "_PAUSES", ())
    with closing(SqlRunStore(tmp_path)) as store:
        yield Fleet(store)


@pytest.mark.parametrize("fault", ["down", "cut after the commit"])
@pytest.mark.parametrize("machine", ["same", "another"])
def test_the_events_stay_whole_when_a_write_of_them_fails(fleet, tmp_path, fault, machine):
    fleet.fault = fault
    events = fleet.carry(tmp_path / "same")
    events.append("read ticket", "started")
    with pytest.raises(StoreUnavailable):
        events.store()
    fleet.fault = ""
    events = fleet.carry(tmp_path / machine)
    assert events.unfinished["read ticket"] == (fault != "down")
    events.append("run", "ended")
    events.store()
    assert fleet.stored() == (tmp_path / machine / FILE_NAME).read_bytes()


@pytest.mark.parametrize("fault", ["down", "cut after the commit"])
def test_whole_lines_are_stored_each_once(fleet, tmp_path, fault):
    events, path = fleet.carry(tmp_path / "same"), tmp_path / "same" / FILE_NAME
    events.append("triage", "started")
    fleet.fault = fault
    with pytest.raises(StoreUnavailable):
        events.store()
    fleet.fault = ""
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"event": "half')  # as another thread is writing it
    events.store()
    assert fleet.stored() == whole
    path.write_bytes(whole + b'{"event": "half"}\n')
    events.store()
    assert fleet.stored() == path.read_bytes()


def test_an_old_copy_that_is_shown_again_stays(fleet, tmp_path):
    events = fleet.carry(tmp_path / "run")
    events.append("run", "began")
    events.store()
    copy = tmp_path / "copies" / "r1"
    for _ in range(2):
        fleet.files.show(fleet.run_id, copy)
        assert (copy / FILE_NAME).exists()
        os.utime(copy, (0, 0))


def test_files_are_stored_again_while_the_database_is_away(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(sql_run_files, "_PAUSES", (0.5,))
    monkeypatch.setattr(sql_run_files.time, "sleep", lambda seconds: setattr(fleet, "fault", ""))
    copy = fleet.files.open(fleet.run_id, tmp_path)
    (tmp_path / "change.patch").write_bytes(b"diff")
    fleet.fault = "down"
    copy.store()
    assert fleet.files.read(fleet.run_id, "change.patch") == b"diff"


def test_a_run_whose_end_cannot_be_stored_is_not_over(fleet, tmp_path):
    class Host(FakeCodeHost):
        def read_ticket(self, run):
            raise Superseded("The issue was closed.")

        def report_outcome(self, run, outcome, text, *, occasion):
            fleet.fault = faults.pop()
            return super().report_outcome(run, outcome, text, occasion=occasion)

    def compose(**own):
        return Desk(settings, Host(None), sandbox=None, index=None, **own)

    settings, faults = Settings(home=tmp_path), ["", "down"]
    keeper, stored = FakeKeeper(files=fleet.files), make_stored_run(run(1), worker=None)
    given = stored, keeper, settings, compose, lambda name, attempt: attempt()
    with pytest.raises(StoreUnavailable):
        executor.execute_run(*given)
    fleet.fault = ""
    executor.execute_run(*given)
    assert fleet.stored() == (tmp_path / "runs" / fleet.run_id / FILE_NAME).read_bytes()
    assert fleet.files.read(fleet.run_id, "pull_request.md")


@pytest.mark.deep
def test_any_machine_of_a_fleet_exports_the_signed_log_of_a_run(tmp_path, postgresql, monkeypatch):
    url, there = postgresql.create_database(), tmp_path / "there"
    there.mkdir()
    with closing(SqlRunStore(there, url)) as store:
        store.add_run(run(1), 1.0)
        copy = store.files.open("r1", there)
        RunEvents(there / FILE_NAME).append("run", "ended")
        key = signature.load_key(Settings(home=tmp_path))
        signature.sign_run(there, key)
        copy.store()
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("MERGEWRIGHT_DATABASE_URL", url)
    done = CliRunner().invoke(runs.app, ["export", "r1", str(tmp_path / "r1.zip")])
    assert done.exit_code == 0, done.output
    assert signature.verify_run(tmp_path / "r1.zip", signature.name_key(key))[1] == ()
