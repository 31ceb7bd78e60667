"""Queue and engine together: whose turn it is, who waits for what, and what is noted of the end."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.errors import CodeHostUnavailable, StorageFull, StoreUnavailable
from agent.models.model_use import SpendingLimits
from agent.models.outcome import Outcome, PullRequest
from agent.models.record import replace
from agent.models.run import Reason, Run, RunState, Wait
from agent.runs import folders, waiting
from agent.runs.waiting import RunPostponed
from agent.service import dispatch
from agent.service.dispatch import Dispatcher, SegmentRunner
from agent.settings import Settings
from agent.store.engine import FILE_NAME as ENGINE
from agent.store.engine import Engine
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import FollowUpRequest, RunRow, name_command
from tests.folders import fill
from tests.processes import wait_until
from tests.run_samples import run


def done(stored: RunRow, *_: object) -> Outcome:
    return Outcome(
        run_id=stored.run.run_id, state=RunState.OPEN, reason=Reason.READY, sentence="Done."
    )


class Service:
    """Store, engine and dispatcher on one folder; the code host is `away` for so many reports."""

    def __init__(
        self,
        home: Path,
        carry: Callable[..., Outcome] = done,
        most: int = 2,
        per_day: int = 100,
    ) -> None:
        self.store = SqlRunStore(home)
        self.told: list[tuple[str, Reason]] = []
        self.away = 0
        self.runner = SegmentRunner(self.store, carry)
        self.engine = Engine(home, self.runner)
        self.dispatcher = Dispatcher(
            self.store,
            self.engine,
            self.runner,
            settings=Settings(
                home=home, max_runs=most, runs_per_day=per_day, runs_per_repository=1
            ),
            deliver=self._deliver,
        )
        self.engine.launch()

    def _deliver(self, run: Run, outcome: Outcome) -> Outcome:
        if self.away:
            self.away -= 1
            raise CodeHostUnavailable("away")
        self.told.append((run.run_id, outcome.reason))
        return outcome

    def until(self, is_reached: Callable[[], bool], seconds: float = 60.0) -> None:
        """Run turns as the service's loop does: one that fails is followed by the next."""

        def take_turn() -> bool:
            with suppress(StoreUnavailable, StorageFull):
                if is_reached():
                    return True
                self.dispatcher.run_once()
            return False

        wait_until(take_turn, seconds)

    def over(self, run_id: str = "r1") -> bool:
        return not self.store.get_run(run_id).active

    def close(self) -> None:
        self.engine.drain(5)
        self.engine.close()
        self.store.close()


@pytest.fixture
def services() -> Iterator[Callable[..., Service]]:
    """Make services, one after the other."""
    made: list[Service] = []

    def make(home: Path, *given: object, **named: object) -> Service:
        for one in made:
            one.close()
        made[:] = [Service(home, *given, **named)]  # type: ignore[arg-type]
        return made[0]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def service(services, tmp_path):
    return partial(services, tmp_path)


def test_a_repository_that_floods_the_queue_does_not_hold_the_others_up(service):
    store, now = service().store, time.time()
    for number in range(1, 5):
        store.add_run(run(number, 7), now - 100 + number)
    store.add_run(run(9, 8), now)
    taken = [store.claim_run(now, most=3, per_repository=3).run_id for _ in range(3)]
    assert taken == ["r1", "r9", "r2"]


def test_a_run_that_waits_goes_on_with_its_step_and_nothing_is_done_again(service):
    asked, away = [], [True, True]

    def carry(stored, remember, _):
        remember("first", lambda: asked.append("first") or "1")

        def second():
            asked.append(f"second, waited {stored.wait_count} times")
            return "2"

        remember("second", second)
        if away:
            away.pop()
            words = "the code host is away"
            raise RunPostponed(Wait(reason=words, until=time.time() + 1.0, begin_with="second"))
        return done(stored)

    one = service(carry)
    one.store.add_run(run(1), 1.0)
    one.until(lambda: one.store.get_run("r1").wait_count == 1)
    waiting = one.store.get_run("r1")
    assert (waiting.active, waiting.begin_with, waiting.segment) == (True, "second", 2)
    assert waiting.waits_for == "the code host is away"
    one.until(lambda: one.over("r1"))
    assert asked == [
        "first", "second, waited 0 times", "second, waited 1 times", "second, waited 2 times",
    ]  # fmt: skip


def test_the_event_of_an_end_says_what_the_run_took(service):
    def carry(stored, *_):
        limits = SpendingLimits(stored.run.run_id, 7, of_run=5.0, owner="o")
        number = one.store.spendings.reserve(1.0, limits, time.time())
        one.store.spendings.record_cost(number, 0.25)
        return done(stored)

    one = service(carry)
    one.store.add_run(run(1, 7), time.time())
    with capture_logs() as logged:
        one.until(one.over)
    (ended,) = [event for event in logged if event["event"] == "ended"]
    snapshot = one.store.get_run("r1").run.snapshot
    assert ended["repository"] == snapshot.issue.repository
    assert ended["issue"] == snapshot.issue.number
    assert 0 <= ended["seconds"] < 30
    assert (ended["usd"], ended["reason"], ended["state"]) == (0.25, "ready", "open")


