"""`mergewright runs`: list and show runs.

People stop and retry a run by a command on its issue, or on the dashboard, which also pauses all.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent import settings
from agent.cli import terminal
from agent.models.clock import read_clock
from agent.models.outcome import StoredRun
from agent.models.run import Reason, RunState
from agent.publishing import messages
from agent.settings import Settings
from agent.telemetry import signature
from agent.text import sanitise

if TYPE_CHECKING:
    from agent.store.sql_run_store import SqlRunStore

app = typer.Typer(
    help="List and show runs and their logs.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")]

_COLUMNS = ("run", "issue", "result", "age", "title")
#: Length of an id in a table; every command accepts the beginning of an id.
_SHORT_ID = len("20261120-120000-a1b2c3")
CANDIDATES = 10


@contextmanager
def open_store(loaded: Settings) -> Iterator[SqlRunStore | None]:
    """Open the runs while the block lasts; None: there are none, and to look makes none."""
    # The database is loaded only by the commands that need it.
    from agent.store import sql_run_store

    is_file = settings.find_database(loaded) is None
    if is_file and not (loaded.home / sql_run_store.FILE_NAME).exists():
        yield None
        return
    with closing(sql_run_store.open_store(loaded)) as store:
        yield store


def _find_shown(loaded: Settings, run_id: str) -> StoredRun:
    with open_store(loaded) as store:
        found = store.find_by_prefix(run_id, CANDIDATES + 1) if store else ()
    require_one(run_id, [run.run.run_id for run in found])
    return found[0]


def require_one(prefix: str, run_ids: Sequence[str]) -> None:
    """Refuse a prefix that not exactly one run has."""
    if len(run_ids) == 1:
        return
    problem = f"no run id starts with {prefix!r}; `mergewright runs list` lists them"
    if run_ids:
        more = " and more" if len(run_ids) > CANDIDATES else ""
        named = ", ".join(run_ids[:CANDIDATES])
        problem = f"several run ids start with {prefix!r}: {named}{more}"
    raise typer.BadParameter(problem, param_hint="RUN")


def format_time(seconds: float | None) -> str | None:
    """Write a time, in UTC, as people and programs read it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


# --- what there is ------------------------------------------------------------------------------


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
    if as_json:
        terminal.print_json([_list_facts(run) for run in stored])
    elif stored:
        terminal.show_table(_COLUMNS, map(_make_row, stored), cuts_last=True)
    else:
        whose = f" of {repository}" if repository else ""
        terminal.print_aside(
            f"No runs{whose} in {loaded.home}. A run starts when someone with write permission"
            " sets the label, or with `mergewright run`."
        )
    _show_pause(loaded)


def _make_row(one: StoredRun) -> list[str]:
    facts = _list_facts(one) | {"age": terminal.format_span(read_clock() - one.queued_at)}
    facts["result"] = describe_result(one)
    if sys.stdout.isatty():
        facts["run"] = one.run.run_id[:_SHORT_ID]
    if one.run.snapshot is None:
        facts["issue"] = Path(one.run.ticket).name or "check"
        facts["title"] = f"in {Path(one.run.repository).name}"
    return [str(facts[name] or "") for name in _COLUMNS]


def describe_result(one: StoredRun) -> str:
    """Say in a word or two where a run is or how it ended."""
    outcome = one.outcome
    if outcome is None:
        words = "queued" if one.state is RunState.RECEIVED else one.state.value
    elif outcome.reason is not Reason.READY:
        words = outcome.reason.value
    elif outcome.pull_request is None:
        words = "ready"
    elif outcome.pull_request.draft and one.state is RunState.OPEN:
        words = "draft"
    else:
        words = one.state.value
    return words.replace("_", " ")


@app.command()
def show(run_id: RunId, as_json: terminal.Json = False) -> None:
    """Show one run: its state or outcome, and where its files are."""
    loaded = settings.load_settings()
    one = _find_shown(loaded, run_id)
    folder = loaded.home / "runs" / one.run.run_id
    places = {"log": str(folder / "run.log"), "text": str(folder / "pull_request.md")}
    facts = _list_facts(one) | places
    if as_json:
        terminal.print_json(facts)
        return
    if one.state is RunState.RECEIVED:
        facts["state"] = "queued"
    given = {name: value for name, value in facts.items() if value not in (None, "", [])}
    rows = ((name.replace("_", " "), str(value)) for name, value in given.items())
    terminal.show_table(("", ""), rows)
    _show_pause(loaded)


@app.command()
def export(
    run_id: RunId, file: Annotated[Path, typer.Argument(metavar="FILE", help="A new zip file.")]
) -> None:
    """Write a run's signed log to a zip file, for `verify`."""
    loaded = settings.load_settings()
    named = _find_shown(loaded, run_id).run.run_id
    folder = loaded.home / "runs" / named
    with open_store(loaded) as store, tempfile.TemporaryDirectory() as copies:
        # The files of a command's run stay on its machine.
        if store and store.files and store.files.read(named, signature.FILE_NAME) is not None:
            folder = Path(copies, named)
            store.files.show(named, folder)
        with file.open("xb") as out:
            signature.export_run(folder, out)


@app.command()
def log(run_id: RunId) -> None:
    """Print a run's log so far. To follow it, use `tail -f` on the file named by `show`."""
    loaded = settings.load_settings()
    one = _find_shown(loaded, run_id)
    path = loaded.home / "runs" / one.run.run_id / "run.log"
    with open_store(loaded) as store:
        # The worker of a fleet may be on another machine.
        stored = store.files.read(one.run.run_id, path.name) if store and store.files else None
    if stored is None and not path.exists():
        print(f"mergewright: run {one.run.run_id} has not written a log yet")
        raise typer.Exit(1)
    with path.open("rb") if stored is None else io.BytesIO(stored) as file:
        for line in file:
            text = line.decode("utf-8", "replace").rstrip("\n")
            print(sanitise.strip_terminal_codes(text))


def _list_facts(one: StoredRun) -> dict[str, object]:
    """Gather the facts of a run, for people and as JSON."""
    run, outcome = one.run, one.outcome
    snapshot = run.snapshot
    return {
        "run": run.run_id,
        "issue": f"{snapshot.issue.repository}#{snapshot.issue.number}" if snapshot else None,
        "ticket": None if snapshot else run.ticket,
        "title": snapshot.title if snapshot else "",
        "labelled_by": snapshot.actor if snapshot else None,
        "attempt": run.attempt,
        "state": one.state.value,
        "reason": outcome.reason.value if outcome else None,
        "sentence": outcome.sentence if outcome else None,
        "next": messages.find_next_step(outcome, run) if outcome else None,
        "pull_request": outcome.pull_request.url if outcome and outcome.pull_request else None,
        "branch": outcome.branch if outcome else None,
        "commit": outcome.commit if outcome else None,
        "queued_at": format_time(one.queued_at),
        "not_before": format_time(one.not_before) if one.active else None,
        "started_at": format_time(one.started_at),
        "ended_at": format_time(one.ended_at),
        "waits_for": one.waits_for if one.active else None,
        "asked_to_stop": one.stop_request if one.active else None,
        "retries": one.retries or None,
        "stopped_at": outcome.stopped_at if outcome else None,
    }


def _show_pause(loaded: Settings) -> None:
    with open_store(loaded) as store:
        if store and (pause := store.pauses.find()):
            shown = f"{terminal.make_line(pause.sentence)}, since {format_time(pause.since)}."
            terminal.print_aside(f"{shown} The dashboard resumes its runs.", style="yellow")
