"""`mergewright runs`: what the service has done and is doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from agent import settings
from agent.cli import control, kept, terminal
from agent.models.outcome import StoredRun
from agent.service.pause import Switch
from agent.text import sanitise

app = typer.Typer(
    help="Runs of issues: list, show, log, cancel, retry; pause and resume all.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
for command in (control.cancel, control.retry, control.pause, control.resume):
    app.command()(command)

_FOLLOW_SECONDS = 0.5
_COLUMNS = ("run", "issue", "state", "reason", "age", "title")


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    repository: Annotated[
        str | None, typer.Option("--repo", metavar="OWNER/NAME", help="Only of this repository.")
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """List runs, newest first."""
    loaded = settings.load_settings()
    with kept.opened(loaded) as store:
        stored = store.list_latest(limit, repository) if store else ()
    if as_json:
        terminal.print_json([kept.facts(one) for one in stored])
    elif stored:
        terminal.show_table(_COLUMNS, map(_make_row, stored))
    else:
        whose = f" of {repository}" if repository else ""
        terminal.print_aside(
            f"No runs of issues{whose} in {loaded.home}. One begins when somebody with write"
            " permission sets the label."
        )
    _show_pause(loaded)


def _make_row(one: StoredRun) -> list[str]:
    facts = kept.facts(one) | {"age": terminal.span(time.time() - one.queued_at)}
    return [str(facts[name] or "") for name in _COLUMNS]


def _show_pause(loaded: settings.Settings) -> None:
    if told := control.paused_line(Switch(loaded.home)):
        terminal.print_aside(told, style="yellow")


@app.command()
def show(run_id: kept.RunId, as_json: terminal.Json = False) -> None:
    """Show one run: where it stands or how it ended, and where its text and log are."""
    loaded = settings.load_settings()
    with kept.found(loaded, run_id) as (_, one):
        facts = kept.facts(one)
    folder = loaded.home / "runs" / one.run.run_id
    facts |= {"log": str(folder / "run.log"), "text": str(folder / "pull_request.md")}
    if as_json:
        terminal.print_json(facts)
        return
    given = {name: value for name, value in facts.items() if value not in (None, "", [])}
    rows = ((name.replace("_", " "), str(value)) for name, value in given.items())
    terminal.show_table(("", ""), rows)
    _show_pause(loaded)


@app.command()
def log(
    run_id: kept.RunId,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Go on with what is added, until the run is over."),
    ] = False,
) -> None:
    """Print the full log of a run."""
    loaded = settings.load_settings()
    with kept.found(loaded, run_id) as (store, one):
        path = loaded.home / "runs" / one.run.run_id / "run.log"

        def under_way() -> bool:
            found = store.find_run(one.run.run_id) if follow else None
            return found is not None and found.active

        written = False
        for line in _lines(path, under_way):
            written = True
            print(sanitise.strip_terminal_codes(line.rstrip("\n")), flush=follow)
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
