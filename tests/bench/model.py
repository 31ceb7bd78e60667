"""What Mergewright spends itself while a model works: time by turn; and what the model still sees.

The model is a scripted server without latency, in the process of the bench; who asks it is a
process of its own. The task is one bug of a paginator: plan, read, test, edit, test, read, submit,
and further files to read, up to 12, 30 or 60 turns. A turn's own time is what passes at the server
between the end of a reply and the next request. Turns that run tests are left out, since they
measure pytest, and so is the one that opens the sandbox. The other side is a bare loop on the same
library of models, in `tests.bench.model_bare`: the difference is what record, limits, sandbox and
snapshots cost.

Of the last conversation the server tells how much of what tools have returned is in its last
request, how much of each request is the one before it unchanged, and what that costs by the prices
of a provider with a cache, against a conversation that keeps all.
"""

import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from genai_prices import Usage, calc_price

from tests.bench.timing import BareFailed, Row, Say, Section
from tests.scripted import Call, Said, Seen, serving


class _Task(NamedTuple):
    turns: int
    file_characters: int
    """Of each file that is read besides those of the bug."""


#: Turns without a file of its own: plan, read, test, edit, test, read, submit.
_FIXED = 7
TASKS = (_Task(12, 5_000), _Task(30, 5_000), _Task(60, 5_000), _Task(60, 12_000))
#: Milliseconds of a turn over those of the bare loop.
_OWN_MS = {"direct": 20.0, "durable": 35.0}
#: The place of the turn whose call is the first in the sandbox.
_OPENS = 1
#: Tokens; of this window, only the last task fills most.
_WINDOW = 200_000
_CHARACTERS_A_TOKEN = 4
#: A model whose provider keeps prefixes, for prices alone.
_PRICED = "claude-sonnet-4-5"
#: Of all requests, those that have to be the one before and something more; dollars against all.
_LEAST_UNCHANGED, _MOST_DOLLARS = 0.97, 1.0

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
    requests: list[tuple[tuple[str, str], ...]] = field(default_factory=list)
    """The messages of each."""

    @property
    def gaps(self) -> list[float]:
        """From each reply to the next request."""
        pairs = zip(self.replied, self.seen[1:], strict=False)
        return [following - before for before, following in pairs]


class _Model:
    """Says the task, call by call; each conversation begins with the opening alone."""

    def __init__(self, task: _Task) -> None:
        self._calls = list_calls(task)
        self.talks: list[_Talk] = []

    def __call__(self, request: Seen) -> Said:
        now = time.monotonic()
        if request.turn == 1:
            self.talks.append(_Talk())
        talk = self.talks[-1]
        talk.seen.append(now)
        talk.requests.append((("system", request.system), *request.messages))
        call = self._calls[request.turn - 1]
        talk.replied.append(time.monotonic())
        return Said(calls=(call,))


@dataclass
class _Side:
    """What one process did, and what the server saw of it."""

    talks: list[_Talk]
    task: _Task

    @property
    def own_seconds(self) -> list[float]:
        """The mean of a turn by round, without tests; the first round warms the process up."""
        calls = list_calls(self.task)
        counted = [turn for turn, call in enumerate(calls[:-1]) if call != TEST and turn != _OPENS]
        return [statistics.fmean(talk.gaps[turn] for turn in counted) for talk in self.talks[1:]]


def list_calls(task: _Task) -> list[Call]:
    read = Call("bash", {"command": "cat paginator.py"})
    others = [
        Call("bash", {"command": f"head -c {task.file_characters} notes/part_{number}.py"})
        for number in range(task.turns - _FIXED)
    ]
    wrong, right = "start = page * self.size", "start = (page - 1) * self.size"
    edit = Call("edit", {"path": "paginator.py", "old": wrong, "new": right})
    done = Call("submit", {"summary": "Pages are counted from 1."})
    return [Call("plan", _PLAN), read, *others, TEST, edit, TEST, read, done]


