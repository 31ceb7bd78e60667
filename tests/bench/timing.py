"""Measured durations and how they are shown; waiting for what another process brings about."""

import statistics
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console
from rich.table import Table

T = TypeVar("T")
Say = Callable[[str], None]

#: At least five, so that the median is a measurement and not the mean of two.
ROUNDS = 5
_MOST_SECONDS = 300.0
LOOK_SECONDS = 0.002


class BareFailed(Exception):
    """One of the sides came to no result, so there is nothing to compare."""


@dataclass
class Row:
    what: str
    ours: list[float]
    bare: list[float] = field(default_factory=list)
    """Empty where the other side has nothing of the kind."""
    bar: float | None = None
    """The most that the ratio of the medians may be."""

    @property
    def ratio(self) -> float | None:
        return statistics.median(self.ours) / statistics.median(self.bare) if self.bare else None

    @property
    def verdict(self) -> str:
        if self.bar is None or self.ratio is None:
            return ""
        return "yes" if self.ratio <= self.bar else "no"


@dataclass
class Section:
    name: str
    title: str
    other: str
    """What the other side is called."""
    rows: list[Row]
    note: str = ""

    def show(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left", show_edge=False)
        table.add_column("seconds", no_wrap=True)
        for name in (
            "ours min", "median", f"{self.other} min", "median",
            "ratio of medians", "bar", "met",
        ):  # fmt: skip
            table.add_column(name, justify="right")
        for row in self.rows:
            ratios = map(_format_ratio, (row.ratio, row.bar))
            seconds = (*_format_seconds(row.ours), *_format_seconds(row.bare))
            table.add_row(row.what, *seconds, *ratios, row.verdict)
        console.print(table)
        if self.note:
            console.print(textwrap.indent(self.note, "  "), style="dim", highlight=False)
        console.print()


def measure_time(work: Callable[[], T]) -> tuple[float, T]:
    """Do the work; return its seconds and its result."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def wait_for(find: Callable[[], T | None], purpose: str, look: float = LOOK_SECONDS) -> T:
    """Return what is looked for as soon as it is there.

    Raises:
        BareFailed: It does not come.
    """
    end = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < end:
        if (hit := find()) is not None:
            return hit
        time.sleep(look)
    raise BareFailed(f"{purpose} did not come within {_MOST_SECONDS:.0f} s")


def _format_seconds(seconds: list[float]) -> tuple[str, str]:
    if not seconds:
        return "", ""
    return f"{min(seconds):.3f}", f"{statistics.median(seconds):.3f}"


def _format_ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}x"
