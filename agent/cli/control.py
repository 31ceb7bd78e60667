"""`mergewright runs cancel | retry | pause | resume`: what an operator tells the service.

Owns the words. What is asked for is kept in the data folder, where the service finds it, so that
it need not be running.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from agent import settings
from agent.cli import kept
from agent.errors import ActiveRun
from agent.models.outcome import StoredRun
from agent.models.run import Reason
from agent.service.pause import Switch

if TYPE_CHECKING:
    from agent.store.sql_store import SqlStore

_LOOK_SECONDS = 0.1
_MOST_WORDS = 500
#: Whose end no further try could change.
_SETTLED = frozenset({Reason.READY, Reason.DRY_RUN})


def cancel(
    run_id: kept.RunId,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; the issue shows it.")
    ] = "",
    wait: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Seconds to wait for its end.")
    ] = 10.0,
    as_json: kept.Json = False,
) -> None:
    """Stop a run; its issue shows that it was stopped, and nothing is published.

    A run whose result is being handed over just now is brought to its end instead.
    Exit code 0: it was stopped; 1: it was over already, or is not over yet; 2: no such run.
    """
    with kept.opened(settings.load()) as store:
        one = kept.one_of(store, run_id)
        assert store is not None  # noqa: S101  it has the run
        why = f": {kept.line(reason.strip())[:_MOST_WORDS]}" if reason.strip() else "."
        if not store.stop(one.run.run_id, f"Whoever runs the service has stopped this run{why}"):
            _refuse(one, f"is over already: {one.state.value}", as_json)
        one = _awaited(store, one, wait)
    if one.active:
        _refuse(
            one,
            "was asked to stop and is not over yet. It ends before anything else of it happens: at"
            " once where the service is at work, else when it is started",
            as_json,
        )
    if one.outcome is not None and one.outcome.reason not in (Reason.CANCELLED, Reason.SUPERSEDED):
        _refuse(one, f"came to its end before that: {one.outcome.sentence}", as_json)
    _tell(one, f"Run {one.run.run_id} was stopped.", as_json)


def _awaited(store: SqlStore, one: StoredRun, seconds: float) -> StoredRun:
    end = time.monotonic() + seconds
    while one.active and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
        one = store.get(one.run.run_id)
    return one


def retry(
    run_id: kept.RunId,
    from_start: Annotated[
        bool,
        typer.Option("--from-start", help="Do everything again, on the repository as it is now."),
    ] = False,
    as_json: kept.Json = False,
) -> None:
    """Let a run that is over go on with the step it stopped at, on the commit it began with.

    A run that was withheld for its checks goes on with those. The text that was approved stays.
    Exit code 0: it waits for its turn; 1: it cannot go on, for a reason that is told; 2: no such
    run.
    """
    with kept.opened(settings.load()) as store:
        one = kept.one_of(store, run_id)
        assert store is not None  # noqa: S101  it has the run
        if one.active:
            _refuse(one, "is not over; stop it first with `mergewright runs cancel`", as_json)
        if one.outcome is not None and one.outcome.reason in _SETTLED:
            _refuse(one, f"has nothing to try again: {one.outcome.sentence}", as_json)
        stopped_at = one.outcome.stopped_at if one.outcome else None
        begin_with = "" if from_start or stopped_at is None else stopped_at
        try:
            store.retry(one.run.run_id, begin_with, time.time())
        except ActiveRun as other:
            _refuse(
                one,
                f"cannot go on beside another of its issue: {other.message}. Wait for its end, or"
                " stop it with `mergewright runs cancel`",
                as_json,
            )
        one = store.get(one.run.run_id)
    where = f"with the step {begin_with!r}" if begin_with else "from its start"
    paused = " once the service is resumed" if Switch(settings.load().home).paused() else ""
    _tell(one, f"Run {one.run.run_id} goes on {where}{paused}.", as_json)


def pause(
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; shown wherever runs are listed.")
    ] = "",
    as_json: kept.Json = False,
) -> None:
    """Pause everything: no run begins, and runs under way stop before their next step.

    Deliveries are taken and wait. It stays so over restarts, until `mergewright runs resume`.
    """
    switch = Switch(settings.load().home)
    changed = switch.pause(kept.line(reason.strip())[:_MOST_WORDS], time.time())
    told = "Paused." if changed else "It was paused before."
    _tell_switch(switch, told, changed=changed, as_json=as_json)


def resume(as_json: kept.Json = False) -> None:
    """Let everything go on that `mergewright runs pause` has held."""
    switch = Switch(settings.load().home)
    changed = switch.resume()
    told = "Everything goes on." if changed else "It was not paused."
    _tell_switch(switch, told, changed=changed, as_json=as_json)


def paused_line(switch: Switch) -> str | None:
    """Say that everything is paused, for whoever lists runs; None: it is not."""
    paused = switch.paused()
    if paused is None:
        return None
    why = f" ({kept.line(paused.words)})" if paused.words else ""
    return (
        f"Paused since {kept.moment(paused.since)}{why}: no run goes on until `mergewright runs"
        " resume`."
    )


def _tell_switch(switch: Switch, told: str, *, changed: bool, as_json: bool) -> None:
    if not as_json:
        print(" ".join(part for part in (told, paused_line(switch)) if part))
        return
    paused = switch.paused()
    since, words = (paused.since, paused.words) if paused else (None, None)
    print(
        json.dumps(
            {
                "paused": paused is not None,
                "since": kept.moment(since),
                "reason": words or None,
                "changed": changed,
            },
            indent=2,
        )
    )


def _tell(one: StoredRun, words: str, as_json: bool) -> None:
    print(json.dumps({**kept.facts(one), "problem": None}, indent=2) if as_json else words)


def _refuse(one: StoredRun, problem: str, as_json: bool) -> None:
    """Say why nothing came of it, and end."""
    told = kept.line(f"Run {one.run.run_id} {problem.rstrip('.')}.")
    if as_json:
        print(json.dumps({**kept.facts(one), "problem": told}, indent=2))
    else:
        typer.echo(f"mergewright: {told}", err=True)
    raise typer.Exit(1)
