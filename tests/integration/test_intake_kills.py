"""Inbox and queue are two files: whatever write an intake is killed at, each delivery has one run."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine.default import DefaultDialect

from agent.models.intake import LiveIssue, Permission
from agent.service.deliveries import Intake
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from tests.unit.delivery_samples import delivery

COUNT = 2


class Everybody:
    """A code host on which everybody may start a run."""

    def read_start_label(self, issue):
        return "mergewright"

    def read_runs_per_day(self, issue):
        return None

    def own_logins(self):
        return frozenset({"mergewright[bot]"})

    def read_permission(self, issue, login):
        return Permission(level="write", account_id=5)

    def read_issue(self, issue):
        return LiveIssue(
            issue=issue, state="open", locked=False, labels=("mergewright",), title="t",
            body="b", author="carl", updated_at="2026-11-20T10:00:00Z", url="u",
        )  # fmt: skip

    def find_earlier_run(self, snapshot):
        return None

    def show_queued(self, run, ahead, because=""):
        pass


def work(home: Path, kill_at: int | None = None) -> None:
    """Settle what is there, as a worker does at its start.

    Args:
        kill_at: The process ends at this commit of it, before it is on disk; before the next one
            is the same as after this one.
    """
    with closing(Inbox(home)) as inbox, closing(SqlRunStore(home)) as store:
        commit, number = DefaultDialect.do_commit, 0

        def counted(dialect, connection):
            nonlocal number
            # What only read, or only looked, has nothing to commit.
            number += connection.in_transaction
            if connection.in_transaction and number == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            commit(dialect, connection)

        DefaultDialect.do_commit = counted
        Intake(inbox, store, Everybody()).turn()
        (home / "commits").write_text(str(number))


def in_a_process(home: Path, kill_at: int | None = None) -> int:
    """Do the same in a process of its own; return its exit code, or the signal as a negative."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work(home, kill_at)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def filled(home: Path) -> Path:
    home.mkdir()
    with closing(Inbox(home)) as inbox:
        inbox.append([delivery(number) for number in range(1, COUNT + 1)])
    return home


def test_PF1_an_intake_killed_at_any_write_leaves_one_run_for_each_delivery(tmp_path):
    undisturbed = filled(tmp_path / "undisturbed")
    assert in_a_process(undisturbed) == 0
    commits = int((undisturbed / "commits").read_text())
    # Of each delivery at least the run, and what became of the delivery.
    assert commits >= 2 * COUNT
    for number in range(1, commits + 1):
        home = filled(tmp_path / f"killed-{number}")
        assert in_a_process(home, number) == -signal.SIGKILL
        assert in_a_process(home) == 0
        with closing(Inbox(home)) as inbox, closing(SqlRunStore(home)) as store:
            assert inbox.list_unread() == ()
            runs = store.list_latest(100)
            assert sorted(one.run.snapshot.issue.number for one in runs) == [1, 2]
            for issue in range(1, COUNT + 1):
                settled, kept = inbox.find(f"d{issue}"), store.find_run_of_delivery(f"d{issue}")
                assert settled is not None
                assert kept is not None
                assert (settled.outcome, settled.reason) == ("accepted", kept.run.run_id)
                assert kept.run.snapshot.issue.number == issue
