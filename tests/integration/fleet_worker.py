"""A worker whose runs have three steps that sleep; beside it, only what a fleet shares.

`python -m tests.integration.fleet_worker URL FOLDER NAME LEASE STEP MOST [FAULT]`: the address of
PostgreSQL (`-`: SQLite in the folder), where all say what they do, its name, seconds of a lease and
of a step, how many runs at a time, and a fault of `tests.chaos.broken`.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from agent.models import fence
from agent.models.outcome import Outcome
from agent.models.run import Reason, Remember, RunState
from agent.service.dispatch import Dispatcher, SegmentRunner
from agent.settings import Settings
from agent.steps import Cancellation
from agent.store.engine import Engine
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import RunRow

STEPS = 3
_LOOK_SECONDS = 0.1


def main() -> None:
    """Carry runs until told to stop."""
    address, place, name, lease_seconds, step_seconds, most, *fault = sys.argv[1:]
    folder, url = Path(place), None if address == "-" else address
    if any(fault):
        from tests.chaos import broken

        broken.BREAKS[fault[0]]()

    def say(word: str) -> None:
        with (folder / "said").open("a") as file:
            file.write(f"{name} {word}\n")

    def carry(stored: RunRow, remember: Remember, _: Cancellation) -> Outcome:
        run_id = stored.run.run_id

        def attempt(step: str) -> str:
            say(f"began {step}")
            time.sleep(float(step_seconds))
            fence.require_lease()
            say(f"wrote {step}")
            return "null"

        for number in range(1, STEPS + 1):
            step = f"{run_id} {number}"
            remember(step, lambda step=step: attempt(step))  # type: ignore[misc]
        return Outcome(run_id=run_id, state=RunState.OPEN, reason=Reason.READY, sentence="S")

    # All have the same folder by name, as on machines of their own.
    store = SqlRunStore(folder, url)
    lease = store.acquire_worker_lease(float(lease_seconds), key="")
    lease.start_heartbeats()
    fence.raise_fence(lease.require)
    stop = threading.Event()
    runner = SegmentRunner(store, carry)
    engine = Engine(folder, runner, url=url, worker=lease.number)
    dispatcher = Dispatcher(
        store,
        engine,
        runner,
        settings=Settings(home=folder, max_runs=int(most), runs_per_repository=1),
        deliver=lambda *_: None,
        lease=lease,
        stop=stop,
    )
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    engine.launch()
    say("works")
    while not stop.is_set():
        try:
            dispatcher.run_once()
        except Exception as problem:
            say(f"failed {problem!r}")
        time.sleep(_LOOK_SECONDS)
    engine.drain(20)
    lease.release()
    say("left")
    os._exit(0)


if __name__ == "__main__":
    main()
