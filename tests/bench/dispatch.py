"""A thousand runs in the queue: how fast they are begun and ended, and what memory that takes.

Store, engine and dispatcher are the real ones on one folder, in a process of its own; each run has
some steps that do nothing, all of which are remembered. The other side carries the same runs one
after the other without queue and engine: what is left is the ledger, which both write and sync.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import timing
from tests.bench.bare import BareFailed

RUNS = 1_000
REPOSITORIES = 50
AT_ONCE = 4
STEPS = 3
_SECONDS = 900
_ROOT = Path(__file__).parents[2]


def measure(scratch: Path, rounds: int, say: Callable[[str], None]) -> list[timing.Section]:
    """Queue the runs and carry them, in every round from the beginning."""
    measured: list[dict[str, float]] = []
    for number in range(rounds):
        say(f"dispatch: {RUNS:,} runs, round {number + 1} of {rounds}")
        folder = scratch / f"dispatch-{number}"
        folder.mkdir()
        argv = [sys.executable, "-m", "tests.bench.dispatch", str(folder)]
        done = subprocess.run(
            argv, cwd=_ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if done.returncode != 0:
            raise BareFailed(f"the dispatcher ended at {RUNS:,} runs: {done.stderr[-800:]}")
        measured.append(json.loads(done.stdout))

    def each(name: str) -> list[float]:
        return [one[name] for one in measured]

    def middle(name: str) -> float:
        return statistics.median(each(name))

    rows = [
        timing.Row(f"{RUNS:,} runs queued", each("queued")),
        timing.Row(f"{RUNS:,} runs begun and ended", each("carried"), each("alone")),
        timing.Row("a look at the full queue", each("look")),
        timing.Row("a look at an empty queue", each("idle")),
    ]
    note = f"""\
{STEPS} steps a run, {REPOSITORIES} repositories, {AT_ONCE} at a time: {RUNS / middle("carried"):.0f}\
 runs a second. Memory: {middle("before"):.0f} MiB
before, {middle("full"):.0f} MiB with the queue full, at most {middle("most"):.0f} MiB."""
    return [timing.Section("dispatch", f"{RUNS:,} queued runs", "one by one", rows, note)]


# --- the measured process ----------------------------------------------------------------------


def _carry_all(folder: Path) -> dict[str, float]:
    from agent import loops, telemetry
    from agent.adapters.engine import Engine
    from agent.adapters.sql_store import SqlStore
    from agent.dispatch import Bounds, Carrier, Dispatcher
    from agent.domain import Outcome, Reason, RunState, StoredRun
    from agent.pause import Switch
    from agent.ports import Remember
    from agent.steps import Cancellation, Directly

    bell, stop = threading.Event(), threading.Event()

    def carry(stored: StoredRun, remember: Remember, _: Cancellation) -> Outcome:
        run_id = stored.run.run_id
        _steps(folder, run_id, remember)
        bell.set()
        return Outcome(run_id=run_id, state=RunState.OPEN, reason=Reason.READY, sentence="Done.")

    telemetry.configure(verbose=False)
    store = SqlStore(folder)
    carrier = Carrier(store, carry, switch := Switch(folder))
    engine = Engine(folder, carrier)
    dispatcher = Dispatcher(
        store, engine, carrier, bounds=Bounds(switch, AT_ONCE), deliver=lambda run, outcome: None
    )
    engine.launch()
    told = {"before": _memory("VmRSS")}
    told["queued"], _ = timing.taken(lambda: _queue(store))
    told["look"], _ = timing.taken(lambda: store.claim(time.time(), most=AT_ONCE))
    told["full"] = _memory("VmRSS")
    written = loops.Written(store.path, engine.path)
    loop = threading.Thread(
        target=loops.take_turns,
        args=("dispatch", dispatcher.turn, stop, bell),
        kwargs={"written": written},
    )
    begun = time.perf_counter()
    loop.start()
    while store.backlog(time.time()).states:
        time.sleep(0.01)
    told["carried"] = time.perf_counter() - begun
    stop.set()
    loop.join()
    told["idle"] = min(timing.taken(dispatcher.turn)[0] for _ in range(20))
    told["most"] = _memory("VmHWM")
    if len(store.latest(RUNS + 1)) != RUNS:
        raise BareFailed("some runs are not there any more")
    engine.close()
    store.close()
    told["alone"], _ = timing.taken(
        lambda: [_steps(folder, f"alone-{number}", Directly()) for number in range(RUNS)]
    )
    return told


def _steps(folder: Path, run_id: str, remember: object) -> None:
    from agent.issue_run import Watchers
    from agent.ledger import Ledger
    from agent.redaction import Redactor
    from agent.steps import Steps
    from agent.telemetry import RunLog

    ledger = Ledger(folder / f"{run_id}.jsonl", run_id)
    log = RunLog(folder / f"{run_id}.log", Redactor())
    step = Steps(ledger, log, Watchers(), max_minutes=60, remember=remember)  # type: ignore[arg-type]
    for number in range(STEPS):
        step(f"step {number}", _nothing, number)


def _nothing(number: int) -> int:
    return number


def _queue(store: object) -> None:
    from agent.adapters.sql_store import SqlStore
    from agent.domain import IssueRef, Run, Snapshot

    assert isinstance(store, SqlStore)
    now = time.time()
    for number in range(RUNS):
        of = number % REPOSITORIES
        issue = IssueRef(
            repository=f"o/r{of}", repository_id=of + 1, number=number + 1, issue_id=number + 1
        )
        snapshot = Snapshot(
            issue=issue, url="https://github.example/o/r/issues/1", title="Add a field",
            body="words " * 200, labels=("mergewright",), author="carl", actor="maria",
            actor_id=5, approved_at="2026-11-20T10:00:00Z",
        )  # fmt: skip
        run = Run(
            run_id=f"run-{number:04}", repository="https://h/o/r.git", ticket=f"#{number}",
            snapshot=snapshot, started=int(now),
        )  # fmt: skip
        store.add(run, now + number / 1_000_000)


def _memory(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


if __name__ == "__main__":
    print(json.dumps(_carry_all(Path(sys.argv[1]))))
