"""The runs that were kept, as commands look them up and speak of them."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from agent import cleaning, settings
from agent.adapters import step_file
from agent.domain import StoredRun
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.adapters.sql_store import SqlStore

RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of the run; its beginning is enough.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_CANDIDATES = 10


@contextmanager
def opened(loaded: Settings) -> Iterator[SqlStore | None]:
    """Open the runs while the block lasts; None: there are none, and to look makes none."""
    # The database is loaded only by the commands that need it.
    from agent.adapters import sql_store

    if not (loaded.home / sql_store.FILE_NAME).exists():
        yield None
        return
    with closing(sql_store.SqlStore(loaded.home)) as store:
        yield store


def one_of(store: SqlStore | None, run_id: str) -> StoredRun:
    """Look up the one run whose id begins so; anything else is told as a wrong argument."""
    found = store.beginning(run_id, _CANDIDATES + 1) if store else ()
    if len(found) == 1:
        return found[0]
    if not found:
        if told := _of_files(run_id):
            raise typer.BadParameter(told, param_hint="RUN")
        raise typer.BadParameter(
            f"no run begins with {run_id!r}; `mergewright runs list` shows those that there are",
            param_hint="RUN",
        )
    shown = [f"{line(told['run'])}  {line(told['issue'])}" for told in map(facts, found)]
    more = ["and more"] if len(found) > _CANDIDATES else []
    raise typer.BadParameter(
        "\n".join(
            (f"more than one run begins with {run_id!r}; name one of", *shown[:_CANDIDATES], *more)
        ),
        param_hint="RUN",
    )


def _of_files(run_id: str) -> str:
    """Say where the run of a ticket file is and what can be done with it; empty: there is none."""
    folders = sorted((settings.load().home / "runs").glob(f"{glob.escape(run_id)}*"))
    found = [folder for folder in folders if (folder / "ledger.jsonl").is_file()]
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found[:_CANDIDATES])
        return f"more than one run of `mergewright run` begins with {run_id!r}: {names}"
    if not found:
        return ""
    (folder,) = found
    files = ("pull_request.md", "run.log", "ledger.jsonl", "change.patch")
    there = [name for name in files if (folder / name).is_file()]
    said = (
        f"{folder.name} is a run of `mergewright run`, which `mergewright runs` does not keep. It"
        f" has {', '.join(there)} in {folder}; `mergewright replay {folder.name}` does it again"
    )
    if (folder / step_file.FILE_NAME).is_file():
        said += f", and `mergewright run --resume {folder.name}` goes on with it"
    return said


def facts(one: StoredRun) -> dict[str, object]:
    """Give what is told of a run, for people and as JSON."""
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
        "queued_at": moment(one.queued_at),
        "not_before": moment(one.not_before) if one.active else None,
        "started_at": moment(one.started_at),
        "ended_at": moment(one.ended_at),
        "waits_for": one.waits_for if one.active else None,
        "asked_to_stop": one.stopped if one.active else None,
        "retries": one.retries or None,
        "stopped_at": outcome.stopped_at if outcome else None,
    }


def moment(seconds: float | None) -> str | None:
    """Write a time, in UTC, as people and programs read it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def line(value: object) -> str:
    """Make any text one that a terminal shows on one line."""
    return cleaning.terminal(str(value)).replace("\n", " ")
