"""Databases of the version before are carried over, with what they hold."""

import json
from contextlib import closing
from pathlib import Path

from sqlalchemy import MetaData, create_engine, inspect

from agent.models.run import RunState
from agent.store import sql_inbox, sql_run_store
from agent.store.database import REVISION
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_lists import RunFilters
from agent.store.sql_run_store import SqlRunStore
from tests.integration.test_run_store import outcome, run

#: What the first version noted in place of a revision: of the runs, of the inbox.
NOTED = {"runs_version": "71150f3a2903", "deliveries_version": "df2fd698abab"}


def make_row(stored_run, **facts):
    # A field that is gone by now.
    text = json.dumps(json.loads(stored_run.model_dump_json()) | {"tuned": True})
    issue = stored_run.snapshot.issue
    return {
        "run_id": stored_run.run_id, "repository": issue.repository,
        "repository_id": issue.repository_id, "number": issue.number, "title": "T", "attempt": 1,
        "not_before": 1.0, "queued_at": 1.0, "segment": 1, "wait_count": 0, "retries": 0,
        "grants": 1, "guidance_seen": 0, "round": 0, "run": text, **facts,
    }  # fmt: skip


def fill(engine):
    statements = (Path(__file__).parent / "first_tables" / f"{engine.dialect.name}.sql").read_text()
    with engine.begin() as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.exec_driver_sql(statement)
        for name, digest in NOTED.items():
            connection.exec_driver_sql(f"CREATE TABLE {name} (version_num VARCHAR(32) NOT NULL)")
            connection.exec_driver_sql(f"INSERT INTO {name} VALUES ('{digest}')")
        tables = MetaData()
        tables.reflect(connection)
        over = outcome("a").model_dump_json()
        rows = [
            make_row(run("a"), active=False, state="open", outcome=over, ended_at=3.0, pull=4),
            make_row(run("b", 2), active=True, state="triaging", waits_for="GitHub is silent",
                     begin_with="edit", started_at=2.0),
        ]  # fmt: skip
        for row in rows:
            connection.execute(tables.tables["runs"].insert().values(**row))
        delivery = {"delivery_id": "1", "event": "issues", "content_key": "k", "received_at": 1.0}
        unread = tables.tables["deliveries"].insert()
        connection.execute(unread.values(**delivery, body=b"{}", reason=""))
    engine.dispose()


def test_a_database_of_the_version_before_is_carried_over(tmp_path, database_url):
    if database_url:
        urls = [database_url]
    else:
        names = (sql_run_store.FILE_NAME, sql_inbox.FILE_NAME)
        urls = [f"sqlite:///{tmp_path / name}" for name in names]
    for url in urls:
        fill(create_engine(url))
    for _ in range(2):
        with closing(SqlRunStore(tmp_path, database_url)) as store:
            ended = store.get_run(run("a").run_id)
            assert (ended.run, ended.state, ended.pull) == (run("a"), RunState.OPEN, 4)
            assert (ended.outcome.sentence, ended.sentence, ended.origin) == ("S", "S", "ticket")
            issue = ended.run.snapshot.issue
            filters = RunFilters(text=f"{issue.repository}#{issue.number}".upper(), state="open",
                                 person=ended.run.snapshot.actor, sort="longest")  # fmt: skip
            listed = store.list_runs(filters, [issue.repository_id], per_page=9)
            assert listed == (ended,)
            assert store.list_runs(filters, [0], per_page=9) == ()
            assert store.list_runs(RunFilters(model="m"), None, per_page=9) == ()
            assert store.list_choices("origin", None) == ["ticket"]
            assert [run.run_id for run in store.count_figures(filters, None)] == [ended.run_id]
            waiting = store.get_run(run("b").run_id)
            assert (waiting.active, waiting.begin_with) == (True, "edit")
    with closing(SqlRunStore(tmp_path, database_url)) as store:
        assert store.claim_run(9.0, most=1).run == run("b", 2)
        store.audit.add("purge", "maria", "command line")
    with closing(Inbox(tmp_path, database_url)) as inbox:
        assert [delivery.delivery_id for delivery in inbox.list_unread(99)] == ["1"]
    engine = create_engine(urls[0])
    assert not inspect(engine).has_table("audit_sent")
    with engine.connect() as connection:
        noted = connection.exec_driver_sql("SELECT version_num FROM runs_version").scalars().all()
    engine.dispose()
    assert noted == [REVISION]
