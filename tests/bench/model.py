"""What Mergewright spends itself on each turn of a model.

The model is a scripted server without latency, in the process of the bench; its client is a process
of its own. The task is one bug of a paginator: plan, read, test, edit, test, read, submit, and
further files to read, up to 12 or 60 turns. A turn's own time is what passes at the server between
the end of a reply and the next request. Turns that run tests are left out, since they measure
pytest, and so is the one that opens the sandbox. The other side is a bare loop on the same library
of models, in `tests.bench.model_bare`: the difference is what record, limits, sandbox and snapshots
cost.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.timing import BareFailed, Row, Say, Section
from tests.scripted import Call, Said, Seen, serving

#: Turns without a file of its own: plan, read, test, edit, test, read, submit.
_FIXED = 7
TURNS = (12, 60)
#: Milliseconds of a turn over those of the bare loop.
_OWN_MS = 35.0
#: The place of the turn whose call is the first in the sandbox.
_OPENS = 1
#: Of each file that is read besides those of the bug.
_FILE_CHARACTERS = 5_000

TICKET = "`Paginator(items, 10).page(1)` begins with the eleventh item."
_PAGINATOR = """\
from __future__ import annotations


class Paginator:
    def __init__(self, items: list[int], size: int) -> None:
        self.items = items
        self.size = size

    def page(self, page: int) -> list[int]:
        start = page * self.size
        return self.items[start : start + self.size]
"""
_TEST = """\
from paginator import Paginator


def test_the_first_page_begins_with_the_first_item():
    assert Paginator(list(range(25)), 10).page(1) == list(range(10))
"""
_PLAN = {
    "title": "Count pages from 1",
    "category": "bug",
    "steps": ["Let the first page begin with the first item."],
    "files": ["paginator.py"],
}
TEST = Call("bash", {"command": "python -m pytest -q --tb=short test_paginator.py"})


@dataclass
class _Talk:
    """One conversation, as the server sees it; times on the machine's monotonic clock."""

    seen: list[float] = field(default_factory=list)
    replied: list[float] = field(default_factory=list)


class _Model:
    """Replies with the task, call by call; each conversation begins with the opening alone."""

    def __init__(self, turns: int) -> None:
        self._calls = list_calls(turns)
        self.talks: list[_Talk] = []

    def __call__(self, request: Seen) -> Said:
        now = time.monotonic()
        if request.turn == 1:
            self.talks.append(_Talk())
        talk = self.talks[-1]
        talk.seen.append(now)
        talk.replied.append(time.monotonic())
        return Said(calls=(self._calls[request.turn - 1],))


def list_calls(turns: int) -> list[Call]:
    read = Call("bash", {"command": "cat paginator.py"})
    edits = [
        Call("bash", {"command": f"head -c {_FILE_CHARACTERS} notes/part_{number}.py"})
        for number in range(turns - _FIXED)
    ]
    wrong, right = "start = page * self.size", "start = (page - 1) * self.size"
    edit = Call("edit", {"path": "paginator.py", "old": wrong, "new": right})
    done = Call("submit", {"summary": "Pages are counted from 1."})
    return [Call("plan", _PLAN), read, *edits, TEST, edit, TEST, read, done]


def files() -> Iterator[tuple[str, str]]:
    """Yield the repository: the paginator, its test, and further files to read."""
    yield "paginator.py", _PAGINATOR
    yield "test_paginator.py", _TEST
    yield "requirements.txt", "pytest\n"
    for number in range(max(TURNS) - _FIXED):
        lines = (
            f"NOTE_{number}_{at} = 'this is of no use'\n" for at in range(_FILE_CHARACTERS // 20)
        )
        yield f"notes/part_{number}.py", "".join(lines)


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    """Measure both sides on each task."""
    folder = scratch / "model"
    folder.mkdir(mode=0o711)
    rows: list[Row] = []
    notes: list[str] = []
    for turns in TURNS:
        say(f"model: {turns} turns, {rounds} rounds")
        ours, bare = (_measure_turns(side, turns, folder, rounds) for side in ("client", "bare"))
        rows.append(Row(f"a turn of {turns}", ours, bare))
        over = (statistics.median(ours) - statistics.median(bare)) * 1000
        met = "met" if over <= _OWN_MS else "missed"
        notes.append(
            f"{turns} turns: {over:.1f} ms a turn over the bare loop (bar {_OWN_MS}, {met})"
        )
    title = "A turn of a model, on our side of the wire"
    return [Section("model", title, "bare", rows, "\n".join(notes))]


def _measure_turns(side: str, turns: int, folder: Path, rounds: int) -> list[float]:
    """Return the mean seconds of a turn by round; a first round warms the process up."""
    model = _Model(turns)
    with serving(model) as server:
        home = {"MERGEWRIGHT_HOME": str(folder / "home"), "MERGEWRIGHT_MODEL_TOKENS": "100000000"}
        subprocess.run(
            [sys.executable, "-m", f"tests.bench.model_{side}", str(folder), str(rounds + 1)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **server.environ(), **home},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    if [len(talk.replied) for talk in model.talks] != [turns] * (rounds + 1):
        raise BareFailed(f"{side} did not come to the end of its {turns} turns")
    calls = list_calls(turns)[:-1]
    counted = [turn for turn, call in enumerate(calls) if call != TEST and turn != _OPENS]
    return [
        statistics.fmean(talk.seen[turn + 1] - talk.replied[turn] for turn in counted)
        for talk in model.talks[1:]
    ]
