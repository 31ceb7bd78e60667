"""Live progress of a run on the terminal: one line per stage, and what happens within it."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agent.text import cleaning

#: Steps that end at once and say nothing to a person are not shown.
QUIET_SECONDS = 0.05


class Progress:
    """Shows steps on stderr; on a terminal the present one is alive, else lines are appended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._step = ""
        self._line = ""
        self._begun = 0.0
        self._under_way: set[str] = set()

    def __enter__(self) -> Self:
        if _is_lively(self._console):
            self._live = Live(
                console=self._console,
                refresh_per_second=8,
                transient=True,
                get_renderable=self._now,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def started(self, step: str) -> None:
        """Show that a step begins."""
        self._step, self._line, self._begun = step, "", time.monotonic()
        self._under_way.add(step)

    def said(self, line: str) -> None:
        """Show one line from within the present step."""
        self._line = cleaning.terminal(line)
        if not self._live:
            self._console.print(f"      {escape(self._line)}", highlight=False, soft_wrap=True)

    def heard(self, line: str) -> None:
        """Show one line of what a model writes or calls; on a terminal it stays as well."""
        # NO_COLOR alone does not keep the console from writing in faint letters.
        style = "dim" if self._live else ""
        shown = escape(cleaning.terminal(line))
        self._console.print(f"      | {shown}", style=style, highlight=False, soft_wrap=True)

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        """Show how a step ended; one that did not begin here is taken from the record."""
        kept = "" if step in self._under_way else "  on record, not done again"
        self._under_way.discard(step)
        if seconds >= QUIET_SECONDS or self._line or not ok:
            mark = "[green]ok[/]  " if ok else "[red]stop[/]"
            told = f"  [dim]{escape(self._line)}[/]" if self._line and self._live else ""
            self._console.print(
                f"{mark}  {escape(step):<14} {seconds:7.1f} s{kept or told}", highlight=False
            )
        self._step = ""

    def _now(self) -> Table | Text:
        if not self._step:
            return Text("")
        row = Table.grid(padding=(0, 1))
        elapsed = time.monotonic() - self._begun
        row.add_row(Spinner("dots"), f"{self._step} {elapsed:.0f} s", Text(self._line, style="dim"))
        return row


def _is_lively(console: Console) -> bool:
    """Whether somebody looks who wants motion: FORCE_COLOR asks for colours in a file, no more.

    Who sets NO_COLOR, or has a terminal that cannot move its cursor, reads lines.
    """
    plain = console.no_color or console.is_dumb_terminal or console.quiet
    return console.file.isatty() and not plain