def test_a_worker_that_ended_between_claim_and_engine_loses_nothing(service):
    one = service()
    one.store.add_run(run(1), 1.0)
    assert one.store.claim_run(time.time(), most=2).run.run_id == "r1"
    one = service()
    one.until(lambda: one.over("r1"))
    assert one.store.get_run("r1").state is RunState.OPEN


def test_a_bug_that_stays_is_told_once_where_people_wait(service, monkeypatch):
    monkeypatch.setattr(dispatch, "_TROUBLE_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "_SHORTEST_WAIT", 0.1)
    tries = []

    def carry(stored, *_):
        tries.append(stored.segment)
        raise ZeroDivisionError

    one = service(carry)
    one.away = 2
    one.store.add_run(run(1), 1.0)
    one.until(lambda: one.over("r1"))
    assert tries == [1, 2, 3, 4, 5]
    assert one.told == [("r1", Reason.INTERNAL)]
    ended = one.store.get_run("r1")
    assert (ended.state, ended.outcome.reason) == (RunState.FAILED, Reason.INTERNAL)


def test_what_is_over_the_runs_of_a_day_waits_and_others_do_not(service):
    one = service(per_day=2)
    now = time.time()
    for number in (1, 2, 3):
        one.store.add_run(run(number, 7), now - 100 + number)
    one.store.add_run(run(9, 8), now)
    one.until(lambda: all(one.over(name) for name in ("r1", "r2", "r9")))
    for _ in range(3):
        one.dispatcher.run_once()
    assert one.store.get_run("r3").started_at is None
    assert "24 hours" in one.store.explain_wait("r3", time.time(), per_day=2)
    assert one.store.explain_wait("r3", time.time(), per_day=3) == ""
    with one.store._database.write() as session:
        session.get_one(RunRow, "r1").started_at = now - 86_401
    one.until(lambda: one.over("r3"))


def test_who_asks_first_for_a_stop_is_heard_also_for_the_reason(service):
    seen, inside = [], threading.Event()

    def carry(stored, remember, cancellation):
        inside.set()
        while not cancellation.is_set():
            time.sleep(0.02)
        seen.append(cancellation.problem)
        return done(stored)

    one = service(carry)
    one.store.add_run(run(1), 1.0)
    one.until(inside.is_set)
    assert one.store.request_stop("r1", "Issue #1 was closed.", Reason.SUPERSEDED)
    assert one.store.request_stop("r1", "Not wanted.")
    one.until(lambda: one.over("r1"))
    assert not one.store.request_stop("r1", "too late")
    (problem,) = seen
    assert (problem.reason, problem.message) == (Reason.SUPERSEDED, "Issue #1 was closed.")


def test_what_waits_behind_a_command_goes_on_when_that_was_killed(service):
    def opened(stored, *_):
        pull = PullRequest(number=7, url="https://forge.example/7")
        return replace(done(stored), pull_request=pull)

    one = service(opened)
    store, first = one.store, one.store.add_run(run(1), time.time())
    one.until(one.over)
    command = replace(run(1), run_id="r2", dry_run=True)
    folders.make_run_folder(store.path.parent, command)
    store.add_run(command, time.time(), worker=name_command(1))
    wish = FollowUpRequest(kind="review")
    assert store.queue_follow_up(first.run_id, wish, time.time()) == "after"
    one.until(lambda: bool(store.follow_ups(first.run_id)), 10)
    assert one.over("r2")


# --- a full disk, a damaged row --------------------------------------------------------------


def is_whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_PF3_a_disk_that_is_full_when_a_step_is_recorded_holds_the_run_up_until_it_is_free(
    services, small_disk
):
    disk = small_disk(8)
    asked, (inside, go, refused) = [], (threading.Event() for _ in range(3))

    def carry(stored, remember, _):
        def long() -> str:
            asked.append("long")
            inside.set()
            go.wait(30)
            return json.dumps("x" * 400_000)

        try:
            remember("long", long)
        except StorageFull as problem:
            refused.set()
            wait = Wait(reason=problem.message, until=time.time(), begin_with="long")
            raise RunPostponed(wait) from problem
        remember("next", lambda: asked.append("next") or "2")
        return done(stored)

    one = services(disk, carry)
    one.store.add_run(run(1), 1.0)
    one.until(inside.is_set)
    filling = fill(disk)
    go.set()
    one.until(refused.is_set)
    for _ in range(20):
        with suppress(StorageFull, StoreUnavailable):
            one.dispatcher.run_once()
    assert asked == ["long"]
    assert not one.over(), "it waits"
    filling.unlink()
    one.until(one.over)
    assert asked == ["long", "long", "next"], "only what has no record is done again"
    assert one.store.get_run("r1").state is RunState.OPEN
    assert is_whole(disk / ENGINE)
    assert is_whole(one.store.path)


def test_PF4_a_run_whose_row_is_no_run_is_ended_alone(services, home):
    one = services(home, done)
    for number in (1, 2):
        one.store.add_run(run(number, number), float(number))
    with closing(sqlite3.connect(one.store.path)) as connection, connection:
        connection.execute("UPDATE runs SET run = '{\"half' WHERE run_id = 'r1'")
    one.until(lambda: one.over("r2"))
    assert one.store.get_run("r2").state is RunState.OPEN
    assert "r1" not in one.store.list_active_ids()
