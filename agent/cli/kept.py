"""The runs that were kept, as commands look them up and speak of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from agent.models.outcome import StoredRun
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.store.sql_store import SqlStore

RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of the run; its beginning is enough.")
]

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


@contextmanager
def found(loaded: Settings, run_id: str) -> Iterator[tuple[SqlStore, StoredRun]]:
    """Open the runs for the one whose id begins so; anything else is a wrong argument."""
    with opened(loaded) as store:
        several = store.find_by_prefix(run_id, _CANDIDATES + 1) if store else ()
        require_one(run_id, [one.run.run_id for one in several], "`mergewright runs list`")
        assert store is not None  # noqa: S101  it has the run
        yield store, several[0]


def require_one(run_id: str, begin_so: Sequence[str], listing: str) -> None:
    """Refuse a beginning that not exactly one run has.

    Args:
        listing: What shows those that there are.
    """
    if len(begin_so) == 1:
        return
    said = f"no run there begins with {run_id!r}; {listing} shows them"
    if begin_so:
        more = " and more" if len(begin_so) > _CANDIDATES else ""
        named = ", ".join(begin_so[:_CANDIDATES])
        said = f"more than one run begins with {run_id!r}; name one of {named}{more}"
    raise typer.BadParameter(said, param_hint="RUN")


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
        "requests": outcome.code_host_calls if outcome else None,
        "queued_at": moment(one.queued_at),
        "not_before": moment(one.not_before) if one.active else None,
        "started_at": moment(one.started_at),
        "ended_at": moment(one.ended_at),
        "waits_for": one.waits_for if one.active else None,
        "asked_to_stop": one.stop_request if one.active else None,
        "retries": one.retries or None,
        "stopped_at": outcome.stopped_at if outcome else None,
    }


def moment(seconds: float | None) -> str | None:
    """Write a time, in UTC, as people and programs read it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
