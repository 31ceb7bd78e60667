"""The runs in real SQLite: one active per issue, claimed once, kept over restarts."""

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from agent.errors import ActiveRun, StoreUnusable
from agent.models.run import Reason, RunState, Wait
from agent.runs import folders
from agent.store import sql_run_store, sql_tables
from agent.store.sql_run_store import SqlRunStore
from tests import run_samples
from tests.outcomes import make_outcome


def run(name="a", number=1, repository_id=7, *, name_of="o/r", labels=(), **facts):
    snapshot = run_samples.snapshot(number, repository_id, repository=name_of, labels=labels)
    run_id = f"20261120-100000-{name}"
    return run_samples.run(number, run_id=run_id, started=1, snapshot=snapshot, **facts)


def silent(step):
    return Wait(reason="GitHub is silent", until=1000.0, begin_with=step)


def outcome(name="a"):
    return make_outcome(
        run_id=f"20261120-100000-{name}", state=RunState.OPEN, reason=Reason.READY, sentence="S",
        text="long",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path, database_url):
    opened = SqlRunStore(tmp_path, database_url)
    yield opened
    opened.close()


def test_an_issue_has_one_active_run(store):
    store.add_run(run("a"), 1.0)
    with pytest.raises(ActiveRun, match="20261120-100000-a"):
        store.add_run(run("b"), 2.0)
    store.add_run(run("c", number=2), 2.0)
    store.finish_run("20261120-100000-a", outcome("a"), 3.0)
    assert store.add_run(run("b"), 4.0).attempt == 2
    assert store.get_run("20261120-100000-b").run.attempt == 2
    assert store.get_run("20261120-100000-c").run.attempt == 1
    with pytest.raises(ActiveRun, match="20261120-100000-b") as other:
        store.add_run(run("d"), 5.0)
    assert other.value.run == store.get_run("20261120-100000-b").run


def test_a_delivery_has_one_run_even_when_that_run_is_over(store):
    assert store.add_run(run("a"), 1.0, delivery_id="d") == run("a")
    assert store.add_run(run("b"), 2.0, delivery_id="d") == run("a")
    store.finish_run("20261120-100000-a", outcome("a"), 3.0)
    assert store.add_run(run("c"), 4.0, delivery_id="d") == run("a")
    assert store.add_run(run("d", number=2), 5.0, delivery_id="d") == run("a")
    assert len(store.list_latest(9)) == 1
    assert store.find_run_of_delivery("d").run == run("a")
    assert store.find_run_of_delivery("e") is None


def test_the_run_of_a_command_that_was_killed_ends_with_a_reason(store):
    with folders.lock_run(store.path.parent, run("a")):
        store.add_run(run("a"), 1.0, worker=sql_tables.name_command(12))
        assert store.get_run("20261120-100000-a").state is RunState.TRIAGING
        with pytest.raises(ActiveRun):
            store.add_run(run("b"), 2.0)
    store.add_run(run("b"), 2.0)
    ended = store.get_run("20261120-100000-a")
    assert (ended.active, ended.state, ended.ended_at) == (False, RunState.CANCELLED, 2.0)
    assert ended.outcome.reason is Reason.INTERRUPTED
    assert "process 12" in ended.outcome.sentence


def test_a_database_of_an_unknown_revision_is_refused_with_the_way_out(tmp_path):
    SqlRunStore(tmp_path).close()
    with sqlite3.connect(tmp_path / sql_run_store.FILE_NAME) as other:
        other.execute("UPDATE runs_version SET version_num = 'r0010'")
    other.close()
    with pytest.raises(StoreUnusable, match=r"another version .*r0010.*Use that version"):
        SqlRunStore(tmp_path)


def test_PF5_each_waiting_run_is_claimed_once(store, tmp_path, database_url):
    for number in range(40):
        store.add_run(run(f"{number:02}", number, repository_id=number), float(number))
    claimed: list[str] = []

    def work(_):
        own = SqlRunStore(tmp_path, database_url)
        while (taken := own.claim_run(1000.0, most=40)) is not None:
            claimed.append(taken.run.run_id)
        own.close()

    with ThreadPoolExecutor(4) as several:
        list(several.map(work, range(4)))
    assert sorted(claimed) == sorted(set(claimed))
    assert len(claimed) == 40


@pytest.mark.parametrize("per_repository", [1, 2])
def test_the_bounds_hold_over_all_workers_together(store, tmp_path, database_url, per_repository):
    bounds = {"most": 4, "per_repository": per_repository}
    for number in range(24):
        owner, repository = f"o{number % 3}", number % 6
        queued = run(f"{number:02}", number, repository, name_of=f"{owner}/r{repository}")
        store.add_run(queued, float(number))

    def work(worker):
        own = SqlRunStore(tmp_path, database_url)
        while own.claim_run(1000.0, worker=worker, **bounds) is not None:
            pass
        own.close()

    with ThreadPoolExecutor(3) as several:
        list(several.map(work, (1, 2, 3)))
    taken = [one.run.snapshot.issue for worker in (1, 2, 3) for one in store.under_way(worker)]
    assert len(taken) == 6 * per_repository
    assert set(Counter(one.repository for one in taken).values()) == {per_repository}
    assert all(len(store.under_way(worker)) <= 4 for worker in (1, 2, 3))


def test_the_revision_makes_the_tables_of_the_models(tmp_path):
    SqlRunStore(tmp_path).close()
    engine = create_engine(f"sqlite:///{tmp_path / sql_run_store.FILE_NAME}")
    with engine.connect() as connection:
        found = compare_metadata(
            MigrationContext.configure(
                connection,
                opts={
                    "version_table": "runs_version",
                    "include_object": lambda thing, name, kind, *_: (
                        name not in ("deliveries", "heartbeats")
                    ),
                },
            ),
            sql_tables.METADATA,
        )
    engine.dispose()
    assert found == []


def test_who_reads_waits_for_nobody_who_writes(store):
    store.add_run(run("a"), 1.0)
    claimed = store.claim_run(2.0, most=1)
    assert claimed is not None
    run_id = claimed.run.run_id
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.get_run(run_id).run == claimed.run
        assert [one.run.run_id for one in store.under_way()] == [run_id]
        assert store.find_newest_run(7, 1) is not None
        assert store.list_active_ids() == {run_id}
        assert len(store.list_latest(9)) == 1
        assert store.find_by_prefix("20261120-100000", 9)
        assert store.find_run_of_delivery("d") is None
        assert store.explain_wait(run_id, 2.0) == ""
        assert store.claim_run(3.0, most=1) is None
        other.execute("ROLLBACK")


def test_a_stopped_run_begins_at_once_and_then_waits_for_what_holds_its_end_up(store):
    store.add_run(run(), 1.0)
    (claimed,) = (store.claim_run(2.0, most=1),)
    assert claimed is not None
    store.postpone_run("20261120-100000-a", silent("checkout"))
    assert store.claim_run(3.0, most=1) is None
    assert store.request_stop("20261120-100000-a", "Somebody asked.")
    assert store.claim_run(3.0, most=0) is not None, "it waits for no other run"
    store.postpone_run("20261120-100000-a", silent("deliver"))
    store.request_stop("20261120-100000-a", "Somebody else asked.")
    assert store.claim_run(999.0, most=1) is None
    assert store.claim_run(1000.0, most=1) is not None
