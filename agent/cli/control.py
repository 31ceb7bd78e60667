"""`mergewright runs cancel | retry | pause | resume`: what an operator tells the service.

Owns the words. What is asked for is kept in the data folder, where the service finds it, so that
it need not be running.
"""

from __future__ import annotations

import time
from typing import Annotated

import typer

from agent import settings
from agent.cli import kept, terminal
from agent.errors import ActiveRun, RequestRefused
from agent.models.outcome import StoredRun
from agent.models.run import Reason
from agent.service.pause import Switch

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
    as_json: terminal.Json = False,
) -> None:
    """Stop a run; its issue shows that it was stopped, and nothing is published.

    A run whose result is being handed over just now is brought to its end instead.
    Exit code 0: it was stopped; 1: it was over already, or is not over yet; 2: no such run.
    """
    with kept.found(settings.load_settings(), run_id) as (store, found):
        one = found
        why = f": {_cut(reason)}" if _cut(reason) else "."
        if not store.request_stop(
            one.run.run_id, f"Whoever runs the service has stopped this run{why}"
        ):
            raise _refusal(one, f"is over already: {one.state.value}")
        end = time.monotonic() + wait
        while one.active and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
            one = store.get_run(one.run.run_id)
    if one.active:
        raise _refusal(
            one,
            "was asked to stop and is not over yet. It ends before anything else of it happens: at"
            " once where the service is at work, else when it is started",
        )
    if one.outcome is not None and one.outcome.reason not in (Reason.CANCELLED, Reason.SUPERSEDED):
        raise _refusal(one, f"came to its end before that: {one.outcome.sentence}")
    _tell(one, f"Run {one.run.run_id} was stopped.", as_json)


def retry(
    run_id: kept.RunId,
    from_start: Annotated[
        bool,
        typer.Option("--from-start", help="Do everything again, on the repository as it is now."),
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """Let a run that is over go on with the step it stopped at, on the commit it began with.

    A run that was withheld for its checks goes on with those. The text that was approved stays.
    Exit code 0: it waits for its turn; 1: it cannot go on, for a reason that is told; 2: no such
    run.
    """
    with kept.found(settings.load_settings(), run_id) as (store, one):
        if one.active:
            raise _refusal(one, "is not over; stop it first with `mergewright runs cancel`")
        if one.outcome is not None and one.outcome.reason in _SETTLED:
            raise _refusal(one, f"has nothing to try again: {one.outcome.sentence}")
        stopped_at = one.outcome.stopped_at if one.outcome else None
        begin_with = "" if from_start or stopped_at is None else stopped_at
        try:
            store.retry_run(one.run.run_id, begin_with, time.time())
        except ActiveRun as other:
            raise _refusal(
                one,
                f"cannot go on beside another of its issue: {other.message}. Wait for its end, or"
                " stop it with `mergewright runs cancel`",
            ) from other
        _tell(store.get_run(one.run.run_id), _goes_on(one, begin_with), as_json)


def _goes_on(one: StoredRun, begin_with: str) -> str:
    where = f"with the step {begin_with!r}" if begin_with else "from its start"
    paused = (
        " once the service is resumed" if Switch(settings.load_settings().home).get_pause() else ""
    )
    return f"Run {one.run.run_id} goes on {where}{paused}."


def pause(
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; shown wherever runs are listed.")
    ] = "",
    as_json: terminal.Json = False,
) -> None:
    """Pause everything: no run begins, and runs under way stop before their next step.

    Deliveries are taken and wait. It stays so over restarts, until `mergewright runs resume`.
    """
    switch = Switch(settings.load_settings().home)
    changed = switch.pause(_cut(reason), time.time())
    told = "Paused." if changed else "It was paused before."
    _tell_switch(switch, told, changed=changed, as_json=as_json)


def resume(as_json: terminal.Json = False) -> None:
    """Let everything go on that `mergewright runs pause` has held."""
    switch = Switch(settings.load_settings().home)
    changed = switch.resume()
    told = "Everything goes on." if changed else "It was not paused."
    _tell_switch(switch, told, changed=changed, as_json=as_json)


def paused_line(switch: Switch) -> str | None:
    """Say that everything is paused, for whoever lists runs; None: it is not."""
    paused = switch.get_pause()
    if paused is None:
        return None
    why = f" ({terminal.line(paused.words)})" if paused.words else ""
    return (
        f"Paused since {kept.moment(paused.since)}{why}: no run goes on until `mergewright runs"
        " resume`."
    )


def _tell_switch(switch: Switch, told: str, *, changed: bool, as_json: bool) -> None:
    if not as_json:
        print(" ".join(part for part in (told, paused_line(switch)) if part))
        return
    paused = switch.get_pause()
    facts = {
        "paused": paused is not None,
        "since": kept.moment(paused.since) if paused else None,
        "reason": (paused.words or None) if paused else None,
        "changed": changed,
    }
    terminal.print_json(facts)


def _cut(reason: str) -> str:
    return terminal.line(reason.strip())[:_MOST_WORDS]


def _tell(one: StoredRun, words: str, as_json: bool) -> None:
    terminal.print_json(kept.facts(one)) if as_json else print(words)


def _refusal(one: StoredRun, problem: str) -> RequestRefused:
    """Say why nothing came of it."""
    return RequestRefused(terminal.line(f"Run {one.run.run_id} {problem.rstrip('.')}."))
