"""What Mergewright spends itself while a model works: time by turn, and characters.

The model is a scripted server without latency, in the process of the bench; who asks it is a
process of its own. The task is one bug of a paginator, in 7 turns: plan, read, test, edit, test,
read, hand in; in 31 there are 24 more files to read. A turn's own time is what passes at the server
between the end of a reply and the next request. Turns that run tests are left out, since they
measure pytest, and so is the one that opens the sandbox. The other side
is a bare loop on the same library of models, in `tests.bench.model_bare`: the difference is what
record, limits, sandbox and snapshots cost.
"""

from __future__ import annotations

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

SHORT, LONG = 7, 31
#: By turns: the characters that may be sent in all.
_CHARACTERS = {SHORT: 40_000, LONG: 500_000}
#: Milliseconds of a turn over those of the bare loop.
_OWN_MS = {"direct": 20.0, "durable": 35.0}
#: The place of the turn whose call is the first in the sandbox.
_OPENS = 1

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
_NOTE_LINES = 24
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
    characters: int = 0

    @property
    def gaps(self) -> list[float]:
        """From each reply to the next request."""
        pairs = zip(self.replied, self.seen[1:], strict=False)
        return [following - before for before, following in pairs]


class _Model:
    """Says the task, call by call; each conversation begins with the opening alone."""

    def __init__(self, turns: int) -> None:
        self._calls = list_calls(turns)
        self.talks: list[_Talk] = []

    def __call__(self, request: Seen) -> Said:
        now = time.monotonic()
        if request.turn == 1:
            self.talks.append(_Talk())
        talk = self.talks[-1]
        talk.seen.append(now)
        talk.characters += request.characters
        call = self._calls[request.turn - 1]
        talk.replied.append(time.monotonic())
        return Said(calls=(call,))


@dataclass
class _Side:
    """What one process did, and what the server saw of it."""

    talks: list[_Talk]
    turns: int

    @property
    def own_seconds(self) -> list[float]:
        """The mean of a turn by round, without tests; the first round warms the process up."""
        calls = list_calls(self.turns)
        counted = [turn for turn in range(self.turns - 1) if calls[turn] != TEST and turn != _OPENS]
        return [statistics.fmean(talk.gaps[turn] for turn in counted) for talk in self.talks[1:]]


def list_calls(turns: int) -> list[Call]:
    read = Call("bash", {"command": "cat paginator.py"})
    others = [Call("bash", {"command": f"cat notes/part_{n}.py"}) for n in range(turns - SHORT)]
    wrong, right = "start = page * self.size", "start = (page - 1) * self.size"
    edit = Call("edit", {"path": "paginator.py", "old": wrong, "new": right})
    done = Call("submit", {"summary": "Pages are counted from 1."})
    return [Call("plan", _PLAN), read, *others, TEST, edit, TEST, read, done]


def files() -> Iterator[tuple[str, str]]:
    """Yield the repository: the paginator, its test, and further files of about 1.4 kB each."""
    yield "paginator.py", _PAGINATOR
    yield "test_paginator.py", _TEST
    yield "requirements.txt", "pytest\n"
    for number in range(LONG - SHORT):
        line = "NOTE_{}_{} = 'what is written here is of no use {}'\n"
        lines = (line.format(number, at, at) for at in range(_NOTE_LINES))
        yield f"notes/part_{number}.py", "".join(lines)


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    """Let all sides do the task, at both lengths."""
    folder = scratch / "model"
    folder.mkdir(mode=0o711)
    rows: list[Row] = []
    notes: list[str] = []
    for turns in (SHORT, LONG):
        found: dict[str, _Side] = {}
        for name in ("direct", "durable", "bare"):
            say(f"model: {turns} turns, {name}, {rounds} rounds")
            found[name] = _run_side(name, turns, folder, rounds)
        bare = found["bare"].own_seconds
        for name, bar in _OWN_MS.items():
            own = found[name].own_seconds
            rows.append(Row(f"a turn of {turns}, {name}", own, bare))
            over = (statistics.median(own) - statistics.median(bare)) * 1000
            words = f"{_compare(over, bar, ' ms')} a turn over the bare loop"
            notes.append(f"{turns} turns, {name}: {words}")
        ours, theirs = (found[name].talks[-1].characters for name in ("direct", "bare"))
        words = f"{_compare(ours, _CHARACTERS[turns])} characters sent; bare loop {theirs:,}"
        notes.append(f"{turns} turns: {words}")
    title = "A turn of a model, on our side of the wire"
    return [Section("model", title, "bare", rows, "\n".join(notes))]


def _run_side(name: str, turns: int, folder: Path, rounds: int) -> _Side:
    model = _Model(turns)
    module = "tests.bench.model_bare" if name == "bare" else "tests.bench.model_client"
    with serving(model) as server:
        subprocess.run(
            [sys.executable, "-m", module, str(folder), name, str(rounds + 1)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **server.environ(), "MERGEWRIGHT_HOME": str(folder / "home")},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    if [len(talk.replied) for talk in model.talks] != [turns] * (rounds + 1):
        raise BareFailed(f"{name} did not come to the end of its {turns} turns")
    return _Side(model.talks, turns)


def _compare(found: float, bar: float, unit: str = "") -> str:
    digits = 0 if bar >= 1_000 else 2 if bar < 10 else 1
    met = "met" if found <= bar else "missed"
    return f"{found:,.{digits}f}{unit} (bar {bar:,.0f}{unit}, {met})"
