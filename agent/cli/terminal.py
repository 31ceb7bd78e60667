"""What commands print: tables, JSON for programs, and the live progress of a run."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agent.models.step import AnyStep, Step
from agent.text import sanitise

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

#: Width of tables in a pipe, and minimum width: a narrower terminal wraps their lines itself.
_WIDEST, _NARROWEST = 10_000, 72
#: Minimum width that a line about a step is cut to.
_LEAST_CUT = 8


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of any text in columns; in a pipe, each row is one line. Headings may be empty."""
    cells = [[make_line(cell) for cell in row] for row in rows]
    width = max(Console(width=None if sys.stdout.isatty() else _WIDEST).width, _NARROWEST)
    table = Table(box=None, pad_edge=False, show_header=any(headings))
    # The first column has ids, which people copy: they are neither cut nor wrapped.
    least = max((len(row[0]) for row in cells), default=0)
    table.add_column(headings[0], no_wrap=True, min_width=least)
    for heading in headings[1:]:
        table.add_column(heading, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console = Console(width=width)
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().splitlines():
        print(line.rstrip())


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2), flush=True)


def print_aside(text: str, style: str | None = None) -> None:
    """Print a line for people on stderr, separate from the command's output."""
    Console(stderr=True).print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def make_line(value: object) -> str:
    """Return any text as one line that is safe to print on a terminal."""
    return sanitise.strip_terminal_codes(str(value)).replace("\n", " ")


def format_span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


#: Steps that end faster without any output are not shown.
QUIET_SECONDS = 0.05


#: Titles of steps whose recorded names are unclear to people.
_WORDS = {
    Step.ENVIRONMENT: "set-up",
    Step.BASELINE: "checks on the base branch",
    Step.OTHER_CHECKS: "other checks on the base branch",
    Step.SCOUT: "search for a set-up",
    Step.CHECKS: "checks with the change",
    Step.POLICY: "rules",
}
#: Words for the parts of a conversation.
_PARTS = {
    "opening": "reading the repository",
    "reply": "waiting for the model",
    "calls": "running its commands",
    "answer": "answering the model",
}


def describe_step(step: AnyStep) -> str:
    """Name a step for people, as in `review: waiting for the model`."""
    words = _WORDS.get(step.step, step.step.value)
    *number, part = step.removeprefix(step.step).split() or [""]
    if part in _PARTS:
        return f"{words}: {_PARTS[part]}"
    return " ".join((words, *number, part)).rstrip()


class StepDisplay:
    """Shows steps on stderr; a terminal shows the current one live, else lines are appended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        live = Live(Spinner("dots", self), console=console, transient=True)
        self._alive = live if _is_lively(console) else None
        self._step, self._line, self._begun = "", "", 0.0
        self._under_way: set[str] = set()

    def __enter__(self) -> Self:
        if self._alive:
            self._alive.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._alive:
            self._alive.stop()

    def started(self, step: AnyStep) -> None:
        self._step, self._line, self._begun = describe_step(step), "", time.monotonic()
        self._under_way.add(step)

    def show(self, line: str) -> None:
        self._line = make_line(line)
        if not self._alive:
            self._console.print(f"      {escape(self._line)}", highlight=False, soft_wrap=True)

    def __rich__(self) -> Text:
        """Show the current step with a clock; the spinner calls this several times a second."""
        clock = f"  {time.monotonic() - self._begun:.0f} s  " if self._step else ""
        shown = Text.assemble(self._step, clock, (self._line, "dim"))
        shown.truncate(max(self._console.width - 3, _LEAST_CUT), overflow="ellipsis")
        return shown

    def ended(self, step: AnyStep, seconds: float, *, ok: bool) -> None:
        """Show the end of a step; one that did not start here comes from the record."""
        kept = "" if step in self._under_way else "  reused from the record"
        self._under_way.discard(step)
        if seconds >= QUIET_SECONDS or self._line or not ok:
            mark = "[green]ok[/]  " if ok else "[red]stop[/]"
            head = f"{mark}  {escape(describe_step(step)):<32} {seconds:7.1f} s"
            self._console.print(f"{head}{kept}", highlight=False)


def _is_lively(console: Console) -> bool:
    """Whether the output is a terminal that can show motion; FORCE_COLOR does not make a file one.

    With NO_COLOR, or on a terminal that cannot move its cursor, lines are printed.
    """
    plain = console.no_color or console.is_dumb_terminal or console.quiet
    return console.file.isatty() and not plain
