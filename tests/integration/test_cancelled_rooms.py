"""Rooms that nobody waits for any more end at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.errors import SandboxLost
from agent.ports import RoomOrder, Sandbox

LONG = RoomOrder(argv=("/bin/sleep", "300"))


def test_a_cancelled_room_is_taken_down_at_once(sandbox: Sandbox) -> None:
    cancelled = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        begun = time.monotonic()
        rooms = [pool.submit(sandbox.run, LONG, cancelled) for _ in range(2)]
        time.sleep(1.0)
        assert not any(room.done() for room in rooms)
        cancelled.set()
        for room in rooms:
            with pytest.raises(SandboxLost, match="taken down before"):
                room.result(timeout=60)
    assert time.monotonic() - begun < 60


def test_rooms_of_several_threads_do_not_meet(sandbox: Sandbox) -> None:
    orders = [
        RoomOrder(argv=("/bin/sh", "-c", f"echo {n} >/out/mine; sleep 1; ls /out; cat /out/mine"))
        for n in range(2)
    ]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(sandbox.run, orders))
    assert [result.output.split() for result in results] == [["mine", "0"], ["mine", "1"]]
