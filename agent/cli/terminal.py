"""How commands print tables: as wide as the terminal, and by whole lines where there is none."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.table import Table

#: No row is longer.
_WIDEST = 10_000
#: In fewer columns a table of sentences cannot be read.
NARROW = 72


def console() -> Console:
    """Make a console as wide as the terminal; in a pipe or a file every row keeps to its line."""
    bounded = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if bounded else _WIDEST)


def show(table: Table) -> None:
    """Print a table, without the blanks that fill its last column."""
    made = console()
    with made.capture() as taken:
        made.print(table)
    for line in taken.get().splitlines():
        print(line.rstrip())