def files() -> Iterator[tuple[str, str]]:
    """Yield the repository: the paginator, its test, and further files to read."""
    yield "paginator.py", _PAGINATOR
    yield "test_paginator.py", _TEST
    yield "requirements.txt", "pytest\n"
    most = max(task.file_characters for task in TASKS)
    for number in range(max(task.turns for task in TASKS) - _FIXED):
        lines = (f"NOTE_{number}_{at} = 'this is of no use: {at}'\n" for at in range(most // 20))
        yield f"notes/part_{number}.py", "".join(lines)


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    """Let all sides do each task."""
    folder = scratch / "model"
    folder.mkdir(mode=0o711)
    rows: list[Row] = []
    notes: list[str] = []
    for task in TASKS:
        what = f"{task.turns} turns of {task.file_characters:,}"
        found: dict[str, _Side] = {}
        for name in ("direct", "durable", "bare"):
            say(f"model: {what} characters, {name}, {rounds} rounds")
            found[name] = _run_side(name, task, folder, rounds)
        bare = found["bare"].own_seconds
        for name, bar in _OWN_MS.items():
            own = found[name].own_seconds
            rows.append(Row(f"a turn, {what}, {name}", own, bare))
            over = (statistics.median(own) - statistics.median(bare)) * 1000
            words = f"{_compare(over, bar, ' ms')} a turn over the bare loop"
            notes.append(f"{what}, {name}: {words}")
        notes.append(f"{what}: {_describe_memory(found['durable'].talks[-1].requests)}")
    title = "A turn of a model, on our side of the wire"
    return [Section("model", title, "bare", rows, "\n".join(notes))]


def _describe_memory(requests: Sequence[tuple[tuple[str, str], ...]]) -> str:
    """Say how much of tool output is still there, how much of requests is unchanged, what it costs.

    Args:
        requests: The messages of each request of a conversation, in order.
    """
    shown = dict.fromkeys(
        text for request in requests for kind, text in request if kind == "result"
    )
    last = {text for kind, text in requests[-1] if kind == "result"}
    there = sum(len(text) for text in shown if text in last) / sum(map(len, shown))
    whole: list[tuple[tuple[str, str], ...]] = []
    for request in requests:
        before = whole[-1] if whole else ()
        whole.append((*before, *request[len(before) :]))
    grown = [
        following[: len(before)] == before for before, following in itertools.pairwise(requests)
    ]
    unchanged = statistics.fmean(grown)
    dollars = _price(requests) / _price(whole)
    most = max(map(_count_characters, requests)) // _CHARACTERS_A_TOKEN
    return (
        f"{there:.0%} of tool output is in the last request, of about {most:,} tokens at most;"
        f" {unchanged:.0%} of requests are the one before and more"
        f" (bar {_LEAST_UNCHANGED:.0%}, {'met' if unchanged >= _LEAST_UNCHANGED else 'missed'});"
        f" dollars against keeping all: {_compare(dollars, _MOST_DOLLARS, 'x')}"
    )


def _price(requests: Sequence[tuple[tuple[str, str], ...]]) -> float:
    """Price a conversation with a provider that keeps the prefix of the request before."""
    usd = 0.0
    before: tuple[tuple[str, str], ...] = ()
    for request in requests:
        same = next(
            (
                at
                for at, pair in enumerate(zip(before, request, strict=False))
                if pair[0] != pair[1]
            ),
            min(len(before), len(request)),
        )
        sent = _count_characters(request) // _CHARACTERS_A_TOKEN
        read = _count_characters(request[:same]) // _CHARACTERS_A_TOKEN
        usage = Usage(input_tokens=sent, cache_read_tokens=read, cache_write_tokens=sent - read)
        usd += float(calc_price(usage, _PRICED, provider_id="anthropic").total_price)
        before = request
    return usd


def _count_characters(request: Sequence[tuple[str, str]]) -> int:
    return sum(len(text) for _, text in request)


def _run_side(name: str, task: _Task, folder: Path, rounds: int) -> _Side:
    model = _Model(task)
    module = "tests.bench.model_bare" if name == "bare" else "tests.bench.model_client"
    with serving(model) as server:
        window = {"MERGEWRIGHT_MODEL_CONTEXT": f"openai-chat:scripted={_WINDOW}"}
        subprocess.run(
            [sys.executable, "-m", module, str(folder), name, str(rounds + 1)],
            cwd=Path(__file__).parents[2],
            env={
                **os.environ,
                **server.environ(),
                **window,
                "MERGEWRIGHT_HOME": str(folder / "home"),
                "MERGEWRIGHT_MODEL_TOKENS": "100000000",
            },
            stdout=subprocess.DEVNULL,
            check=True,
        )
    if [len(talk.replied) for talk in model.talks] != [task.turns] * (rounds + 1):
        raise BareFailed(f"{name} did not come to the end of its {task.turns} turns")
    return _Side(model.talks, task)


def _compare(found: float, bar: float, unit: str = "") -> str:
    digits = 2 if bar < 10 else 1
    met = "met" if round(found, 2) <= bar else "missed"
    return f"{found:,.{digits}f}{unit} (bar {bar:,.{0 if bar >= 10 else digits}f}{unit}, {met})"
