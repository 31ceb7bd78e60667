"""Loops: when the next turn is taken, and the sign that they go on."""

from __future__ import annotations

import threading
import time

from structlog.testing import capture_logs

from agent.errors import CodeHostLimited, CodeHostUnavailable
from agent.service import deliveries, loops
from tests.unit.delivery_samples import Gate, delivery


def test_a_loop_and_each_delivery_are_signs_of_life(inbox, store, monkeypatch):
    heartbeat, stop, wake_up = loops.Heartbeat(), threading.Event(), threading.Event()
    noted = []
    inbox.append([delivery(1), delivery(2)])
    intake = deliveries.Intake(inbox, store, Gate({}), alive=lambda: noted.append("delivery"))

    def turn():
        stop.set()
        return intake.run_once()

    time.sleep(0.05)
    assert heartbeat.seconds_since_beat() >= 0.05
    begun = time.monotonic()
    loops.take_turns(
        "intake", turn, stop, wake_up, lambda: (noted.append("turn"), heartbeat.beat())
    )
    assert noted == ["turn", "delivery", "delivery"]
    assert heartbeat.seconds_since_beat() <= time.monotonic() - begun


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


def test_the_bell_wakes_a_loop_that_waits(monkeypatch):
    monkeypatch.setattr(loops, "_IDLE_SECONDS", 30.0)
    turns, stop, wake_up = [], threading.Event(), threading.Event()

    def turn():
        turns.append(time.monotonic())
        return False

    thread = threading.Thread(target=loops.take_turns, args=("x", turn, stop, wake_up), daemon=True)
    thread.start()
    time.sleep(0.2)
    wake_up.set()
    time.sleep(0.2)
    stop.set()
    wake_up.set()
    thread.join(5)
    assert len(turns) == 2
    assert not thread.is_alive()
