"""The runs that were kept, as commands look them up and speak of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from agent.models.outcome import StoredRun
from agent.settings import Settings
from agent.text import cleaning

if TYPE_CHECKING:
    from agent.store.sql_store import SqlStore

RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of the run; its beginning is enough.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_CANDIDATES = 10


@contextmanager
def opened(loaded: Settings) -> Iterator[SqlStore | None]:
    """Open the runs while the block lasts; None: there are none, and to look makes none."""
    # The database is loaded only by the commands that need it.
    from agent.store import sql_store

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
        raise typer.BadParameter(
            f"no run of an issue begins with {run_id!r}; `mergewright runs list` shows them",
            param_hint="RUN",
        )
    more = " and more" if len(found) > _CANDIDATES else ""
    named = ", ".join(one.run.run_id for one in found[:_CANDIDATES])
    raise typer.BadParameter(
        f"more than one run begins with {run_id!r}; name one of {named}{more}", param_hint="RUN"
    )


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
