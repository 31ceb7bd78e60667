"""How soon a run goes on after `kill -9`, and what it costs that every step is remembered.

The worker is the real command, started anew at the moment it is killed; what counts is the line of
the run's ledger that says that a step has begun. The other side of a step is `agent.steps` without
an engine, in the same process: both write and sync their ledger.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.adapters.engine import Engine, Segment, Standing
from agent.domain import Record
from agent.ledger import Ledger
from agent.ports import Remember
from agent.redaction import Redactor
from agent.steps import Directly, Steps
from agent.telemetry import RunLog
from tests.bench import timing
from tests.bench.bare import BareFailed
from tests.bench.waiting import awaited
from tests.chaos.ground import ROOT, Ground, laid_out
from tests.chaos.tickets import Ticket, Tickets

#: Of the resumed step, on a machine with nothing else to do.
BAR_SECONDS = 2.0
STEPS = 200
_KIND = "logging"
_KILLED_AT = "checks 1"

Say = Callable[[str], None]


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Kill and start workers, and carry runs of steps that do nothing."""
    return [_resumed(scratch / "resume", rounds, say), _remembered(scratch / "steps", rounds, say)]


# --- after a kill ------------------------------------------------------------------------------


def _resumed(folder: Path, rounds: int, say: Say) -> timing.Section:
    folder.mkdir(mode=0o711)
    with laid_out(folder) as ground:
        tickets = Tickets(ground, folder / "repositories", repositories=1)
        measured = _resumptions(ground, tickets, rounds, say)
    took = [seconds for seconds, _ in measured]
    slowest = max(took)
    met = "met" if slowest <= BAR_SECONDS else "missed"
    note = f"""\
A worker that carries a run is killed at its step {_KILLED_AT!r}, and the next one started at once.
Bar: {BAR_SECONDS:.0f} s on a quiet machine; {met}, the slowest took {slowest:.2f} s."""
    rows = [
        timing.Row("kill -9 and start to first step", took),
        timing.Row("  processor time of that", [busy for _, busy in measured]),
    ]
    return timing.Section("resume", "A run goes on after its worker was killed", "none", rows, note)


def resumptions(ground: Ground, tickets: Tickets, rounds: int, say: Say) -> list[float]:
    """Return the seconds from `kill -9` and start to the first step that goes on."""
    return [seconds for seconds, _ in _resumptions(ground, tickets, rounds, say)]


def _resumptions(
    ground: Ground, tickets: Tickets, rounds: int, say: Say
) -> list[tuple[float, float]]:
    """Return those seconds, and how many of them the worker was at work."""
    took = []
    say("resume: a first run, which makes the environment")
    with _worker(ground) as worker:
        _await_end(ground, tickets.label(_KIND))
        for number in range(rounds):
            say(f"resume: round {number + 1} of {rounds}")
            took.append(_once(ground, worker, tickets.label(_KIND)))
    return took


def _once(ground: Ground, worker: _Worker, ticket: Ticket) -> tuple[float, float]:
    ledger = awaited(lambda: _ledger(ground, ticket), "the run")
    awaited(lambda: _begun(ledger, 1, _KILLED_AT), f"its step {_KILLED_AT}")
    begun = time.perf_counter()
    worker.kill_and_start()
    awaited(lambda: _begun(ledger, 2), "a step after the kill")
    seconds = time.perf_counter() - begun
    busy = timing.processor_seconds(worker.process.pid)
    _await_end(ground, ticket)
    return seconds, busy


class _Worker:
    """The real command, again and again."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.process = self._start()

    def kill_and_start(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "agent", "work"],
            env=self._ground.environ, cwd=ROOT, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@contextmanager
def _worker(ground: Ground) -> Iterator[_Worker]:
    worker = _Worker(ground)
    try:
        yield worker
    finally:
        worker.process.terminate()
        try:
            worker.process.wait(90)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def _ledger(ground: Ground, ticket: Ticket) -> Path | None:
    rows = _rows(ground, ticket)
    path = ground.home / "runs" / str(rows[0][0]) / "ledger.jsonl" if rows else None
    return path if path is not None and path.exists() else None


def _begun(ledger: Path, attempt: int, step: str | None = None) -> bool | None:
    for line in ledger.read_bytes().splitlines():
        if b'"event": "started"' in line and line.endswith(b"}"):
            event = json.loads(line)
            if event["attempt"] == attempt and step in (None, event["step"]):
                return True
    return None


def _await_end(ground: Ground, ticket: Ticket) -> None:
    def over() -> bool | None:
        rows = _rows(ground, ticket)
        return True if rows and not rows[0][1] else None

    awaited(over, f"the end of {ticket.name}", look=0.05)


def _rows(ground: Ground, ticket: Ticket) -> list[tuple[object, ...]]:
    return ground.rows(
        "SELECT run_id, active FROM runs WHERE repository_id = ? AND number = ?",
        ticket.repository.id,
        ticket.issue.number,
    )


# --- the cost of a step ------------------------------------------------------------------------


class _Small(Record):
    """What a step that does nothing returns."""

    number: int


def _small(number: int) -> _Small:
    return _Small(number=number)


class Nobody:
    """Watches nothing."""

    def started(self, step: str) -> None:
        """Do nothing."""

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        """Do nothing."""


def _remembered(folder: Path, rounds: int, say: Say) -> timing.Section:
    folder.mkdir()
    ours: list[float] = []
    bare: list[float] = []

    def carry(run_id: str, remember: Remember) -> str:
        seconds, _ = timing.taken(lambda: _carry(folder, run_id, remember))
        return str(seconds)

    engine = Engine(folder, carry)
    engine.launch()
    try:
        for number in range(-1, rounds):
            say(f"steps: round {number + 1} of {rounds}" if number >= 0 else "steps: warming up")
            segment = Segment(run_id=f"run-{number}")
            engine.begin(segment)
            took = float(_ended(engine, segment))
            alone = float(carry(f"bare-{number}", Directly()))
            if number >= 0:
                ours.append(took)
                bare.append(alone)
    finally:
        engine.close()
    each = (min(ours) - min(bare)) / STEPS * 1000
    note = f"Each step returns a small record. The engine adds {each:.1f} ms to a step, at best."
    row = timing.Row(f"{STEPS} steps that do nothing", ours, bare)
    title = "A step that is remembered, and one that is not"
    return timing.Section("steps", title, "directly", [row], note)


def _carry(folder: Path, run_id: str, remember: Remember) -> None:
    ledger = Ledger(folder / f"{run_id}.jsonl", run_id)
    log = RunLog(folder / f"{run_id}.log", Redactor())
    step = Steps(ledger, log, Nobody(), max_minutes=60, remember=remember)
    for number in range(STEPS):
        step(f"step {number}", _small, number)


def _ended(engine: Engine, segment: Segment) -> str:
    def over() -> str | None:
        standing, told = engine.standing(segment)
        if standing is Standing.BROKEN:
            raise BareFailed(f"the engine lost its run: {told}")
        return told if standing is Standing.ENDED else None

    return awaited(over, "the end of the steps")
