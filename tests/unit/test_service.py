"""The worker's two loops: what is kept for later, what is settled, and who waits for whom."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from agent import intake, service
from agent.adapters.github.access import Known
from agent.adapters.github.status_comment import StatusComment
from agent.adapters.sql_inbox import Inbox
from agent.adapters.sql_store import SqlStore
from agent.domain import Delivery, IssueRef, Outcome, Reason, Run, RunState, Snapshot
from agent.errors import (
    AccessLost,
    ForgeLimited,
    ForgeUnavailable,
    PermanentError,
    SettingsInvalid,
    StoreUnavailable,
)
from agent.intake import Accepted, Request
from agent.milestones import RunPage, StateNotes
from agent.ports import LiveIssue, Permission
from agent.redaction import Redactor
from agent.service import Carried
from agent.services import Services
from agent.settings import Settings
from agent.steps import Cancellation, Directly
from agent.testing import FakeForge
from agent.worker import Postponed


def snapshot(number=1):
    return Snapshot(
        issue=IssueRef(repository="o/r", repository_id=7, number=number, issue_id=90 + number),
        url=f"https://h/o/r/issues/{number}", title="Add a field", body="nickname",
        labels=("mergewright",), author="carl", actor="maria", actor_id=5,
        approved_at="2026-11-20T10:00:00Z",
    )  # fmt: skip


def delivery(number, received=None):
    request = Request(snapshot=snapshot(number), label="mergewright", clone_url="https://h/o/r.git")
    return Delivery(
        delivery_id=f"d{number}", event="issues", action="labeled", content_key=f"k{number}",
        received_at=time.time() if received is None else received,
        body=request.model_dump_json().encode(),
    )  # fmt: skip


def run(number=1):
    return Run(
        run_id=f"2026-{number}", repository="https://h/o/r.git", ticket=f"#{number}",
        snapshot=snapshot(number), started=0,
    )  # fmt: skip


class Gate:
    """A forge that has the same to say about everything, or trouble with single issues."""

    def __init__(self, problems):
        self.problems = problems
        self.asked = []

    def label(self, issue):
        self.asked.append(issue.number)
        if issue.number in self.problems:
            raise self.problems[issue.number]
        return "another label"

    def earlier(self, snapshot):
        return None

    def own_logins(self):
        return frozenset()


class Open(Gate):
    """A forge on which everybody may start a run; keeps which runs were shown to wait."""

    def __init__(self, problems):
        super().__init__(problems)
        self.waiting = []

    def label(self, issue):
        return "mergewright"

    def permission(self, issue, login):
        return Permission(level="write", account_id=5)

    def live(self, issue):
        return LiveIssue(
            issue=issue, state="open", locked=False, labels=("mergewright",), title="t",
            body="b", author="carl", updated_at="2026-11-20T10:00:00Z", url="u",
        )  # fmt: skip

    def queued(self, run, ahead):
        self.waiting.append((run.snapshot.issue.number, ahead))
        if run.snapshot.issue.number in self.problems:
            raise self.problems[run.snapshot.issue.number]


@pytest.fixture
def inbox(tmp_path):
    made = Inbox(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(tmp_path):
    made = SqlStore(tmp_path)
    yield made
    made.close()


def outcomes(inbox, count):
    return [inbox.find(f"d{number}").outcome for number in range(1, count + 1)]


def test_a_delivery_that_cannot_be_decided_now_holds_no_other_up(inbox, store):
    gate = Gate({1: ForgeUnavailable("away")})
    inbox.append([delivery(1), delivery(2)])
    intake = service.Intake(inbox, store, gate)
    assert intake.turn()
    assert outcomes(inbox, 2) == [None, "ignored"]
    assert not intake.turn()
    assert gate.asked == [1, 2], "it is not asked again at once"


def test_it_comes_again_after_a_while(inbox, store, monkeypatch):
    monkeypatch.setattr(service, "_RETRY_SECONDS", (0.05,))
    gate = Gate({1: ForgeUnavailable("away")})
    inbox.append([delivery(1)])
    intake = service.Intake(inbox, store, gate)
    assert not intake.turn()
    gate.problems.clear()
    time.sleep(0.06)
    assert intake.turn()
    assert outcomes(inbox, 1) == ["ignored"]


def test_a_forge_that_says_when_is_asked_then(inbox, store):
    gate = Gate({1: ForgeLimited("wait", until=time.time() + 0.2)})
    inbox.append([delivery(1)])
    intake = service.Intake(inbox, store, gate)
    intake.turn()
    intake.turn()
    assert gate.asked == [1]
    time.sleep(0.21)
    intake.turn()
    assert gate.asked == [1, 1]


def test_a_forge_that_is_away_altogether_is_not_asked_about_everything(inbox, store):
    away = ForgeUnavailable("away")
    gate = Gate(dict.fromkeys(range(1, 20), away))
    inbox.append([delivery(number) for number in range(1, 20)])
    service.Intake(inbox, store, gate).turn()
    assert gate.asked == [1, 2, 3]


def test_an_operators_mistake_loses_no_delivery_however_old(inbox, store):
    gate = Gate({1: SettingsInvalid("the key is wrong")})
    inbox.append([delivery(1, received=0.0)])
    service.Intake(inbox, store, gate).turn()
    assert outcomes(inbox, 1) == [None]


def test_a_delivery_that_could_not_be_decided_for_a_day_is_given_up_with_the_reason(inbox, store):
    gate = Gate({1: ForgeUnavailable("away")})
    inbox.append([delivery(1, received=time.time() - 90_000)])
    service.Intake(inbox, store, gate).turn()
    settled = inbox.find("d1")
    assert settled.outcome == "ignored"
    assert "for a day: away" in settled.reason


def test_access_that_is_lost_is_told_in_its_words(inbox, store):
    gate = Gate({1: AccessLost("Our App has no access to o/r.")})
    inbox.append([delivery(1)])
    service.Intake(inbox, store, gate).turn()
    assert inbox.find("d1").reason == "Our App has no access to o/r."


def test_the_bell_wakes_a_loop_that_waits(monkeypatch):
    monkeypatch.setattr(service, "_IDLE_SECONDS", 30.0)
    turns, stop, bell = [], threading.Event(), threading.Event()

    def turn():
        turns.append(time.monotonic())
        return False

    thread = threading.Thread(target=service.loop, args=("x", turn, stop, bell), daemon=True)
    thread.start()
    time.sleep(0.2)
    bell.set()
    time.sleep(0.2)
    stop.set()
    bell.set()
    thread.join(5)
    assert len(turns) == 2
    assert not thread.is_alive()


@pytest.fixture
def looping():
    """Run loops with a turn that finds nothing; gives what their turns have seen."""
    stops, threads = [], []

    def begin(see=time.monotonic, written=lambda: False):
        turns, stop = [], threading.Event()

        def turn():
            turns.append(see())
            return False

        args = ("x", turn, stop, threading.Event(), lambda: None, written)
        thread = threading.Thread(target=service.loop, args=args, daemon=True)
        thread.start()
        stops.append(stop)
        threads.append(thread)
        return turns

    yield begin
    for stop in stops:
        stop.set()
    for thread in threads:
        thread.join(10)


def test_a_loop_with_nothing_to_do_takes_a_turn_only_now_and_then(looping):
    turns = looping()
    time.sleep(5)
    assert 2 <= len(turns) <= 4


def test_what_another_process_writes_is_looked_at_soon_however_long_nothing_was(
    looping, inbox, tmp_path
):
    seen = looping(lambda: inbox.counts().unread, service.Written(inbox.path))
    program = (
        "import sys, tests.unit.test_service as ours\n"
        "from pathlib import Path\n"
        "from agent.adapters.sql_inbox import Inbox\n"
        "inbox = Inbox(Path(sys.argv[1]))\n"
        "for number in map(int, sys.stdin):\n"
        "    inbox.append([ours.delivery(number)])\n"
        "    print(number, flush=True)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdin is not None
    assert writer.stdout is not None
    try:
        for number in range(3):
            # By then it asks as seldom as it ever does.
            time.sleep(1 if number else 4)
            writer.stdin.write(b"%d\n" % number)
            writer.stdin.flush()
            assert int(writer.stdout.readline()) == number
            told = time.monotonic()
            while seen[-1] != number + 1:
                assert time.monotonic() - told < 10, "not looked at"
                time.sleep(0.01)
    finally:
        writer.communicate(timeout=30)


def done(one):
    return Outcome(run_id=one.run_id, state=RunState.OPEN, reason=Reason.READY, sentence="Ready.")


# --- one delivery, one run --------------------------------------------------------------------


def accepted_once(inbox, store):
    """Add the run of a delivery, and be killed before the delivery is settled."""
    store.add(run(1), 1.0, delivery_id="d1")
    assert outcomes(inbox, 1) == [None]


@pytest.mark.parametrize("over", [False, True])
def test_a_worker_killed_before_it_settled_makes_no_second_run(inbox, store, over):
    inbox.append([delivery(1)])
    accepted_once(inbox, store)
    if over:
        store.finish("2026-1", done(run(1)), 2.0)
    gate = Gate({})
    assert service.Intake(inbox, store, gate).turn()
    settled = inbox.find("d1")
    assert (settled.outcome, settled.reason) == ("accepted", "2026-1")
    assert [one.run.run_id for one in store.latest(9)] == ["2026-1"]
    assert gate.asked == [], "what was decided is not decided anew"


def test_a_delivery_decided_twice_has_one_run(inbox, store):
    request = Request(snapshot=snapshot(), label="mergewright", clone_url="https://h/o/r.git")

    first = intake.accept(request, Open({}), store, now=1.0, delivery_id="d1")
    again = intake.accept(request, Open({}), store, now=2.0, delivery_id="d1")
    assert isinstance(first, Accepted)
    assert first == again
    assert len(store.latest(9)) == 1


# --- where a run stands -----------------------------------------------------------------------


def test_the_state_of_a_run_follows_its_steps_into_store_and_page(store, tmp_path):
    store.add(run(), 1.0)
    store.claim(2.0, most=1)
    notes = StateNotes("2026-1", RunState.TRIAGING, store.moved)
    seen = []
    page = RunPage(tmp_path / "run.json", run(), Redactor())
    with capture_logs() as said:
        for step in (
            "read ticket", "announce", "triage", "checkout", "read config", "clarify",
            "environment", "baseline", "plan", "edit", "policy 1", "checks 1", "repair 1",
            "policy 2", "checks 2", "repair 2", "review", "compare", "decide", "publish",
        ):  # fmt: skip
            notes.started(step)
            page.started(step)
            notes.ended(step, 0.1, ok=True)
            seen.append(store.find("2026-1").state.value)
            assert json.loads((tmp_path / "run.json").read_text())["state"] == seen[-1]
    assert said == [], "no move is illegal"
    assert [state for state, _ in itertools.groupby(seen)] == [
        "triaging", "preparing", "planning", "editing", "checking", "editing", "checking",
        "reviewing", "publishing",
    ]  # fmt: skip


def test_an_illegal_move_is_refused_and_ends_nothing(store):
    store.add(run(), 1.0)
    store.claim(2.0, most=1)
    notes = StateNotes("2026-1", RunState.TRIAGING, store.moved)
    notes.started("publish")
    notes.started("a step that nobody knows")
    assert store.find("2026-1").state is RunState.TRIAGING
    notes.started("checkout")
    assert store.find("2026-1").state is RunState.PREPARING


def test_a_state_that_cannot_be_noted_ends_no_run():
    def away(run_id, state):
        raise StoreUnavailable

    StateNotes("2026-1", RunState.TRIAGING, away).started("checkout")


def test_the_page_of_a_run_shows_no_secret(tmp_path):
    secret = "Zq8" * 9
    told = run().model_copy(
        update={"snapshot": snapshot().model_copy(update={"title": f"Use {secret} here"})}
    )
    page = RunPage(tmp_path / "run.json", told, Redactor([secret]))
    assert secret not in (tmp_path / "run.json").read_text()
    page.end(done(told).model_copy(update={"sentence": f"It was {secret}."}))
    shown = (tmp_path / "run.json").read_text()
    assert secret not in shown
    assert "Use [secret removed] here" in shown


# --- an attempt that is over ------------------------------------------------------------------


def test_an_attempt_that_is_put_off_writes_nothing_any_more(home):
    kept = []

    class Silent(FakeForge):
        def ticket(self, run):
            raise ForgeLimited("wait", time.time() + 60)

    def make(say, record):
        forge = Silent(None)
        kept.append((forge, record))
        return Services(
            settings=settings, forge=forge, sandbox=None, index=None, say=say, redactor=Redactor()
        )

    settings = Settings(home=home)
    with pytest.raises(Postponed):
        service.carry(run(), settings, make, durable=Carried(Directly(), Cancellation()))
    ((forge, record),) = kept
    assert forge.calls[-1] == "pause"
    ledger = home / "runs" / "2026-1" / "ledger.jsonl"
    before = ledger.read_bytes()
    record("comment edited", {"comment": 1})
    assert ledger.read_bytes() == before


@pytest.mark.parametrize("paused", [False, True])
def test_an_edit_that_is_due_is_dropped_when_the_attempt_is_over(paused):
    asked = []

    def ask(scope, work, *, doing, **how):
        asked.append(doing)
        return 1, "earlier words"

    access = SimpleNamespace(pacing=SimpleNamespace(mark_seconds=0.1), hide=str, known=Known())
    session = SimpleNamespace(
        access=access, ask=ask, issue=snapshot().issue, notice=SimpleNamespace(remaining=None)
    )
    status = StatusComment(session, run())
    status.begin("It begins.")
    status.update("It goes on.")
    if paused:
        status.pause()
    time.sleep(0.3)
    edits = [doing for doing in asked if doing.startswith("edit")]
    assert len(edits) == (1 if paused else 2)
    status.pause()


# --- faults that must reach somebody ----------------------------------------------------------


def test_a_delivery_that_we_fail_at_is_tried_three_times_and_then_told(inbox, store, monkeypatch):
    monkeypatch.setattr(service, "_RETRY_SECONDS", (0.0,))
    gate = Gate({1: ForgeUnavailable("away")})
    inbox.append([delivery(1), delivery(2)])
    intake = service.Intake(inbox, store, gate)
    intake.turn()  # what the forge does not answer does not count
    gate.problems[1] = ZeroDivisionError()
    for _ in range(2):
        intake.turn()
        assert outcomes(inbox, 1) == [None]
    intake.turn()
    settled = inbox.find("d1")
    assert settled.outcome == "failed"
    assert "ZeroDivisionError" in settled.reason
    assert outcomes(inbox, 2)[1] == "ignored", "the one behind it did not wait"


# --- signs of life ----------------------------------------------------------------------------


@pytest.fixture
def watched(inbox, monkeypatch):
    """Watch a loop for a moment; return whether signs of life were left."""
    monkeypatch.setattr(service, "_BEAT_SECONDS", 0.02)
    stop = threading.Event()

    def watch(pulse, *targets):
        threads = [threading.Thread(target=one, daemon=True) for one in targets]
        for thread in threads:
            thread.start()
        threading.Timer(0.3, stop.set).start()
        service.watch(inbox, pulse, threads, stop)
        return inbox.last_beat() is not None

    yield watch
    stop.set()


def test_there_are_signs_of_life_while_the_intake_goes_on(watched):
    assert watched(service.Pulse(), lambda: time.sleep(1))


def test_there_is_no_sign_of_life_of_an_intake_that_stands_still(watched, monkeypatch):
    monkeypatch.setattr(service, "_STILL_SECONDS", 0.0)
    assert not watched(service.Pulse(), lambda: time.sleep(1))


def test_a_loop_that_has_ended_ends_the_worker(watched):
    with pytest.raises(PermanentError, match="has ended"):
        watched(service.Pulse(), lambda: time.sleep(1), lambda: None)


def test_a_loop_and_each_delivery_are_signs_of_life(inbox, store, monkeypatch):
    pulse, stop, bell = service.Pulse(), threading.Event(), threading.Event()
    noted = []
    inbox.append([delivery(1), delivery(2)])
    intake = service.Intake(inbox, store, Gate({}), alive=lambda: noted.append("delivery"))

    def turn():
        stop.set()
        return intake.turn()

    time.sleep(0.05)
    assert pulse.age() >= 0.05
    begun = time.monotonic()
    service.loop("intake", turn, stop, bell, lambda: (noted.append("turn"), pulse.note()))
    assert noted == ["turn", "delivery", "delivery"]
    assert pulse.age() <= time.monotonic() - begun


# --- runs that wait ---------------------------------------------------------------------------


def test_a_run_that_is_taken_up_at_once_is_not_shown_to_wait(inbox, store):
    gate = Open({})
    inbox.append([delivery(1)])
    service.Intake(inbox, store, gate).turn()
    assert gate.waiting == []


def test_a_run_that_has_to_wait_is_shown_at_once_with_how_many_are_ahead(inbox, store):
    gate = Open({})
    inbox.append([delivery(1), delivery(2), delivery(3)])
    intake = service.Intake(inbox, store, gate)
    intake.turn()
    assert gate.waiting == [(2, 1), (3, 2)]
    store.claim(time.time(), most=1)
    inbox.append([delivery(4)])
    intake.turn()
    assert gate.waiting[2:] == [(4, 3)]


@pytest.mark.parametrize("problem", [ForgeUnavailable("away"), AccessLost("no"), KeyError("bug")])
def test_a_wait_that_cannot_be_shown_neither_loses_nor_delays_a_run(inbox, store, problem):
    gate, heard = Open({2: problem}), []
    inbox.append([delivery(1), delivery(2), delivery(3)])
    with capture_logs() as said:
        service.Intake(inbox, store, gate, accepted=lambda: heard.append(1)).turn()
    assert outcomes(inbox, 3) == ["accepted"] * 3
    assert len(heard) == len(store.latest(9)) == 3
    assert [one[0] for one in gate.waiting] == [2, 3]
    assert [one["event"] for one in said if one["log_level"] == "warning"] == ["waiting not shown"]


def test_a_label_of_ours_that_comes_back_is_noted_for_those_alone_who_look_closely(inbox, store):
    ours = Request(
        snapshot=snapshot(1), label="mergewright: working", clone_url="https://h/o/r.git"
    )
    inbox.append(
        [
            delivery(1).model_copy(update={"body": ours.model_dump_json().encode()}),
            delivery(2),
        ]
    )
    with capture_logs([merge_contextvars]) as said:
        service.Intake(inbox, store, Gate({})).turn()
    told = [(one["delivery"], one["log_level"]) for one in said if one["event"] == "ignored"]
    assert told == [("d1", "debug"), ("d2", "info")]
    assert inbox.find("d1").reason == "a label of ours that tells the state of a run"


# --- the first question -----------------------------------------------------------------------


class Way:
    """A way to the forge on which the first questions fail."""

    def __init__(self, *problems):
        self.problems = list(problems)

    def login(self):
        if self.problems:
            raise self.problems.pop(0)
        return "mergewright[bot]"


def test_a_forge_that_is_away_at_the_start_is_asked_until_it_answers(inbox, monkeypatch):
    monkeypatch.setattr(service, "_ASK_SECONDS", (0.01,))
    way = Way(ForgeUnavailable("away"), AccessLost("blocked"), ForgeUnavailable("away"))
    with capture_logs() as said:
        assert service.introduced(way, inbox, threading.Event())
    assert way.problems == []
    assert [one["log_level"] for one in said] == ["error"] * 3 + ["info"]
    assert inbox.last_beat() is not None


def test_a_wrong_address_or_key_is_the_operators_to_mend_before_anything_is_done(inbox):
    way = Way(ForgeUnavailable("away"), SettingsInvalid("MERGEWRIGHT_GITHUB_URL: no"))
    with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_GITHUB_URL"):
        service.introduced(way, inbox, threading.Event())


def test_the_worker_ends_while_it_waits_for_a_forge_and_gives_signs_of_life(inbox, monkeypatch):
    monkeypatch.setattr(service, "_BEAT_SECONDS", 0.02)
    stop, beats = threading.Event(), []
    monkeypatch.setattr(inbox, "beat", lambda: beats.append(1))
    threading.Timer(0.3, stop.set).start()
    way = Way(*[ForgeUnavailable("away")] * 9)
    begun = time.monotonic()
    assert not service.introduced(way, inbox, stop)
    assert time.monotonic() - begun < 0.9
    assert len(beats) > 5
