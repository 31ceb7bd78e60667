"""Loops: when the next turn is taken, and the sign that they go on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent import deliveries, loops
from tests.unit.delivery_samples import Gate, delivery


def test_the_bell_wakes_a_loop_that_waits(monkeypatch):
    monkeypatch.setattr(loops, "_IDLE_SECONDS", 30.0)
    turns, stop, bell = [], threading.Event(), threading.Event()

    def turn():
        turns.append(time.monotonic())
        return False

    thread = threading.Thread(target=loops.take_turns, args=("x", turn, stop, bell), daemon=True)
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
        thread = threading.Thread(target=loops.take_turns, args=args, daemon=True)
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
    seen = looping(lambda: inbox.counts().unread, loops.Written(inbox.path))
    program = (
        "import sys, tests.unit.delivery_samples as ours\n"
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


def test_a_loop_and_each_delivery_are_signs_of_life(inbox, store, monkeypatch):
    pulse, stop, bell = loops.Pulse(), threading.Event(), threading.Event()
    noted = []
    inbox.append([delivery(1), delivery(2)])
    intake = deliveries.Intake(inbox, store, Gate({}), alive=lambda: noted.append("delivery"))

    def turn():
        stop.set()
        return intake.turn()

    time.sleep(0.05)
    assert pulse.age() >= 0.05
    begun = time.monotonic()
    loops.take_turns("intake", turn, stop, bell, lambda: (noted.append("turn"), pulse.note()))
    assert noted == ["turn", "delivery", "delivery"]
    assert pulse.age() <= time.monotonic() - begun
