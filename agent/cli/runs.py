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

_SHOWN_ID = 22
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
    table = Table("run", "issue", "title", "state", "reason", "age", box=None, pad_edge=False)
    for one in stored:
        facts = _facts(one)
        table.add_row(
            one.run.run_id[:_SHOWN_ID],
            str(facts["issue"]),
            Text(cleaning.terminal(str(facts["title"]))[:50]),
            Text(one.state.value, style=_COLOURS.get(one.state, "")),
            str(facts["reason"] or ""),
            _age(one.queued_at),
        )
    Console().print(table)


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
    for name, value in facts.items():
        if value not in (None, "", []):
            table.add_row(Text(name.replace("_", " "), style="dim"), Text(_line(value)))
    Console().print(table)


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
        one = store.find(run_id) if store else None
    if one is None:
        raise typer.BadParameter(
            f"no run, or more than one, begins with {run_id!r}; see `mergewright runs list`",
            param_hint="RUN",
        )
    return one


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
