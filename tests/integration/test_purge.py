"""What is deleted of a repository, a person or old runs, and what is proved of them afterwards."""

import json
import time
from contextlib import closing
from unittest.mock import Mock

import pytest
import sqlalchemy
from pydantic import SecretStr
from typer.testing import CliRunner

from agent.cli.main import app
from agent.errors import StorageFull
from agent.models.outcome import Outcome, PullRequest
from agent.models.record import replace
from agent.models.run import Reason, RunState
from agent.models.ticket import Delivery, Guidance
from agent.service import purge
from agent.service.clean_up import Cleaner
from agent.settings import Settings
from agent.store.engine import Engine, Segment
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import GuidanceRow
from agent.telemetry import signature
from agent.telemetry.run_events import PUBLISHED, RunEvents
from tests import run_samples
from tests.deep import deep

DAY = 86_400.0
CANARY = "canary words of a ticket"


class Service:
    """A data folder in which runs have come and gone."""

    def __init__(self, home, url, monkeypatch):
        self.home, self.url = home, url
        self.settings = Settings(home=home, database_url=SecretStr(url) if url else None)
        self.store, self.inbox = SqlRunStore(home, url), Inbox(home, url)
        self.engine = Engine(
            home, lambda run_id, remember: remember("a", lambda: f'"{CANARY}"'), url=url
        )
        self.engine.launch()
        monkeypatch.setenv("MERGEWRIGHT_HOME", str(home))
        if url:
            monkeypatch.setenv("MERGEWRIGHT_DATABASE_URL", url)

    def add(
        self, number, *, repository="acme/shop", actor="maria", days=1.0, state=RunState.FAILED
    ):
        """Carry a run, over for some days, that has left words wherever a run leaves them."""
        at = time.time() - days * DAY
        run_id = f"20261120-101010-{number:016x}"
        snapshot = run_samples.snapshot(
            number, repository=repository, title=f"{CANARY} {number}", body=CANARY, actor=actor
        )
        run = run_samples.run(number, run_id=run_id, snapshot=snapshot)
        event = json.dumps(
            {"repository": repository, "author": actor, "body": f"{CANARY} {number}"}
        ).encode()
        delivery = Delivery(
            delivery_id=f"d{number}", event="issues", received_at=at,
            body=event,
        )  # fmt: skip
        self.inbox.append([delivery])
        self.inbox.record_decision(delivery.delivery_id, "accepted", run_id)
        self.store.add_run(run, at, delivery_id=delivery.delivery_id)
        said = Guidance(kind="command", words=CANARY, by="otto", at="2026", comment=f"c{number}")
        with self.store._database.write() as session:
            session.add(GuidanceRow(run_id=run_id, **said.model_dump()))
        self.engine.begin(Segment(run_id=run_id))
        self.write_log(run_id)
        if state is not RunState.EDITING:
            outcome = Outcome(
                run_id=run_id, state=state, reason=Reason.NEW_FAILURES, sentence=CANARY,
                pull_request=PullRequest(number=number, url="u", notes=(CANARY,)),
            )  # fmt: skip
            self.store.finish_run(run_id, outcome, at)
        return run_id

    def write_log(self, run_id):
        folder = self.home / "runs" / run_id
        folder.mkdir(parents=True)
        events = RunEvents(folder / "events.jsonl")
        (folder / "change.patch").write_text(CANARY)
        (folder / "ledger.jsonl").write_text(CANARY)  # of an earlier version
        events.append("edit", "done", result=CANARY)
        events.append("run", PUBLISHED, commit="c0ffee")
        signature.sign_run(folder, signature.load_key(self.settings))
        (folder / "run.log").write_text(CANARY)
        if self.store.files:
            # The folder of a fleet's run is opened before anything is written there.
            written = {path: path.read_bytes() for path in folder.iterdir()}
            for path in written:
                path.unlink()
            copy = self.store.files.open(run_id, folder)
            for path, content in written.items():
                path.write_bytes(content)
            copy.store()

    def command(self, *words):
        result = CliRunner().invoke(app, [*words])
        assert result.exit_code == 0, result.output
        return result.output

    def verify(self, run_id):
        """Export the log of a run, wherever it is, and verify it."""
        file = self.home / f"{len(list(self.home.iterdir()))}.zip"
        self.command("runs", "export", run_id, str(file))
        key = signature.name_key(signature.load_key(self.settings))
        assert "Valid" in self.command("verify", str(file), "--key", key)
        return signature.verify_run(file, key)[0]

    def find_words(self, run_id, word=CANARY):
        """Name the places in which words of a run still are."""
        found = []
        names = ("mergewright", "inbox", "engine")
        urls = (
            [self.url] if self.url else [f"sqlite:///{self.home}/{name}.sqlite" for name in names]
        )
        for engine in map(sqlalchemy.create_engine, urls):
            tables = sqlalchemy.MetaData()
            for schema in ("public", "dbos") if self.url else (None,):
                tables.reflect(engine, schema=schema)
            with engine.connect() as connection:
                for table in tables.sorted_tables:
                    rows = connection.execute(table.select()).fetchall()
                    if table.name != "audit" and any(
                        run_id in str(row) and word in str(row) for row in rows
                    ):
                        found.append(table.name)
            engine.dispose()
        for path in (self.home / "runs" / run_id).glob("*"):
            if word.encode() in path.read_bytes():
                found.append(path.name)
        return found

    def close(self):
        self.engine.close()
        self.store.close()
        self.inbox.close()


