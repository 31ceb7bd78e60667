"""The worker's process and its loops: signs of life, the next turn, the first question to GitHub."""

import threading
import time

import pytest
from structlog.testing import capture_logs

from agent.errors import AccessLost, CodeHostLimited, CodeHostUnavailable, PermanentError
from agent.service import loops, process
from agent.service.loops import Heartbeat


@pytest.fixture
def watched(inbox, monkeypatch):
    """Watch a loop for a moment; return whether signs of life were left."""
    monkeypatch.setattr(process, "_BEAT_SECONDS", 0.02)
    stop = threading.Event()

    def watch(heartbeat, *targets):
        threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in threads:
            thread.start()
        threading.Timer(0.3, stop.set).start()
        process.watch_heartbeat(inbox, heartbeat, threads, stop, lambda: True)
        return inbox.read_last_beat() is not None

    yield watch
    stop.set()


def test_there_is_no_sign_of_life_of_an_intake_that_stands_still(watched, monkeypatch):
    monkeypatch.setattr(process, "STILL_SECONDS", 0.0)
    assert not watched(Heartbeat(), lambda: time.sleep(1))


def test_a_loop_that_has_ended_ends_the_worker(watched):
    with pytest.raises(PermanentError, match="has stopped"):
        watched(Heartbeat(), lambda: time.sleep(1), lambda: None)


class Way:
    """A way to the code host on which the first questions fail."""

    def __init__(self, *problems):
        self.problems = list(problems)

    def login(self):
        if self.problems:
            raise self.problems.pop(0)
        return "mergewright[bot]"


def test_a_forge_that_is_away_at_the_start_is_asked_until_it_answers(inbox, monkeypatch):
    monkeypatch.setattr(process, "_ASK_SECONDS", (0.01,))
    way = Way(CodeHostUnavailable("away"), AccessLost("blocked"), CodeHostUnavailable("away"))
    with capture_logs() as said:
        assert process.wait_until_known(way, inbox, threading.Event())
    assert way.problems == []
    assert [one["log_level"] for one in said] == ["error"] * 3 + ["info"]
    assert inbox.read_last_beat() is not None


def test_PF5_a_forge_that_hangs_at_the_start_holds_up_neither_signs_of_life_nor_the_end(
    inbox, monkeypatch
):
    monkeypatch.setattr(process, "_BEAT_SECONDS", 0.02)
    stop, hung, beats = threading.Event(), threading.Event(), []
    monkeypatch.setattr(inbox, "beat", lambda: beats.append(1))
    way = Way()
    monkeypatch.setattr(way, "login", lambda: hung.wait(30) and "late")
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    assert not process.wait_until_known(way, inbox, stop)
    hung.set()
    assert time.monotonic() - began < 10
    assert len(beats) > 5


class Turns:
    def __init__(self, *outcomes: float | Exception) -> None:
        self.outcomes = list(outcomes)
        self.stop = threading.Event()
        self.at: list[float] = []

    def turn(self) -> float:
        self.at.append(time.monotonic())
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.stop.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_a_turn_that_fails_is_logged_once_and_does_not_end_the_loop():
    away = CodeHostUnavailable("away")
    turns = Turns(away, away, ValueError("a bug"), 0.0)
    with capture_logs() as logged:
        loops.repeat("x", turns.turn, turns.stop, 0.01)
    assert len(turns.at) == 4
    assert [item.get("problem") for item in logged] == ["away", None]


def test_GH2_the_next_turn_waits_for_as_long_as_the_forge_says():
    turns = Turns(CodeHostLimited("wait", until=time.time() + 0.3), 0.0)
    loops.repeat("x", turns.turn, turns.stop, 0.01)
    assert turns.at[1] - turns.at[0] > 0.25
