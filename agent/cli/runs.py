"""`mergewright runs`: what the service has done and is doing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent import cleaning, settings
from agent.domain import RunState, StoredRun
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.adapters.sql_store import SqlStore

app = typer.Typer(help="Runs of issues: list, show, log.", no_args_is_help=True)

#: Below this width a terminal wraps the lines of a table itself.
_NARROWEST = 72
_UNBOUNDED = 1_000
_SHORTEST_TITLE = 20
_CANDIDATES = 10
_COLOURS = {
    RunState.OPEN: "green",
    RunState.FAILED: "red",
    RunState.NEEDS_HUMAN: "yellow",
    RunState.DECLINED: "yellow",
}
_RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of the run; its beginning is enough.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    repository: Annotated[
        str | None, typer.Option("--repo", metavar="OWNER/NAME", help="Only of this repository.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """List runs, newest first."""
    loaded = settings.load()
    with _store(loaded) as store:
        stored = store.latest(limit, repository) if store else ()
    if as_json:
        print(json.dumps([_facts(one) for one in stored], indent=2))
    elif store is None:
        Console(stderr=True).print(
            f"No runs: the service has not worked in {loaded.home} yet. Where it works elsewhere,"
            " set MERGEWRIGHT_HOME.",
            highlight=False,
            soft_wrap=True,
        )
    elif not stored:
        Console(stderr=True).print(
            "No runs yet. A run begins when somebody with write permission sets the label."
        )
    else:
        _show_table(stored)


def _show_table(stored: tuple[StoredRun, ...]) -> None:
    console = _wide_enough()
    rows = [
        (one.run.run_id, _line(facts["issue"]), one.state.value, facts["reason"] or "", age)
        for one in stored
        for facts, age in [(_facts(one), _age(one.queued_at))]
    ]
    table = Table(box=None, pad_edge=False)
    # An id is there to be copied: it is neither cut nor wrapped, and the title gives way first.
    table.add_column("run", no_wrap=True, min_width=max(len(row[0]) for row in rows))
    headings = ("issue", "state", "reason", "age", "title")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    columns = zip(("run", *headings), *rows, strict=False)
    taken = sum(max(len(str(cell)) for cell in column) + 2 for column in columns)
    room = max(console.width - taken, _SHORTEST_TITLE)
    for one, row in zip(stored, rows, strict=True):
        run_id, issue, state, reason, age = row
        title = Text(_line(_facts(one)["title"]))
        title.truncate(room, overflow="ellipsis")
        shown = Text(state, style=_COLOURS.get(one.state, ""))
        table.add_row(Text(run_id), Text(issue), shown, Text(str(reason)), age, title)
    console.print(table)


@app.command()
def show(run_id: _RunId, as_json: _Json = False) -> None:
    """Show one run: where it stands, or how it ended, and where its text and log are."""
    loaded = settings.load()
    one = _found(loaded, run_id)
    facts = _facts(one)
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
            table.add_row(Text(name.replace("_", " "), style="dim"), Text(_line(value)))
    _wide_enough().print(table)


def _wide_enough() -> Console:
    """Take the terminal's width; what another program reads has one line for each row."""
    console = Console()
    console.width = max(console.width, _NARROWEST) if console.is_terminal else _UNBOUNDED
    return console


@app.command()
def log(run_id: _RunId) -> None:
    """Print the full log of a run."""
    loaded = settings.load()
    one = _found(loaded, run_id)
    path = loaded.home / "runs" / one.run.run_id / "run.log"
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                print(cleaning.terminal(line.rstrip("\n")))
    except FileNotFoundError:
        print(f"mergewright: run {one.run.run_id} has written no log yet")
        raise typer.Exit(1) from None


@contextmanager
def _store(loaded: Settings) -> Iterator[SqlStore | None]:
    """Open the runs while the block lasts; None: there are none, and to look makes none."""
    # The database is loaded only by the commands that need it.
    from agent.adapters import sql_store

    if not (loaded.home / sql_store.FILE_NAME).exists():
        yield None
        return
    with closing(sql_store.SqlStore(loaded.home)) as store:
        yield store


def _found(loaded: Settings, run_id: str) -> StoredRun:
    with _store(loaded) as store:
        found = store.beginning(run_id, _CANDIDATES + 1) if store else ()
    if len(found) == 1:
        return found[0]
    if not found:
        raise typer.BadParameter(
            f"no run begins with {run_id!r}; `mergewright runs list` shows those that there are",
            param_hint="RUN",
        )
    shown = [f"{_line(facts['run'])}  {_line(facts['issue'])}" for facts in map(_facts, found)]
    more = ["and more"] if len(found) > _CANDIDATES else []
    raise typer.BadParameter(
        "\n".join(
            (f"more than one run begins with {run_id!r}; name one of", *shown[:_CANDIDATES], *more)
        ),
        param_hint="RUN",
    )


def _facts(one: StoredRun) -> dict[str, object]:
    run, outcome = one.run, one.outcome
    snapshot = run.snapshot
    return {
        "run": run.run_id,
        "issue": f"{snapshot.issue.repository}#{snapshot.issue.number}" if snapshot else run.ticket,
        "title": snapshot.title if snapshot else "",
        "labelled_by": snapshot.actor if snapshot else None,
        "attempt": run.attempt,
        "state": one.state.value,
        "reason": outcome.reason.value if outcome else None,
        "sentence": outcome.sentence if outcome else None,
        "pull_request": outcome.pull_request.url if outcome and outcome.pull_request else None,
        "branch": outcome.branch if outcome else None,
        "commit": outcome.commit if outcome else None,
        "requests": outcome.forge_calls if outcome else None,
        "queued_at": _moment(one.queued_at),
        "not_before": _moment(one.not_before) if one.active else None,
        "started_at": _moment(one.started_at),
        "ended_at": _moment(one.ended_at),
    }


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _age(seconds: float) -> str:
    past = max(0.0, time.time() - seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if past >= size:
            return f"{past / size:.0f} {unit}"
    return f"{past:.0f} s"


def _line(value: object) -> str:
    return cleaning.terminal(str(value)).replace("\n", " ")
