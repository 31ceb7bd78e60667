"""How soon a run goes on after `kill -9`.

The worker is the real command, started anew at the moment it is killed; what counts is the line of
the run's events that says that a step has begun.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bench.timing import Row, Say, Section, measure_time, wait_for
from tests.chaos.ground import ROOT, Ground, laid_out
from tests.chaos.tickets import Ticket, Tickets

#: Of the resumed step, on a machine with nothing else to do.
BAR_SECONDS = 2.0
_KIND = "small"
_KILLED_AT = "checks 1"


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    folder = scratch / "resume"
    folder.mkdir(mode=0o711)
    with laid_out(folder) as ground:
        took = measure_resumptions(ground, Tickets(ground, folder / "repositories"), rounds, say)
    met = "met" if max(took) <= BAR_SECONDS else "missed"
    note = f"""\
A worker that carries a run is killed at its step {_KILLED_AT!r}, and the next one started at once.
Bar: {BAR_SECONDS:.0f} s on a quiet machine; {met}, the slowest took {max(took):.2f} s."""
    rows = [Row("kill -9 and start to first step", took)]
    return [Section("resume", "A run goes on after its worker was killed", "none", rows, note)]


def measure_resumptions(ground: Ground, tickets: Tickets, rounds: int, say: Say) -> list[float]:
    """Return the seconds from `kill -9` and start to the first step that goes on."""
    took = []
    say("resume: a first run, which makes the environment")
    with _Worker(ground).running() as worker:
        _wait_for_end(ground, tickets.label(_KIND))
        for number in range(rounds):
            say(f"resume: round {number + 1} of {rounds}")
            ticket = tickets.label(_KIND)
            events = wait_for(partial(_find_events, ground, ticket), "the run")
            _wait_for_step(events, 1, _KILLED_AT)

            def resume(events: Path = events) -> None:
                worker.kill()
                worker.start()
                _wait_for_step(events, 2)

            took.append(measure_time(resume)[0])
            _wait_for_end(ground, ticket)
    return took


class _Worker:
    """The real command, again and again."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent", "work"],
            env=self._ground.environ, cwd=ROOT, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @contextmanager
    def running(self) -> Iterator[_Worker]:
        try:
            yield self
        finally:
            self._process.terminate()
            try:
                self._process.wait(90)
            except subprocess.TimeoutExpired:
                self.kill()


def _find_events(ground: Ground, ticket: Ticket) -> Path | None:
    rows = _list_runs(ground, ticket)
    path = ground.home / "runs" / str(rows[0][0]) / "events.jsonl" if rows else None
    return path if path is not None and path.exists() else None


def _wait_for_step(events: Path, attempt: int, step: str | None = None) -> None:
    def find() -> bool | None:
        begun = 0
        for line in events.read_bytes().splitlines():
            begun += line.startswith(b'{"event": "begun"')
            if line.startswith(b'{"event": "started"') and line.endswith(b"}"):
                if begun == attempt and step in (None, json.loads(line)["step"]):
                    return True
        return None

    wait_for(find, f"attempt {attempt} at the step {step or 'to go on with'}")


def _wait_for_end(ground: Ground, ticket: Ticket) -> None:
    def find() -> bool | None:
        rows = _list_runs(ground, ticket)
        return True if rows and not rows[0][1] else None

    wait_for(find, f"the end of {ticket.name}", look=0.05)


def _list_runs(ground: Ground, ticket: Ticket) -> list[tuple[object, ...]]:
    return ground.rows(
        "SELECT run_id, active FROM runs WHERE repository_id = ? AND number = ?",
        ticket.repository.id,
        ticket.issue.number,
    )
