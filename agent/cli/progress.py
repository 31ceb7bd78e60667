"""Live progress of a run on the terminal: one line per stage, and what happens within it."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.markup import escape

from agent.text import sanitise

#: Steps that end at once and say nothing to a person are not shown.
QUIET_SECONDS = 0.05


class Progress:
    """Shows steps on stderr; on a terminal the present one is alive, else lines are appended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._alive = console.status("") if _is_lively(console) else None
        self._step = ""
        self._line = ""
        self._under_way: set[str] = set()

    def __enter__(self) -> Self:
        if self._alive:
            self._alive.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._alive:
            self._alive.stop()

    def started(self, step: str) -> None:
        """Show that a step begins."""
        self._step, self._line = step, ""
        self._under_way.add(step)
        self._show()

    def said(self, line: str) -> None:
        """Show one line from within the present step."""
        self._line = sanitise.strip_terminal_codes(line)
        self._show()
        if not self._alive:
            self._console.print(f"      {escape(self._line)}", highlight=False, soft_wrap=True)

    def _show(self) -> None:
        if self._alive:
            self._alive.update(f"{escape(self._step)}  [dim]{escape(self._line)}[/]")

    def heard(self, line: str) -> None:
        """Show one line of what a model writes or calls; on a terminal it stays as well."""
        # NO_COLOR alone does not keep the console from writing in faint letters.
        style = "dim" if self._alive else ""
        shown = escape(sanitise.strip_terminal_codes(line))
        self._console.print(f"      | {shown}", style=style, highlight=False, soft_wrap=True)

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        """Show how a step ended; one that did not begin here is taken from the record."""
        kept = "" if step in self._under_way else "  on record, not done again"
        self._under_way.discard(step)
        if seconds >= QUIET_SECONDS or self._line or not ok:
            mark = "[green]ok[/]  " if ok else "[red]stop[/]"
            told = f"  [dim]{escape(self._line)}[/]" if self._line and self._alive else ""
            self._console.print(
                f"{mark}  {escape(step):<14} {seconds:7.1f} s{kept or told}", highlight=False
            )


def _is_lively(console: Console) -> bool:
    """Whether somebody looks who wants motion: FORCE_COLOR asks for colours in a file, no more.

    Who sets NO_COLOR, or has a terminal that cannot move its cursor, reads lines.
    """
    plain = console.no_color or console.is_dumb_terminal or console.quiet
    return console.file.isatty() and not plain