@pytest.fixture
def service(home, database_url, monkeypatch):
    with closing(Service(home, database_url, monkeypatch)) as made:
        yield made


def wait_for_engine(service, run_id):
    deadline = time.monotonic() + 10
    while "workflow_output" not in service.find_words(run_id) and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.parametrize(
    "option",
    [("--repository", "Acme/Shop"), ("--person", "@Maria"), deep(("--older-than", "5"))],
    ids=lambda option: option[0],
)
def test_a_purge_shows_first_what_goes_and_then_leaves_no_word_and_a_log_that_verifies(
    service, option
):
    gone = service.add(1, days=9)
    kept = service.add(2, repository="acme/other", actor="otto", days=2)
    for run_id in (gone, kept):
        wait_for_engine(service, run_id)
    before = {run_id: service.find_words(run_id) for run_id in (gone, kept)}
    everywhere = {
        "runs",
        "guidance",
        "operation_outputs",
        "workflow_output",
        "events.jsonl",
        "ledger.jsonl",
        "change.patch",
    }
    assert everywhere <= {*before[gone]}
    signed = service.verify(gone)

    shown = service.command("data", "purge", *option, "--dry-run")
    assert "Would be deleted" in shown
    assert gone in shown
    assert kept not in shown
    assert service.find_words(gone) == before[gone]

    assert " 1\ncopies of repositories" in service.command("data", "purge", *option)
    assert service.find_words(gone) == []
    assert service.find_words(gone, "maria") == []
    assert service.find_words(kept) == before[kept]
    assert (service.find_words(gone, "acme/shop") == []) is (option[0] == "--repository")
    for place in service.home.glob("*.sqlite*"):
        assert f"{CANARY} 1".encode() not in place.read_bytes(), "in no free page either"
    delivery = service.inbox.find("d1")
    assert (delivery.body, delivery.outcome) == (b"", "accepted"), "it stays known"

    purged = service.verify(gone)
    assert purged.events == signed.events
    assert purged.purged == ("events.jsonl", "change.patch")
    stored = service.store.get_run(gone)
    assert (stored.outcome.reason, stored.outcome.state) == (Reason.NEW_FAILURES, RunState.FAILED)

    service.command("data", "purge", *option)  # again: nothing is left to do
    entries = [json.loads(line) for line in service.command("data", "audit").splitlines()]
    actions = [entry["action"] for entry in entries if entry["via"] == "command line"]
    assert len(actions) == 2
    assert all(action.startswith("purge ") for action in actions)


def test_a_purge_that_cannot_sign_goes_on_later_and_loses_no_signature(service, monkeypatch):
    run_id = service.add(1)
    words = ["data", "purge", "--person", "maria"]
    with monkeypatch.context() as patched:
        patched.setattr(purge, "write_private_file", Mock(side_effect=StorageFull("full")))
        CliRunner().invoke(app, words)
    service.command(*words)
    assert {"events.jsonl", "change.patch", "run.log"}.isdisjoint(service.find_words(run_id))
    assert service.verify(run_id).purged_at


def test_what_is_active_stays_and_is_named(service):
    active = service.add(1, state=RunState.EDITING)
    assert "1 active run." in service.command("data", "purge", "--person", "maria")
    assert "runs" in service.find_words(active)


def test_the_clean_up_deletes_words_after_the_days_that_the_operator_sets(service):
    old, young = service.add(1, days=40), service.add(2, days=3)
    open_pull = service.add(3, days=40, state=RunState.OPEN)
    given = replace(service.settings, keep_days=30)
    for run_id in (old, young, open_pull):
        wait_for_engine(service, run_id)
    engine_rows = {"operation_outputs", "workflow_output"}
    cleaned = Cleaner(given, service.store, service.inbox, service.engine).run_once()
    assert (cleaned["texts of runs"], cleaned["deliveries"]) == (1, 2)
    assert {*service.find_words(old)} <= engine_rows, "of the engine's own age"
    assert "runs" in service.find_words(young)
    assert "runs" in service.find_words(open_pull), "it may have to go on"
    assert service.verify(old).purged_at
