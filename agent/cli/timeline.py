"""What happened in a run, step by step: from its ledger and its segments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from agent.cli import kept
from agent.domain import Record, Stretch

_LOOKS = {"failed": "red", "lost": "red", "running": "yellow", "waits": "yellow"}


class Tried(Record):
    """One attempt at one step."""

    step: str
    attempt: int
    """Counts the processes and segments that carried the run."""
    started: float | None
    """Seconds since the epoch."""
    seconds: float | None = None
    end: Literal["done", "failed", "lost", "running"] = "lost"
    """Lost: its process ended first; the step was begun again by the next."""


def of_ledger(path: Path, *, under_way: bool) -> tuple[Tried, ...]:
    """Read the attempts at steps from a ledger, in their order; a line that is none is passed over.

    Args:
        under_way: Whether somebody carries the run now, so that what has no end yet may have one.
    """
    found: dict[tuple[str, int], Tried] = {}
    last = 0
    for event in _events(path):
        key = (str(event["step"]), int(event["attempt"]))
        last = max(last, key[1])
        if event["event"] == "started":
            found[key] = Tried(step=key[0], attempt=key[1], started=event.get("at"))
        elif event["event"] in ("done", "failed") and key in found:
            ended = {"end": event["event"], "seconds": event.get("seconds")}
            found[key] = found[key].model_copy(update=ended)
    return tuple(
        one.model_copy(update={"end": "running"})
        if under_way and one.end == "lost" and one.attempt == last
        else one
        for one in found.values()
    )


def _events(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            event = json.loads(line)
            if isinstance(event, dict) and {"step", "attempt", "event"} <= event.keys():
                int(event["attempt"])
                yield event
        except ValueError:
            continue  # half a line is what a process that is killed leaves


def steps_as_json(tried: tuple[Tried, ...]) -> list[dict[str, object]]:
    """Give the attempts at steps with their times as text."""
    return [{**one.model_dump(), "started": kept.moment(one.started)} for one in tried]


def segments_as_json(segments: tuple[Stretch, ...]) -> list[dict[str, object]]:
    """Give the segments with their times as text."""
    times = ("begun_at", "ended_at", "until")
    return [
        {**one.model_dump(), **{name: kept.moment(getattr(one, name)) for name in times}}
        for one in segments
    ]


def table(tried: tuple[Tried, ...], segments: tuple[Stretch, ...]) -> Table:
    """Lay steps and waits out in the order in which they were begun."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("started", no_wrap=True)
    for heading in ("attempt", "step", "seconds", "end"):
        shown.add_column(heading, overflow="fold")
    for _, cells in sorted(_rows(tried, segments), key=lambda row: row[0]):
        shown.add_row(*cells)
    return shown


def _rows(
    tried: tuple[Tried, ...], segments: tuple[Stretch, ...]
) -> Iterator[tuple[tuple[float, int], tuple[str | Text, ...]]]:
    for order, one in enumerate(tried):
        seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
        end = Text(one.end, style=_LOOKS.get(one.end, ""))
        when = _clock(one.started)
        yield (one.started or 0.0, order), (when, str(one.attempt), one.step, seconds, end)
    for segment in segments:
        if segment.ended_at is None:
            continue
        style = _LOOKS.get(segment.ended_as or "", "dim")
        words = Text(kept.line(_of_segment(segment)), style=style)
        yield (
            (segment.ended_at, len(tried)),
            (_clock(segment.ended_at), "", words, "", Text(segment.ended_as or "", style=style)),
        )


def _of_segment(segment: Stretch) -> str:
    """Say what a segment has ended with, and what comes next."""
    if segment.ended_as == "waits":
        until = f" until {kept.moment(segment.until)}" if segment.until else ""
        return f"waits{until}, then goes on with {segment.next_step}: {segment.words}"
    return f"segment {segment.number}: {segment.words}"


def _clock(seconds: float | None) -> str:
    return (kept.moment(seconds) or "").removesuffix("+00:00")
