"""What the service costs while nothing happens: processor time of its processes, as Linux counts.

The whole service beside the simulated GitHub, as an operator starts it, left alone for a while.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from agent.demo import play
from tests.bench import timing

SECONDS = 10.0
#: The engine looks for what it has to do more often in its first minute.
SETTLED_SECONDS = 65.0
#: Of one processor.
BAR = 0.01


def measure(scratch: Path, rounds: int, say: Callable[[str], None]) -> list[timing.Section]:
    """Leave the service alone, and look how long its processes were at work meanwhile."""
    home, github = scratch / "idle-home", scratch / "idle-github"
    home.mkdir(mode=0o711)
    github.mkdir()
    used: dict[str, list[float]] = {}
    with play.staging(home, github) as stage:
        say("idle: the service is up, and is left to settle")
        time.sleep(SETTLED_SECONDS)
        named = _processes(stage.service.pid())
        for number in range(rounds):
            say(f"idle: round {number + 1} of {rounds}")
            before = {name: timing.processor_seconds(pid) for name, pid in named.items()}
            time.sleep(SECONDS)
            for name, pid in named.items():
                used.setdefault(name, []).append(timing.processor_seconds(pid) - before[name])
    shares = {name: statistics.median(each) / SECONDS for name, each in used.items()}
    told = ", ".join(f"{name} {share:.2%}" for name, share in shares.items())
    met = "met" if shares["worker"] < BAR else "missed"
    note = f"Of one processor, median: {told}. Bar for the worker: {BAR:.0%}; {met}."
    title = f"Processor time of an idle service within {SECONDS:.0f} s"
    return [
        timing.Section(
            "idle", title, "none", [timing.Row(name, each) for name, each in used.items()], note
        )
    ]


def _processes(supervisor: int) -> dict[str, int]:
    """The supervisor and its two children, by what they are."""
    found = {"supervisor": supervisor}
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    for child in children:
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        found["listener" if b"webhooks" in words else "worker"] = int(child)
    return found
