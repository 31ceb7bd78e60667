"""Measured durations and how they are shown. What is measured is left to the sections."""

from __future__ import annotations

import os
import statistics
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

T = TypeVar("T")

#: At least five, so that the median is a measurement and not the mean of two.
ROUNDS = 5
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Row:
    """One thing that was measured, on our side and on the other."""

    what: str
    ours: list[float]
    bare: list[float] = field(default_factory=list)
    """Empty where the other side has nothing of the kind."""
    bar: float | None = None
    """The most that the ratio of the medians may be."""

    @property
    def ratio(self) -> float | None:
        """Ratio of the medians."""
        return statistics.median(self.ours) / statistics.median(self.bare) if self.bare else None

    @property
    def ratio_of_minima(self) -> float | None:
        """Ratio of the minima: what is left of it when other work disturbs the machine least."""
        return min(self.ours) / min(self.bare) if self.bare else None

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None where there is none."""
        return None if self.bar is None or self.ratio is None else self.ratio <= self.bar


@dataclass
class Section:
    """One part of the bench."""

    name: str
    title: str
    other: str
    """What the other side is called."""
    rows: list[Row]
    note: str = ""

    def as_json(self) -> dict[str, object]:
        """Everything, with each single duration."""
        rows = [
            {
                "what": row.what.strip(),
                "ours": _rounded(row.ours),
                "other": _rounded(row.bare),
                "ratio_of_medians": row.ratio,
                "ratio_of_minima": row.ratio_of_minima,
                "bar": row.bar,
                "met": row.met,
            }
            for row in self.rows
        ]
        return {"title": self.title, "other": self.other, "note": self.note, "rows": rows}

    def show(self, console: Console) -> None:
        """Print the table and what has to be known to read it."""
        table = Table(title=self.title, title_justify="left", show_edge=False)
        table.add_column("seconds", no_wrap=True)
        for name in (
            "ours min", "median", f"{self.other} min", "median",
            "ratio of medians", "of minima", "bar", "met",
        ):  # fmt: skip
            table.add_column(name, justify="right")
        for row in self.rows:
            table.add_row(
                row.what,
                *_shortest_and_median(row.ours),
                *_shortest_and_median(row.bare),
                _times(row.ratio),
                _times(row.ratio_of_minima),
                _times(row.bar),
                {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[row.met],
            )
        console.print(table)
        if self.note:
            console.print(textwrap.indent(self.note, "  "), style="dim", highlight=False)
        console.print()


def taken(work: Callable[[], T]) -> tuple[float, T]:
    """Do the work; return how long it took, and its result."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def processor_seconds(pid: int) -> float:
    """Return how long a process has been at work, all of its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _shortest_and_median(seconds: list[float]) -> tuple[str, str]:
    if not seconds:
        return "", ""
    return f"{min(seconds):.3f}", f"{statistics.median(seconds):.3f}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}x"


def _rounded(seconds: list[float]) -> list[float]:
    return [round(one, 4) for one in seconds]
