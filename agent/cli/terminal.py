"""What commands print: tables as wide as the terminal, whole lines in a pipe, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.text import sanitise

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

#: In a pipe no row is longer; below the other width a terminal wraps the lines of a table itself.
_WIDEST, _NARROWEST = 10_000, 72


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, whole: int = 1) -> None:
    """Print rows of any text in columns, in a pipe or a file each on its line.

    Args:
        headings: All empty: no line for them.
        whole: So many columns from the left, as ids that are copied, are neither cut nor wrapped.
    """
    cells = [[line(cell) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, show_header=any(headings))
    for place, heading in enumerate(headings):
        kept = place < whole
        least = max((len(row[place]) for row in cells), default=0) if kept else None
        table.add_column(heading, no_wrap=kept, min_width=least, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    made = Console(width=None if sys.stdout.isatty() else _WIDEST)
    made.width = max(made.width, _NARROWEST)
    with made.capture() as taken:
        made.print(table)
    for shown in taken.get().splitlines():
        print(shown.rstrip())


def print_json(value: object) -> None:
    """Print what a program has asked for."""
    print(json.dumps(value, indent=2), flush=True)


def print_aside(text: str, style: str | None = None) -> None:
    """Print a line for people on stderr, beside what the command prints."""
    Console(stderr=True).print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def line(value: object) -> str:
    """Make any text one that a terminal shows on one line."""
    return sanitise.strip_terminal_codes(str(value)).replace("\n", " ")


def megabytes(size: int) -> str:
    """Write a size for people."""
    return f"{size / 1024**2:.1f} MB"


def span(seconds: float) -> str:
    """Write a length of time for people."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
