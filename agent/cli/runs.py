"""`mergewright runs`: what the service has done and is doing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent import settings
from agent.cli import control, kept, terminal
from agent.models.outcome import StoredRun
from agent.models.run import RunState
from agent.service.pause import Switch
from agent.text import cleaning

app = typer.Typer(
    help="Runs of issues: list, show, log, cancel, retry; pause and resume all.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
for command in (control.cancel, control.retry, control.pause, control.resume):
    app.command()(command)

#: Below this width a terminal wraps the lines of a table itself.
_NARROWEST = 72
_UNBOUNDED = 1_000
_FOLLOW_SECONDS = 0.5
_COLOURS = {
    RunState.OPEN: "green",
    RunState.FAILED: "red",
    RunState.NEEDS_HUMAN: "yellow",
    RunState.DECLINED: "yellow",
}


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    repository: Annotated[
        str | None, typer.Option("--repo", metavar="OWNER/NAME", help="Only of this repository.")
    ] = None,
    as_json: kept.Json = False,
) -> None:
    """List runs, newest first."""
    loaded = settings.load()
    with kept.opened(loaded) as store:
        stored = store.latest(limit, repository) if store else ()
    if as_json:
        print(json.dumps([kept.facts(one) for one in stored], indent=2))
    elif not stored:
        _show_none(loaded, repository)
    else:
        _show_table(stored)
    _show_pause(loaded)


def _show_none(loaded: settings.Settings, repository: str | None) -> None:
    whose = f" of {repository}" if repository else ""
    said = (
        f"No runs of issues{whose} in {loaded.home}. One begins when somebody with write permission"
        " sets the label."
    )
    Console(stderr=True).print(said, highlight=False, markup=False, soft_wrap=True)


def _show_pause(loaded: settings.Settings) -> None:
    if told := control.paused_line(Switch(loaded.home)):
        Console(stderr=True).print(told, style="yellow", highlight=False, soft_wrap=True)


def _show_table(stored: tuple[StoredRun, ...]) -> None:
    table = Table(box=None, pad_edge=False)
    # An id is there to be copied: it is neither cut nor wrapped.
    table.add_column("run", no_wrap=True, min_width=max(len(one.run.run_id) for one in stored))
    for heading in ("issue", "state", "reason", "age", "title"):
        table.add_column(heading, overflow="fold")
    for one in stored:
        facts = kept.facts(one)
        issue, title = Text(kept.line(facts["issue"])), Text(kept.line(facts["title"]))
        state = Text(one.state.value, style=_COLOURS.get(one.state, ""))
        reason = Text(str(facts["reason"] or ""))
        table.add_row(Text(one.run.run_id), issue, state, reason, _age(one.queued_at), title)
    _wide_enough().print(table)


@app.command()
def show(run_id: kept.RunId, as_json: kept.Json = False) -> None:
    """Show one run: where it stands or how it ended, and where its text and log are."""
    loaded = settings.load()
    with kept.opened(loaded) as store:
        one = kept.one_of(store, run_id)
    facts = kept.facts(one)
    folder = loaded.home / "runs" / one.run.run_id
    facts |= {"log": str(folder / "run.log"), "text": str(folder / "pull_request.md")}
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value not in (None, "", []):
            table.add_row(Text(name.replace("_", " "), style="dim"), Text(kept.line(value)))
    _wide_enough().print(table)
    _show_pause(loaded)


def _wide_enough() -> Console:
    """Take the terminal's width; what another program reads has one line for each row."""
    console = terminal.console()
    console.width = max(console.width, _NARROWEST) if console.is_terminal else _UNBOUNDED
    return console


@app.command()
def log(
    run_id: kept.RunId,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Go on with what is added, until the run is over."),
    ] = False,
) -> None:
    """Print the full log of a run."""
    loaded = settings.load()
    with kept.opened(loaded) as store:
        one = kept.one_of(store, run_id)
        path = loaded.home / "runs" / one.run.run_id / "run.log"

        def under_way() -> bool:
            found = store.find(one.run.run_id) if store and follow else None
            return found is not None and found.active

        written = False
        for line in _lines(path, under_way):
            written = True
            print(cleaning.terminal(line.rstrip("\n")), flush=follow)
    if not written:
        print(f"mergewright: run {one.run.run_id} has written no log yet")
        raise typer.Exit(1)


def _lines(path: Path, under_way: Callable[[], bool]) -> Iterator[str]:
    """Yield the lines of a log, and those that come as long as its run is under way."""
    at, rest = 0, b""
    while True:
        # Asked first: what is written before the end is read after it.
        over = not under_way()
        with suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(at)
            for piece in file:
                at += len(piece)
                rest += piece
                if rest.endswith(b"\n"):
                    yield rest.decode("utf-8", "replace")
                    rest = b""
        if over:
            break
        time.sleep(_FOLLOW_SECONDS)
    if rest:
        yield rest.decode("utf-8", "replace")


def _age(seconds: float) -> str:
    past = max(0.0, time.time() - seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if past >= size:
            return f"{past / size:.0f} {unit}"
    return f"{past:.0f} s"
