"""How soon a run goes on after `kill -9`.

The worker is the real command, started anew at the moment it is killed; what counts is the line of
the run's ledger that says that a step has begun.
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

from tests.bench import timing
from tests.bench.waiting import awaited
from tests.chaos.ground import ROOT, Ground, laid_out
from tests.chaos.tickets import Ticket, Tickets

#: Of the resumed step, on a machine with nothing else to do.
BAR_SECONDS = 2.0
_KIND = "logging"
_KILLED_AT = "checks 1"

Say = Callable[[str], None]


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Kill and start workers."""
    folder = scratch / "resume"
    folder.mkdir(mode=0o711)
    with laid_out(folder) as ground:
        tickets = Tickets(ground, folder / "repositories")
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
    title = "A run goes on after its worker was killed"
    return [timing.Section("resume", title, "none", rows, note)]


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
