"""`mergewright runs`: list and show runs.

People stop and retry a run by a command on its issue, or on the dashboard, which also pauses all.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent import secret_values, settings
from agent.cli import terminal
from agent.errors import RequestRefused
from agent.models.clock import read_clock
from agent.models.run import Reason, RunState
from agent.publishing import messages
from agent.settings import Settings
from agent.store.sql_tables import RunRow
from agent.telemetry import signature
from agent.text import sanitise

if TYPE_CHECKING:
    from agent.store.sql_run_store import SqlRunStore
    from agent.store.sql_tables import PauseRow

app = typer.Typer(
    help="List and show runs and their logs.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")]

_COLUMNS = ("run", "issue", "result", "age", "title")
_CANDIDATES = 10


@contextmanager
def open_store(loaded: Settings) -> Iterator[SqlRunStore | None]:
    """Open the store while the block lasts; None: there is none, and none is created."""
    # The database's modules are imported only by commands that need them.
    from agent.store import sql_run_store

    is_file = secret_values.find_database(loaded) is None
    if is_file and not (loaded.home / sql_run_store.FILE_NAME).exists():
        yield None
        return
    with closing(sql_run_store.open_store(loaded)) as store:
        yield store


def find_run(store: SqlRunStore | None, prefix: str) -> RunRow:
    """Find the run with this prefix; raise BadParameter unless exactly one fits."""
    runs = store.find_by_prefix(prefix, _CANDIDATES + 1) if store else ()
    if len(runs) == 1:
        return runs[0]
    problem = f"no run id starts with {prefix!r}; `mergewright runs list` lists them"
    if runs:
        more = " and more" if len(runs) > _CANDIDATES else ""
        named = ", ".join(stored.run_id for stored in runs[:_CANDIDATES])
        problem = f"several run ids start with {prefix!r}: {named}{more}"
    raise typer.BadParameter(problem, param_hint="RUN")


@contextmanager
def open_folder(loaded: Settings, run_id: str) -> Iterator[Path]:
    """Open the folder of the run with this prefix; of a fleet, a copy from the database."""
    with open_store(loaded) as store, tempfile.TemporaryDirectory() as copies:
        named = find_run(store, run_id).run.run_id
        folder = loaded.home / "runs" / named
        copy = Path(copies, named)
        if store and store.files:
            store.files.show(named, copy)
        # Files of runs by `mergewright run` are not in the database, but on that machine.
        yield copy if copy.is_dir() and any(copy.iterdir()) else folder


def format_time(seconds: float | None) -> str | None:
    """Format a time as ISO 8601, in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


# --- runs ----------------------------------------------------------------------------------------


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of runs.")] = 20,
    repository: Annotated[
        str | None,
        typer.Option("--repo", metavar="OWNER/NAME", help="Only runs of this repository."),
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """List runs, newest first."""
    loaded = settings.load_settings()
    with open_store(loaded) as store:
        stored = store.list_latest(limit, repository) if store else ()
        pause = store.pauses.find() if store else None
    if as_json:
        terminal.print_json([_list_facts(run) for run in stored])
    elif stored:
        terminal.show_table(_COLUMNS, map(_make_row, stored))
    else:
        whose = f" of {repository}" if repository else ""
        terminal.print_aside(
            f"No runs{whose} in {loaded.home}. A run starts when someone with write permission"
            " sets the label, or with `mergewright run`."
        )
    _show_pause(pause)


def _make_row(stored: RunRow) -> list[str]:
    run, outcome = stored.run, stored.outcome
    facts = _list_facts(stored) | {"age": terminal.format_span(read_clock() - stored.queued_at)}
    is_told = outcome and (outcome.reason is not Reason.READY or not outcome.pull_request)
    state = "queued" if stored.state is RunState.RECEIVED else stored.state.value
    facts["result"] = (outcome.reason.value if outcome and is_told else state).replace("_", " ")
    if run.snapshot is None:
        facts["issue"] = Path(run.ticket).name or "check"
        facts["title"] = f"in {Path(run.repository).name}"
    return [str(facts[name] or "") for name in _COLUMNS]


@app.command()
def show(run_id: RunId, as_json: terminal.Json = False) -> None:
    """Show one run: its state or outcome, and where its files are."""
    loaded = settings.load_settings()
    with open_store(loaded) as store:
        stored = find_run(store, run_id)
        pause = store.pauses.find() if store else None
    folder = loaded.home / "runs" / stored.run_id
    places = {"log": str(folder / "run.log"), "text": str(folder / "pull_request.md")}
    facts = _list_facts(stored) | places
    if as_json:
        terminal.print_json(facts)
        return
    if stored.state is RunState.RECEIVED:
        facts["state"] = "queued"
    rows = (
        (name.replace("_", " "), str(value))
        for name, value in facts.items()
        if value not in (None, "", [])
    )  # fmt: skip
    terminal.show_table(("", ""), rows)
    _show_pause(pause)


@app.command()
def export(
    run_id: RunId, file: Annotated[Path, typer.Argument(metavar="FILE", help="A new zip file.")]
) -> None:
    """Write a run's signed log to a zip file, for `verify`."""
    archive = io.BytesIO()
    with open_folder(settings.load_settings(), run_id) as folder:
        signature.export_run(folder, archive)
    try:
        with file.open("xb") as out:
            out.write(archive.getvalue())
    except OSError as problem:
        raise RequestRefused(f"{file} cannot be written ({problem.strerror}).") from problem


@app.command()
def log(run_id: RunId) -> None:
    """Print a run's log so far. To follow it, use `tail -f` on the file named by `show`."""
    loaded = settings.load_settings()
    with open_folder(loaded, run_id) as folder:
        if not (folder / "run.log").exists():
            print(f"mergewright: run {folder.name} has not written a log yet")
            raise typer.Exit(1)
        with (folder / "run.log").open("rb") as file:
            for line in file:
                text = line.decode("utf-8", "replace").rstrip("\n")
                print(sanitise.strip_terminal_codes(text))


def _list_facts(stored: RunRow) -> dict[str, object]:
    """Gather the facts of a run, for people and as JSON."""
    run, outcome, snapshot = stored.run, stored.outcome, stored.run.snapshot
    return {
        "run": run.run_id,
        "issue": f"{snapshot.issue.repository}#{snapshot.issue.number}" if snapshot else None,
        "ticket": None if snapshot else run.ticket,
        "title": snapshot.title if snapshot else "",
        "labelled_by": snapshot.actor if snapshot else None,
        "attempt": run.attempt,
        "state": stored.state.value,
        "reason": outcome.reason.value if outcome else None,
        "sentence": outcome.sentence if outcome else None,
        "next": messages.find_next_step(outcome, run) if outcome else None,
        "pull_request": outcome.pull_request.url if outcome and outcome.pull_request else None,
        "branch": outcome.branch if outcome else None,
        "commit": outcome.commit if outcome else None,
        "queued_at": format_time(stored.queued_at),
        "not_before": format_time(stored.not_before) if stored.active else None,
        "started_at": format_time(stored.started_at),
        "ended_at": format_time(stored.ended_at),
        "waits_for": stored.waits_for if stored.active else None,
        "asked_to_stop": stored.stop_request if stored.active else None,
        "retries": stored.retries or None,
        "stopped_at": outcome.stopped_at if outcome else None,
    }


def _show_pause(pause: PauseRow | None) -> None:
    if pause:
        shown = f"{terminal.make_line(pause.sentence)}, since {format_time(pause.since)}."
        terminal.print_aside(f"{shown} The dashboard resumes its runs.", style="yellow")
